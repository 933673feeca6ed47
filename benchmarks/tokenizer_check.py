#!/usr/bin/env python3
"""Our tokenizer against Hugging Face's `tokenizers`: ids and decoded text on many strings.

    benchmarks/tokenizer_check.py DATA_FOLDER [--strings 12000] [--program build/release/benchmarks/tokenizer_bench]

DATA_FOLDER/tokenizers/*/tokenizer.json are compared, and those under tests/reference/tokenizers; the
texts come from DATA_FOLDER (GSM8K, MATH, conversations), from lists of multilingual and emoji text,
from source code and from a random generator (seed 1). Folders with cases_*.jsonl are checked
against these ids too. Needs the packages tokenizers. Exits with 1 where something differs.
"""
import argparse
import glob
import json
import os
import random
import struct
import subprocess
import sys
import tempfile

import tokenizers

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tests", "reference", "tokenizers"))
from texts import texts as make_texts  # noqa: E402

REPO = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def frames(items):
    return b"".join(struct.pack("<I", len(i)) + i for i in items)


def unframe(data):
    out, at = [], 0
    while at < len(data):
        (n,) = struct.unpack_from("<I", data, at)
        out.append(data[at + 4:at + 4 + n])
        at += 4 + n
    return out


def run(program, path, strings):
    done = subprocess.run([program, "cases", path], input=frames(strings), capture_output=True)
    if done.returncode:
        sys.exit(f"{path}: {done.stderr.decode(errors='replace')[:2000]}")
    got = unframe(done.stdout)
    ids = lambda raw: list(struct.unpack(f"<{len(raw) // 4}i", raw))
    return [(ids(a), ids(b), ids(c), d, e) for a, b, c, d, e in zip(*[iter(got)] * 5)]


def compare(program, path, strings):
    reference = tokenizers.Tokenizer.from_file(path)
    reference.no_truncation()
    reference.no_padding()
    ours = run(program, path, [s.encode() for s in strings])
    assert len(ours) == len(strings)
    wrong = {"ids": 0, "ids with special": 0, "text": 0, "text without special": 0}
    tokens = 0
    for s, (ids, special, _, text, plain) in zip(strings, ours):
        want = reference.encode(s, add_special_tokens=False).ids
        want_special = reference.encode(s).ids
        tokens += len(want)
        for name, a, b in (
                ("ids", ids, want), ("ids with special", special, want_special),
                ("text", text.decode(errors="replace"), reference.decode(want_special, skip_special_tokens=False)),
                ("text without special", plain.decode(errors="replace"), reference.decode(want_special))):
            if a != b:
                wrong[name] += 1
                if sum(wrong.values()) <= 5:
                    print(f"  {name} of {s!r}:\n    ours    {a!r}\n    library {b!r}"[:1500])
    print(f"{os.path.relpath(path, REPO) if path.startswith(REPO) else path}: {len(strings)} strings, {tokens} tokens, "
          f"differing {wrong}", flush=True)
    return sum(wrong.values())


def written_back(program, path, strings):
    """What ToJson writes must load in the library and do the same there."""
    with tempfile.TemporaryDirectory() as folder:
        copy = os.path.join(folder, "tokenizer.json")
        done = subprocess.run([program, "rewrite", path], capture_output=True)
        if done.returncode:
            sys.exit(done.stderr.decode())
        open(copy, "wb").write(done.stdout)
        a, b = tokenizers.Tokenizer.from_file(path), tokenizers.Tokenizer.from_file(copy)
        same = a.to_str() == b.to_str() and all(a.encode(s).ids == b.encode(s).ids for s in strings)
        if not same:
            print(f"  {path}: what is written back differs")
        return not same


def given_cases(program, folder, path):
    """cases_llamacpp.jsonl (added tokens are plain text there) and cases_derived.jsonl."""
    wrong = 0
    for name, which in (("cases_llamacpp", 2), ("cases_derived", 0)):
        file = os.path.join(folder, name + ".jsonl")
        if not os.path.exists(file):
            continue
        rows = [json.loads(line) for line in open(file, encoding="utf-8")]
        ours = run(program, path, [r["text"].encode() for r in rows])
        bad = sum(o[which] != r["ids"] for o, r in zip(ours, rows))
        print(f"{file}: {len(rows) - bad} of {len(rows)} as given", flush=True)
        wrong += bad
    return wrong


def random_bytes(program, path, count):
    """Invalid UTF-8: byte-level models give back the very bytes."""
    rng = random.Random(2)
    strings = [bytes(rng.choice((rng.randrange(256), rng.randrange(128, 256), 0xE2, 0x20))
                     for _ in range(rng.randrange(60))) for _ in range(count)]
    model = json.load(open(path, encoding="utf-8"))
    exact = (model.get("decoder") or {}).get("type") == "ByteLevel" and model.get("normalizer") is None
    ours = run(program, path, strings)
    if not exact:
        print(f"{path}: {count} strings of random bytes read")
        return 0
    wrong = sum(o[3] != s for o, s in zip(ours, strings))
    print(f"{path}: {count} strings of random bytes, {wrong} not given back exactly", flush=True)
    return wrong


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("data")
    arguments.add_argument("--strings", type=int, default=12000)
    arguments.add_argument("--program", default=os.path.join(REPO, "build/release/benchmarks/tokenizer_bench"))
    arguments.add_argument("--tokenizer", action="append", help="only these tokenizer.json")
    a = arguments.parse_args()
    paths = a.tokenizer or sorted(glob.glob(os.path.join(a.data, "tokenizers/*/tokenizer.json"))) + sorted(
        glob.glob(os.path.join(REPO, "tests/reference/tokenizers/*/tokenizer.json")))
    wrong = 0
    for path in paths:
        reference = tokenizers.Tokenizer.from_file(path)
        added = [t.content for t in reference.get_added_tokens_decoder().values()]
        strings = make_texts(a.strings, 1, a.data, added)
        wrong += compare(a.program, path, strings)
        wrong += written_back(a.program, path, strings[:200])
        wrong += random_bytes(a.program, path, 2000)
        wrong += given_cases(a.program, os.path.dirname(path), path)
    print("all equal" if not wrong else f"{wrong} differ")
    sys.exit(wrong > 0)


if __name__ == "__main__":
    main()
