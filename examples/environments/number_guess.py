#!/usr/bin/env python3
"""Guess a number between 1 and `high`: an environment of one's own, in another process.

It speaks the protocol of docs/environments.md: one JSON object a line on stdin and stdout. It needs
nothing but Python 3. In a recipe:

    environment:
      name: process
      command: [python3, examples/environments/number_guess.py, --high, "20"]
      workers: 2

and by hand, to see what it says:

    printf '%s\n' '{"id": 1, "op": "reset", "prompt": {}, "group_seed": 5, "seed": 9}' \
        '{"id": 1, "op": "step", "turn": 0, "text": "Is it 10?", "finish": "stop"}' \
        | python3 examples/environments/number_guess.py

stdout belongs to the protocol; print what is for people to stderr. The same prompt, seeds and texts
must always be answered alike: after a restart the game is played again up to where it was.
"""
import argparse
import json
import random
import re
import sys


class Game:
    """One conversation."""

    def __init__(self, high, group_seed):
        # All samples of a group open alike, so the number is the group's, not the sample's.
        self.number = random.Random(group_seed).randint(1, high)
        self.high = high
        self.guesses = 0

    def opening(self):
        return f"I am thinking of a number between 1 and {self.high}. Which one?"

    def step(self, text):
        """What is answered to one turn of the policy."""
        numbers = re.findall(r"\d+", text)
        if not numbers:
            return {"messages": [user("Please name a number.")], "reward": -0.1}
        self.guesses += 1
        guess = int(numbers[-1][:9])
        if guess == self.number:
            return {
                "done": True,
                "right": True,
                "verdict": "right",
                "answer": str(guess),
                "score": 1.0,
                "metrics": {"guesses": self.guesses},
            }
        hint = "higher" if guess < self.number else "lower"
        return {
            "messages": [user(f"No, it is {hint} than {guess}.")],
            "answer": str(guess),
            "metrics": {"guesses": self.guesses},
        }


def user(text):
    return {"role": "user", "content": text}


def main():
    parser = argparse.ArgumentParser(description="Guess a number, over lines of JSON.")
    parser.add_argument("--high", type=int, default=20)
    high = parser.parse_args().high

    games = {}  # many conversations at once, by id
    for line in sys.stdin:
        request = json.loads(line)
        number = request["id"]
        if request["op"] == "end":
            games.pop(number, None)
            continue  # no reply
        if request["op"] == "reset":
            game = games[number] = Game(high, request["group_seed"])
            reply = {"messages": [user(game.opening())]}
        else:
            reply = games[number].step(request["text"])
        reply["id"] = number
        print(json.dumps(reply), flush=True)  # without flush nobody would ever read it


if __name__ == "__main__":
    main()
