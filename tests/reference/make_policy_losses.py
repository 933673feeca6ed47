#!/usr/bin/env python3
"""Makes tests/reference/policy_losses.json: values and gradients of policy losses, computed in double
precision by the public code of others on random batches. src/objective/policy_loss/reference_test.cc
holds our losses against it. Nothing of that code is kept here: give the checkouts' folders.

    pip install torch numpy
    tests/reference/make_policy_losses.py --verl verl --trl trl --luffy LUFFY --rl-plus RL-PLUS \\
        --calib-rl CalibRL > tests/reference/policy_losses.json

verl and the repositories built on it import far more than a loss needs; modules that it does not
need are replaced by empty ones before theirs are loaded.
"""
import argparse
import ast
import collections
import contextlib
import importlib.util
import json
import pathlib
import subprocess
import sys
import types
from unittest import mock

import numpy as np
import torch

L = 7  # padded response length


def module(name, path=None, **attributes):
    m = types.ModuleType(name)
    if path is not None:
        m.__path__ = [str(path)]
    for key, value in attributes.items():
        setattr(m, key, value)
    sys.modules[name] = m
    return m


def load(name, path):
    spec = importlib.util.spec_from_file_location(name, path)
    m = importlib.util.module_from_spec(spec)
    sys.modules[name] = m
    spec.loader.exec_module(m)
    return m


class Settings(dict):
    """Stands for verl's ActorConfig: attributes, and get()."""

    __getattr__ = dict.__getitem__


def prepare_verl(folder):
    module("omegaconf", DictConfig=dict)
    module("tensordict", TensorDict=dict)
    module("transformers", PreTrainedTokenizer=object)
    module("verl", folder / "verl")
    module("verl.utils", folder / "verl/utils", as_torch_index=None, group_mean_std=None)
    module("verl.utils.device", get_device_name=None, get_torch_device=None)
    module("verl.utils.import_utils", deprecated=lambda *a, **k: lambda f: f)
    module("verl.protocol", DataProto=object)
    module("verl.trainer", folder / "verl/trainer")
    module("verl.trainer.config", AlgoConfig=type("AlgoConfig", (), {}))
    module("verl.trainer.config.algorithm", RolloutCorrectionConfig=object)
    module("verl.workers", folder / "verl/workers")
    module("verl.workers.config", ActorConfig=Settings)
    module("verl.workers.config.actor", PolicyLossConfig=object)
    sys.modules["verl.utils"].torch_functional = load(
        "verl.utils.torch_functional", folder / "verl/utils/torch_functional.py"
    )
    core = load("verl_core_algos", folder / "verl/trainer/ppo/core_algos.py")
    correction = load("verl_rollout_corr", folder / "verl/trainer/ppo/rollout_corr_helper.py")
    return core, correction


def make_batch(seed, groups, holes=(), empty_rows=(), expert_rows=(), row_advantages=True, stale=0.0, spread=0.5):
    """Rows of ragged lengths, padded to L. holes: (row, position) of masked tokens inside."""
    g = torch.Generator().manual_seed(seed)
    normal = lambda *shape: torch.randn(*shape, generator=g, dtype=torch.float64)
    lengths = [n for group in groups for n in group]
    S = len(lengths)
    length_mask = (torch.arange(L)[None, :] < torch.tensor(lengths)[:, None]).double()
    mask = length_mask.clone()
    for row, position in holes:
        mask[row, position] = 0
    for row in empty_rows:
        mask[row] = 0
    logp = -torch.exp(normal(S, L))
    logp_old = torch.clamp(logp + spread * normal(S, L), max=-1e-3)
    behaviour = torch.clamp(logp_old + stale * normal(S, L), max=-1e-3) if stale else logp_old.clone()
    adv = normal(S, 1).expand(S, L).clone() if row_advantages else normal(S, L)
    right = (torch.rand(S, generator=g) < 0.5).tolist()
    return {
        "groups": groups,
        "lengths": lengths,
        "index": np.array([i for i, group in enumerate(groups) for _ in group]),
        "length_mask": length_mask,
        "mask": mask,
        "logp": logp,
        "logp_old": logp_old,
        "logp_ref": torch.clamp(logp + 0.3 * normal(S, L), max=-1e-3),
        "behaviour": behaviour,
        "adv": adv,
        "right": right,
        "reward": [float(r) for r in right],
        "foreign": [row in expert_rows for row in range(S)],
    }


