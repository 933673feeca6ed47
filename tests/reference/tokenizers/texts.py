"""Strings to compare tokenizers on: many languages, emoji, spaces, code, rare characters, added
tokens with and without spaces around them. The same arguments give the same strings."""
import glob
import json
import os
import random

SENTENCES = [
    "The quick brown fox jumps over the lazy dog.", "It's what they've said: we'll see, I'm sure you're right, he'd go.",
    "IT'S NOT THEY'VE WE'LL I'M YOU'RE HE'D DON'T", "Zürich, Genève und Łódź liegen nicht am Ärmelkanal.",
    "Ĳssel ŉ ǆ ﬁne ﬂow ½ ¼ ² ³ № ™ Å Ω Ω K K", "Съешь ещё этих мягких французских булок, да выпей чаю.",
    "Ξεσκεπάζω την ψυχοφθόρα βδελυγμία. ΟΔΥΣΣΕΥΣ", "いろはにほへと ちりぬるを。わかよたれそ、つねならむ", "カタカナ ｶﾀｶﾅ ｱﾞ が が",
    "中文字符：你好，世界！「引号」……", "繁體中文測試字串，數字１２３與全形ＡＢＣ。", "한국어 문장입니다. 각 각", "ก็ภาษาไทยไม่มีช่องว่าง",
    "हिन्दी में एक वाक्य है। क़ क़", "العربية: نصٌّ مُشَكَّل ١٢٣، ؟", "עברית: שָׁלוֹם עולם", "Tiếng Việt: Đường phố Hà Nội",
    "ქართული ენა", "Հայերեն լեզու", "አማርኛ ቋንቋ", "မြန်မာဘာသာ", "ខ្មែរ", "বাংলা ভাষা ৪৫৬", "தமிழ் மொழி", "ᠮᠣᠩᠭᠣᠯ ᠬᠡᠯᠡ\u180e",
    "İstanbul'da ışık; DIŞ", "straße STRASSE ẞ", "e\u0301 e\u0300\u0323 o\u0323\u0302 \u1e9b\u0323 s\u0323\u0307",
    "😀😃🎉 👩‍👩‍👧‍👦 👨🏽‍💻 🏳️‍🌈 🇨🇭🇯🇵 1️⃣ #️⃣ ❤️", "🧑‍🚀🚀✨ ☕️ ✔︎ ♥ →←↑ ∑∫√≠≤ ∀x∃y", "𝔘𝔫𝔦𝔠𝔬𝔡𝔢 𝕄𝕒𝕥𝕙 𝒳 𐍈 𒀀 𠀀𠮷",
    "$\\frac{1}{2} + \\sqrt{x^2 - 4} = \\boxed{42}$", "Natalia sold 48/2 = <<48/2=24>>24 clips in May.\n#### 72",
    "def f(x: int) -> int:\n    return x ** 2  # square\n\n\tif x:\n\t\tpass\n", "#include <vector>\nint main() { return 0; }\r\n\r\n",
    "SELECT * FROM t WHERE a='b' AND c>=10;", "{\"key\": [1, 2.5e-10, null, true]}", "https://example.com/a?b=c&d=%20#e user@mail.org",
    "1 12 123 1234 12345 1,234,567.89 0x1F 3.14159 ٣٤ ½ Ⅷ ①②", "don't can't 'tis 'Twas o'clock 's 'S 'ſ ’s rock'n'roll ''s 'll'd",
    "   leading", "trailing   ", "a  b   c    d", "\t\ttabs\t and \n newlines \n\n\n  \r\n mixed \x0b\x0c", "\u00a0nbsp\u2003em\u3000ideographic\u2028line\u200bzero\ufeff",
    "a_b __init__ CamelCaseWord snake_case_word kebab-case", "...!!! ??? --- === *** ((([[[{{{ }}}]]]))) `~@^&|\\",
    "▁already▁marked ▁ ▁▁", "<0x41><0x0A> <unk> <s> </s> [INST]", "Ġ Ċ Ä", "\ufffd\ufffd \u0000 \u0001\u007f\u0085", "", " ", "  ", "\n", "\n\n", " \n", "'", "a",
]
RANGES = [(0x20, 0x7E), (0x20, 0x7E), (0x20, 0x7E), (0xA0, 0x24F), (0x250, 0x52F), (0x590, 0x6FF), (0x900, 0xDFF), (0xE00, 0x11FF),
          (0x1200, 0x1FFF), (0x2000, 0x2BFF), (0x3000, 0x30FF), (0x3400, 0x9FFF), (0xAC00, 0xD7A3), (0xF900, 0xFFFD),
          (0x10000, 0x1CFFF), (0x1D000, 0x1FAFF), (0x20000, 0x3FFFF), (0xE0000, 0x10FFFF)]
SPACES = " \t\n\r\x0b\x0c\x85\xa0\u1680\u180e\u2000\u2009\u200b\u2028\u202f\u3000\ufeff"


def corpus(data):
    """Texts of the JSON lines under a folder of data; empty without one."""
    out = []
    for pattern in ("gsm8k/train.jsonl", "math/test.jsonl", "lost_in_conversation/*.jsonl", "ifeval/*.jsonl", "competition/olympiadbench.jsonl"):
        for path in sorted(glob.glob(os.path.join(data or "", pattern))) if data else []:
            for line in open(path, encoding="utf-8"):
                out += [v for v in json.loads(line).values() if isinstance(v, str) and v]
    return out


def random_text(rng, added):
    pieces = []
    for _ in range(rng.randrange(1, 12)):
        kind = rng.randrange(9)
        if kind == 0:
            low, high = rng.choice(RANGES)
            pieces.append("".join(chr(c) for c in (rng.randint(low, high) for _ in range(rng.randrange(1, 12))) if not 0xD800 <= c < 0xE000))
        elif kind == 1:
            pieces.append("".join(rng.choice(SPACES if rng.random() < 0.5 else " \n") for _ in range(rng.randrange(1, 9))))
        elif kind == 2:
            pieces.append(str(rng.randrange(10 ** rng.randrange(1, 9))))
        elif kind == 3 and added:
            pieces.append(" " * rng.randrange(3) + rng.choice(added) + " " * rng.randrange(3))
        elif kind == 4:
            pieces.append(rng.choice(["'s", "'S", "'ll", "'LL", "'Ve", "'", "’", "'ſ", "_", "-", "▁", "<0x41>", "\u0301", "\u200d", "️"]))
        elif kind == 5:
            pieces.append("".join(chr(rng.randint(0x20, 0x7E)) for _ in range(rng.randrange(1, 20))))
        else:
            sentence = rng.choice(SENTENCES)
            begin = rng.randrange(len(sentence) + 1)
            pieces.append(sentence[begin:begin + rng.randrange(1, 40)])
    return "".join(pieces)


def texts(count, seed, data=None, added=()):
    rng = random.Random(seed)
    out = list(SENTENCES)
    real = corpus(data)
    out += rng.sample(real, min(len(real), count // 3))
    decoded = [bytes(rng.randrange(256) for _ in range(rng.randrange(1, 80))).decode(errors="replace") for _ in range(count // 12)]
    out += decoded
    while len(out) < count:
        out.append(random_text(rng, list(added)))
    return out[:count]
