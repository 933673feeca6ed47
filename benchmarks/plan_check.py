"""What `rlvr plan` predicts beside what a run then measures.

    python3 benchmarks/plan_check.py [--rlvr build/release/rlvr] [--steps 5] [--repeats 3] [--still] RECIPE [key=value ...]

Plans, trains so many steps into a temporary folder, and prints peak memory and seconds a step side by side. The first step
is left out of the medians: its memory is new. A plan is of the model as it is; where training changes the lengths of
responses, compare seconds a token, or give --still.
"""
import argparse
import json
import pathlib
import statistics
import subprocess
import tempfile

parser = argparse.ArgumentParser()
parser.add_argument("recipe")
parser.add_argument("overrides", nargs="*")
parser.add_argument("--rlvr", default="build/release/rlvr")
parser.add_argument("--repeats", type=int, default=1, help="plans and runs in turn; medians are shown")
parser.add_argument("--steps", type=int, default=5)
parser.add_argument("--seconds", default="10", help="for rlvr plan to measure")
parser.add_argument("--still", action="store_true", help="train with a learning rate of 1e-12: lengths stay as they are")
parser.add_argument("--json", help="also write the table to this file")
args = parser.parse_args()


def run(*command):
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


overrides = args.overrides + [f"trainer.steps={args.steps}", "trainer.checkpoint_every=0"]
if args.still:
    overrides.append("update.lr=1.0e-12")


def median(name, steps):
    values = [s[name] for s in steps if name in s]
    return statistics.median(values) if values else 0


def once():
    """Rows of (what, predicted, measured) of one plan and the run after it."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder)
        plan_file = path / "plan.json"
        run(args.rlvr, "plan", args.recipe, *overrides, "--seconds", args.seconds, "--json", str(plan_file))
        plan = json.loads(plan_file.read_text())
        run(args.rlvr, "train", args.recipe, *overrides, f"output={folder}", "name=run")
        steps = [json.loads(line) for line in (path / "run/metrics.jsonl").read_text().splitlines()]
    steps = [s for s in steps if "timing_s/step" in s]
    timed = steps[1:] or steps
    without_eval = [{"step": s["timing_s/step"] - s.get("timing_s/eval", 0)} for s in timed]
    seconds, memory = plan["seconds_expected"], plan["memory_expected"]
    return [
        ("peak memory, MiB", memory["peak"] / 2**20, steps[-1]["perf/max_memory_gb"] * 1024),
        ("sampling, s", seconds["gen"], median("timing_s/gen", timed)),
        ("verify, s", seconds["verify"], median("timing_s/reward", timed)),
        ("update, s", seconds["update"], median("timing_s/update_actor", timed)),
        ("step, s", seconds["step"], median("step", without_eval)),
        ("sampling, us a token", 1e6 * seconds["gen"] / seconds["sampled_tokens"],
         1e6 / median("perf/sampled_tokens_per_s", timed)),
        ("update, us a token", 1e6 * seconds["update"] / seconds["trained_tokens"],
         1e6 / median("perf/trained_tokens_per_s", timed)),
        ("an evaluation, s", seconds["evaluation"], median("timing_s/eval", steps)),
        ("groups sampled", seconds["prompts"], statistics.mean(s["select/sampled"] for s in timed)),
        ("response length", plan["response_length"], statistics.mean(s["response_length/mean"] for s in timed)),
        ("tokens trained", seconds["trained_tokens"], median("perf/trained_tokens", timed)),
    ]


runs = [once() for _ in range(args.repeats)]
rows = [(cells[0][0], statistics.median(c[1] for c in cells), statistics.median(c[2] for c in cells)) for cells in zip(*runs)]
print(f"{args.recipe} {' '.join(args.overrides)}: {args.steps} steps, medians without the first, {args.repeats} times")
print(f"{'':24}{'predicted':>12}{'measured':>12}{'ratio':>8}")
for name, predicted, measured in rows:
    if measured:
        print(f"{name:24}{predicted:12.3f}{measured:12.3f}{predicted / measured:8.2f}")
if args.json:
    pathlib.Path(args.json).write_text(json.dumps([{"what": n, "predicted": p, "measured": m} for n, p, m in rows], indent=1))
