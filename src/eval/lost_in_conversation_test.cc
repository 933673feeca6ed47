#include "eval/lost_in_conversation.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>

#include "eval/tiny_policy_test.h"

namespace rlvr {
namespace {

// Says three things in turn. A turn of odd length is an attempt; it is right if its length is
// divisible by 3.
class ThreeShards : public Conversation {
 public:
  static constexpr int kShards = 3;
  ThreeShards(int shards, bool fails) : shards_(shards), fails_(fails) {}
  Reply Step(const PolicyTurn& turn) override {
    if (fails_) throw ConversationFailed(Verdict::kBroken, "test", "went away");
    Reply reply;
    const bool attempt = turn.text.size() % 2 == 1;
    reply.outcome.strategy = attempt ? TurnStrategy::kAnswerAttempt : TurnStrategy::kDiscussion;
    reply.outcome.illocution =
        turn.turn + 1 < shards_ ? Illocution::kUnderspecified : Illocution::kSpecified;
    reply.outcome.right = attempt && turn.text.size() % 3 == 0;
    if (attempt) right_ = reply.outcome.right;
    reply.done = right_ || turn.turn + 1 == shards_;
    if (!reply.done) reply.messages = {{"user", "shard " + std::to_string(turn.turn + 2)}};
    return reply;
  }
  ConversationResult End(Finish) override {
    return {.verdict = right_ ? Verdict::kRight : Verdict::kWrong,
            .answer = "",
            .score = right_ ? 1.0f : 0.0f,
            .metrics = {{"shards", shards_}}};
  }

