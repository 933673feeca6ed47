#include "train/protocol_evaluation.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/file.h"
#include "base/progress.h"
#include "eval/lost_in_conversation.h"
#include "train/conversations.h"
#include "train/recipe_prompts.h"
#include "train/run_folder.h"

namespace rlvr {
namespace {

constexpr int64_t kRecordedInstructions = 16;

void AddMetrics(const LostInConversationResult& result, Metrics* metrics) {
  for (const auto& type : result.types) {
    const ConversationSummary& s = type.summary;
    const auto add = [&](const std::string& name, double value) {
      if (std::isfinite(value)) (*metrics)["val/lic/" + type.name + "/" + name] = value;
    };
    add("P", s.P.mean);
    add("A90", s.A90.mean);
    add("U90_10", s.U90_10.mean);
    add("R90", s.R90.mean);
    add("relative_to_full", type.relative.mean);
    if (!ToldAtOnce(type.name)) {
      add("premature_turns", s.premature_turns.mean);
      add("premature_conversations", s.premature_conversations.mean);
      add("without_attempt", s.without_attempt);
    }
    add("turns", static_cast<double>(s.num_turns) /
                     static_cast<double>(std::max<int64_t>(s.num_conversations, 1)));
    for (int i = 1; i < kNumTurnStrategies; ++i) {
      add(std::string("strategy/") + ToString(static_cast<TurnStrategy>(i)),
          s.strategy_share[static_cast<size_t>(i)]);
    }
  }
}

// The lines of JSON objects as one JSON list.
std::string JsonList(std::string lines) {
  if (!lines.empty()) lines.pop_back();  // the last line's end
  for (size_t at = lines.find('\n'); at != std::string::npos; at = lines.find('\n', at + 2))
    lines.replace(at, 1, ",\n");
  return "[" + lines + "]\n";
}

}  // namespace

void EvaluateProtocol(const Recipe& recipe, const std::string& run_folder, int64_t step,
                      const Model& model, const Tokenizer& tokenizer, Metrics* metrics) {
  if (recipe.eval.protocol == "none") return;
  const ConfigNode& environment = *recipe.resolved.Find("eval")->Find("environment");
  const auto prompts = OpenValidationPrompts(recipe);
  LostInConversationOptions options;
  options.types = ParseConversationTypes(ProtocolTypes(recipe), "eval.types");
  options.num_simulations = recipe.eval.simulations;
  options.max_instructions = recipe.eval.prompts;
  options.rollout = recipe.rollout.options;
  options.rollout.sampling = {.temperature = static_cast<float>(recipe.eval.temperature),
                              .top_p = static_cast<float>(recipe.eval.top_p)};
  options.rollout.conversation = ReadConversationLimits(&environment);
  options.rollout.interruptible = step == 0;
  options.seed = recipe.seed;
  const int64_t num_prompts = options.max_instructions > 0
                                  ? std::min(options.max_instructions, prompts->size())
                                  : prompts->size();
  Progress progress(
      fmt::format("conversations at step {}", step),
      num_prompts * options.num_simulations * static_cast<int64_t>(options.types.size()));
  LostInConversationResult result = EvaluateLostInConversation(
      model, tokenizer, *prompts,
      OpenSharded(environment, ServicesOf(recipe, model, tokenizer), options.types), options,
      [&](int64_t done, int64_t) { progress.Update(done); });
  AddMetrics(result, metrics);
  const std::string stem = run_folder + "/protocol/" + StepName(step);
  MakeDirectories(run_folder + "/protocol");
  WriteFileAtomically(stem + ".json", JsonList(SummaryJsonLines(result)));
  std::erase_if(result.transcripts,
                [](const Transcript& t) { return t.instruction >= kRecordedInstructions; });
  WriteFileAtomically(stem + ".jsonl", TranscriptJsonLines(result, tokenizer));
}

}  // namespace rlvr
