#include <fmt/format.h>

#include <memory>

#include "base/error.h"
#include "cli/command.h"
#include "eval/on_policy_check.h"
#include "eval/policy.h"

namespace rlvr {

void AddCheck(CLI::App& app, Action* action) {
  CLI::App* check =
      Subcommand(app, "check", "Check what this system promises", "rlvr check on-policy base_tiny");
  check->require_subcommand(1);
  AddCheckRecipe(*check, action);
  CLI::App* command =
      Subcommand(*check, "on-policy",
                 "Log-probs and entropies of sampling equal those of training, bit for bit",
                 "rlvr check on-policy base_tiny");
  auto model = std::make_shared<std::string>();
  command->add_option("model", *model, "A Hugging Face folder or an embedded model's name")
      ->required();
  auto int8 = std::make_shared<bool>(false);
  command->add_flag("--int8", *int8,
                    "Sample as rollout.quantization=int8 does, and show how far that policy is "
                    "from the one that trains");
  command->callback([=] {
    *action = [=] {
      const OnPolicyReport report = CheckOnPolicy(FindModelFolder(*model), *int8);
      fmt::print("{:>7} {:>6} {:>8} {:>9} {:>8} {:>11}{}\n", "compute", "batch", "threads",
                 "prompts", "tokens", "mismatches",
                 *int8 ? fmt::format(" {:>14} {:>14}", "mean |dlogp|", "max |dprob|") : "");
      int64_t mismatches = 0;
      for (const auto& row : report.rows) {
        fmt::print(
            "{:>7} {:>6} {:>8} {:>9} {:>8} {:>11}{}\n", ToString(row.compute), row.batch_size,
            row.threads, row.shared_prompts ? "shared" : "repeated", row.tokens, row.mismatches,
            *int8 ? fmt::format(" {:>14.6f} {:>14.4f}", row.logp_abs_diff, row.probs_diff_max)
                  : "");
        mismatches += row.mismatches;
      }
      if (mismatches != 0) {
        throw Error(*model,
                    fmt::format("{} log-probs or entropies differ between sampling and training",
                                mismatches),
                    "this is a bug in rlvr: please report it with the output of rlvr doctor");
      }
      if (*int8) {
        fmt::print(
            "sampling in 8 bits and scoring in 8 bits agree bit for bit; the policy that "
            "trains is another one (the last two columns), and a run scores its samples with "
            "it before it trains\n");
      } else {
        fmt::print("sampling and training agree bit for bit\n");
      }
    };
  });
}

}  // namespace rlvr
