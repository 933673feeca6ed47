#!/usr/bin/env python3
"""Writes small tokenizers of each family, and what the `tokenizers` library makes of a few strings:

    python3 tests/reference/tokenizers/make_tokenizers.py [FOLDER]

FOLDER (this script's by default) gets NAME/tokenizer.json and NAME/cases.jsonl for each tokenizer,
and parts.jsonl: normalizers, pre-tokenizers and decoders one at a time. Made with tokenizers 0.23.3;
the test src/text/tokenizer/reference_test.cc reads the files.
"""
import json
import os
import sys

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from texts import SENTENCES, texts

LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
          r"|\s*[\r\n]+|\s+(?!\S)|\s+")
N, P, D = normalizers, pre_tokenizers, decoders
LEARN = SENTENCES * 2 + texts(600, 7)


def train(size, special=(), byte_level=False, pre=None, normalizer=None, **model):
    t = Tokenizer(models.BPE(**model))
    t.normalizer, t.pre_tokenizer = normalizer, pre
    t.train_from_iterator(LEARN, trainers.BpeTrainer(
        vocab_size=size, special_tokens=list(special), show_progress=False, limit_alphabet=256 if byte_level else 200,
        initial_alphabet=P.ByteLevel.alphabet() if byte_level else []))
    return t


def sentencepiece(size, **change):
    """Llama 2's vocabulary: <unk> <s> </s>, 256 bytes, then what training found."""
    plain = json.loads(train(size, pre=P.Metaspace(), unk_token=None).to_str())
    names = ["<unk>", "<s>", "</s>"] + ["<0x%02X>" % b for b in range(256)]
    names += [t for t, _ in sorted(plain["model"]["vocab"].items(), key=lambda x: x[1])]
    plain["model"].update(vocab={t: i for i, t in enumerate(names)}, unk_token="<unk>", fuse_unk=True, byte_fallback=True)
    plain["pre_tokenizer"] = None
    plain["added_tokens"] = [dict(id=i, content=names[i], single_word=False, lstrip=False, rstrip=False,
                                  normalized=False, special=True) for i in range(3)]
    plain.update(change)
    return Tokenizer.from_str(json.dumps(plain))


def bos(token, i):
    return processors.TemplateProcessing(single=f"{token} $A", pair=f"{token} $A {token}:1 $B:1", special_tokens=[(token, i)])


def make():
    out = {}
    t = train(700, ["<|endoftext|>"], True, P.ByteLevel(add_prefix_space=False))
    t.decoder, t.post_processor = D.ByteLevel(), processors.ByteLevel(trim_offsets=False)
    out["gpt2"] = t

    t = train(800, (), True, P.Sequence([P.Split(Regex(LLAMA3), "isolated"), P.ByteLevel(False, use_regex=False)]), ignore_merges=True)
    t.add_special_tokens(["<|begin_of_text|>", "<|end_of_text|>", "<|eot_id|>"])
    t.decoder = D.ByteLevel()
    t.post_processor = processors.Sequence([processors.ByteLevel(trim_offsets=False), bos("<|begin_of_text|>", t.token_to_id("<|begin_of_text|>"))])
    out["llama3"] = t

    t = train(700, ["<|endoftext|>", "<|im_start|>", "<|im_end|>"], True, P.Sequence([P.Digits(True), P.ByteLevel(False)]))
    t.add_tokens(["<tool>", AddedToken("  ", normalized=False), AddedToken("    ", normalized=False)])
    t.decoder = D.ByteLevel()
    out["smollm2"] = t

    t = train(600, ["<s>", "</s>"], True, P.ByteLevel(add_prefix_space=True), normalizer=N.NFC())
    t.add_special_tokens([AddedToken("<mask>", lstrip=True, special=True)])
    t.decoder = D.ByteLevel()
    t.post_processor = processors.TemplateProcessing(single="<s> $A </s>", pair="<s> $A </s> $B", special_tokens=[("<s>", 0), ("</s>", 1)])
    out["prefix_space"] = t

    t = sentencepiece(600)
    t.normalizer = N.Sequence([N.Prepend("▁"), N.Replace(" ", "▁")])
    t.decoder = D.Sequence([D.Replace("▁", " "), D.ByteFallback(), D.Fuse(), D.Strip(" ", 1, 0)])
    t.post_processor = bos("<s>", 1)
    out["llama2"] = t

    t = sentencepiece(500)
    t.pre_tokenizer = P.Metaspace(prepend_scheme="first", split=False)
    t.add_special_tokens([AddedToken("[INST]", lstrip=True, special=True), AddedToken("[/INST]", rstrip=True, special=True)])
    t.add_tokens([AddedToken("word", single_word=True), AddedToken("Both", lstrip=True, rstrip=True, normalized=False)])
    t.decoder = D.Sequence([D.Replace("▁", " "), D.ByteFallback(), D.Fuse(), D.Strip(" ", 1, 0)])
    t.post_processor = bos("<s>", 1)
    out["mistral"] = t

    t = train(500, ["<unk>"], False, P.Metaspace(), N.Sequence([N.NFKC(), N.Lowercase(), N.Replace(Regex(r"\s+"), " "), N.Strip()]),
              unk_token="<unk>", fuse_unk=True)
    t.add_tokens([AddedToken("Day", normalized=True), AddedToken("[X]", normalized=False, single_word=True), AddedToken("Zürich", lstrip=True)])
    t.decoder = D.Metaspace()
    out["metaspace"] = t

    t = train(500, ["[UNK]"], False, P.Sequence([P.Whitespace(), P.Punctuation("isolated"), P.Digits(False)]), N.NFD(), unk_token="[UNK]")
    t.add_tokens([AddedToken("quick", single_word=True, normalized=False)])
    out["words"] = t
    return out


