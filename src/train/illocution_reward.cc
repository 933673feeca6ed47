#include "train/illocution_reward.h"

#include "verify/turn_strategy.h"

namespace rlvr {
namespace {

void AddMetrics(const TurnOutcome& outcome, const Segment& segment, double reward,
                std::vector<MetricTerm>* metrics) {
  const std::string z = std::string("illocution/") + ToString(outcome.illocution) + "/";
  const bool attempt = outcome.strategy == TurnStrategy::kAnswerAttempt;
  double entropy = 0;
  for (const float h : segment.entropy) entropy += h;
  metrics->push_back({z + "reward", reward, 1});
  metrics->push_back({z + "entropy", entropy, static_cast<double>(segment.entropy.size())});
  metrics->push_back({z + "length", static_cast<double>(segment.tokens.size()), 1});
  for (int i = 1; i < kNumTurnStrategies; ++i) {
    const auto strategy = static_cast<TurnStrategy>(i);
    metrics->push_back({z + ToString(strategy), outcome.strategy == strategy ? 1.0 : 0.0, 1});
  }
  if (outcome.illocution == Illocution::kUnderspecified)
    metrics->push_back({"illocution/answer_rate", attempt ? 1.0 : 0.0, 1});
  else
    metrics->push_back({"illocution/false_clarification_rate", attempt ? 0.0 : 1.0, 1});
}

}  // namespace

void ApplyIllocution(const IllocutionSettings& settings, const Tokenizer& tokenizer,
                     const Prompt& prompt, const std::string& place, Tree* tree,
                     std::vector<MetricTerm>* metrics) {
  const PromptIllocution label = IllocutionOf(prompt.extra_info, place);
  if (!settings.on() && !label.given) return;
  const std::string request = prompt.messages.empty() ? "" : prompt.messages.back().second;
  for (Leaf& leaf : tree->leaves) {
    Segment* turn = nullptr;
    for (const int32_t i : tree->Path(leaf.segment)) {
      Segment& segment = tree->segments[static_cast<size_t>(i)];
      if (segment.author == Author::kPolicy) turn = &segment;
    }
    if (turn == nullptr) continue;  // an expert's response
    const std::string text = tokenizer.Decode(tree->ResponseTokens(leaf), true);
    TurnOutcome& outcome = turn->outcome;
    outcome.illocution = label.illocution;
    outcome.strategy = ClassifyTurn(text, request);
    const bool right = leaf.verdict == Verdict::kRight;
    outcome.right = right && outcome.strategy == TurnStrategy::kAnswerAttempt &&
                    label.illocution == Illocution::kSpecified;
    if (settings.on() && (right || leaf.verdict == Verdict::kWrong)) {
      const bool names = !settings.clarify_requires_missing ||
                         NamesMissing(text, label.missing, settings.tau);
      leaf.score = static_cast<float>(
          IllocutionReward(settings, label.illocution, outcome.strategy, right, names));
      leaf.verdict = MeetsIllocution(settings, label.illocution, outcome.strategy, right, names)
                         ? Verdict::kRight
                         : Verdict::kWrong;
    }
    AddMetrics(outcome, *turn, leaf.score, metrics);
  }
}

}  // namespace rlvr