def flat(batch, x):
    """[S][L] -> the tokens of the rows, one after another."""
    return [v for row, n in zip(x.tolist(), batch["lengths"]) for v in row[:n]]


class Writer:
    def __init__(self):
        self.batches, self.cases = {}, []

    def add_batch(self, name, batch):
        self.batches[name] = {
            "lengths": batch["groups"],
            "right": [int(r) for r in batch["right"]],
            "foreign": [int(f) for f in batch["foreign"]],
            **{k: flat(batch, batch[k]) for k in ("mask", "logp", "logp_old", "logp_ref", "behaviour", "adv")},
        }
        return batch

    def add(self, source, batch_name, batch, ours, loss_of, token_weight="[]", regularizer="[]"):
        logp = batch["logp"].clone().requires_grad_(True)
        loss = loss_of(logp)
        (gradient,) = torch.autograd.grad(loss, logp)
        self.cases.append(
            {
                "source": source,
                "batch": batch_name,
                "policy_loss": ours,
                "token_weight": token_weight,
                "regularizer": regularizer,
                "loss": loss.item(),
                "gradient": flat(batch, gradient * batch["length_mask"]),
            }
        )


def verl_cases(w, folder, batches):
    core, correction = prepare_verl(folder)

    def settings(low, high, c=3.0, **more):
        policy_loss = Settings(
            clip_cov_ratio=more.pop("clip_cov_ratio", None),
            clip_cov_lb=more.pop("clip_cov_lb", None),
            clip_cov_ub=more.pop("clip_cov_ub", None),
        )
        return Settings(
            clip_ratio=0.2, clip_ratio_low=low, clip_ratio_high=high, clip_ratio_c=c,
            global_batch_info=more, policy_loss=policy_loss,
        )  # fmt: skip

    def call(name, batch, mode, config, logp, old="logp_old", weights=None, mask=None):
        loss, _ = core.get_policy_loss_fn(name)(
            old_log_prob=batch[old],
            log_prob=logp,
            advantages=batch["adv"],
            response_mask=batch["mask"] if mask is None else mask,
            loss_agg_mode=mode,
            config=config,
            rollout_is_weights=weights,
        )
        return loss

    modes = {
        "token-mean": "token_mean",
        "seq-mean-token-sum": "seq_mean_token_sum",
        "seq-mean-token-mean": "seq_mean_token_mean",
        "seq-mean-token-sum-norm": f"token_sum, constant: {L}",
    }
    for name in ("tokens", "rows"):
        b = batches[name]
        for mode, ours in modes.items():
            w.add(f"verl vanilla {mode}", name, b,
                  f"{{name: decoupled_clip, eps_low: 0.2, eps_high: 0.28, clip_ratio_c: 3, aggregate: {ours}}}",
                  lambda logp: call("vanilla", b, mode, settings(0.2, 0.28), logp))  # fmt: skip
        w.add("verl vanilla symmetric", name, b, "{name: ppo_clip, eps: 0.1, clip_ratio_c: 2, aggregate: token_mean}",
              lambda logp: call("vanilla", b, "token-mean", settings(0.1, 0.1, 2.0), logp))  # fmt: skip
        for low, high in ((0.2, 0.28), (1.0, 0.5)):
            w.add("verl cispo", name, b, f"{{name: cispo, eps_low: {low}, eps_high: {high}, aggregate: token_mean}}",
                  lambda logp: call("cispo", b, "token-mean", settings(low, high), logp))  # fmt: skip
        w.add("verl clip_cov, every candidate", name, b,
              "{name: decoupled_clip, eps_low: 0.2, eps_high: 0.28, aggregate: token_mean}",
              lambda logp: call("clip_cov", b, "token-mean",
                                settings(0.2, 0.28, clip_cov_ratio=1.0, clip_cov_lb=0.3, clip_cov_ub=5.0), logp),
              token_weight="[{name: clip_cov, ratio: 1, lb: 0.3, ub: 5, eps_low: 0.2, eps_high: 0.28}]")  # fmt: skip
        w.add("verl gspo", name, b,
              "{name: gspo_token, eps_low: 0.1, eps_high: 0.15, aggregate: seq_mean_token_mean}",
              lambda logp: call("gspo", b, "seq-mean-token-mean", settings(0.1, 0.15), logp))  # fmt: skip
    w.add("verl geo_mean", "full", batches["full"], "{name: gmpo, eps_low: 0.3, eps_high: 0.4}",
          lambda logp: call("geo_mean", batches["full"], None, settings(0.3, 0.4), logp))  # fmt: skip
    w.add("verl sapo", "tokens", batches["tokens"],
          "{name: sapo, tau_pos: 1, tau_neg: 1.05, aggregate: seq_mean_token_mean}",
          lambda logp: call("sapo", batches["tokens"], None,
                            Settings(tau_pos=1.0, tau_neg=1.05, global_batch_info={}), logp))  # fmt: skip
    b = batches["rows"]  # one advantage a response: GSPO and GSPO-token have one gradient
    w.add("verl gspo", "rows", b, "{name: gspo, eps_low: 0.1, eps_high: 0.15, aggregate: seq_mean_token_mean}",
          lambda logp: call("gspo", b, "seq-mean-token-mean", settings(0.1, 0.15), logp))  # fmt: skip
    w.add("verl reinforce", "rows", b, "{name: reinforce, aggregate: seq_mean_token_sum}",
          lambda logp: core.compute_policy_loss_reinforce(
              b["logp_old"], logp, b["adv"], b["mask"], config=settings(0.2, 0.2))[0])  # fmt: skip

    b = batches["full"]  # verl counts rewards of rows without a token, we do not
    rewards = torch.zeros_like(b["mask"])
    rewards[:, 0] = torch.tensor(b["reward"], dtype=torch.float64)
    scaled, _ = core.compute_gpg_outcome_advantage(rewards, torch.ones_like(b["mask"]), b["index"])
    centred = dict(b, adv=group_centred(b))
    w.add_batch("centred", centred)
    w.add("verl gpg", "centred", centred, "{name: gpg, alpha_by: scores, aggregate: token_mean}",
          lambda logp: call("gpg", dict(b, adv=scaled), "token-mean", settings(0.2, 0.2), logp))  # fmt: skip

    # Our logp_old is what sampled (verl's rollout), our behaviour column the policy before its
    # updates (verl's old).
    b = batches["stale"]
    ratio = b["behaviour"] - b["logp_old"]
    for level in ("token", "sequence"):
        weights, _ = correction.compute_rollout_correction_weights(ratio, b["mask"], level, 2.0)
        w.add(f"verl vanilla, truncated {level} weights", "stale", b,
              f"{{name: truncated_is, level: {level}, C: 2, eps_low: 0.2, eps_high: 0.28, aggregate: token_mean}}",
              lambda logp: call("vanilla", b, "token-mean", settings(0.2, 0.28, 1e9), logp, "behaviour",
                                weights))  # fmt: skip
    for option, bounds in (("token_k1", "0.6_1.5"), ("token_k2", "0.1"), ("token_k3", "0.1"),
                           ("seq_sum_k1", "0.5_1.6"), ("seq_mean_k1", "0.9_1.1"), ("seq_mean_k3", "0.06"),
                           ("seq_max_k2", "0.3"), ("seq_max_k3", "0.2")):  # fmt: skip
        mask, _ = correction.compute_rollout_rejection_mask(ratio, b["mask"], option, bounds)
        if not 0 < mask.sum() < b["mask"].sum():
            raise SystemExit(f"{option}: choose bounds that reject something")
        low, high = ([float(x) for x in bounds.split("_")] + [0.0])[:2] if "_" in bounds else (0.0, float(bounds))
        level, kind = option.rsplit("_", 1)
        w.add(f"verl vanilla, rejection {option}", "stale", b,
              "{name: truncated_is, C: 1000000, level: token, eps_low: 0.2, eps_high: 0.28, aggregate: token_mean}",
              lambda logp: call("vanilla", b, "token-mean", settings(0.2, 0.28, 1e9), logp, "behaviour",
                                torch.exp(ratio), mask),
              token_weight=f"[{{name: rejection, level: {level}, kind: {kind}, low: {low}, high: {high}}}]")  # fmt: skip


