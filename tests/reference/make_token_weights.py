"""Writes token_weights.json: what public implementations make of small random batches, in float64.

The public code is imported from checkouts, nothing of it is here:

  git clone https://github.com/volcengine/verl                                verl     # b178a3cd5
  git clone https://github.com/zz-haooo/STEER                                 steer    # b31df71
  git clone https://github.com/CarlanLark/Lp-Reg-dev                          lp_reg   # 33b27e2
  git clone https://github.com/Linn3a/siren                                   siren    # fa59a8d
  git clone https://github.com/starriver030515/HAPO                           hapo     # 7671dde
  git clone https://github.com/WujiangXu/EPO                                  epo      # 5b6fa98
  git clone https://github.com/Shenzhi-Wang/Beyond-the-80-20-Rule-RLVR        forking  # 6f5dda6f
  git clone https://github.com/SkyworkAI/Skywork-OR1                          skywork  # 64e96af
  pip download --no-deps trinity-rft==0.6.0 && unzip trinity_rft-0.6.0-*.whl -d trinity
  python make_token_weights.py DIRECTORY_OF_THESE token_weights.json

Needs torch and numpy. Modules that the files import and that have no part in the numbers are
replaced by empty ones. src/objective/token_weight/reference_test.cc compares.
"""

import contextlib
import importlib.abc
import importlib.machinery
import importlib.util
import io
import json
import sys
import types

import numpy as np
import torch

torch.set_default_dtype(torch.float64)
root, target = sys.argv[1], sys.argv[2]


class Nothing:
    """A class, a decorator and a decorator's factory that do nothing."""

    def __init__(self, *args, **kwargs):
        pass

    def __call__(self, function=None, *args, **kwargs):
        return function


class Empty(types.ModuleType):
    __path__ = []

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (Nothing,), {})


