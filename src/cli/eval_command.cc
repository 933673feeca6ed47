#include <fmt/format.h>

#include <memory>

#include "base/error.h"
#include "base/progress.h"
#include "cli/command.h"
#include "cli/eval_protocol.h"
#include "eval/eval.h"
#include "eval/policy.h"

namespace rlvr {

void AddEval(CLI::App& app, Action* action) {
  struct Arguments {
    std::string model, data = "gsm_micro", split = "test", compute = "bf16";
    EvalOptions options;
    ProtocolArguments protocol;
  };
  CLI::App* command = Subcommand(app, "eval", "avg@k, pass@k and maj@k of a model on a data set",
                                 "rlvr eval base_tiny --data gsm_micro --k 4 --max-prompts 32");
  auto a = std::make_shared<Arguments>();
  a->options.max_prompts = 256;
  command->add_option("model", a->model, "A Hugging Face folder or an embedded model's name");
  CLI::Option* data = command->add_option("--data", a->data, "gsm_micro, countdown or a JSONL file")
                          ->capture_default_str();
  command->add_option("--split", a->split, "train, validation or test (embedded data)")
      ->capture_default_str();
  command->add_option("--k", a->options.k, "Samples per prompt")
      ->check(CLI::Range(1, 4096))
      ->capture_default_str();
  command->add_option("--max-prompts", a->options.max_prompts, "The first N prompts; 0 is all")
      ->capture_default_str();
  command->add_option("--temperature", a->options.rollout.sampling.temperature, "0 is greedy")
      ->check(TemperatureRange())
      ->capture_default_str();
  command->add_option("--top-p", a->options.rollout.sampling.top_p, "Nucleus sampling; 1 is off")
      ->capture_default_str();
  command->add_option("--max-tokens", a->options.rollout.max_tokens, "Longest response")
      ->capture_default_str();
  command->add_option("--seed", a->options.seed, "Of the samples")->capture_default_str();
  command->add_option("--compute", a->compute, "fp32 or bf16")->capture_default_str();
  AddProtocolOptions(*command, &a->protocol);
  command->callback([=] {
    *action = [=] {
      if (!a->protocol.replay.empty()) return RunReplay(a->protocol, a->data);
      if (a->model.empty()) throw Error("eval", "no model given", "rlvr eval MODEL");
      if (!a->protocol.name.empty()) {
        if (data->count() == 0) a->data = "gsm_micro:shards=true";
        return RunProtocol(a->protocol, a->model, a->compute, a->data, a->split, a->options);
      }
      const Policy policy = LoadPolicy(a->model, ParseComputeType(a->compute), false);
      const auto prompts = OpenPrompts(a->data, ParseSplit(a->split), 0);
      std::unique_ptr<Progress> bar;
      const EvalResult r = Evaluate(*policy.model, *policy.tokenizer, *prompts, a->options,
                                    [&](int64_t done, int64_t total) {
                                      if (!bar)
                                        bar = std::make_unique<Progress>("evaluating", total);
                                      bar->Update(done);
                                    });
      bar.reset();
      const auto line = [&](const char* name, const Interval& i) {
        fmt::print("{:>8}  {:5.1f} %   [{:.1f}, {:.1f}]\n", fmt::format("{}@{}", name, r.k),
                   100 * i.mean, 100 * i.low, 100 * i.high);
      };
      fmt::print("{} prompts of {}, {} samples each; 95 % intervals over prompts\n", r.num_prompts,
                 prompts->name(), r.k);
      line("avg", r.avg_at_k);
      line("pass", r.pass_at_k);
      line("maj", r.maj_at_k);
      fmt::print(
          "response length {:.1f} tokens, {:.1f} % cut at --max-tokens, entropy {:.3f} nats\n",
          r.mean_response_length, 100 * r.clip_ratio, r.mean_entropy);
    };
  });
}

}  // namespace rlvr
