"""Plain RLVR against ICPO on the embedded model that can talk: trains grpo, dapo and icpo on common random numbers, talks
to what comes out as "LLMs Get Lost In Multi-Turn Conversation" does, and writes docs/icpo_run.md with a plot.

    python3 benchmarks/icpo.py [--seeds 5] [--steps 48] [--instructions 128] [--simulations 8] [--control]

Two runs of one thread side by side. What is there already is not trained again. --control trains grpo_shards too, which has
ICPO's form of prompts without its reward (benchmarks/icpo/).
"""
import argparse
import json
import pathlib
import random
import subprocess

root = pathlib.Path(__file__).resolve().parent.parent
rlvr = root / "build/release/rlvr"
runs = root / "build/compare_icpo"
types = ["full", "concat", "sharded"]
problems = "gsm_micro:shards=true,max_steps=4,train_size=20000"


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=48)
    parser.add_argument("--instructions", type=int, default=128, help="of the validation set")
    parser.add_argument("--simulations", type=int, default=8, help="of each instruction and type")
    parser.add_argument("--control", action="store_true", help="train grpo_shards too")
    a = parser.parse_args()
    a.recipes = ["grpo", "dapo", "icpo"] + ["grpo_shards"] * a.control
    return a


def train(a):
    settings = (
        f"model=talk_tiny data.train={problems} data.validation={problems} "
        "data.max_prompt_tokens=512 rollout.group_size=8 rollout.temperature=1.0 rollout.max_tokens=96 "
        "rollout.max_sequences=256 rollout.gen_prompts=0 reward.overlong.buffer=16 "
        "update.lr=3e-4 update.warmup_steps=5 update.schedule=cosine update.min_lr_ratio=0.1 update.weight_decay=0 "
        "regularizer=[] eval.protocol=lost_in_conversation eval.types=[full,concat,sharded] "
        f"eval.simulations={a.simulations} eval.prompts={a.instructions} eval.k=1 eval.top_p=1.0 eval.before=true "
        "eval.after=true eval.every=0 trainer.checkpoint_every=0 trainer.rollouts_every=16")
    files = [f"benchmarks/icpo/{recipe}.yaml" for recipe in a.recipes]
    subprocess.run([rlvr, "compare", *files, "--seeds", str(a.seeds), "--steps", str(a.steps), "--jobs", "2", "--name",
                    "icpo", "--output", str(root / "build"), "--set", *settings.split()], check=True, cwd=root)


def summaries(recipe, step):
    """[seed][type]: what the protocol's evaluation of that step wrote."""
    folders = sorted(f for f in (runs / recipe).glob("seed_*") if f.is_dir())
    return [{s["type"]: s for s in json.loads((f / f"protocol/step_{step:06d}.json").read_text())} for f in folders]


def crossed(cells, key, resamples=1000):
    """Mean of cells [seed][instruction] with a 95 % interval that resamples both (Owen 2007, arXiv:0709.4104)."""
    draw = random.Random(key)
    S, N = len(cells), len(cells[0])
    means = []
    for _ in range(resamples):
        seeds = [draw.randrange(S) for _ in range(S)]
        columns = [draw.randrange(N) for _ in range(N)]
        means.append(sum(cells[s][i] for s in seeds for i in columns) / (S * N))
    means.sort()
    return sum(map(sum, cells)) / (S * N), means[int(0.025 * resamples)], means[int(0.975 * resamples) - 1]


def scores(all_seeds, kind):
    return [[i["P"] for i in seed[kind]["instructions"]] for seed in all_seeds]


def shown(x, signed=False):
    return f"{x[0]:{'+' if signed else ''}.1f} [{x[1]:.1f}, {x[2]:.1f}]"


def mean(values):
    values = list(values)
    return sum(values) / len(values)


def against(own, base, kind):
    """Differences by seed and instruction, in points."""
    pairs = zip(scores(own, kind), scores(base, kind))
    return shown(crossed([[x - y for x, y in zip(u, v)] for u, v in pairs], 1), signed=True)


def effort(recipe, seeds):
    """Means of a run: thousands of tokens that the policy wrote and was trained on, minutes of its steps on one thread."""
    tokens = minutes = 0
    for folder in (runs / recipe).glob("seed_*/metrics.jsonl"):
        steps = [json.loads(line) for line in folder.read_text().splitlines()]
        tokens += sum(m.get("perf/trained_tokens", 0) for m in steps) / 1000 / seeds
        minutes += sum(m.get("timing_s/step", 0) for m in steps) / 60 / seeds
    return f"{tokens:.0f}k | {minutes:.1f}"


