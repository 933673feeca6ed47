#!/usr/bin/env python3
"""One GRPO step (sample, reward, update) of rlvr and of TRL's GRPOTrainer on this machine's CPU: the same random model (tiny:
hidden 256, 6 layers, 4 heads, 2 KV heads, FFN 768, vocabulary 512), the same prompts, lengths and settings, both in bf16.

    python3 -m venv VENV && VENV/bin/pip install -r benchmarks/peers/requirements.txt
    VENV/bin/python benchmarks/peers/trl_grpo.py [--steps 6] [--rounds 2] [--rlvr build/release/rlvr]

The two take turns, --rounds times; the first step of every run is left out. Medians of all others. A random model may end a
response early (probability 1/512 a token), so times are also given per sampled token.
"""
import argparse
import json
import os
import pathlib
import random
import statistics
import subprocess
import sys
import tempfile
import time

REPO = pathlib.Path(__file__).resolve().parents[2]
CASES = {"short": dict(prompts=4, group=16, prompt=128, response=128),
         "long_prompt": dict(prompts=2, group=16, prompt=1024, response=128)}


def make_model(folder, longest):
    import torch
    import transformers
    torch.manual_seed(1)
    config = transformers.Qwen3Config(
        vocab_size=512, hidden_size=256, num_hidden_layers=6, num_attention_heads=4, num_key_value_heads=2, head_dim=64,
        intermediate_size=768, max_position_embeddings=longest, tie_word_embeddings=True)
    base = REPO / "models/base_tiny"
    config.eos_token_id = json.loads((base / "config.json").read_text())["eos_token_id"]
    transformers.Qwen3ForCausalLM(config).save_pretrained(folder)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (folder / name).write_bytes((base / name).read_bytes())


def make_prompts(path, case, count):
    """Plain words; each prompt has about case["prompt"] tokens once the chat template is around it."""
    import tokenizers
    tokenizer = tokenizers.Tokenizer.from_file(str(REPO / "models/base_tiny/tokenizer.json"))
    source = random.Random(1)
    words = ["apples", "pens", "Tom", "has", "buys", "more", "gives", "away", "then", "how", "many", "3", "17", "5"]
    with open(path, "w") as out:
        for i in range(count):
            text = ""
            while len(tokenizer.encode(text).ids) < case["prompt"] - 12:
                text += source.choice(words) + " "
            out.write(json.dumps({"prompt": text.strip(), "ground_truth": str(i % 10), "data_source": "words"}) + "\n")


def run_rlvr(program, model, data, case, steps, folder, threads):
    name = f"rlvr_{time.time_ns()}"
    subprocess.run(
        [program, "train", "grpo", f"model={model}", f"data.train={data}", f"data.validation={data}", "compute=bf16",
         f"data.prompts_per_step={case['prompts']}", f"data.max_prompt_tokens={case['prompt'] + 32}",
         f"rollout.group_size={case['group']}", f"rollout.max_tokens={case['response']}", "regularizer=[]",
         "eval.before=false", "eval.after=false", "eval.every=0", f"trainer.steps={steps}", "trainer.checkpoint_every=0",
         f"output={folder}", f"name={name}", f"threads={threads}"], check=True, stdout=subprocess.DEVNULL)
    rows = []
    for line in (folder / name / "metrics.jsonl").read_text().splitlines():
        m = json.loads(line)
        if m.get("step", m.get("training/global_step", 0)) < 2:
            continue
        tokens = m["response_length/mean"] * case["prompts"] * case["group"]
        rows.append((m["timing_s/gen"], m["timing_s/step"] - m["timing_s/gen"], tokens))
    return rows


def run_trl(model, data, case, steps, folder, threads):
    """In a process of its own: this file with --only-trl."""
    out = subprocess.run([sys.executable, __file__, "--only-trl", str(model), str(data), json.dumps(case), str(steps),
                          str(folder), str(threads)], check=True, stdout=subprocess.PIPE, text=True).stdout
    return json.loads(out.splitlines()[-1])


