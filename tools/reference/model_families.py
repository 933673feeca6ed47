#!/usr/bin/env python3
"""Makes tests/golden/NAME for every model family: a tiny random model as transformers saves it, and what transformers and torch
compute with it in double precision, the angles of RoPE too.

    pip install torch transformers
    tools/reference/model_families.py tests/golden [NAME ...]

The reference (reference.safetensors): a batch of a short and a long sequence, padded on the right with a mask; tokens [2, T] with -1
where padded; the logits [n, V] of the last rows of each sequence; the log-probs of every token but the first; the gradient of
their sum with respect to every weight. Long sequences pass original_max_position_embeddings and the sliding window.
"""
import json
import pathlib
import sys

import safetensors.torch
import torch
import transformers

LOGIT_ROWS = 8  # of each sequence
common = dict(vocab_size=37, hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=4,
              num_key_value_heads=2, bos_token_id=1, eos_token_id=2, rms_norm_eps=1e-6, tie_word_embeddings=False,
              attn_implementation="eager")
T = transformers
families = {
    "qwen3_tiny": (T.Qwen3Config, T.Qwen3ForCausalLM, dict(
        head_dim=8, max_position_embeddings=64, rope_parameters={"rope_type": "default", "rope_theta": 1e6}), 40),
    "qwen3_bias": (T.Qwen3Config, T.Qwen3ForCausalLM, dict(
        head_dim=8, max_position_embeddings=64, attention_bias=True, tie_word_embeddings=True,
        use_sliding_window=True, sliding_window=9, max_window_layers=1), 40),
    "qwen2": (T.Qwen2Config, T.Qwen2ForCausalLM, dict(
        max_position_embeddings=64, tie_word_embeddings=True,
        rope_parameters={"rope_type": "default", "rope_theta": 1e6}), 40),
    "qwen2_yarn": (T.Qwen2Config, T.Qwen2ForCausalLM, dict(
        max_position_embeddings=32,
        rope_parameters={"rope_type": "yarn", "rope_theta": 1e4, "factor": 4.0,
                         "original_max_position_embeddings": 32}), 110),
    "llama3": (T.LlamaConfig, T.LlamaForCausalLM, dict(
        head_dim=12, max_position_embeddings=128,
        rope_parameters={"rope_type": "llama3", "rope_theta": 5e3, "factor": 8.0, "low_freq_factor": 1.0,
                         "high_freq_factor": 4.0, "original_max_position_embeddings": 64}), 110),
    "llama_linear": (T.LlamaConfig, T.LlamaForCausalLM, dict(
        max_position_embeddings=96, attention_bias=True,
        rope_parameters={"rope_type": "linear", "rope_theta": 1e4, "factor": 2.5}), 90),
    "mistral": (T.MistralConfig, T.MistralForCausalLM, dict(
        max_position_embeddings=128, sliding_window=21,
        rope_parameters={"rope_type": "default", "rope_theta": 1e4}), 70),
}


def rotate_in_double(model):
    """transformers makes the frequencies and angles of RoPE in fp32, in a double model too: 2e-5 off after 90 positions."""
    rope = model.model.rotary_emb
    fp32, torch.float, torch.float32 = torch.float32, torch.double, torch.double
    try:
        exact = type(rope)(model.config)
    finally:
        torch.float, torch.float32 = fp32, fp32
    assert exact.inv_freq.dtype == torch.double

    def forward(x, position_ids, *_):
        angles = position_ids[..., None].double() * exact.inv_freq
        angles = torch.cat((angles, angles), dim=-1)
        return angles.cos() * exact.attention_scaling, angles.sin() * exact.attention_scaling

    rope.forward = forward


def make(folder, config_class, model_class, options, length):
    torch.manual_seed(1)
    config = config_class(**{**common, **options})
    model = model_class(config)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            random = torch.randn_like(parameter)
            parameter.copy_(0.3 * random if name.endswith("bias") else
                            1 + 0.3 * random if parameter.ndim == 1 else 0.35 * random)
    model.save_pretrained(folder)  # in fp32, as it is
    model = model.double()
    rotate_in_double(model)
    lengths = [length, length - 8]  # padding rows of a window still see a token: transformers makes NaN of none
    tokens = torch.randint(0, config.vocab_size, (2, length))
    mask = torch.zeros(2, length, dtype=torch.long)
    for row, n in enumerate(lengths):
        mask[row, :n] = 1
    logits = model(tokens.masked_fill(mask == 0, 0), attention_mask=mask).logits
    logp = torch.log_softmax(logits[:, :-1], dim=-1).gather(2, tokens[:, 1:, None])[:, :, 0]
    scored = (mask[:, :-1] * mask[:, 1:]).bool()
    logp[scored].sum().backward()
    reference = {
        "tokens": tokens.masked_fill(mask == 0, -1),
        "logp": logp.detach().masked_fill(~scored, 0).float(),
        "logits": torch.stack([logits.detach()[row, n - LOGIT_ROWS:n] for row, n in enumerate(lengths)]).float(),
    }
    for name, parameter in model.named_parameters():
        reference["gradient." + name] = parameter.grad.float()
    safetensors.torch.save_file({k: v.contiguous() for k, v in reference.items()}, folder / "reference.safetensors")
    versions = {"torch": torch.__version__, "transformers": transformers.__version__}
    (folder / "versions.json").write_text(json.dumps(versions, indent=2) + "\n")


names = sys.argv[2:] or families
for name in names:
    make(pathlib.Path(sys.argv[1]) / name, *families[name])
