#!/usr/bin/env python3
"""Makes tests/golden/NAME: a random LoRA adapter as PEFT saves it, on the model of tests/golden/BASE, and the logits that PEFT
computes with both in double precision (reference.safetensors: tokens [T], logits [T, V]).

    pip install torch transformers peft
    tools/reference/peft_adapter.py tests/golden qwen2 qwen2_adapter
"""
import json
import pathlib
import sys

import peft
import safetensors.torch
import torch
import transformers

root, base, name = pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3]
torch.manual_seed(2)
model = transformers.AutoModelForCausalLM.from_pretrained(root / base, attn_implementation="eager")
model = peft.get_peft_model(model, peft.LoraConfig(
    task_type="CAUSAL_LM", r=4, lora_alpha=10, use_rslora=True, target_modules=["q_proj", "v_proj", "gate_proj", "down_proj"]))
with torch.no_grad():
    for parameter_name, parameter in model.named_parameters():
        if "lora_" in parameter_name:
            parameter.copy_(0.2 * torch.randn_like(parameter))
model.save_pretrained(root / name)
(root / name / "README.md").unlink(missing_ok=True)
path = root / name / "adapter_config.json"
config = json.loads(path.read_text())
config["base_model_name_or_path"] = base
config["target_modules"] = sorted(config["target_modules"])
path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
tokens = torch.randint(0, 37, (30,))
logits = model.double()(tokens[None]).logits[0].detach().float()
safetensors.torch.save_file({"tokens": tokens, "logits": logits}, root / name / "reference.safetensors")