 private:
  int shards_;
  bool fails_, right_ = false;
};

struct Opener {
  int failing = -1;  // the sample whose other side fails
  std::set<uint64_t>* keys = nullptr;
  OpenedConversation operator()(const Prompt&, const std::string& type, RandomKey group) const {
    if (keys != nullptr) keys->insert(group.value());
    const int shards = type == "full" || type.ends_with("concat") ? 1 : ThreeShards::kShards;
    return {{{"user", "shard 1 of " + std::to_string(shards)}},
            [shards, failing = failing](int sample) {
              return std::make_unique<ThreeShards>(shards, sample == failing);
            },
            ThreeShards::kShards};
  }
};

LostInConversationOptions Options(std::vector<std::string> types) {
  LostInConversationOptions o;
  o.types = std::move(types);
  o.num_simulations = 4;
  o.max_instructions = 3;
  o.rollout.max_tokens = 7;
  return o;
}

LostInConversationResult Simulate(const std::vector<std::string>& types, const Opener& open) {
  static const TinyPolicy policy(ComputeType::kBf16);
  const auto prompts = OpenPrompts("gsm_micro", Split::kTest, 0);
  return EvaluateLostInConversation(policy.model, policy.tokenizer, *prompts, open, Options(types));
}

TEST(LostInConversation, TranscriptsHoldWhatWasSaidAndMetricsFollow) {
  const TinyPolicy policy(ComputeType::kBf16);
  const auto result = Simulate({"sharded", "full"}, {});
  ASSERT_EQ(result.types.size(), 2u);
  EXPECT_EQ(result.types[0].name, "full");  // the paper's order
  ASSERT_EQ(result.transcripts.size(), 2u * 3 * 4);
  double right = 0;
  int64_t turns = 0, early = 0, early_attempts = 0;
  for (const Transcript& t : result.transcripts) {
    ASSERT_FALSE(t.turns.empty());
    EXPECT_LE(t.turns.size(), t.type == "full" ? 1u : 3u);
    for (const auto& turn : t.turns) {
      const Segment& s = t.tree.segments[static_cast<size_t>(turn.segment)];
      EXPECT_EQ(policy.tokenizer.Decode(s.tokens, true), turn.policy.text);
      EXPECT_EQ(s.outcome.strategy, turn.reply.outcome.strategy);
      EXPECT_EQ(s.logp.size(), s.tokens.size());
    }
    if (t.type == "full") continue;
    right += t.result.verdict == Verdict::kRight;
    turns += static_cast<int64_t>(t.turns.size());
    for (size_t i = 0; i < t.turns.size() && i < 2; ++i) {
      ++early;
      early_attempts += t.turns[i].reply.outcome.strategy == TurnStrategy::kAnswerAttempt;
    }
  }
  const ConversationSummary& s = result.types[1].summary;
  EXPECT_EQ(s.num_instructions, 3);
  EXPECT_EQ(s.num_conversations, 12);
  EXPECT_EQ(s.num_turns, turns);
  EXPECT_NEAR(s.P.mean, 100 * right / 12, 1e-9);
  EXPECT_NEAR(s.premature_turns.mean,
              static_cast<double>(early_attempts) / static_cast<double>(early), 1e-12);
  EXPECT_EQ(result.types[1].metrics.at("shards"), 3);
  // Something of each kind happened, or the numbers above would say little.
  EXPECT_GT(right, 0);
  EXPECT_LT(right, 12);
  EXPECT_GT(early_attempts, 0);
  EXPECT_LT(early_attempts, early);
}

TEST(LostInConversation, LeavingATypeOutChangesNoOther) {
  const auto both = Simulate({"full", "sharded"}, {}), one = Simulate({"sharded"}, {});
  ASSERT_EQ(one.transcripts.size(), 12u);
  for (size_t i = 0; i < 12; ++i) {
    const Transcript &a = both.transcripts[12 + i], &b = one.transcripts[i];
    ASSERT_EQ(a.turns.size(), b.turns.size());
    for (size_t t = 0; t < a.turns.size(); ++t)
      EXPECT_EQ(a.turns[t].policy.text, b.turns[t].policy.text);
  }
  EXPECT_TRUE(std::isnan(one.types[0].relative.mean));
}

TEST(LostInConversation, EveryShuffleIsAGroupOfItsOwn) {
  std::set<uint64_t> keys;
  const auto result = Simulate({"shuffle_concat"}, {.keys = &keys});
  EXPECT_EQ(keys.size(), 3u * 4);
  EXPECT_EQ(result.transcripts[7].instruction, 1);
  EXPECT_EQ(result.transcripts[7].simulation, 3);
}

TEST(LostInConversation, FailedConversationsAreCountedAndLeftOut) {
  const auto result = Simulate({"sharded"}, {.failing = 2});
  EXPECT_EQ(result.types[0].failed, 3);
  EXPECT_EQ(result.types[0].summary.num_conversations, 9);
  EXPECT_NE(LostInConversationTable(result).find("3 conversations were broken off"),
            std::string::npos);
}

TEST(LostInConversation, JsonLinesHoldFiguresAndTurns) {
  const TinyPolicy policy(ComputeType::kBf16);
  const auto result = Simulate({"full", "sharded"}, {});
  std::vector<nlohmann::json> rows;
  const auto read = [&](const std::string& text) {
    rows.clear();
    for (size_t begin = 0; begin < text.size(); begin = text.find('\n', begin) + 1)
      rows.push_back(nlohmann::json::parse(text.substr(begin, text.find('\n', begin) - begin)));
  };
  read(SummaryJsonLines(result));
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[1]["type"], "sharded");
  EXPECT_EQ(rows[1]["P"]["mean"], result.types[1].summary.P.mean);
  EXPECT_EQ(rows[1]["instructions"].size(), 3u);
  EXPECT_FALSE(rows[0].contains("premature_turns"));  // FULL has no early turns
  EXPECT_TRUE(rows[1].contains("premature_turns"));
  read(TranscriptJsonLines(result, policy.tokenizer));
  ASSERT_EQ(rows.size(), 24u);
  const auto& turns = rows[23]["turns"];
  ASSERT_EQ(turns.size(), 2 * result.transcripts[23].turns.size());
  EXPECT_EQ(turns[0]["role"], "user");
  EXPECT_EQ(turns[1]["role"], "assistant");
  EXPECT_EQ(turns[1]["tokens"].size(), turns[1]["logp"].size());
}

TEST(ConversationTypes, UnknownOnesNameTheNearest) {
  EXPECT_EQ(ParseConversationTypes({"snowball", "full"}, "x"),
            (std::vector<std::string>{"full", "snowball"}));
  try {
    ParseConversationTypes({"shardet"}, "--types");
    FAIL();
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find("did you mean 'sharded'"), std::string::npos) << e.what();
  }
}

}  // namespace
}  // namespace rlvr
