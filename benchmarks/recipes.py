"""Trains every recipe of reinforcement learning for 20 steps on the embedded model and checks that its run shows what
the method does. Writes docs/recipe_runs.md.

    python3 benchmarks/recipes.py [RECIPE ...]      all, or those named (then nothing is written)

What a recipe must show, and what it needs set beside the common overrides, stands in benchmarks/mechanisms.txt.
"""
import ast
import collections
import itertools
import json
import math
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

root = pathlib.Path(__file__).resolve().parent.parent
rlvr = root / "build/release/rlvr"
runs = root / "build/recipe_runs"
common = ("trainer.steps=20 data.prompts_per_step=16 rollout.group_size=8 rollout.gen_prompts=24 "
          "update.mini_batch_prompts=8 update.lr=3e-4 update.warmup_steps=5 eval.prompts=64 eval.k=4 eval.every=0 "
          "eval.before=true eval.after=true trainer.checkpoint_every=0 threads=1").split()


def mean(values):
    values = list(values)
    return sum(values) / len(values)


def spread(values):
    return max(values) - min(values) if values else 0


class Sample:
    """A line of rollouts/: a response that a step trained on."""

    def __init__(self, line):
        self.step, self.answer, self.length = line["step"], line["answer"], len(line["tokens"])
        self.reward, self.score, self.right = line["reward"], line["score"], line["verdict"] == "right"
        self.cut = line["finish"] == "length"
        self.entropy = line["entropy"]
        self.expert = not any(line["logp"])  # of a row that no policy sampled nothing is recorded
        adv = line["advantage"]
        self.A = adv if isinstance(adv, list) else [adv] * self.length  # [length]
        self.adv = mean(self.A)
        self.key = line["prompt_index"], line["occurrence"]


class Group(list):
    """Samples of one prompt."""

    @property
    def rewards(self):
        return [s.reward for s in self]

    @property
    def mean(self):
        return mean(self.rewards)

    @property
    def std(self):
        return math.sqrt(sum((r - self.mean) ** 2 for r in self.rewards) / max(len(self) - 1, 1))


class Run:
    """The metrics of a run: run["name"] is the list over its steps."""

    def __init__(self, folder):
        lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
        self.folder = folder
        self.steps = [m for m in lines if m["step"] > 0]
        self.avg = [m["val/avg@4"] for m in lines if "val/avg@4" in m]

    def __getitem__(self, metric):
        values = [m[metric] for m in self.steps if metric in m]
        if not values:
            raise KeyError(f"no metric {metric}; there are: {' '.join(self.steps[-1])}")
        return values

    @property
    def added(self):
        """What the regularizers add to the objective, over the steps."""
        return [m["actor/objective"] + m["actor/pg_loss"] for m in self.steps]

    def groups_by_step(self):
        """Of every step the groups that rollouts/ has of it: trainer.rollout_groups."""
        for file in sorted((self.folder / "rollouts").glob("*.jsonl")):
            samples = [Sample(json.loads(line)) for line in file.read_text().split("\n") if line]
            yield [Group(g) for _, g in itertools.groupby(samples, lambda s: s.key)]


def read_mechanisms():
    """{recipe: [(expression, words)]} and {recipe: [override]}. A line is RECIPE: EXPRESSION  # WORDS, or
    RECIPE, RECIPE ...| KEY=VALUE ..."""
    table, overrides = {}, {}
    for line in (root / "benchmarks/mechanisms.txt").read_text().splitlines():
        if not line or line.startswith("#"):
            continue
        if ":" not in line.split("|")[0]:
            names, rest = line.split("|", 1)
            for name in names.split(","):
                overrides.setdefault(name.strip(), []).extend(shlex.split(rest))
            continue
        name, rest = line.split(":", 1)
        expression, words = rest.rsplit("  # ", 1)
        table.setdefault(name.strip(), []).append((expression.strip(), words.strip()))
    return table, overrides


locks = collections.defaultdict(threading.Lock)


def train(name):
    with locks[name]:
        return train_once(name)