def only_trl(model, data, case, steps, folder, threads):
    import torch
    torch.set_num_threads(threads)
    import datasets
    import transformers
    import trl
    rows = [json.loads(line) for line in open(data)]
    dataset = datasets.Dataset.from_list([{"prompt": [{"role": "user", "content": r["prompt"]}], "answer": r["ground_truth"]}
                                          for r in rows])
    size = case["prompts"] * case["group"]
    times, lengths = {"gen": [], "step": []}, []

    class Timed(trl.GRPOTrainer):
        def _generate_and_score_completions(self, inputs):
            start = time.perf_counter()
            result = super()._generate_and_score_completions(inputs)
            times["gen"].append(time.perf_counter() - start)
            lengths.append(float(result["completion_mask"].sum()))
            return result

    class Clock(transformers.TrainerCallback):
        def on_step_begin(self, *args, **kwargs):
            self.start = time.perf_counter()

        def on_step_end(self, *args, **kwargs):
            times["step"].append(time.perf_counter() - self.start)

    config = trl.GRPOConfig(
        output_dir=folder, use_cpu=True, bf16=True, per_device_train_batch_size=size, num_generations=case["group"],
        max_completion_length=case["response"], temperature=1.0, beta=0.0, learning_rate=1e-6, max_steps=steps, logging_steps=1,
        save_strategy="no", report_to=[], gradient_checkpointing=False, disable_tqdm=True, loss_type="grpo", shuffle_dataset=True)

    def reward(completions, answer, **_):
        return [float(a in c[0]["content"].split()) for c, a in zip(completions, answer)]

    trainer = Timed(model=str(model), reward_funcs=reward, args=config, train_dataset=dataset,
                    processing_class=transformers.AutoTokenizer.from_pretrained(model), callbacks=[Clock()])
    trainer.train()
    assert len(times["gen"]) == len(times["step"]) == steps, times
    print(json.dumps([(g, s - g, n) for g, s, n in zip(times["gen"], times["step"], lengths)][1:]))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--cases", nargs="*", default=list(CASES), choices=list(CASES))
    parser.add_argument("--rlvr", default=str(REPO / "build/release/rlvr"))
    parser.add_argument("--only-trl", nargs=6, help=argparse.SUPPRESS)
    a = parser.parse_args()
    if a.only_trl:
        model, data, case, steps, folder, threads = a.only_trl
        return only_trl(model, data, json.loads(case), int(steps), folder, int(threads))
    import torch
    import transformers
    import trl
    print(f"TRL {trl.__version__}, transformers {transformers.__version__}, torch {torch.__version__}; {a.threads} threads; "
          f"medians of {a.rounds} x {a.steps - 1} steps\n")
    print("| case | | sampling | the rest | a step | sampled tokens | ms per token |\n|---|---|---|---|---|---|---|")
    for name in a.cases:
        case = CASES[name]
        with tempfile.TemporaryDirectory() as temporary:
            folder = pathlib.Path(temporary)
            model, data = folder / "model", folder / "prompts.jsonl"
            model.mkdir()
            make_model(model, case["prompt"] + case["response"] + 64)
            make_prompts(data, case, case["prompts"] * a.steps)
            rows = {"rlvr": [], "TRL": []}
            for _ in range(a.rounds):
                rows["rlvr"] += run_rlvr(a.rlvr, model, data, case, a.steps, folder, a.threads)
                rows["TRL"] += run_trl(model, data, case, a.steps, folder, a.threads)
        figures = {}
        for who, steps in rows.items():
            gen, rest, step, tokens, each = (statistics.median(column) for column in zip(
                *((g, r, g + r, n, 1000 * (g + r) / n) for g, r, n in steps)))
            figures[who] = (gen, rest, step, each)
            print(f"| {name}: {case['prompts']} x {case['group']} responses of {case['response']} on {case['prompt']} | {who} | "
                  f"{gen:.2f} s | {rest:.2f} s | {step:.2f} s | {tokens:.0f} | {each:.3f} |", flush=True)
        ratios = [t / r for t, r in zip(figures["TRL"], figures["rlvr"])]
        print(f"| {name} | times faster | {ratios[0]:.1f} | {ratios[1]:.1f} | {ratios[2]:.1f} | | {ratios[3]:.1f} |", flush=True)


if __name__ == "__main__":
    main()