def group_centred(batch):
    reward = torch.tensor(batch["reward"], dtype=torch.float64)
    adv = torch.zeros_like(reward)
    for i in set(batch["index"].tolist()):
        members = torch.from_numpy(batch["index"] == i)
        adv[members] = reward[members] - reward[members].mean()
    return adv[:, None].expand(-1, L).clone()


def trl_cases(w, folder, batches):
    tree = ast.parse((folder / "trl/trainer/grpo_trainer.py").read_text())
    trainer = next(n for n in tree.body if isinstance(n, ast.ClassDef) and n.name == "GRPOTrainer")
    method = next(n for n in trainer.body if isinstance(n, ast.FunctionDef) and n.name == "_compute_loss")
    scope = {"torch": torch, "nanmin": torch.min, "nanmax": torch.max}
    exec(compile(ast.Module([method], []), "grpo_trainer.py", "exec"), scope)

    def loss_of(batch, loss_type, level="token", beta=0.0, delta=None, eps_high=0.28):
        def loss(logp):
            self = mock.MagicMock()
            self.loss_type, self.importance_sampling_level, self.beta = loss_type, level, beta
            self.epsilon_low, self.epsilon_high, self.max_completion_length = 0.2, eps_high, 9
            self.args.delta, self.args.use_bias_correction_kl = delta, False
            self.args.sapo_temperature_pos, self.args.sapo_temperature_neg = 0.8, 1.3
            self.aux_loss_enabled = self._entropy_bonus_enabled = self.use_vllm = False
            self.top_entropy_quantile, self.off_policy_mask_threshold = 1.0, None
            self.current_gradient_accumulation_steps, self.accelerator.num_processes = 1, 1
            self.accelerator.gather = lambda x: x
            self.accelerator.reduce = lambda x, reduction: x
            self._metrics = collections.defaultdict(lambda: collections.defaultdict(list))
            self._get_per_token_logps_and_entropies.return_value = (logp, torch.zeros_like(logp), None)
            ids = torch.zeros_like(batch["mask"], dtype=torch.long)
            return scope["_compute_loss"](
                self,
                None,
                {
                    "prompt_ids": ids, "prompt_mask": ids, "completion_ids": ids,
                    "completion_mask": batch["mask"], "advantages": batch["adv"][:, 0],
                    "old_per_token_logps": batch["logp_old"], "ref_per_token_logps": batch["logp_ref"],
                    "num_items_in_batch": batch["mask"].sum(),
                },
            )  # fmt: skip

        return loss

    b = batches["full"]  # TRL counts empty rows
    clip = "{name: decoupled_clip, eps_low: 0.2, eps_high: 0.28, "
    for loss_type, ours in (
        ("grpo", "aggregate: seq_mean_token_mean}"),
        ("bnpo", "aggregate: token_mean}"),
        ("dr_grpo", "aggregate: token_sum_norm, constant: 9}"),
        ("dapo", "aggregate: token_mean}"),
    ):
        w.add(f"TRL {loss_type}", "full", b, clip + ours, loss_of(b, loss_type))
    w.add("TRL grpo with delta", "full", b, clip + "clip_ratio_c: 1.5, aggregate: seq_mean_token_mean}",
          loss_of(b, "grpo", delta=1.5))  # fmt: skip
    w.add("TRL grpo with beta", "full", b, clip + "aggregate: seq_mean_token_mean}", loss_of(b, "grpo", beta=0.04),
          regularizer="[{name: kl, kind: k3, beta: 0.04}]")  # fmt: skip
    w.add("TRL cispo", "full", b, "{name: cispo, eps_low: 1, eps_high: 0.5, aggregate: token_mean}",
          loss_of(b, "cispo", eps_high=1.5))  # fmt: skip
    w.add("TRL sapo", "full", b, "{name: sapo, tau_pos: 0.8, tau_neg: 1.3, aggregate: seq_mean_token_mean}",
          loss_of(b, "sapo"))  # fmt: skip
    w.add("TRL grpo of sequences", "full", b,
          "{name: gspo, eps_low: 0.2, eps_high: 0.28, aggregate: seq_mean_token_mean}",
          loss_of(b, "grpo", level="sequence"))  # fmt: skip


