// What a turn of an assistant does: the seven classes of "LLMs Get Lost In Multi-Turn Conversation",
// arXiv:2505.06120, by rules (no model, same text, same class) or by a judge model. docs/icpo.md
// describes the rules and holds the table of how they agree with a model's labels.
#ifndef RLVR_VERIFY_TURN_STRATEGY_H_
#define RLVR_VERIFY_TURN_STRATEGY_H_
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "tree/tree.h"

namespace rlvr {

struct TurnReading {
  TurnStrategy strategy = TurnStrategy::kMissing;
  std::string answer;  // the final answer as the text writes it; empty unless answer_attempt
};

// By rules, in this order:
//   missing         no letter or digit
//   answer_attempt  a final answer (turn_answer.h), neither of an example nor taken back after it nor
//                   that of a part while something is missing
//   hedge           several answers, or one of an assumed situation
//   refuse          says outright that it cannot answer, without question or calculation
//   interrogation   two or more questions to the user, or a list of what is asked for
//   clarification   one question or request, fewer than 100 words
//   refuse          ends by saying that something is missing
//   discussion      all else
// Quoted text asks nothing, and neither does "Let me know if you have questions".
// request: what the user has said, where it is known. A question of its own that is said again asks
// nothing, and of an answer that stands beside something missing it tells whether it is about what
// was asked.
TurnReading ReadTurn(std::string_view text, std::string_view request = {});
inline TurnStrategy ClassifyTurn(std::string_view text, std::string_view request = {}) {
  return ReadTurn(text, request).strategy;
}

// By a judge model: a prompt in, its answer out (a model of the run, an endpoint, a child process).
using PromptService = std::function<std::string(const std::string& prompt)>;

// What the judge is told about the turn.
struct JudgedTurn {
  std::string initial_shard;        // what the user asked first
  std::vector<std::string> shards;  // the rest of the specification, told or not
  std::string answer_description;   // of the task: "The answer should be a single number ..."
  std::string assistant;            // the turn
};
// The protocol's own prompt.
std::string StrategyPrompt(const JudgedTurn& turn);
// The class that the judge's {"response_type": "..."} names, wherever it stands in its answer. An
// answer without one is asked for again, `tries` times in all; then Error. A blank turn is missing
// without asking.
TurnStrategy JudgeTurnStrategy(const JudgedTurn& turn, const PromptService& judge, int tries = 3);

}  // namespace rlvr
#endif  // RLVR_VERIFY_TURN_STRATEGY_H_
