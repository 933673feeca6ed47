#!/usr/bin/env python3
"""How fast we encode beside Hugging Face's `tokenizers`, each on one thread, taking turns.

    benchmarks/tokenizer_speed.py DATA_FOLDER [--repeats 7] [--program build/release/benchmarks/tokenizer_bench]

Texts: GSM8K's training questions and answers and MATH's test problems and solutions. The library's
time is the better of encode_batch and encode_batch_fast (which leaves offsets out).
"""
import os

os.environ["RAYON_NUM_THREADS"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"
import argparse
import glob
import json
import random
import statistics
import struct
import subprocess
import time

import tokenizers

REPO = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def corpus(data):
    texts = []
    for name in ("gsm8k/train.jsonl", "math/test.jsonl"):
        for line in open(os.path.join(data, name), encoding="utf-8"):
            row = json.loads(line)
            texts += [row[k] for k in ("question", "answer", "problem", "solution") if k in row]
    return texts


def library_seconds(tokenizer, texts):
    # CPU time of this process: other work on the machine does not count.
    times = []
    for encode in (tokenizer.encode_batch, tokenizer.encode_batch_fast):
        start = time.process_time()
        result = encode(texts, add_special_tokens=False)
        times.append(time.process_time() - start)
        count = sum(len(r.ids) for r in result)
    return min(times), count


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("data")
    arguments.add_argument("--repeats", type=int, default=7)
    arguments.add_argument("--program", default=os.path.join(REPO, "build/release/benchmarks/tokenizer_bench"))
    arguments.add_argument("--tokenizer", action="append", help="only these tokenizer.json")
    arguments.add_argument("--texts", type=int, default=0, help="only so many, drawn at random")
    a = arguments.parse_args()
    texts = corpus(a.data)
    if a.texts:
        texts = random.Random(1).sample(texts, min(a.texts, len(texts)))
    raw = [t.encode() for t in texts]
    size = sum(map(len, raw))
    frames = b"".join(struct.pack("<I", len(r)) + r for r in raw)
    paths = a.tokenizer or sorted(glob.glob(os.path.join(a.data, "tokenizers/*/tokenizer.json"))) + [
        os.path.join(REPO, "tests/reference/tokenizers", n, "tokenizer.json") for n in ("llama3", "llama2")]
    print(f"{len(texts)} texts, {size / 1e6:.2f} MB; MB of text per second of CPU time, median of {a.repeats}")
    for path in paths:
        tokenizer = tokenizers.Tokenizer.from_file(path)
        pairs = []
        for _ in range(a.repeats):
            theirs, their_count = library_seconds(tokenizer, texts)
            line = subprocess.run([a.program, "speed", path, "1"], input=frames, capture_output=True, check=True).stdout
            ours, count = float(line.split()[0]), int(line.split()[1])
            assert count == their_count, (path, count, their_count)
            pairs.append((theirs, ours))
        ratio = statistics.median(t / o for t, o in pairs)
        print(f"{path.removeprefix(REPO + '/')}: library {size / 1e6 / statistics.median(t for t, _ in pairs):.1f}, "
              f"ours {size / 1e6 / statistics.median(o for _, o in pairs):.1f}, ratio {ratio:.1f}", flush=True)


if __name__ == "__main__":
    main()
