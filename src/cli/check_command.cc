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
  command->callback([=] {
    *action = [=] {
      const OnPolicyReport report = CheckOnPolicy(FindModelFolder(*model));
      fmt::print("{:>7} {:>6} {:>8} {:>9} {:>8} {:>11}\n", "compute", "batch", "threads", "prompts",
                 "tokens", "mismatches");
      int64_t mismatches = 0;
      for (const auto& row : report.rows) {
        fmt::print("{:>7} {:>6} {:>8} {:>9} {:>8} {:>11}\n", ToString(row.compute), row.batch_size,
                   row.threads, row.shared_prompts ? "shared" : "repeated", row.tokens,
                   row.mismatches);
        mismatches += row.mismatches;
      }
      if (mismatches != 0) {
        throw Error(*model,
                    fmt::format("{} log-probs or entropies differ between sampling and training",
                                mismatches),
                    "this is a bug in rlvr: please report it with the output of rlvr doctor");
      }
      fmt::print("sampling and training agree bit for bit\n");
    };
  });
}

}  // namespace rlvr