PARTS = [
    ("normalizer", [N.NFC(), N.NFD(), N.NFKC(), N.NFKD(), N.Lowercase(), N.Strip(), N.Strip(left=True, right=False),
                    N.Strip(left=False, right=True), N.Prepend("▁"), N.Replace(" ", "▁"), N.Replace("aa", "b"),
                    N.Replace(Regex(r"\s+"), " "), N.Replace(Regex(r"\w+"), "w"), N.Replace(Regex(r"[^\S\n]|^x|\d$"), "*"),
                    N.Replace(Regex("x*"), "-"), N.Sequence([N.NFKD(), N.Lowercase(), N.Prepend("a"), N.Strip()])]),
    ("pre_tokenizer", [P.ByteLevel(False), P.ByteLevel(True), P.ByteLevel(True, use_regex=False), P.Whitespace(), P.WhitespaceSplit(),
                       P.Digits(False), P.Digits(True), P.Metaspace(), P.Metaspace("_", "never"), P.Metaspace(prepend_scheme="first", split=False),
                       P.Metaspace(prepend_scheme="first"), P.Metaspace(split=False)]
     + [P.Punctuation(b) for b in ("removed", "isolated", "merged_with_previous", "merged_with_next", "contiguous")]
     + [P.Split(p, b, i) for p in (" ", Regex(r"\s+|\p{N}"), Regex(r"\p{L}+|'")) for i in (False, True)
        for b in ("removed", "isolated", "merged_with_previous", "merged_with_next", "contiguous")]
     + [P.Split(Regex(LLAMA3), "removed", True), P.Split(Regex(LLAMA3.replace("{1,3}", "")), "isolated"),
        P.Split(Regex(r"\b\w|\h+|x*"), "isolated"), P.Split(Regex(r"[\w.]+|\S$"), "isolated"),
        P.Sequence([P.WhitespaceSplit(), P.Metaspace(prepend_scheme="first")]), P.Sequence([P.Split("a", "merged_with_next"), P.Digits(True), P.ByteLevel(True)])]),
    ("decoder", [D.ByteLevel(), D.ByteFallback(), D.Fuse(), D.Strip(" ", 1, 0), D.Strip("l", 1, 1), D.Replace("▁", " "), D.Replace(Regex("[ab]+"), "c"),
                 D.Metaspace(), D.Metaspace(prepend_scheme="never"), D.Sequence([D.Fuse(), D.Strip(" ", 2, 1)]),
                 D.Sequence([D.Replace("▁", " "), D.ByteFallback(), D.Fuse(), D.Strip(" ", 1, 0)]),
                 D.Sequence([D.ByteFallback(), D.Metaspace()]), D.Sequence([D.ByteLevel(), D.Replace("a", "bb"), D.Strip("b", 1, 1)])]),
]
# The library itself stops at tokens that Strip uses up from both ends: there are none of these.
TOKENS = [["▁Hello", "▁", "wor", "ld"], ["▁▁", "a", "▁b", "ab"], [" ", " x", "x ", "a a"], ["<0xE4>", "<0xB8>", "<0xAD>", "▁x"],
          ["▁a", "<0xE4>", "<0xB8>", "b", "<0x41>", "<0xFF>"], ["<0x4>", "<0xGG>", "<0x20>", "<0x20>"], ["Ġhello", "Ċ", "é", "中"],
          ["Ã", "©", "aĠ", "Ã"], ["aaa", "aab", "baa"], ["▁", "▁", "▁"], ["x"], ["aaaa"], ["  ", " "], ["<0x20>", "<0x61>"]]


def main():
    folder = sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.abspath(__file__))
    write = lambda f, row: f.write(json.dumps(row, ensure_ascii=False) + "\n")
    for name, t in make().items():
        os.makedirs(os.path.join(folder, name), exist_ok=True)
        with open(os.path.join(folder, name, "tokenizer.json"), "w", encoding="utf-8") as f:
            f.write(t.to_str() + "\n")
        added = [a.content for a in t.get_added_tokens_decoder().values()]
        with open(os.path.join(folder, name, "cases.jsonl"), "w", encoding="utf-8") as f:
            for s in texts(150, 3, added=added):
                ids = t.encode(s).ids
                write(f, {"text": s, "ids": t.encode(s, add_special_tokens=False).ids, "special": ids,
                          "decoded": t.decode(ids, skip_special_tokens=False), "plain": t.decode(ids)})
    strings = SENTENCES + texts(100, 5)[len(SENTENCES):] + ["xxay", "ax", "aaa", "caaab", "the-final--countdown", "-", "--"]
    with open(os.path.join(folder, "parts.jsonl"), "w", encoding="utf-8") as f:
        for kind, parts in PARTS:
            for i, part in enumerate(parts):
                shell = Tokenizer(models.BPE())
                setattr(shell, kind, part)
                row = {"kind": kind, "part": json.loads(shell.to_str())[kind]}
                some = strings if kind == "normalizer" and i < 5 else strings[i % 4::4] + strings[-7:]
                if kind == "normalizer":
                    row["cases"] = [[s, part.normalize_str(s)] for s in some]
                elif kind == "pre_tokenizer":
                    row["cases"] = [[s, [p for p, _ in part.pre_tokenize_str(s)]] for s in some]
                else:
                    row["cases"] = [[tokens, part.decode(tokens)] for tokens in TOKENS]
                write(f, row)


if __name__ == "__main__":
    main()
