#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <string>

#include "base/error.h"
#include "verify/turn_strategy.h"

namespace rlvr {
namespace {

// The protocol's own prompt (prompts/system_turn_categorization.txt of
// github.com/microsoft/lost_in_conversation, Copyright (c) Microsoft Corporation, MIT License),
// word for word with its slips: another wording would be another judge.
constexpr const char* kPrompt =
    R"(You are reviewing a multi-turn conversation between a user and an assistant, and are given the last turn of the conversation.

Here is the full specification of the problem the system is attempting to solve:
[[INITIAL_SHARD]]

Specification:
[[SHARDS]]

You must classify the response of the assistant according to the response type:
- `answer_attempt`: The response contains a complete answer attempt to the user's question (not templated or hypothetical), that can be extracted verbatim. See the task-specific answer description for more details.
- `clarification`: The response  is short (less than 100 words) and contains a single question addressed to the user that directly inquires about an aspect of the user's query. A clarification turn cannot be long (see `discussion`), cannot contain a vague question (see `discussion`) and cannot contain multiple questions (see `interrogation`).
- `interrogation`: The response contains multiple questions addressed to the user, sometimes organized in a list or bullet-points.
- `discussion`: The response discusses the question in detail, without providing a final answer, asking a specific clarification question, or a refusal to answer. The response may or may not contain a vague question (e.g., “What else can I help you with?”).
- `hedge`: The response contains multiple answer candidates based on hypotheticals (ifs) or branching (case 1, case 2) with corresponding descriptions.
- `refuse`: The response contains an explicit or implicit refusal to answer the user's question without a follow-up question or a request.
- `missing`: The response is empty/blank.

You must output your answer in the following JSON format:
{"response_type": "refuse|missing|answer_attempt|hedge|clarification|interrogation|discussion"}

Rules:
- The assistant giving a hint at how an answer could look like is not a final answer. You should only select `answer_attempt` if the conversation could end at this stage with the user having an entirely final answer to the problem they've formulated.
- [Task Specific Answer] [[ANSWER_DESCRIPTION]]

Conversation's last turn:
[[CONVERSATION_SO_FAR]])";

void Replace(std::string* text, const std::string& mark, const std::string& value) {
  const size_t at = text->find(mark);
  RLVR_CHECK(at != std::string::npos) << mark;
  text->replace(at, mark.size(), value);
}

// The class after "response_type"; kUnknown: none.
TurnStrategy NamedClass(const std::string& said) {
  const std::string key = "\"response_type\"";
  const size_t at = said.rfind(key);
  if (at == std::string::npos) return TurnStrategy::kUnknown;
  size_t begin = said.find_first_not_of(" \t\r\n", at + key.size());
  if (begin == std::string::npos || said[begin] != ':') return TurnStrategy::kUnknown;
  begin = said.find_first_not_of(" \t\r\n", begin + 1);
  if (begin == std::string::npos || said[begin] != '"') return TurnStrategy::kUnknown;
  const size_t end = said.find('"', begin + 1);
  if (end == std::string::npos) return TurnStrategy::kUnknown;
  const std::string name = said.substr(begin + 1, end - begin - 1);
  for (int i = 1; i < kNumTurnStrategies; ++i) {
    const auto strategy = static_cast<TurnStrategy>(i);
    if (name == ToString(strategy)) return strategy;
  }
  return TurnStrategy::kUnknown;
}

}  // namespace

std::string StrategyPrompt(const JudgedTurn& turn) {
  // As Python writes a list of JSON objects.
  std::string shards;
  for (size_t i = 0; i < turn.shards.size(); ++i) {
    const nlohmann::json text = turn.shards[i];
    shards += fmt::format(
        "{}{{\"shard_id\": {}, \"shard\": {}}}", i == 0 ? "" : ", ", i + 2,
        text.dump(-1, ' ', /*ensure_ascii=*/true, nlohmann::json::error_handler_t::replace));
  }
  // The conversation comes last: what it holds is never taken for a mark.
  std::string prompt = kPrompt;
  Replace(&prompt, "[[CONVERSATION_SO_FAR]]", "[assistant] " + turn.assistant);
  Replace(&prompt, "[[ANSWER_DESCRIPTION]]", turn.answer_description);
  Replace(&prompt, "[[SHARDS]]", "[" + shards + "]");
  Replace(&prompt, "[[INITIAL_SHARD]]", turn.initial_shard);
  return prompt;
}

TurnStrategy JudgeTurnStrategy(const JudgedTurn& turn, const PromptService& judge, int tries) {
  if (turn.assistant.find_first_not_of(" \t\r\n") == std::string::npos)
    return TurnStrategy::kMissing;
  const std::string prompt = StrategyPrompt(turn);
  std::string said;
  for (int i = 0; i < tries; ++i) {
    said = judge(prompt);
    const TurnStrategy strategy = NamedClass(said);
    if (strategy != TurnStrategy::kUnknown) return strategy;
  }
  throw Error("the judge of turn strategies", "names no class: " + said.substr(0, 200),
              "use another model, or rules");
}

}  // namespace rlvr
