#include "eval/lost_in_conversation_replay.h"

#include <gtest/gtest.h>

#include <fstream>

#include "base/error.h"

namespace rlvr {
namespace {

const std::string kFolder = RLVR_SOURCE_DIR "/tests/reference/lost_in_conversation/";

std::vector<RecordedConversation> Slice() {
  return ReadRecordedConversations(kFolder + "turns.jsonl", kFolder + "instructions.jsonl");
}

// Numbers counted by a program of its own over the same file.
TEST(LostInConversationReplay, GivesTheRecordedScores) {
  const auto counts = Replay(Slice(), *MakeVerifier("lic_math"));
  const ReplayCounts& all = counts.at("all");
  EXPECT_EQ(all.conversations, 16);
  EXPECT_EQ(all.turns, 92);
  EXPECT_EQ(all.attempts, 53);
  EXPECT_EQ(all.same_turn_scores, 53);
  EXPECT_EQ(all.same_scores, 13);
  EXPECT_EQ(all.no_attempt, 1);
  EXPECT_EQ(all.stopped_earlier, 2);
  EXPECT_EQ(all.conversations_cut, 5);
  EXPECT_EQ(all.turns_after_end, 18);
  EXPECT_EQ(all.never_fully_revealed, 2);
  EXPECT_NEAR(all.score, 62.5, 1e-9);
  EXPECT_NEAR(all.recorded, 50, 1e-9);
  EXPECT_NEAR(all.summary.premature_turns.mean, 27.0 / 64, 1e-12);
  EXPECT_NEAR(all.summary.premature_conversations.mean, 0.7142857142857143, 1e-12);
  EXPECT_NEAR(all.summary.strategy_share[static_cast<size_t>(TurnStrategy::kClarification)] * 74, 8,
              1e-9);
  int64_t conversations = 0;
  for (const auto& [name, c] : counts) {
    if (name != "all") conversations += c.conversations;
  }
  EXPECT_EQ(conversations, 16);
}

TEST(LostInConversationReplay, StopsAtTheFirstRightAttempt) {
  const auto attempt = [](const char* answer, double score) {
    RecordedTurn turn;
    turn.strategy = TurnStrategy::kAnswerAttempt;
    turn.answer = answer;
    turn.score = score;
    return turn;
  };
  RecordedTurn question;
  question.strategy = TurnStrategy::kClarification;
  const auto verifier = MakeVerifier("lic_math");
  RecordedConversation c{.task_id = "t", .model = "m", .ground_truth = "300", .num_shards = 4};
  c.turns = {question, attempt("5", 0), attempt("300", 1), attempt("6", 0)};
  ReplayedConversation r = ReplayConversation(c, *verifier);
  ASSERT_EQ(r.scores.size(), 3u);
  EXPECT_FALSE(r.scores[0].has_value());
  EXPECT_EQ(r.scores[1], 0.0);
  EXPECT_EQ(r.score, 1);
  EXPECT_EQ(r.recorded, 0.0);
  EXPECT_EQ(r.difference, ReplayDifference::kStoppedEarlier);

  c.turns = {attempt("5", 0), question};  // the last attempt's score, not the last turn's
  r = ReplayConversation(c, *verifier);
  EXPECT_EQ(r.scores.size(), 2u);
  EXPECT_EQ(r.score, 0);
  EXPECT_EQ(r.difference, ReplayDifference::kNone);

  c.turns = {question, question};
  r = ReplayConversation(c, *verifier);
  EXPECT_EQ(r.score, 0);
  EXPECT_FALSE(r.recorded.has_value());
  EXPECT_EQ(r.difference, ReplayDifference::kNoAttempt);

  c.turns = {attempt("5", 1)};  // a record that no rule of the protocol explains
  r = ReplayConversation(c, *verifier);
  EXPECT_EQ(r.difference, ReplayDifference::kNone);
  const ReplayCounts counts = Replay({c}, *verifier).at("all");
  EXPECT_EQ(counts.same_turn_scores, 0);
  EXPECT_EQ(counts.same_scores + counts.no_attempt + counts.stopped_earlier, 0);
}

TEST(LostInConversationReplay, ByRules) {
  RecordedConversation c{.task_id = "t", .model = "m", .ground_truth = "7", .num_shards = 2};
  RecordedTurn turn;
  turn.strategy = TurnStrategy::kDiscussion;
  turn.answer = "12";
  turn.assistant = "3 + 4 = 7\n#### 7";
  c.turns = {turn};
  const auto verifier = MakeVerifier("lic_math");
  const RecordedConversation again = ReadAgainByRules(c, false);
  EXPECT_EQ(again.turns[0].strategy, TurnStrategy::kAnswerAttempt);
  EXPECT_EQ(again.turns[0].answer, "7");
  EXPECT_EQ(ReadAgainByRules(c, true).turns[0].answer, turn.assistant);
  const ReplayCounts counts = Replay({c}, *verifier).at("all");
  EXPECT_EQ(counts.score, 0);  // the record says that it was no attempt
  EXPECT_EQ(counts.rules.score, 100);
  EXPECT_EQ(counts.rules.right_by_rules_alone, 1);
  EXPECT_EQ(counts.rules.same_scores, 0);
  // Over the slice the kinds add up to all.
  const ReplayCounts all = Replay(Slice(), *verifier).at("all");
  for (const RulesCounts& r : {all.rules, all.rules_whole_text})
    EXPECT_EQ(r.same_scores + r.right_by_rules_alone + r.right_by_record_alone, all.conversations);
}

TEST(LostInConversationReplay, TableHoldsTheCounts) {
  const std::string table = ReplayTable(Replay(Slice(), *MakeVerifier("lic_math")));
  for (const char* part : {"claude-3-h", "other: unexplained", "62.5", "clarification"})
    EXPECT_NE(table.find(part), std::string::npos) << part << "\n" << table;
}

TEST(LostInConversationReplay, DamageNamesTheLine) {
  const std::string path = testing::TempDir() + "turns.jsonl";
  const auto fails_with = [&](const std::string& text, const std::string& message) {
    std::ofstream(path) << text;
    try {
      ReadRecordedConversations(path, kFolder + "instructions.jsonl");
      FAIL() << message;
    } catch (const Error& e) {
      EXPECT_NE(std::string(e.what()).find(message), std::string::npos) << e.what();
    }
  };
  const std::string row =
      R"({"task_id": "sharded-GSM8K/875", "model": "m", "n_shards": 4, "revealed": [1], "user": "u", )"
      R"("assistant": "a", "response_type": "hedge", "exact_answer": null, "score": null, )"
      R"("all_revealed": false, "turn": )";
  fails_with(row + "1}\n" + row + "3}\n", "turns.jsonl:2: turn 3 follows 1");
  fails_with("{\"task_id\": \"x\", \"model\": \"m\"}\n", "turns.jsonl:1: no ground truth for x");
  fails_with("{\"task_id\"\n", "turns.jsonl:1: ");
  fails_with("", "holds no turns");
}

}  // namespace
}  // namespace rlvr