def train_once(name):
    folder = runs / name
    own = {o.split("=", 1)[0]: o for o in read_mechanisms()[1].get(name, [])}
    overrides = [o for o in common if o.split("=", 1)[0] not in own] + list(own.values())
    for teacher in set(re.findall(r"build/recipe_runs/(\w+)/", " ".join(overrides))):
        stopped = train(teacher)
        if isinstance(stopped, str):
            return f"{teacher}: {stopped}"
    if "\nkind: sft" in (root / f"recipes/{name}.yaml").read_text():  # what others start from, as it is
        command = ["sft", name, f"name={name}", f"output={runs}", "threads=1"]
    else:
        command = ["train", name, f"name={name}", f"output={runs}", *overrides]
    made = folder / "run.json"
    if not (folder / "model").exists() or json.loads(made.read_text())["command"].split(" ", 1)[1] != " ".join(command):
        shutil.rmtree(folder, ignore_errors=True)
        done = subprocess.run([rlvr, *command], capture_output=True, text=True, cwd=root)
        if done.returncode:
            return done.stderr.strip().splitlines()[-1]
    return Run(folder)


def operands(expression):
    """What an expression compares, as source: of `0 < f(x) < 1 and g(x)` 0, f(x), 1."""
    node = ast.parse(expression, mode="eval").body
    while isinstance(node, ast.BoolOp):
        node = node.values[0]
    return [ast.unparse(part) for part in (node.left, *node.comparators)] if isinstance(node, ast.Compare) else []


def shown(expression, here, runs_by_name):
    """Whether the expression holds, and the numbers it compares."""
    steps = list(here.groups_by_step())
    groups = [g for step in steps for g in step]
    # As globals: a comprehension does not see locals of eval.
    names = {"__builtins__": {}, "run": here, "of": runs_by_name.__getitem__, "steps": steps, "groups": groups,
             "samples": [s for g in groups for s in g], "mean": mean, "spread": spread, "min": min, "max": max,
             "abs": abs, "sum": sum, "len": len, "zip": zip, "set": set, "all": all, "exp": math.exp,
             "first": lambda v: v[0], "last": lambda v: v[-1], "head": lambda v: mean(v[:5]),
             "tail": lambda v: mean(v[-5:])}
    holds = bool(eval(expression, names))
    return holds, ", ".join(f"{float(eval(part, names)):.4g}" for part in operands(expression))


def main():
    chosen = sys.argv[1:]
    names = chosen or sorted(p.stem for p in (root / "recipes").glob("*.yaml") if "\nkind:" not in p.read_text())
    mechanisms, _ = read_mechanisms()
    with ThreadPoolExecutor(2) as pool:
        done = dict(zip(names, pool.map(train, names)))
    others = Lookup(done)
    lines, failed = [], 0
    for name in names:
        run = done[name]
        if isinstance(run, str):
            lines.append(f"| {name} | | stopped: {run} | | |")
            failed += 1
            continue
        accuracy = f"{100 * run.avg[0]:.1f} → {100 * run.avg[-1]:.1f}"
        if name not in mechanisms:
            lines.append(f"| {name} | {accuracy} | nothing is asked of it | | no |")
            failed += 1
        for expression, words in mechanisms.get(name, []):
            try:
                holds, numbers = shown(expression, run, others)
            except Exception as error:  # an expression that does not fit the run is a failure to show
                holds, numbers = False, str(error)[:200]
            failed += not holds
            lines.append(f"| {name} | {accuracy} | {words} | {numbers} | {'yes' if holds else 'no'} |")
            accuracy = ""
    text = "\n".join(["| recipe | avg@4 % | what must be seen | numbers | seen |", "|---|---|---|---|---|", *lines])
    print(text)
    if not chosen:
        (root / "docs/recipe_runs.md").write_text(HEAD + text + "\n")
    sys.exit(failed > 0)


class Lookup(dict):
    """Runs by name; trains what an expression compares with."""

    def __missing__(self, name):
        run = train(name)
        if isinstance(run, str):
            raise RuntimeError(run)
        self[name] = run
        return run


HEAD = f"""# Every recipe, 20 steps or a few more

`python3 benchmarks/recipes.py` trains each recipe of reinforcement learning on the embedded model with

    {" ".join(common)}

and what benchmarks/mechanisms.txt sets beside them for a recipe, and asks the run's metrics and responses for what the
method is there to do. So short a run says nothing about which method is better: for that there is `rlvr compare`.

"""

if __name__ == "__main__":
    main()