def table(a):
    results = {r: summaries(r, a.steps) for r in a.recipes}
    base = results["grpo"]
    before = summaries("grpo", 0)
    lines = ["| | FULL | CONCAT | SHARDED | FULL against grpo | SHARDED against grpo | SHARDED, share of grpo's | share of FULL |",
             "|---|---|---|---|---|---|---|---|"]
    turns = ["| | premature turns | attempts | questions | uncertain otherwise | tokens trained | minutes |",
             "|---|---|---|---|---|---|---|"]
    for name, seeds in [("before training", before), *results.items()]:
        cells = [shown(crossed(scores(seeds, t), 1)) for t in types]
        trained = name != "before training"
        differences = [against(seeds, base, t) if trained and name != "grpo" else "" for t in ("full", "sharded")]
        full, sharded, plain = (mean(mean(s) for s in scores(r, t))
                                for r, t in ((seeds, "full"), (seeds, "sharded"), (base, "sharded")))
        share = {k: 100 * mean(s["sharded"]["strategy_share"][k] for s in seeds) for k in seeds[0]["sharded"]["strategy_share"]}
        lines.append(f"| {name} | {' | '.join(cells + differences)} | {100 * sharded / plain:.0f} % | {100 * sharded / full:.0f} % |")
        turns.append(f"| {name} | {100 * mean(s['sharded']['premature_turns']['mean'] for s in seeds):.1f} % | "
                     f"{share['answer_attempt']:.1f} % | {share['clarification'] + share['interrogation']:.1f} % | "
                     f"{share['discussion'] + share['hedge'] + share['refuse']:.1f} % | "
                     f"{effort(name, len(seeds)) if trained else ' | '} |")
    return "\n".join([*lines, "", "In SHARDED conversations, and what a run took:", "", *turns]), results, before


def plot(results, before, path):
    """Bars of FULL, CONCAT and SHARDED by recipe, with intervals."""
    groups = [("before", before), *results.items()]
    colours = {"full": "#4c78a8", "concat": "#9ecae9", "sharded": "#f58518"}
    width, height, left, bottom = 640, 300, 48, 40
    y = lambda v: height - bottom - v / 100 * (height - bottom - 30)
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" font-family="sans-serif" font-size="12">',
           f'<rect width="{width}" height="{height}" fill="white"/>']
    for v in range(0, 101, 20):
        out.append(f'<path d="M{left} {y(v):.1f}H{width - 10}" stroke="#ddd"/><text x="{left - 6}" y="{y(v) + 4:.1f}" '
                   f'text-anchor="end">{v}</text>')
    for g, (name, seeds) in enumerate(groups):
        x0 = left + 20 + g * (width - left - 40) / len(groups)
        for t, kind in enumerate(types):
            m, low, high = crossed(scores(seeds, kind), 1)
            x = x0 + t * 34
            out.append(f'<rect x="{x:.1f}" y="{y(m):.1f}" width="30" height="{y(0) - y(m):.1f}" fill="{colours[kind]}"/>'
                       f'<path d="M{x + 15:.1f} {y(low):.1f}V{y(high):.1f}" stroke="black"/>')
        out.append(f'<text x="{x0 + 49:.1f}" y="{height - 18}" text-anchor="middle">{name}</text>')
    for t, kind in enumerate(types):
        out.append(f'<rect x="{left + t * 110}" y="8" width="12" height="12" fill="{colours[kind]}"/>'
                   f'<text x="{left + 18 + t * 110}" y="18">{kind.upper()}</text>')
    path.write_text("\n".join(out + ["</svg>\n"]))


def main():
    a = arguments()
    train(a)
    text, results, before = table(a)
    plot(results, before, root / "docs/images/icpo.svg")
    head = f"""# ICPO against plain RLVR on the embedded model

Made by `python3 benchmarks/icpo.py`: talk_tiny, `{problems}`, {a.steps} steps, {a.seeds} seeds; {a.instructions} held-out
instructions, {a.simulations} simulations of each and type, a scripted user (a variant of the protocol,
[lost_in_conversation.md](lost_in_conversation.md)). Brackets: 95 % intervals over seeds and instructions, crossed. A difference
is taken by seed and instruction first.

![P by type of conversation](images/icpo.svg)

"""
    (root / "docs/icpo_run.md").write_text(head + text + "\n")
    print(text)


if __name__ == "__main__":
    main()
