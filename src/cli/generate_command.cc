#include <fmt/format.h>

#include <fstream>
#include <iostream>
#include <memory>

#include "base/error.h"
#include "base/progress.h"
#include "cli/command.h"
#include "eval/eval.h"
#include "eval/policy.h"

namespace rlvr {
namespace {

struct Arguments {
  std::string model, prompt, file, kwargs, compute = "bf16";
  RolloutOptions options;
  int num_samples = 1;
  uint64_t seed = 0;
};

void Answer(const Policy& policy, const Arguments& a, const std::string& text, int64_t index) {
  Prompt prompt;
  prompt.messages = {{"user", text}};
  RolloutRequest request;
  request.tree.prompt_index = index;
  request.tree.segments.push_back({.tokens = EncodePrompt(*policy.tokenizer, prompt)});
  request.num_samples = a.num_samples;
  request.key = StreamKey(a.seed, Stream::kGenerate)[static_cast<uint64_t>(index)];
  std::vector<RolloutRequest> requests;
  requests.push_back(std::move(request));
  const auto trees = Rollout(*policy.model, *policy.tokenizer, a.options, std::move(requests));
  for (const auto& leaf : trees[0].leaves) {
    fmt::print("{}\n", policy.tokenizer->Decode(trees[0].ResponseTokens(leaf), true));
    if (leaf.finish == Finish::kLength) fmt::print("[cut at {} tokens]\n", a.options.max_tokens);
  }
  std::fflush(stdout);
}

}  // namespace

void AddGenerate(CLI::App& app, Action* action) {
  CLI::App* command =
      Subcommand(app, "generate", "Sample responses: interactive, or from a file of prompts",
                 "rlvr generate base_tiny --prompt \"Tom has 7 apples. Tom buys 5 more. "
                 "How many apples does Tom have now?\"");
  auto a = std::make_shared<Arguments>();
  command->add_option("model", a->model, "A Hugging Face folder or an embedded model's name")
      ->required();
  command->add_option("--prompt", a->prompt,
                      "One prompt; without it and --file, prompts are asked for");
  command->add_option("--file", a->file, "A text file with one prompt a line");
  command->add_option("--n", a->num_samples, "Samples per prompt")
      ->check(CLI::Range(1, 4096))
      ->capture_default_str();
  command->add_option("--temperature", a->options.sampling.temperature, "0 is greedy")
      ->check(TemperatureRange())
      ->capture_default_str();
  command->add_option("--top-k", a->options.sampling.top_k, "0 is off")->capture_default_str();
  command->add_option("--top-p", a->options.sampling.top_p, "1 is off")->capture_default_str();
  command->add_option("--min-p", a->options.sampling.min_p, "0 is off")->capture_default_str();
  command->add_option("--max-tokens", a->options.max_tokens, "Longest response")
      ->capture_default_str();
  command->add_option("--stop", a->options.stop,
                      "A string that ends the response; may be repeated");
  command->add_option("--seed", a->seed, "Same seed, same samples")->capture_default_str();
  command->add_option("--compute", a->compute, "fp32 or bf16")->capture_default_str();
  AddTemplateOption(*command, &a->kwargs);
  command->callback([=] {
    *action = [=] {
      const Policy policy = LoadPolicy(a->model, ParseComputeType(a->compute), false, a->kwargs);
      if (!a->prompt.empty()) return Answer(policy, *a, a->prompt, 0);
      std::ifstream file;
      if (!a->file.empty()) {
        file.open(a->file);
        if (!file) throw Error(a->file, "cannot open", "check the path");
      }
      std::istream& in = a->file.empty() ? std::cin : file;
      const bool interactive = a->file.empty() && StdoutIsTerminal();
      std::string line;
      for (int64_t i = 0;; ++i) {
        if (interactive) fmt::print("> ");
        std::fflush(stdout);
        if (!std::getline(in, line)) break;
        if (!line.empty()) Answer(policy, *a, line, i);
      }
      if (interactive) fmt::print("\n");
    };
  });
}

}  // namespace rlvr
