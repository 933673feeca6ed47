#!/usr/bin/env python3
"""Responses to IFEval's prompts with the verdicts of the authors' program.

    python3 -m venv venv && venv/bin/pip install lm_eval==0.4.13 --no-deps
    venv/bin/pip install nltk langdetect immutabledict packaging
    venv/bin/python make_responses.py IFEVAL RESULTS WHOLE [SLICE]

IFEVAL: input_data.jsonl (google-research/instruction_following_eval). RESULTS: the folder with
eval_results_strict.jsonl and eval_results_loose.jsonl, which the authors' program (with NLTK's Punkt)
wrote for their file of GPT-4's responses, input_response_data_gpt4_20231107_145030.jsonl. WHOLE gets
those rows ("gpt4"), and changed responses ("changed": in capitals, cut, of another prompt, ...) with the
verdicts of lm_eval's copy of the program; as Punkt's model is not at hand, instructions about the number
of sentences are left out of the latter. SLICE: every fourth short row of them, the test's fixture.
"""
import importlib.util
import json
import random
import sys
import types

import nltk
from nltk.tokenize.destructive import NLTKWordTokenizer

nltk.data.find = lambda *_: None  # nothing is downloaded
import langdetect

# The package alone, without what the rest of lm_eval needs.
root = importlib.util.find_spec("lm_eval").submodule_search_locations[0]
for name, folder in (("lm_eval", root), ("lm_eval.tasks", root + "/tasks")):
    sys.modules[name] = types.ModuleType(name)
    sys.modules[name].__path__ = [folder]
from lm_eval.tasks.ifeval import instructions_util, utils

langdetect.DetectorFactory.seed = 0
words = NLTKWordTokenizer()
instructions_util.nltk.word_tokenize = words.tokenize


def read(path):
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def clean(kwargs):
    return [{k: v for k, v in kw.items() if v is not None} for kw in kwargs]


def change(random_, response, others):
    """A response that fails or follows other instructions than the one given."""
    kind = random_.randrange(12)
    lines = response.split("\n")
    if kind == 0:
        return response.upper()
    if kind == 1:
        return response.lower()
    if kind == 2:
        return response[: random_.randrange(1, len(response) + 1)]
    if kind == 3:
        return response.replace(",", "")
    if kind == 4:
        return '"' + response + '"'
    if kind == 5:
        return random_.choice(others)
    if kind == 6:
        return "\n".join("* " + line for line in lines if line.strip())
    if kind == 7:
        return "<<Title>>\n\n" + response.replace(". ", ".\n\n") + "\n\nP.S. Bye."
    if kind == 8:
        return response + "\n******\n" + random_.choice(others)
    if kind == 9:
        return "\n***\n".join(lines)
    if kind == 10:
        return "SECTION 1\n" + response.replace("\n\n", "\n\nSection 2 ") + "\n[a] *b* **c** {d}"
    shuffled = response.split(" ")
    random_.shuffle(shuffled)
    return " ".join(w.upper() if random_.random() < 0.2 else w for w in shuffled)


def main():
    prompts = {row["prompt"].strip(): row for row in read(sys.argv[1])}
    strict, loose = (read(f"{sys.argv[2]}/eval_results_{n}.jsonl") for n in ("strict", "loose"))
    rows, pool = [], [row["response"] for row in strict]
    for s, l in zip(strict, loose):
        prompt = prompts[s["prompt"].strip()]
        assert s["response"] == l["response"] and s["instruction_id_list"] == prompt["instruction_id_list"]
        rows.append({"key": prompt["key"], "kind": "gpt4", "response": s["response"],
                     "instruction_id_list": prompt["instruction_id_list"],
                     "kwargs": clean(prompt["kwargs"]),
                     "strict": s["follow_instruction_list"], "loose": l["follow_instruction_list"]})
    random_ = random.Random(1)
    random.seed(1)
    for i in range(4 * len(prompts)):
        prompt = list(prompts.values())[i % len(prompts)]
        chosen = [n for n, name in enumerate(prompt["instruction_id_list"])
                  if name != "length_constraints:number_sentences"]
        own = next((row["response"] for row in strict
                    if row["prompt"].strip() == prompt["prompt"].strip()), random_.choice(pool))
        if not chosen:
            continue
        kwargs = clean(prompt["kwargs"])
        example = utils.InputExample(
            key=prompt["key"], prompt=prompt["prompt"],
            instruction_id_list=[prompt["instruction_id_list"][n] for n in chosen],
            kwargs=[kwargs[n] for n in chosen])
        response = change(random_, own, pool)
        judged = [test(example, response).follow_instruction_list
                  for test in (utils.test_instruction_following_strict,
                               utils.test_instruction_following_loose)]
        rows.append({"key": prompt["key"], "kind": "changed", "response": response,
                     "instruction_id_list": example.instruction_id_list, "kwargs": example.kwargs,
                     "strict": judged[0], "loose": judged[1]})
    with open(sys.argv[3], "w", encoding="utf-8") as file:
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
    if len(sys.argv) > 4:
        short = [row for row in rows if len(row["response"]) < 1200]
        with open(sys.argv[4], "w", encoding="utf-8") as file:
            for row in short[::4]:
                file.write(json.dumps(row, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
