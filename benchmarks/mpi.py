#!/usr/bin/env python3
"""Throughput of GRPO steps on the tiny shape: 2 ranks with one thread each against one process with two threads.

Usage: benchmarks/mpi.py RLVR FOLDER [ROUNDS] [STEPS]

Each round runs the three one after the other, so that what else the machine does slows all of them; the first step of a
run does not count. Prints medians over all steps of seconds a step, of its parts, and the ratios.
"""
import json
import os
import statistics
import subprocess
import sys
import time

MODEL = """
kind: pretrain
seed: 1
architecture: {vocab_size: 512, hidden_size: 256, num_hidden_layers: 6, num_attention_heads: 4,
  num_key_value_heads: 2, head_dim: 64, intermediate_size: 768, max_position_embeddings: 1024}
supervised: {text: "gsm_micro:max_steps=2", tokenizer_texts: 300}
eval: {after: false}
trainer: {steps: 1}
"""
# A fresh model says nothing right: every response has max_tokens, and the shaped rewards still give gradients.
RECIPE = """
data: {train: "gsm_micro:max_steps=2", prompts_per_step: 16}
rollout: {group_size: 8, max_tokens: 128, max_sequences: 128}
advantage: {name: group_normalized}
regularizer: [{name: entropy_bonus, coefficient: 0.001}]
update: {lr: 1.0e-6}
eval: {before: false, after: false}
trainer: {checkpoint_every: 0, rollouts_every: 0}
"""


def call(command, environment=None):
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **(environment or {})})
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}: {done.stderr}")


def main():
    rlvr, folder = os.path.abspath(sys.argv[1]), sys.argv[2]
    rounds = int(sys.argv[3]) if len(sys.argv) > 3 else 5
    steps = int(sys.argv[4]) if len(sys.argv) > 4 else 4
    os.makedirs(folder, exist_ok=True)
    os.chdir(folder)
    for name, text in (("model_tiny.yaml", MODEL), ("step_tiny.yaml", RECIPE)):
        with open(name, "w") as file:
            file.write(text)
    if not os.path.exists("start/model"):
        call([rlvr, "pretrain", "model_tiny.yaml", "name=start", "output=."])
    mpirun = ["mpirun", "--allow-run-as-root", "-np", "2"]
    if os.environ.get("RLVR_BIND", "core") == "none":
        mpirun += ["--bind-to", "none", "--oversubscribe"]
    quiet = {"OMPI_MCA_btl": "self,vader"}
    kinds = {
        "1 rank x 2 threads": ([], ["threads=2", "parallel.shards=1"]),
        "2 ranks x 1 thread, ordered": (mpirun, ["threads=1", "parallel.shards=2"]),
        "2 ranks x 1 thread, unordered": (mpirun, ["threads=1", "parallel.shards=2", "parallel.ordered=false"]),
    }
    seconds = {kind: {"step": [], "gen": [], "update_actor": []} for kind in kinds}
    tokens = {kind: [] for kind in kinds}
    for r in range(rounds):
        for kind, (prefix, overrides) in kinds.items():
            run = f"runs/{time.time_ns()}"
            call(prefix + [rlvr, "train", "step_tiny.yaml", "model=start/model", "output=runs", f"name={run[5:]}",
                           f"trainer.steps={steps + 1}", f"seed={r}"] + overrides, quiet if prefix else None)
            with open(f"{run}/metrics.jsonl") as lines:
                for line in list(lines)[1:]:
                    metrics = json.loads(line)
                    metrics = metrics.get("metrics", metrics)
                    for part, values in seconds[kind].items():
                        values.append(metrics[f"timing_s/{part}"])
                    tokens[kind].append(metrics["perf/total_tokens"])
    print(f"{rounds} rounds, {rounds * steps} steps each; medians of seconds, and tokens of prompts and responses a second")
    print(f"{'':32}{'step':>8}{'gen':>8}{'update':>8}{'tokens/s':>10}")
    median = {}
    for kind, parts in seconds.items():
        m = {part: statistics.median(values) for part, values in parts.items()}
        median[kind] = m["step"]
        rate = statistics.median(t / s for t, s in zip(tokens[kind], parts["step"]))
        print(f"{kind:32}{m['step']:8.3f}{m['gen']:8.3f}{m['update_actor']:8.3f}{rate:10.0f}")
    one, ordered, unordered = median.values()
    print(f"throughput of 2 ranks over 1: ordered {one / ordered:.3f}, unordered {one / unordered:.3f} (goal: 0.9)")
    print(f"ordered over unordered: {unordered / ordered:.3f}")


if __name__ == "__main__":
    main()
