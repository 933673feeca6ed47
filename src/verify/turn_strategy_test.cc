#include "verify/turn_strategy.h"

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/random.h"

namespace rlvr {
namespace {

std::string Class(std::string_view text, std::string_view request = {}) {
  return ToString(ClassifyTurn(text, request));
}
// "answer_attempt: 12"
std::string Read(std::string_view text) {
  const TurnReading r = ReadTurn(text);
  return std::string(ToString(r.strategy)) + (r.answer.empty() ? "" : ": " + r.answer);
}

TEST(TurnStrategy, FinalAnswersInManyDresses) {
  EXPECT_EQ(Read("Answer: 12"), "answer_attempt: 12");
  EXPECT_EQ(Read("7+5=12\nAnswer: 12"), "answer_attempt: 12");
  EXPECT_EQ(Read("7+5=12\nanswer: x+1"), "answer_attempt: x+1");
  EXPECT_EQ(Read("So it is \\boxed{\\frac{1}{2}}."), "answer_attempt: \\frac{1}{2}");
  EXPECT_EQ(Read("The final answer is: $\\boxed{40}$"), "answer_attempt: 40");
  EXPECT_EQ(Read("3 * 4 = 12\n#### 12"), "answer_attempt: 12");
  EXPECT_EQ(Read("The answer is 42."), "answer_attempt: 42");
  EXPECT_EQ(Read("The answer is:\n\n**$1,234.50**"), "answer_attempt: $1,234.50");
  EXPECT_EQ(
      Read("10 suits cost 10 x $750 = $7,500.\n\nTherefore, he pays **$7,500** for 10 suits."),
      "answer_attempt: $7,500");
  EXPECT_EQ(Read("Thus Steve needs 42 vines to cover the 6,570 tomatoes of a year."),
            "answer_attempt: 42");
  EXPECT_EQ(Read("$$x = 180 \\times 2 = 360$$\nSo the total is \\(360\\)."), "answer_attempt: 360");
  EXPECT_EQ(Read("It takes 5 days to reach July 19th.\nIn total he walks \xE2\x88\x92"
                 "3.5 miles."),
            "answer_attempt: \xE2\x88\x92"
            "3.5");
  EXPECT_EQ(Read("12"), "answer_attempt: 12");
}

TEST(TurnStrategy, AQuestionAfterTheResultIsNoClarification) {
  EXPECT_EQ(Read("3 + 4 = 7, so the answer is 7. Would you like to see another way?"),
            "answer_attempt: 7");
  EXPECT_EQ(Read("Therefore, 7 vines are needed. Let me know if you have any questions!"),
            "answer_attempt: 7");
  EXPECT_EQ(Read("Therefore, the total is 84. Is there more to add to the story?"),
            "answer_attempt: 84");
  // A part of the result and a question for the rest is no final answer.
  EXPECT_EQ(Class("The suits cost $7,500. What else did James buy?"), "clarification");
}

TEST(TurnStrategy, AnswersThatAreNone) {
  EXPECT_EQ(Class("The final answer is: $\\boxed{Cannot be determined}$"), "refuse");
  EXPECT_EQ(Class("Answer: there is not enough information."), "refuse");
  EXPECT_EQ(Class("The suits cost 10 * $750 = $7,500. I still need the price of a shirt."),
            "discussion");
  EXPECT_NE(Class("For example, if he had 3 kids, 3 * 2 = 6 pairs. But how many does he have?"),
            "answer_attempt");
  EXPECT_NE(Class("Total: 10 x $___ = $___"), "answer_attempt");
}

TEST(TurnStrategy, NumbersThatTheTurnDoesNotStandBehind) {
  EXPECT_EQ(Class("The final answer is likely $600."), "discussion");
  EXPECT_EQ(Class("7 * 3 = 21.\nTherefore, there are probably 21 pens."), "discussion");
  EXPECT_EQ(Class("If each box holds 3 pens, there are 6 pens."), "discussion");
  EXPECT_EQ(Read("He has 6 pens."), "answer_attempt: 6");
  EXPECT_EQ(Class("Number of beads: 7 / 0.25"), "discussion");
  EXPECT_EQ(Read("Number of beads: 28"), "answer_attempt: 28");
  EXPECT_EQ(Class("The final answer is $\\boxed{17 or 18}$"), "hedge");
  EXPECT_EQ(Class("Therefore, there are 17 or 18 students."), "hedge");
}

// Beside something missing a number that no conclusion gives is that of a part, unless it stands out
// and is about what was asked.
TEST(TurnStrategy, PartsOfASolution) {
  const char* request = "How much does the whole wardrobe cost?";
  const std::string gap = "We don't know the price of the shirts yet.\n";
  EXPECT_EQ(Class(gap + "10 * $750 = $7,500", request), "discussion");
  EXPECT_EQ(Class("10 * $750 = $7,500", request), "answer_attempt");
  EXPECT_EQ(Class(gap + "10 * $750 = $7,500\nTherefore, he pays $7,500.", request),
            "answer_attempt");
  EXPECT_EQ(Class(gap + "10 * $750 = $7,500\nSo he pays:\n$7,500", request), "answer_attempt");
  EXPECT_EQ(Class(gap + "The wardrobe costs **$7,500**.", request), "answer_attempt");
  EXPECT_NE(Class(gap + "The suits are **$7,500**.", request), "answer_attempt");
  EXPECT_EQ(Class(gap + "The suits are **$7,500**."), "answer_attempt");
}

// What small policies write.
TEST(TurnStrategy, ShortTurns) {
  const char* request = "Bob has 4 pens. How many pens do they have in total?";
  EXPECT_EQ(Class("Amy has 3 pens. 3+4=7.\nAnswer: 7", request), "answer_attempt");
  EXPECT_EQ(Class("3+4=7", request), "answer_attempt");
  EXPECT_EQ(Class("How many pens does Amy have?", request), "clarification");
  EXPECT_EQ(Class("I cannot answer this. How many pens does Amy have?", request), "clarification");
}

TEST(TurnStrategy, Questions) {
  EXPECT_EQ(Class("How many apples does Tom have?"), "clarification");
  EXPECT_EQ(Class("Please tell me the price of one pen."), "clarification");
  EXPECT_EQ(Class("\xEF\xBC\x9F"), "missing");
  EXPECT_EQ(Class("How many apples does Tom have\xEF\xBC\x9F"), "clarification");
  EXPECT_EQ(Class("How many apples are there? And what does one cost?"), "interrogation");
  EXPECT_EQ(Class("I'd need to know more. Could you please provide:\n* the price of a pen\n"
                  "* the number of pens"),
            "interrogation");
  // A hundred words and more are no clarification.
  std::string words;
  for (int i = 0; i < 110; ++i) words += "word ";
  EXPECT_EQ(Class(words + ". How many apples does Tom have?"), "discussion");
}

TEST(TurnStrategy, QuotedAndRepeatedQuestionsAskNothing) {
  EXPECT_EQ(Read("The teacher wrote \"how many are left?\" on the board. 9 - 4 = 5.\nAnswer: 5"),
            "answer_attempt: 5");
  EXPECT_EQ(Class("You wrote \xE2\x80\x9Chow many are left?\xE2\x80\x9D and that is all."),
            "discussion");
  const char* request = "how many pens does Amy have?";
  EXPECT_EQ(Class("How many pens does Amy have? Let us think about it slowly.", request),
            "discussion");
  EXPECT_EQ(Class("How many pens does Amy have? Let us think about it slowly."), "clarification");
  // A part of the request's question asks for something else.
  EXPECT_EQ(Class("How many pens?", request), "clarification");
}

// The request may lack a question mark; what the turn does is seen in the turn.
TEST(TurnStrategy, RequestWithoutQuestionMark) {
  EXPECT_EQ(Class("Answer: 5", "Tell the number of pens"), "answer_attempt");
  EXPECT_EQ(Class("Which pens?", "Tell the number of pens"), "clarification");
}

TEST(TurnStrategy, RefusalAndHedge) {
  EXPECT_EQ(Class("I cannot answer this. The question does not say how many there are."), "refuse");
  EXPECT_EQ(Class("There is not enough information to solve the problem."), "refuse");
  EXPECT_EQ(Class("Suppose a shirt costs $5. Then 3 shirts cost 3 * $5 = $15. The real price is "
                  "unknown."),
            "hedge");
  EXPECT_EQ(Class("Interesting. Numbers of pens depend on many things in life."), "discussion");
}

TEST(TurnStrategy, Missing) {
  EXPECT_EQ(Class(""), "missing");
  EXPECT_EQ(Class(" \n\t\xC2\xA0 ... **"), "missing");
  EXPECT_EQ(Class("Got"), "missing");  // cut off
  EXPECT_EQ(Class("7"), "answer_attempt");
}

// 150 turns of the tuning half, with the user's last turn, which is all that a row has of the request,
// and without. The floors are what the rules reach, so that a change that costs agreement is seen;
// docs/icpo.md has the table over both halves.
class AgreesWithTheLabelledSlice : public testing::TestWithParam<bool> {};
TEST_P(AgreesWithTheLabelledSlice, Floors) {
  const bool with_request = GetParam();
  std::ifstream file(std::string(RLVR_SOURCE_DIR) + "/tests/reference/turn_strategies.jsonl");
  int rows = 0, same = 0, attempts = 0, answers = 0, answered = 0;
  for (std::string line; std::getline(file, line); ++rows) {
    const auto row = nlohmann::json::parse(line);
    const TurnReading r = ReadTurn(row["assistant"].get<std::string>(),
                                   with_request ? row["user"].get<std::string>() : "");
    const TurnStrategy label = ParseTurnStrategy(row["response_type"]);
    same += r.strategy == label ? 1 : 0;
    attempts +=
        (r.strategy == TurnStrategy::kAnswerAttempt) == (label == TurnStrategy::kAnswerAttempt) ? 1
                                                                                                : 0;
    const std::string recorded = row["exact_answer"].is_string() ? row["exact_answer"] : "";
    if (recorded.empty() || r.answer.empty()) continue;
    ++answered;
    answers +=
        r.answer.find(recorded) != std::string::npos || recorded.find(r.answer) != std::string::npos
            ? 1
            : 0;
  }
  EXPECT_EQ(rows, 150);
  EXPECT_GE(same, with_request ? 106 : 107);
  EXPECT_GE(attempts, 145);
  EXPECT_EQ(answered, 52);
  EXPECT_GE(answers, 50);
}
INSTANTIATE_TEST_SUITE_P(TurnStrategy, AgreesWithTheLabelledSlice, testing::Bool(),
                         [](const auto& info) {
                           return std::string(info.param ? "Request" : "NoRequest");
                         });

TEST(TurnStrategy, HostileStringsNeverCrash) {
  Random random(RandomKey(1));
  const std::vector<std::string> parts = {
      "\\boxed{", "}",  "answer:", "\n", "1",    "?",    "$",          "**",      "\"", "\\frac{",
      "####",     "- ", "=",       ",",  "\xff", "\xE2", "therefore ", "cannot ", "2.", " or "};
  for (int i = 0; i < 20000; ++i) {
    std::string s;
    for (int64_t n = random.Int(0, 30); n > 0; --n) s += random.Choice(parts);
    const TurnReading r = ReadTurn(s, s);
    EXPECT_NE(r.strategy, TurnStrategy::kUnknown);
    EXPECT_NE(s.find(r.answer), std::string::npos) << s;
    EXPECT_EQ(r.answer.empty(), r.strategy != TurnStrategy::kAnswerAttempt) << s;
  }
}

TEST(TurnJudge, PromptHoldsTheTurn) {
  const std::string prompt = StrategyPrompt(
      {"total of the pens", {"Amy has 3", "a \"b\""}, "A number.", "I cannot [[SHARDS]]"});
  EXPECT_NE(prompt.find("attempting to solve:\ntotal of the pens\n"), std::string::npos);
  EXPECT_NE(prompt.find(R"(
[{"shard_id": 2, "shard": "Amy has 3"}, {"shard_id": 3, "shard": "a \"b\""}]
)"),
            std::string::npos);
  EXPECT_NE(prompt.find("[Task Specific Answer] A number."), std::string::npos);
  EXPECT_TRUE(prompt.ends_with("last turn:\n[assistant] I cannot [[SHARDS]]")) << prompt;
  EXPECT_NE(prompt.find("refuse|missing|answer_attempt|hedge|clarification|interrogation"),
            std::string::npos);
}

TEST(TurnJudge, ScriptedJudge) {
  const JudgedTurn turn = {"pens", {"Amy has 3"}, "A number.", "hello"};
  std::vector<std::string> said;
  int calls = 0;
  const PromptService judge = [&](const std::string&) {
    return said[static_cast<size_t>(calls++)];
  };
  said = {"```json\n{ \"response_type\" : \"hedge\" }\n```"};
  EXPECT_EQ(JudgeTurnStrategy(turn, judge), TurnStrategy::kHedge);
  calls = 0;
  said = {"hedge", "{\"response_type\": \"maybe\"}", "{\"response_type\": \"refuse\"}"};
  EXPECT_EQ(JudgeTurnStrategy(turn, judge), TurnStrategy::kRefuse);
  EXPECT_EQ(calls, 3);
  calls = 0;
  EXPECT_THROW(JudgeTurnStrategy(turn, judge, 2), Error);
  calls = 0;
  EXPECT_EQ(JudgeTurnStrategy({"pens", {}, "", " \n"}, judge), TurnStrategy::kMissing);
  EXPECT_EQ(calls, 0);
}

}  // namespace
}  // namespace rlvr
