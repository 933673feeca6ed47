#include "train/conversations.h"

#include <string>

#include "eval/speakers.h"
#include "rollout/strategy.h"
#include "train/update.h"

namespace rlvr {
namespace {

void AddTurn(const TurnOutcome& outcome, double tokens, double entropy, double reward,
             std::vector<MetricTerm>* terms) {
  if (outcome.illocution == Illocution::kUnknown) return;
  const std::string label = ToString(outcome.illocution);
  std::vector<MetricTerm> of_turn = {{"response_length/" + label, tokens, 1},
                                     {"entropy/" + label, entropy, tokens},
                                     {"reward/" + label, reward, 1}};
  if (outcome.strategy != TurnStrategy::kUnknown) {
    for (int i = 1; i < kNumTurnStrategies; ++i) {
      const auto strategy = static_cast<TurnStrategy>(i);
      of_turn.push_back({"strategy/" + label + "/" + ToString(strategy),
                         strategy == outcome.strategy ? 1.0 : 0.0, 1});
    }
    const bool answer = outcome.strategy == TurnStrategy::kAnswerAttempt;
    if (outcome.illocution == Illocution::kSpecified) {
      of_turn.push_back({"false_clarification_rate", answer ? 0.0 : 1.0, 1});
    } else {
      of_turn.push_back({"answer_rate", answer ? 1.0 : 0.0, 1});
    }
  }
  AddTerms(of_turn, terms);
}

}  // namespace

EnvironmentServices ServicesOf(const Recipe& recipe, const Model& policy,
                               const Tokenizer& tokenizer) {
  EnvironmentServices services = ServicesWithModels(policy, tokenizer);
  services.reader = MakeTurnReader(recipe.strategy_judge, services);
  services.verifier = recipe.reward.name;
  services.verifiers = recipe.reward.verifiers;
  services.correct = recipe.reward.correct;
  services.wrong = recipe.reward.wrong;
  return services;
}

int64_t DropAborted(Tree* tree) {
  const auto dropped = static_cast<int64_t>(std::erase_if(
      tree->leaves, [](const Leaf& leaf) { return leaf.finish == Finish::kAborted; }));
  if (dropped > 0) PruneToLeaves(tree);
  return dropped;
}

void MeasureTurns(const Rows& rows, Metrics* metrics) {
  Summary turns;
  for (int64_t s = 0; s < rows.num_rows(); ++s) {
    if (rows.foreign[s] || rows.length(s) == 0) continue;
    turns.Add(rows.turn[rows.begin[s + 1] - 1] + 1.0);
  }
  turns.Write("num_turns", metrics);
}

void AddIllocutionTerms(const Tree& tree, std::vector<MetricTerm>* terms) {
  for (const Leaf& leaf : tree.leaves) {
    const std::vector<int32_t> path = tree.Path(leaf.segment);
    double rest = leaf.reward;  // beside the turns' own
    for (const int32_t s : path) rest -= tree.segments[static_cast<size_t>(s)].outcome.reward;
    double tokens = 0, entropy = 0;
    for (size_t i = 0; i < path.size(); ++i) {
      const Segment& segment = tree.segments[static_cast<size_t>(path[i])];
      if (segment.author != Author::kPolicy) continue;
      tokens += static_cast<double>(segment.tokens.size());
      for (const float h : segment.entropy) entropy += h;
      const bool last = i + 1 == path.size();
      // A turn may be several segments, of which the last one has its outcome.
      if (!last && tree.segments[static_cast<size_t>(path[i + 1])].author == Author::kPolicy)
        continue;
      AddTurn(segment.outcome, tokens, entropy, segment.outcome.reward + (last ? rest : 0), terms);
      tokens = entropy = 0;
    }
  }
}

}  // namespace rlvr
