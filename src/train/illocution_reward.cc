#include "train/illocution_reward.h"

#include <fmt/ranges.h>

#include "verify/turn_strategy.h"

namespace rlvr {

void ApplyIllocution(const IllocutionSettings& settings, const Tokenizer& tokenizer,
                     const Prompt& prompt, const std::string& place, Tree* tree) {
  const PromptIllocution label = IllocutionOf(prompt.extra_info, place);
  if (!settings.on() && !label.given) return;
  std::vector<std::string> told;
  for (const auto& [role, text] : prompt.messages)
    if (role == "user") told.push_back(text);
  const std::string request = fmt::format("{}", fmt::join(told, "\n"));
  for (Leaf& leaf : tree->leaves) {
    Segment* turn = nullptr;
    for (const int32_t i : tree->Path(leaf.segment)) {
      Segment& segment = tree->segments[static_cast<size_t>(i)];
      if (segment.author == Author::kPolicy) turn = &segment;
    }
    // An expert's response; a turn of a conversation, whose environment has judged it.
    if (turn == nullptr || turn->outcome.strategy != TurnStrategy::kUnknown) continue;
    const std::string text = tokenizer.Decode(tree->ResponseTokens(leaf), true);
    TurnOutcome& outcome = turn->outcome;
    outcome.illocution = label.illocution;
    outcome.strategy = ClassifyTurn(text, request);
    const bool right = leaf.verdict == Verdict::kRight;
    outcome.right = right && outcome.strategy == TurnStrategy::kAnswerAttempt &&
                    label.illocution == Illocution::kSpecified;
    if (settings.on() && (right || leaf.verdict == Verdict::kWrong)) {
      const bool names = !settings.clarify_requires_missing ||
                         NamesMissing(text, told, label.missing, settings.tau);
      leaf.score = static_cast<float>(
          IllocutionReward(settings, label.illocution, outcome.strategy, right, names));
      leaf.verdict = MeetsIllocution(settings, label.illocution, outcome.strategy, right, names)
                         ? Verdict::kRight
                         : Verdict::kWrong;
      leaf.reward = leaf.score;
    }
  }
}

}  // namespace rlvr
