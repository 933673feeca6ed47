// docs/methods.md, written from the same lists that read a recipe.
#include <fmt/format.h>

#include "objective/objective.h"

namespace rlvr {
namespace {

struct StageDescription {
  const char *stage, *title, *text;
};

// In the order of the data.
const StageDescription kStages[] = {
    {"select", "Select: which groups train", "Recipe key `select`, a map. Left out: `none`."},
    {"reward_shaping", "Reward shaping: the verifier's score to a reward",
     "Recipe key `reward_shaping`, a map or a list of maps that run in order; left out: none. "
     "Before it r_i is the score, with the overlong punishment where the recipe has one."},
    {"advantage", "Advantage: rewards to an advantage for every token",
     "Recipe key `advantage`, a map or a list of maps that run in order. Left out: "
     "`group_normalized`. r are the rewards of the group's G responses; A_i goes to every token of "
     "response i."},
    {"token_weight", "Token weights: which tokens the loss sees, and how much of them",
     "Recipe key `token_weight`, a list of maps that run in order; left out: none. A token that is "
     "masked out leaves the denominators too; a weight changes no denominator."},
    {"policy_loss", "Policy loss: what one token adds to the objective",
     "Recipe key `policy_loss`, a map. Left out: `decoupled_clip`. r_t = exp(logp_t - logp_old_t). "
     "The objective J is maximised. `clip_ratio_c` c: dual clip, J_t is at least c A_t where A_t < "
     "0 ([1912.09729](https://arxiv.org/abs/1912.09729)); inf for none."},
    {"regularizer", "Regularizers: terms beside the policy loss",
     "Recipe key `regularizer`, a list of maps; empty for none. They are aggregated as the policy "
     "loss is."},
    {"controller", "Coefficients that change over a run",
     "Any number of the stages from reward shaping to regularizers may be a map instead. A "
     "schedule "
     "is a function of the training step (the first is 1); with u = clip((step - begin) / steps, "
     "0, "
     "1):\n"
     "\n"
     "| coefficient | value |\n"
     "|---|---|\n"
     "| `{schedule: linear, from: a, to: b, steps: n}` | a + (b - a) u |\n"
     "| `{schedule: cosine, from: a, to: b, steps: n}` | a + (b - a) (1 - cos(pi u)) / 2 |\n"
     "| `{schedule: exponential, from: a, to: b, steps: n}` | a (b / a)^u |\n"
     "| `{schedule: piecewise, at: [...], values: [...]}` | values[i] from step at[i] on |\n"
     "\n"
     "A controller, `{controller: adaptive_kl, target: 0.1}`, reads the metrics of the step that "
     "has ended and keeps its state in checkpoints:"},
};

const char kAggregates[] =
    "`aggregate` makes one number of the tokens' J_t (m_t is 1 where a token counts, L_i the "
    "counted tokens of response i, S the responses with any). The denominators are those of the "
    "whole mini-batch, however memory splits it.\n"
    "\n"
    "| aggregate | J | source |\n"
    "|---|---|---|\n"
    "| `token_mean` | sum_t m_t J_t / sum_t m_t | DAPO, "
    "[2503.14476](https://arxiv.org/abs/2503.14476) |\n"
    "| `seq_mean_token_mean` | (1 / S) sum_i sum_t m_t J_t / L_i | GRPO, "
    "[2402.03300](https://arxiv.org/abs/2402.03300) |\n"
    "| `seq_mean_token_sum` | (1 / S) sum_i sum_t m_t J_t | the sum over a response as REINFORCE "
    "has it |\n"
    "| `token_sum_norm` | sum_t m_t J_t / (S `constant`) | Dr. GRPO, "
    "[2503.20783](https://arxiv.org/abs/2503.20783) |\n"
    "| `token_sum` | sum_t m_t J_t / `constant` | verl's seq-mean-token-sum-norm |\n";

}  // namespace

std::string MethodsMarkdown() {
  std::string out =
      "# Methods\n"
      "\n"
      "A method of the field is a choice at every stage, and a recipe names it. Names, parameters, "
      "defaults and\nranges below come from the lists that read recipes.\n";
  const auto methods = DescribeMethods();
  for (const auto& stage : kStages) {
    out += fmt::format("\n## {}\n\n{}\n", stage.title, stage.text);
    if (std::string(stage.stage) == "policy_loss") out += std::string("\n") + kAggregates;
    for (const auto& method : methods) {
      if (method.stage != stage.stage) continue;
      out += fmt::format("\n### {}\n\n`{}`", method.name, method.summary);
      if (!method.arxiv.empty())
        out += fmt::format(", [arXiv:{0}](https://arxiv.org/abs/{0})", method.arxiv);
      out += "\n";
      if (method.params.empty()) continue;
      out += "\n| parameter | default | range |\n|---|---|---|\n";
      for (const auto& p : method.params)
        out += fmt::format("| `{}` | {} | {} |\n", p.name, p.default_value, p.range);
    }
  }
  return out;
}

}  // namespace rlvr
