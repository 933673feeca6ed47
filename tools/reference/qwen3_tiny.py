#!/usr/bin/env python3
"""Makes tests/golden/qwen3_tiny: a random Qwen3 model as transformers saves it, and what
transformers and torch compute with it in double precision.

    pip install torch transformers
    tools/reference/qwen3_tiny.py tests/golden/qwen3_tiny

The reference: log-probs of every token of one sequence but the first, and the gradient of their sum
with respect to every weight.
"""
import json
import pathlib
import sys

import safetensors.torch
import torch
import transformers

folder = pathlib.Path(sys.argv[1])
torch.manual_seed(1)
config = transformers.Qwen3Config(
    vocab_size=37,
    hidden_size=16,
    intermediate_size=24,
    num_hidden_layers=2,
    num_attention_heads=4,
    num_key_value_heads=2,
    head_dim=8,
    max_position_embeddings=64,
    rope_theta=1000000.0,
    rms_norm_eps=1e-6,
    tie_word_embeddings=False,
    bos_token_id=1,
    eos_token_id=2,
    attn_implementation="eager",
)
model = transformers.Qwen3ForCausalLM(config)
with torch.no_grad():
    for name, parameter in model.named_parameters():
        random = torch.randn_like(parameter)
        parameter.copy_(1 + 0.3 * random if parameter.ndim == 1 else 0.35 * random)
model.save_pretrained(folder)  # in fp32, as it is

model = model.double()
tokens = torch.randint(0, config.vocab_size, (1, 40))
logp = torch.log_softmax(model(tokens).logits[0, :-1], dim=-1)
logp = logp.gather(1, tokens[0, 1:, None])[:, 0]
logp.sum().backward()
reference = {"tokens": tokens[0], "logp": logp.detach().float()}
for name, parameter in model.named_parameters():
    reference["gradient." + name] = parameter.grad.float()
safetensors.torch.save_file(
    {k: v.contiguous() for k, v in reference.items()}, folder / "reference.safetensors"
)
versions = {"torch": torch.__version__, "transformers": transformers.__version__}
(folder / "versions.json").write_text(json.dumps(versions, indent=2) + "\n")
