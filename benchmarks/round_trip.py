"""A model of Qwen2.5-0.5B's shape with random weights: made by transformers, trained for 5 steps on GSM8K by rlvr (with random
rewards, for it is never right; every weight, then LoRA), opened by transformers again, and the log-probs of what the last step
sampled compared.

    pip install torch transformers peft
    python3 benchmarks/round_trip.py --tokenizer DATA/tokenizers/qwen2.5 --prompts DATA/gsm8k/train.jsonl [--folder build/round_trip]

The last step samples from the checkpoint before it, so its recorded log-probs are those of a saved model: transformers loads that
checkpoint (fp32), computes them again, and the largest difference is printed, with each run's peak memory.
"""
import argparse
import json
import os
import pathlib
import resource
import shutil
import subprocess
import sys
import warnings

import torch
import transformers

root = pathlib.Path(__file__).resolve().parent.parent
rlvr = root / "build/release/rlvr"
STEPS = 5
CHAT = """{%- for message in messages %}{{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}{%- endfor %}
{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- endif %}"""


def make_model(folder, tokenizer_folder):
    if (folder / "model.safetensors").exists():
        return
    torch.manual_seed(0)
    config = transformers.Qwen2Config(
        vocab_size=151936, hidden_size=896, intermediate_size=4864, num_hidden_layers=24, num_attention_heads=14,
        num_key_value_heads=2, max_position_embeddings=32768, rope_parameters={"rope_type": "default", "rope_theta": 1e6},
        tie_word_embeddings=True, bos_token_id=151643, eos_token_id=151645)
    model = transformers.Qwen2ForCausalLM(config).to(torch.bfloat16)
    model.save_pretrained(folder)
    shutil.copy(tokenizer_folder / "tokenizer.json", folder / "tokenizer.json")
    (folder / "tokenizer_config.json").write_text(json.dumps(
        {"tokenizer_class": "Qwen2Tokenizer", "eos_token": "<|im_end|>", "pad_token": "<|endoftext|>",
         "chat_template": CHAT}, indent=2))


def train(name, folder, prompts, more):
    """Peak bytes of the run."""
    shutil.rmtree(folder / name, ignore_errors=True)
    overrides = (
        f"model={folder / 'model'} name={name} output={folder} compute=fp32 data.train={prompts} data.validation={prompts} "
        f"data.prompts_per_step=2 rollout.group_size=4 rollout.max_tokens=32 rollout.max_sequences=8 rollout.gen_prompts=0 "
        f"data.max_prompt_tokens=512 update.mini_batch_prompts=0 update.micro_batch_tokens=1 update.recompute=true "
        f"eval.every=0 eval.before=false eval.after=false trainer.steps={STEPS} "
        f"trainer.checkpoint_every={STEPS - 1} trainer.rollouts_every=1 trainer.keep_checkpoints=2").split()
    process = subprocess.Popen([rlvr, "train", "spurious_reward", *overrides, *more], cwd=root, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"rlvr train failed with status {status}")
    return usage.ru_maxrss * 1024


def largest_difference(model, tokenizer, lines):
    largest, tokens = 0.0, 0
    for line in lines:
        prompt = tokenizer(line["prompt"], add_special_tokens=False)["input_ids"]
        ids = torch.tensor([prompt + line["token_ids"]])
        with torch.no_grad():
            logp = torch.log_softmax(model(ids).logits[0].float(), dim=-1)
        for i, token in enumerate(line["token_ids"]):
            largest = max(largest, abs(logp[len(prompt) + i - 1, token].item() - line["logp"][i]))
            tokens += 1
    return largest, tokens


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--tokenizer", type=pathlib.Path, required=True)
    arguments.add_argument("--prompts", type=pathlib.Path, required=True)
    arguments.add_argument("--folder", type=pathlib.Path, default=root / "build/round_trip")
    a = arguments.parse_args()
    make_model(a.folder / "model", a.tokenizer)
    ok = True
    for name, more in (("full", []), ("lora", ["lora.rank=16", "lora.alpha=32", "update.lr=1e-3"])):
        peak = train(name, a.folder, a.prompts.resolve(), more)
        run = a.folder / name
        checkpoint = run / f"checkpoints/step_{STEPS - 1:06}/hf"
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            if name == "lora":
                import peft
                base = transformers.AutoModelForCausalLM.from_pretrained(a.folder / "model", dtype=torch.float32)
                model = peft.PeftModel.from_pretrained(base, checkpoint)
            else:
                model = transformers.AutoModelForCausalLM.from_pretrained(checkpoint, dtype=torch.float32)
            exported = transformers.AutoModelForCausalLM.from_pretrained(run / "model", dtype=torch.bfloat16)
            tokenizer = transformers.AutoTokenizer.from_pretrained(run / "model")
        lines = [json.loads(x) for x in (run / f"rollouts/step_{STEPS:06}.jsonl").read_text().splitlines()]
        largest, tokens = largest_difference(model, tokenizer, lines)
        metrics = [json.loads(x) for x in (run / "metrics.jsonl").read_text().splitlines()]
        moved = any(m.get("actor/grad_norm", 0) > 0 for m in metrics)
        print(f"{name:5} peak memory {peak / 2**30:.1f} GiB; {tokens} tokens of step {STEPS}: largest difference of a log-prob "
              f"{largest:.2e}; gradient {'moved weights' if moved else 'was 0'}; {exported.num_parameters() / 1e6:.1f} million "
              f"parameters exported; warnings: {len(caught)}")
        for warning in caught:
            print("      ", str(warning.message)[:200])
        ok = ok and largest < 1e-3 and peak < 16 * 2**30 and moved
    sys.exit(0 if ok else 1)


main()
