#!/usr/bin/env python3
"""A reward of one's own: one JSON object a line in, one out (docs/own_reward.md)."""
import json
import sys

for line in sys.stdin:
    asked = json.loads(line)
    right = asked["ground_truth"].lower() in asked["response"].lower()
    words = len(asked["response"].split())
    score = 1.0 - min(words, 100) / 200 if right else 0.0  # a short right answer is better
    print(json.dumps({"id": asked["id"], "score": score, "words": words}), flush=True)
