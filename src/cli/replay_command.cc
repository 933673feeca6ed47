#include <fmt/format.h>

#include <memory>

#include "cli/command.h"
#include "eval/policy.h"
#include "train/run_folder.h"
#include "train/train.h"

namespace rlvr {

void AddReplay(CLI::App& app, Action* action) {
  struct Arguments {
    std::string run;
    int64_t step = 1, prompt = 0;
    int sample = 0;
  };
  CLI::App* command =
      Subcommand(app, "replay", "One sample of a run again, token for token, with log-probs",
                 "rlvr replay runs/quickstart --step 1 --prompt 32278 --sample 0");
  auto a = std::make_shared<Arguments>();
  command->add_option("run", a->run, "The run's folder")->required();
  command->add_option("--step", a->step, "Training step, from 1")->required();
  command->add_option("--prompt", a->prompt, "prompt_index, as in rollouts/step_N.jsonl")
      ->required();
  command->add_option("--sample", a->sample, "Sample in its group, from 0")->required();
  command->callback([=] {
    *action = [=] {
      const Tree tree = ReplaySample(a->run, a->step, a->prompt, a->sample);
      const Recipe recipe = LoadRunRecipe(a->run);
      const Tokenizer tokenizer =
          Tokenizer::Load(FindModelFolder(recipe.model) + "/tokenizer.json");
      fmt::print("{:>6} {:>8} {:>11} {:>9}  {}\n", "offset", "token", "logp", "entropy", "text");
      size_t offset = 0;
      for (const Segment& s : tree.segments) {
        for (size_t t = 0; s.author == Author::kPolicy && t < s.tokens.size(); ++t) {
          fmt::print("{:6} {:8} {:11.7f} {:9.6f}  {:?}\n", offset++, s.tokens[t], s.logp[t],
                     s.entropy[t], tokenizer.TokenBytes(s.tokens[t]));
        }
      }
    };
  });
}

}  // namespace rlvr