class EmptyModules(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    packages = {"verl", "trinity", "omegaconf", "tensordict", "transformers", "flash_attn", "ray", "codetiming"}

    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in self.packages:
            return importlib.machinery.ModuleSpec(name, self, is_package=True)

    def create_module(self, spec):
        return Empty(spec.name)

    def exec_module(self, module):
        pass


sys.meta_path.insert(0, EmptyModules())


def load(tree, path, name):
    """One file of a tree, with the same tree's verl.utils.torch_functional and agg_loss."""

    def from_file(path, module):
        spec = importlib.util.spec_from_file_location(module, f"{root}/{path}")
        loaded = importlib.util.module_from_spec(spec)
        sys.modules[module] = loaded
        spec.loader.exec_module(loaded)
        return loaded

    for module in [m for m in sys.modules if m.split(".")[0] in EmptyModules.packages]:
        del sys.modules[module]
    if tree:
        import verl.utils

        verl.utils.torch_functional = from_file(f"{tree}/verl/utils/torch_functional.py", "verl.utils.torch_functional")
        if "core_algos" not in path:
            from_file(f"{tree}/verl/trainer/ppo/core_algos.py", "verl.trainer.ppo.core_algos")
    return from_file(path, name)


def load_all():
    core = "verl/trainer/ppo/core_algos.py"
    actor = "verl/workers/actor/dp_actor.py"
    code = types.SimpleNamespace()
    for tree in ["verl", "steer", "lp_reg", "hapo", "forking", "skywork"]:
        setattr(code, tree, load(tree, f"{tree}/{core}", tree))
    code.lp_reg_actor = load("lp_reg", f"lp_reg/{actor}", "lp_reg_actor").DataParallelPPOActor
    code.siren = load("siren/verl", f"siren/verl/{actor}", "siren_actor")
    code.epo = load("epo", f"epo/{actor}", "epo_actor").DataParallelPPOActor
    for name in ["clipb", "clipv"]:
        setattr(code, name, load("", f"trinity/trinity/algorithm/advantage_fn/{name}_advantage.py", name))
    return code


def short(values):
    return [float(f"{v:.9g}") for v in values]


class Batch:
    """Rows in groups, padded to [B, T]."""

    def __init__(self, rng, sizes):
        self.sizes = sizes
        rows = sum(sizes)
        self.lengths = rng.integers(2, 8, rows).tolist()
        shape = (rows, max(self.lengths))
        self.mask = torch.zeros(shape)
        for row, length in enumerate(self.lengths):
            self.mask[row, :length] = 1
        normal = lambda: torch.tensor(rng.normal(size=shape).round(4)) * self.mask
        self.logp_old = -(1.5 * normal().abs() + 0.02) * self.mask
        self.logp = torch.minimum(self.logp_old + 0.25 * normal(), torch.tensor(-0.001)) * self.mask
        self.logp_ref = self.logp_old + 0.4 * normal()
        self.entropy = (normal().abs() + 0.01) * self.mask
        self.nucleus_entropy = (1024 * normal().abs()).round() / 1024  # exact in float, which SIREN compares in
        self.q = torch.where(normal() > -0.8, self.logp + 0.3 * normal(), torch.tensor(-1e4))
        self.expected = 0.3 * normal()
        self.adv = normal()
        self.reward = torch.tensor(rng.integers(0, 2, rows).astype(float))
        self.index = np.repeat(np.arange(len(sizes)), sizes)

    def flat(self, column):
        return short(v for row, n in zip(column.tolist(), self.lengths) for v in row[:n])


COLUMNS = ["logp_old", "logp", "logp_ref", "entropy", "nucleus_entropy", "q", "expected", "adv"]


def outputs(b, code):
    out = {}

    def add(name, loss, logp=None, entropy=None):
        """loss(logp, entropy): minimised. Records -loss and -dloss/dlogp, -dloss/dentropy."""
        logp = (b.logp if logp is None else logp).clone().requires_grad_()
        entropy = (b.entropy if entropy is None else entropy).clone().requires_grad_()
        with contextlib.redirect_stdout(io.StringIO()):
            value = loss(logp, entropy)
        zero = torch.zeros_like(logp)
        d_logp, d_entropy = torch.autograd.grad(value + 0 * (logp.sum() + entropy.sum()), [logp, entropy])
        out[name] = {"objective": float(f"{-value.item():.10g}")}
        for key, gradient in [("logp", d_logp), ("entropy", d_entropy)]:
            if gradient.abs().max() > 0:
                out[name][key] = b.flat(zero - gradient)

    mean = lambda x: code.verl.agg_loss(x, b.mask, "token-mean")

    for kind in ["k1", "abs", "k2", "k3"]:
        add(f"kl {kind}", lambda logp, H, kind=kind: mean(code.verl.kl_penalty(logp, b.logp_ref, kind)))

    config = types.SimpleNamespace(
        clip_ratio=0.2,
        clip_ratio_low=1.0,
        clip_ratio_high=1.0,
        global_batch_info={},
        policy_loss=types.SimpleNamespace(
            clip_cov_ratio=0.9, clip_cov_ub=1.5, clip_cov_lb=0.2, kl_cov_ratio=0.2, ppo_kl_coef=0.7
        ),
    )
    cov = lambda name: lambda logp, H: getattr(code.verl, f"compute_policy_loss_{name}")(
        b.logp_old, logp, b.adv, b.mask, "token-mean", config
    )[0]
    add("clip_cov", cov("clip_cov"))  # a ratio that takes every candidate: nothing is random
    add("kl_cov", cov("kl_cov"))

    for linear in [False, True]:
        add(
            f"steer {'linear' if linear else 'exponential'}",
            lambda logp, H: code.steer.compute_policy_loss_with_entropy(
                b.logp_old, logp, b.adv, b.mask, H.detach(), 0.2, 0.2, 0.28, 10.0, "token-mean", 0.7, 1.1, linear
            )[0],
        )
    add(
        "lp_reg",
        lambda logp, H: code.lp_reg.compute_policy_loss_lp_reg(
            b.logp_old, logp, b.q, b.q, b.adv, b.mask, 0.2, 1.0, 9.0, "token-mean", 0, 0.5, 0.8, "low_var_kl"
        )[0],
    )
    for q in [0.8, 0.5]:
        add(
            f"hapo {q}",
            lambda logp, H: code.hapo.compute_policy_loss(
                b.logp_old, logp, b.adv, b.mask, 0.2, 0.2, 0.28, 10.0, "token-mean", q, True, 0.9, True, 0.8, H
            )[0],
        )
    for rho in [0.2, 0.5]:
        kept = code.forking.get_global_entropy_top_mask(b.entropy, b.mask, rho)
        plain = lambda logp, H: code.verl.compute_policy_loss(
            b.logp_old, logp, b.adv, kept.double(), 0.2, 0.2, 0.28, 10.0, "token-mean"
        )[0]
        add(f"forking_tokens {rho}", plain)

    # Clip_B and Clip_V: GRPO's advantages, and a mask; at ratio 1 the objective is its mean of A.
    for name, fields in [("clip_b", "clipb"), ("clip_v", "clipv")]:
        module = getattr(code, fields)
        for mu, share in [(1.0, 1.0), (0.3, 1.0)] + ([(0.3, 0.1)] if name == "clip_v" else []):
            outcome = torch.zeros_like(b.mask)
            outcome[:, 0] = b.reward
            exps = types.SimpleNamespace(
                batch={
                    "token_level_rewards": outcome, "response_mask": b.mask.clone(), "entropys": b.entropy,
                    "rollout_log_probs": b.logp_old, "old_log_probs": b.logp_old, "necs": b.expected,
                },
                non_tensor_batch={"uid": b.index},
            )  # fmt: skip
            if name == "clip_b":
                exps, _ = module.ClipBAdvantageFn(mu=mu)(exps)
            else:
                exps, _ = module.ClipVAdvantageFn(mu=mu, max_frac=share)(exps)
            A, mask = exps.batch["advantages"], exps.batch["response_mask"]
            if (b.mask * (A == 0)).sum() > 0:
                continue  # a group of equal rewards: see clip_v.h
            out["adv_grpo"] = b.flat(A)
            out[f"{name} {mu} {share}"] = {"logp": b.flat(A * mask / mask.sum())}

    def siren(logp, h):
        masked, peak, _ = code.siren.mask_by_quantile(h, b.mask, 1, 0.8)
        mean = code.siren.agg_loss(loss_mat=masked, loss_mask=peak, loss_agg_mode="seq-mean-token-mean")
        return 0.3 * (mean - 0.9) ** 2

    add("siren", siren, entropy=b.nucleus_entropy)

    def epo(logp, H):
        steps = np.zeros(len(b.lengths))
        P, _ = code.epo.generate_entropy_penalty(None, np.array([0.7]), H, steps, "token", 0.5, 1.5, 0.2)
        return -(mean(H) - 3.0 * mean(P * code.epo._calculate_epoch_based_entropy_weight(None, 40, 150)))

    add("epo", epo)
    return out


def distribution(rng, code, size, scale):
    """Statistics of one row of logits and their gradients."""
    logits = torch.tensor((scale * rng.normal(size=size)).round(3))
    token = int(rng.integers(size))
    out = {"logits": logits.tolist(), "token": token}

    def add(name, function):
        z = logits.clone().requires_grad_()
        with contextlib.redirect_stdout(io.StringIO()):
            value = function(z)
        gradient = torch.autograd.grad(value + 0 * z.sum(), z)[0]
        out[name] = {"value": float(f"{value.item():.9g}"), "gradient": short(gradient.tolist())}

    functional = sys.modules["verl_functional"]
    add("entropy", lambda z: functional.entropy_from_logits(z))
    for p in [0.8, 0.95]:
        add(
            f"open_nucleus_entropy({p})",
            lambda z: code.siren.efficient_top_p_sampling(z[None], k=size, p=p)[0][0],
        )
    for kappa in [0.02, 0.2]:  # the proxy has no gradient in the public code: values only
        with contextlib.redirect_stdout(io.StringIO()):
            kept = code.lp_reg_actor.apply_min_p(None, logits[None], kappa)[0]
        out[f"filtered_logp({kappa})"] = {"value": float(f"{torch.log_softmax(kept, -1)[token].item():.9g}")}
    return out


def main():
    code = load_all()
    sys.modules["verl_functional"] = load("", "verl/verl/utils/torch_functional.py", "verl_functional")
    rng = np.random.default_rng(7)
    torch.manual_seed(7)
    batches = []
    for sizes in [[2, 3], [4], [3, 2, 4]]:
        b = Batch(rng, sizes)
        columns = {name: b.flat(getattr(b, name)) for name in COLUMNS}
        batches.append({"sizes": sizes, "lengths": b.lengths, **columns, "outputs": outputs(b, code)})
    distributions = [distribution(rng, code, size, scale) for size, scale in [(5, 1), (24, 2), (24, 4)]]
    controller = code.skywork.EntController(0.0, 5e-3, 0.0, 1e-3, 0.2, True)
    entropies = [0.3, 0.15, 0.1, 0.12, 0.19, 0.18, 0.05, 0.2, 0.25, 0.1]
    applied = []
    for H in entropies:
        controller.update(H)
        applied.append(float(f"{controller.value * controller.entropy_loss_enabled:.9g}"))
    phase = [code.epo._calculate_epoch_based_entropy_weight(None, e, 150) for e in range(0, 160, 15)]
    with open(target, "w") as f:
        everything = {
            "batches": batches,
            "distributions": distributions,
            "adaptive_entropy": {"entropy": entropies, "applied": applied},
            "epo_phase": short(phase),
        }
        json.dump(everything, f, separators=(",", ":"))
        f.write("\n")


main()
