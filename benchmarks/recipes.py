"""Trains every recipe of reinforcement learning for 20 steps on the embedded model and checks that its run shows what
the method does. Writes docs/recipe_runs.md.

    python3 benchmarks/recipes.py [RECIPE ...]      all, or those named (then nothing is written)

What a recipe must show stands in benchmarks/mechanisms.txt.
"""
import json
import pathlib
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

root = pathlib.Path(__file__).resolve().parent.parent
rlvr = root / "build/release/rlvr"
runs = root / "build/recipe_runs"
common = ("trainer.steps=20 data.prompts_per_step=16 rollout.group_size=8 rollout.gen_prompts=24 "
          "update.mini_batch_prompts=8 update.lr=3e-4 update.warmup_steps=5 eval.prompts=64 eval.k=4 eval.every=0 "
          "eval.before=true eval.after=true trainer.checkpoint_every=0 threads=1").split()


class Run:
    """The metrics of a run: run["name"] is the list over its steps."""

    def __init__(self, folder):
        lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
        self.steps = [m for m in lines if m["step"] > 0]
        self.avg = [m["val/avg@4"] for m in lines if "val/avg@4" in m]

    def __getitem__(self, metric):
        values = [m[metric] for m in self.steps if metric in m]
        if not values:
            raise KeyError(f"no metric {metric}; there are: {' '.join(self.steps[-1])}")
        return values


def mean(values):
    return sum(values) / len(values)


def read_mechanisms():
    """{recipe: (expression, words)}; a line is RECIPE: EXPRESSION  # WORDS."""
    table = {}
    for line in (root / "benchmarks/mechanisms.txt").read_text().splitlines():
        if not line or line.startswith("#"):
            continue
        name, rest = line.split(":", 1)
        expression, words = rest.rsplit("  # ", 1)
        table.setdefault(name.strip(), []).append((expression.strip(), words.strip()))
    return table


def train(name):
    folder = runs / name
    if not (folder / "model").exists():
        subprocess.run(["rm", "-rf", folder], check=True)
        command = [rlvr, "train", name, f"name={name}", f"output={runs}", *common]
        done = subprocess.run(command, capture_output=True, text=True, cwd=root)
        if done.returncode:
            return done.stderr.strip().splitlines()[-1]
    return Run(folder)


def shown(expression, here, runs_by_name):
    """Whether the expression holds, and the numbers it compares."""
    names = {"run": here, "of": runs_by_name.__getitem__, "mean": mean, "min": min, "max": max, "abs": abs,
             "first": lambda v: v[0], "last": lambda v: v[-1], "all": all, "tail": lambda v: mean(v[-5:])}
    holds = bool(eval(expression, {"__builtins__": {}}, names))
    numbers = [f"{float(eval(part, {'__builtins__': {}}, names)):.4g}"
               for part in re.split(r" (?:<|<=|==) ", expression)]
    return holds, ", ".join(numbers)


def main():
    chosen = sys.argv[1:]
    names = chosen or sorted(p.stem for p in (root / "recipes").glob("*.yaml") if "\nkind:" not in p.read_text())
    mechanisms = read_mechanisms()
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


HEAD = f"""# Every recipe, 20 steps

`python3 benchmarks/recipes.py` trains each recipe of reinforcement learning on the embedded model with

    {" ".join(common)}

and asks its metrics for what the method is there to do (benchmarks/mechanisms.txt). So short a run says nothing about
which method is better: for that there is `rlvr compare`.

"""

if __name__ == "__main__":
    main()