def expert_cases(w, batches, luffy, rl_plus, calib_rl):
    b = batches["expert"]
    foreign = torch.tensor(b["foreign"])
    tokens = foreign[:, None].expand(-1, L)
    mix = load("luffy_mix", luffy / "luffy/verl/verl/mix_src/mix_core_alg.py")
    plus = load("rl_plus_alg", rl_plus / "rl_plus/verl/verl/recipe/rlplus_core_alg.py")
    guided = load("calib_rl_algos", calib_rl / "src/core_algos.py")

    def on_off(f, clip, **more):
        return lambda logp: f(
            b["logp_old"], logp, b["adv"], b["mask"], 0.2, 1.2, tokens,
            loss_remove_token_mean=True, loss_remove_clip=not clip, **more,
        )["pg_loss"]  # fmt: skip

    for clip, bounds in ((False, ""), (True, ", eps_low: 0.2, eps_high: 0.2")):
        tail = f"{bounds}, aggregate: token_sum, constant: {L}}}"
        w.add("LUFFY", "expert", b, "{name: luffy, gamma: 0.1" + tail,
              on_off(mix.compute_token_on_off_policy_loss, clip, off_cliprange=None,
                     off_policy_reshape="p_div_p_0.1"))  # fmt: skip
        w.add("RL-PLUS", "expert", b, "{name: rl_plus, gamma: 0.5" + tail,
              on_off(plus.compute_token_on_off_policy_loss, clip, off_policy_strategy="RL-PLUS"))  # fmt: skip

    # The expert's rows are out of CalibRL's denominators: out of our mask.
    c = dict(b, mask=b["mask"] * (~tokens))
    w.add_batch("calibration", c)
    expert_logp = torch.zeros_like(c["logp"])
    for i in set(c["index"].tolist()):
        members = np.flatnonzero(c["index"] == i)
        for e in members:
            if foreign[e]:
                expert_logp[members] = c["logp_old"][e] * c["length_mask"][e]
    right = torch.tensor(c["right"])[:, None].expand(-1, L)

    def calibrated(logp):
        r = guided.compute_mix_policy_loss(
            c["logp_old"], logp, expert_logp, c["adv"], c["length_mask"], tokens, right,
            cliprange=0.2, mix_policy_loss="expert-guided",
        )  # fmt: skip
        return r["pg_loss"] + 0.1 * r["guided_loss"]

    w.add("CalibRL", "calibration", c, "{name: calib_rl, lambda: 0.1, slope: 0.5, aggregate: token_mean}", calibrated)


