"""Does ICPO's default recipe collapse into always asking or always refusing? Trains icpo for 300 steps with 5 seeds, in small
batches and at a constant learning rate, and writes docs/icpo_collapse.md with the curves. Fails if a seed collapsed.

    python3 benchmarks/icpo_collapse.py [--seeds 5] [--steps 300]

Two runs of one thread side by side. What is there already is not trained again.
"""
import argparse
import json
import pathlib
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

root = pathlib.Path(__file__).resolve().parent.parent
rlvr = root / "build/release/rlvr"
runs = root / "build/icpo_collapse"
problems = "gsm_micro:shards=true,max_steps=4,train_size=20000"
# A share of responses in the last tenth of the steps, above which a seed counts as collapsed, and what that is called.
limits = {
    "false_clarification_rate": (0.25, "asks where nothing is missing"),
    "strategy/specified/refuse": (0.1, "refuses where nothing is missing"),
    "answer_rate": (0.75, "answers where something is missing"),
    "strategy/underspecified/refuse": (0.25, "refuses where something is missing"),
}
colours = ["#e45756", "#b279a2", "#4c78a8", "#72b7b2"]


def run(seed, steps):
    """Metrics of its steps."""
    folder = runs / f"seed_{seed}_steps_{steps}"
    done = list(folder.glob("*/metrics.jsonl"))
    if not done or len(done[0].read_text().splitlines()) < steps:
        overrides = (
            f"model=talk_tiny data.train={problems} data.validation={problems} data.prompts_per_step=16 "
            "data.max_prompt_tokens=512 rollout.group_size=8 rollout.max_tokens=96 rollout.gen_prompts=0 "
            "update.mini_batch_prompts=0 update.lr=2e-4 update.warmup_steps=5 regularizer=[] eval.before=false eval.after=false "
            f"eval.every=0 trainer.checkpoint_every=0 trainer.steps={steps} seed={seed} output={folder}")
        subprocess.run([rlvr, "--threads", "1", "train", "icpo", *overrides.split()], check=True, cwd=root,
                       capture_output=True)
        done = list(folder.glob("*/metrics.jsonl"))
    lines = [json.loads(line) for line in done[0].read_text().splitlines()]
    return [m for m in lines if m["step"] > 0]


def shares(metrics, key):
    """Of the steps that had such prompts."""
    return [m[key] for m in metrics if key in m]


def last(metrics, key):
    values = shares(metrics, key)
    values = values[-max(len(values) // 10, 1):]
    return sum(values) / len(values)


def smooth(values, width=15):
    return [sum(values[max(0, i - width):i + 1]) / len(values[max(0, i - width):i + 1]) for i in range(len(values))]


def plot(seeds, path):
    """A curve a seed, a panel a share."""
    width, height, left, top = 320, 170, 40, 34
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{2 * width}" height="{2 * height}" font-family="sans-serif" '
           'font-size="12">', f'<rect width="{2 * width}" height="{2 * height}" fill="white"/>']
    for p, (key, (limit, what)) in enumerate(limits.items()):
        x0, y0 = (p % 2) * width + left, (p // 2) * height + top
        w, h = width - left - 12, height - top - 24
        out.append(f'<text x="{x0}" y="{y0 - 10}">{what}</text>')
        for v in (0, 0.5, 1):
            y = y0 + h * (1 - v)
            out.append(f'<path d="M{x0} {y:.1f}h{w}" stroke="#ddd"/><text x="{x0 - 5}" y="{y + 4:.1f}" text-anchor="end">'
                       f'{100 * v:.0f} %</text>')
        y = y0 + h * (1 - limit)
        out.append(f'<path d="M{x0} {y:.1f}h{w}" stroke="#999" stroke-dasharray="4 3"/>')
        for metrics in seeds:
            values = smooth(shares(metrics, key))
            points = " ".join(f"{x0 + w * i / max(len(values) - 1, 1):.1f},{y0 + h * (1 - v):.1f}" for i, v in enumerate(values))
            out.append(f'<polyline points="{points}" fill="none" stroke="{colours[p]}" opacity="0.7"/>')
        out.append(f'<text x="{x0 + w}" y="{y0 + h + 16}" text-anchor="end">step {len(metrics)}</text>')
    path.write_text("\n".join(out + ["</svg>\n"]))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=300)
    a = parser.parse_args()
    with ThreadPoolExecutor(2) as pool:
        seeds = list(pool.map(lambda s: run(s, a.steps), range(1, a.seeds + 1)))
    keys = ["reward/specified", "reward/underspecified", *limits]
    lines = ["| seed | reward where nothing is missing | where something is | " +
             " | ".join(f"{what} (limit {100 * limit:.0f} %)" for limit, what in limits.values()) + " |",
             "|" + "---|" * (len(keys) + 1)]
    collapsed = []
    for s, metrics in enumerate(seeds, 1):
        values = [last(metrics, k) for k in keys]
        lines.append(f"| {s} | {values[0]:.3f} | {values[1]:.3f} | " + " | ".join(f"{100 * v:.1f} %" for v in values[2:]) + " |")
        collapsed += [f"seed {s} {what}: {100 * last(metrics, k):.1f} %" for k, (limit, what) in limits.items()
                      if last(metrics, k) > limit]
    plot(seeds, root / "docs/images/icpo_collapse.svg")
    (root / "docs/icpo_collapse.md").write_text(f"""# ICPO over {a.steps} steps: does it collapse?

Made by `python3 benchmarks/icpo_collapse.py`: the recipe `icpo` on talk_tiny, `{problems}`, 16 prompts of 8 samples a step, learning
rate 2e-4 without decay, {a.seeds} seeds. Means over the last tenth of the steps; curves: means over 16 steps, a line a seed, dashed the limit.

![Shares of responses by step](images/icpo_collapse.svg)

""" + "\n".join(lines) + "\n\n" + ("\n".join(collapsed) if collapsed else "No seed collapsed.") + "\n")
    print("\n".join(lines))
    if collapsed:
        sys.exit("collapsed: " + "; ".join(collapsed))


if __name__ == "__main__":
    main()
