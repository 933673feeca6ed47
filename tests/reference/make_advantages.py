"""Writes advantages.json: what public implementations make of random batches, in float64.

The public code is imported from checkouts, nothing of it is here:

  git clone https://github.com/volcengine/verl      verl    # b178a3cd56f58b2d502255daba591e92833930a7
  git clone https://github.com/xvolcano02/UCAS      ucas    # b122ff2
  git clone https://github.com/RTkenny/RiskPO       riskpo  # 65ec40c
  python make_advantages.py verl ucas riskpo advantages.json

Needs torch and numpy. Modules that the files import and that have no part in the numbers are replaced
by empty ones. src/objective/advantage/reference_test.cc compares.
"""

import importlib.util
import json
import sys
import types

import numpy as np
import torch

torch.set_default_dtype(torch.float64)


class Stub(types.ModuleType):
    """A module of which any name can be imported; classes and decorators do nothing."""

    __path__ = []

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        if name == "deprecated":
            return lambda *a, **k: lambda f: f
        return type(name, (), {})


def load(root, name):
    """core_algos.py of a verl tree, with that tree's torch_functional.py."""
    for module in [
        "omegaconf", "tensordict", "transformers", "verl", "verl.utils", "verl.utils.import_utils",
        "verl.utils.device", "verl.trainer", "verl.trainer.config", "verl.workers", "verl.workers.config",
    ]:  # fmt: skip
        sys.modules[module] = Stub(module)
        parent, _, child = module.rpartition(".")
        if parent:
            setattr(sys.modules[parent], child, sys.modules[module])

    def from_file(path, module):
        spec = importlib.util.spec_from_file_location(module, f"{root}/{path}")
        loaded = importlib.util.module_from_spec(spec)
        sys.modules[module] = loaded
        spec.loader.exec_module(loaded)
        return loaded

    functional = from_file("verl/utils/torch_functional.py", "verl.utils.torch_functional")
    sys.modules["verl.utils"].torch_functional = functional
    return from_file("verl/trainer/ppo/core_algos.py", f"{name}_core_algos")


class Batch:
    """Rows in groups, padded to [B, T]; a row's reward lies on its last token."""

    def __init__(self, rng, sizes, binary):
        self.sizes = sizes
        rows = sum(sizes)
        self.lengths = rng.integers(1, 7, rows).tolist()
        self.index = np.repeat(np.arange(len(sizes)), sizes)
        reward = rng.integers(0, 2, rows).astype(float) if binary else rng.normal(size=rows).round(4)
        self.reward = torch.tensor(reward)
        shape = (rows, max(self.lengths))
        self.mask = torch.zeros(shape)
        for row, length in enumerate(self.lengths):
            self.mask[row, :length] = 1
        column = lambda: torch.tensor(rng.normal(size=shape).round(4)) * self.mask
        self.token_reward, self.value = column(), column()
        self.certainty, self.logit = column() + 2 * self.mask, column()
        self.logp_old = torch.tensor(-rng.exponential(size=shape).round(4)) * self.mask
        self.sum_p2 = torch.tensor(rng.uniform(0.1, 1, size=shape).round(4)) * self.mask
        self.outcome = torch.zeros(shape)
        for row, length in enumerate(self.lengths):
            self.outcome[row, length - 1] = self.reward[row]

    def flat(self, column):
        return [float(f"{v:.9g}") for row, n in zip(column.tolist(), self.lengths) for v in row[:n]]

    def inputs(self):
        out = {"sizes": self.sizes, "lengths": self.lengths, "reward": self.reward.tolist()}
        for name in ["token_reward", "value", "certainty", "logit", "logp_old", "sum_p2"]:
            out[name] = self.flat(getattr(self, name))
        return out


class Config(dict):
    __getattr__ = dict.__getitem__


def outputs(b, verl, ucas, riskpo):
    common = dict(token_level_rewards=b.outcome, response_mask=b.mask, index=b.index)
    out = {}

    def add(name, fields):
        out[name] = b.flat(fields[0])

    def copy():  # the public code writes into its arguments
        return {**common, "token_level_rewards": b.outcome.clone()}

    add("group_normalized", verl.compute_grpo_outcome_advantage(**copy()))
    add("rloo", verl.compute_rloo_outcome_advantage(**copy()))
    add("rloo_vectorized", verl.compute_rloo_vectorized_outcome_advantage(**copy()))
    add("opo", verl.compute_opo_outcome_advantage(**copy()))
    add("reinforce_plus_plus_baseline", verl.compute_reinforce_plus_plus_baseline_outcome_advantage(**copy()))
    for gamma in [1.0, 0.9]:
        add(
            f"reinforce_plus_plus {gamma}",
            verl.compute_reinforce_plus_plus_outcome_advantage(
                b.outcome + b.token_reward, b.mask, config=Config(gamma=gamma)
            ),
        )
    for gamma, lam in [(1.0, 0.95), (0.9, 0.7)]:
        fields = verl.compute_gae_advantage_return(b.outcome + b.token_reward, b.value, b.mask, gamma, lam)
        add(f"gae {gamma} {lam}", fields)
        add(f"gae_target {gamma} {lam}", fields[1:])
    for zero_tail in [False, True]:
        fields = verl.compute_optimal_token_baseline_advantage(
            b.outcome + b.token_reward, b.mask, b.index, b.logp_old, b.sum_p2, handle_zero_tail=zero_tail
        )
        add(f"optimal_token_baseline {str(zero_tail).lower()}", fields)
    if min(b.sizes) > 1:
        # With a group of one the public code takes the sum of certainties as it is.
        shaped = ucas.compute_ucas_advantage(b.outcome.clone(), b.certainty, b.logit, b.mask, b.index)
        add("ucas", shaped)
        for by_std in [True, False]:
            config = Config(norm_adv_by_std_in_grpo=by_std)
            fields = verl.compute_grpo_passk_outcome_advantage(**copy(), config=config)
            add(f"best_of_group {str(by_std).lower()}", fields)
        # Two bundles; the public code reads the groups of one in the order of their names.
        size = len(b.sizes) // 2
        bundle = np.where(b.index < size, "a", "b")
        for mode, base in [("std", True), ("sum-mean", False), ("uniform", True)]:
            for tracked in [None, (0.4, 1.7)]:
                config = Config(
                    quantile_down=0.2, quantile_up=0.8, credit_assign_mode=mode, use_q_track_mode="track",
                    use_mixing_risk_measure=True, w_mix=1.5, natural_baseline_adv=base,
                )  # fmt: skip
                down, up = tracked or (None, None)
                fields = riskpo.compute_grpo_bundle_rvar_outcome_advantage_quantile_tracking(
                    **copy(), bundle_uid=bundle, q_track_down=down, q_track_up=up, config=config
                )
                add(f"risk_po {mode} {str(base).lower()} {'tracked' if tracked else 'bundle'} {size}", fields)
    return out


def main():
    verl_root, ucas_root, riskpo_root, path = sys.argv[1:]
    verl, ucas, riskpo = load(verl_root, "verl"), load(ucas_root, "ucas"), load(riskpo_root, "riskpo")
    rng = np.random.default_rng(1)
    batches = [
        Batch(rng, [4, 4, 4, 4], False), Batch(rng, [4, 1, 3, 5], False), Batch(rng, [5, 5, 5, 5, 5, 5], True),
    ]  # fmt: skip
    result = [{"inputs": b.inputs(), "outputs": outputs(b, verl, ucas, riskpo)} for b in batches]
    with open(path, "w") as file:
        json.dump(result, file, separators=(",", ":"))
        file.write("\n")


if __name__ == "__main__":
    main()
