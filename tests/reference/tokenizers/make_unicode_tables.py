#!/usr/bin/env python3
"""Writes src/text/tokenizer/unicode_tables.inc: where the classes and mappings of the `tokenizers`
library (its parts follow different versions of Unicode) differ from those of utf8proc.

    python3 tests/reference/tokenizers/make_unicode_tables.py > src/text/tokenizer/unicode_tables.inc

Needs the `tokenizers` package and libutf8proc. Made with tokenizers 0.23.3 and utf8proc 2.8.0.
"""
import ctypes
import ctypes.util

from tokenizers import Regex, normalizers, pre_tokenizers

lib = ctypes.CDLL(ctypes.util.find_library("utf8proc") or "libutf8proc.so.2")
lib.utf8proc_map.restype = ctypes.c_ssize_t
POINTS = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]
STABLE, COMPAT, COMPOSE, DECOMPOSE = 1 << 1, 1 << 2, 1 << 3, 1 << 4


def removed(splitter):
    """The characters that a splitter with behaviour `removed` takes away."""
    taken = set()
    for i in range(0, len(POINTS), 4096):
        chunk = POINTS[i:i + 4096]
        kept = set()
        for _, (a, b) in splitter.pre_tokenize_str("".join(map(chr, chunk))):
            kept.update(range(a, b))
        taken.update(c for j, c in enumerate(chunk) if j not in kept)
    return taken


def utf8proc(char, options):
    raw, out = char.encode(), ctypes.c_void_p()
    n = lib.utf8proc_map(raw, len(raw), ctypes.byref(out), options)
    text = ctypes.string_at(out, n).decode()
    ctypes.CDLL(None).free(out)
    return text


def ranges(points):
    out = []
    for c in sorted(points):
        if out and out[-1][1] == c - 1:
            out[-1][1] = c
        else:
            out.append([c, c])
    return out


def table(name, points, why):
    cells = ", ".join("{0x%X, 0x%X}" % (a, b) for a, b in ranges(points))
    print(f"// {why}\nconstexpr Range {name}[] = {{{cells}}};")


category = {c: lib.utf8proc_category(c) for c in POINTS}
of = lambda a, b: {c for c in POINTS if a <= category[c] <= b}
letters, marks, numbers, punctuation = of(1, 5), of(6, 8), of(9, 11), of(12, 18)
words = letters | marks | of(9, 10) | of(12, 12)
split = lambda rule: removed(pre_tokenizers.Split(Regex(rule), "removed"))

print("// Written by tests/reference/tokenizers/make_unicode_tables.py: what the tokenizers library")
print("// sees otherwise than utf8proc.")
table("kMoreLetters", split(r"\p{L}") - letters, "Letters.")
table("kMoreNumbers", split(r"\p{N}") - numbers, "Numbers.")
digits = pre_tokenizers.Digits(True)
numeric = {c for c in POINTS if len(digits.pre_tokenize_str("a" + chr(c))) == 2}
table("kMoreDigits", numeric - split(r"\p{N}"), "Numbers to the pre-tokenizer Digits alone.")
table("kMoreWord", split(r"\w") - words, r"Word characters (\w).")
ascii_marks = {c for c in range(128) if 12 <= category[c] <= 22}
punct = removed(pre_tokenizers.Punctuation("removed"))
table("kMorePunctuation", punct - punctuation - ascii_marks, "Punctuation.")
table("kLessPunctuation", (punctuation | ascii_marks) - punct, "Punctuation to utf8proc alone.")
nfkd, nfd = normalizers.NFKD(), normalizers.NFD()
kept = {c for c in POINTS if utf8proc(chr(c), STABLE | COMPAT | DECOMPOSE) != nfkd.normalize_str(chr(c))}
assert all(nfkd.normalize_str(chr(c)) == chr(c) for c in kept)
table("kKeptByNfk", kept, "Kept as they are by NFKC and NFKD.")
kept = {c for c in POINTS if utf8proc(chr(c), STABLE | DECOMPOSE) != nfd.normalize_str(chr(c))}
assert all(nfd.normalize_str(chr(c)) == chr(c) for c in kept)
table("kKeptByNfd", kept, "Kept as they are by NFD.")
lower = normalizers.Lowercase()
moves = []
for c in POINTS:
    small = lower.normalize_str(chr(c))
    if c != 0x130 and ord(small) != lib.utf8proc_tolower(c):
        step = ord(small) - c
        if moves and moves[-1][1] == c - 1 and moves[-1][2] == step:
            moves[-1][1] = c
        else:
            moves.append([c, c, step])
print("// Capitals and the distance to their small letters.")
print("constexpr Shift kMoreCapitals[] = {%s};" % ", ".join("{0x%X, 0x%X, %d}" % tuple(m) for m in moves))