def commit_of(folder):
    return subprocess.run(["git", "-C", folder, "rev-parse", "HEAD"], capture_output=True, text=True).stdout.strip()


def main():
    parser = argparse.ArgumentParser()
    for name in ("verl", "trl", "luffy", "rl-plus", "calib-rl"):
        parser.add_argument("--" + name, type=pathlib.Path, required=True)
    a = parser.parse_args()
    w = Writer()
    groups = [[5, 3, 7], [2, 6, 4, 1]]
    batches = {
        "rows": w.add_batch("rows", make_batch(1, groups, holes=[(0, 2), (2, 0)], empty_rows=[5])),
        "tokens": w.add_batch("tokens", make_batch(2, groups, holes=[(2, 3)], row_advantages=False, spread=0.8)),
        "full": w.add_batch("full", make_batch(3, groups, holes=[(4, 1)])),
        "stale": w.add_batch("stale", make_batch(4, groups, holes=[(0, 1)], stale=0.4, spread=0.3)),
        "expert": w.add_batch("expert", make_batch(5, groups, expert_rows=[2, 4])),
    }
    with contextlib.redirect_stdout(sys.stderr):  # some of them print
        verl_cases(w, a.verl, batches)
        trl_cases(w, a.trl, batches)
        expert_cases(w, batches, a.luffy, a.rl_plus, a.calib_rl)
    for c in w.cases:
        if not any(g != 0 for g in c["gradient"]):
            raise SystemExit(f"{c['source']}: no gradient, nothing would be tested")
    sources = {name: commit_of(getattr(a, name.replace("-", "_"))) for name in ("verl", "trl", "luffy", "rl-plus", "calib-rl")}
    rounded = json.loads(json.dumps({"commits": sources, "torch": torch.__version__, "batches": w.batches, "cases": w.cases}),
                         parse_float=lambda x: float(f"{float(x):.13g}"))  # fmt: skip
    print(json.dumps(rounded, separators=(",", ":")).replace('{"source"', '\n{"source"'))


main()
