// The loop of sharded conversations, worked by hand on a problem of four shards.
#include <gtest/gtest.h>

#include <set>

#include "env/environment.h"
#include "verify/verify.h"

namespace rlvr {
namespace {

Prompt Apples() {
  Prompt prompt;
  prompt.messages = {{"system", "Be brief."}, {"user", "the whole question"}};
  prompt.data_source = "gsm_micro";
  prompt.ground_truth = "12";
  prompt.extra_info = R"({"question": "Tom has 7 apples and buys 5. How many?", "shards": [
    {"shard_id": 1, "shard": "How many apples does Tom have?"},
    {"shard_id": 2, "shard": "Tom starts with 7 apples.", "required": true},
    {"shard_id": 3, "shard": "His shop is on Main Street.", "required": false},
    {"shard_id": 4, "shard": "Tom buys 5 apples.", "required": true}]})";
  return prompt;
}

struct Talk {
  explicit Talk(const std::string& yaml, const Prompt& prompt = Apples(), uint64_t seed = 1) {
    const ConfigNode node = ParseConfig(yaml, "test");
    maker = MakeEnvironment(&node, {.correct = 1, .wrong = -0.5});
    environment = maker->Make();
    opening = environment->Reset(prompt, RandomKey(seed), RandomKey(seed)[0]);
  }
  Reply Say(const std::string& text) {
    return environment->Step({.turn = turn++, .text = text, .num_tokens = 1});
  }
  std::unique_ptr<EnvironmentMaker> maker;
  std::unique_ptr<Environment> environment;
  std::vector<Message> opening;
  int turn = 0;
};

const char *const kRight = "The answer is \\boxed{12}.", *const kWrong = "Answer: 7",
                  *const kAsks = "How many apples does Tom start with?";

TEST(Sharded, RevealsOneShardATurnAndStopsAtARightAttempt) {
  Talk talk("{name: sharded, conversation: sharded}");
  ASSERT_EQ(talk.opening.size(), 2u);
  EXPECT_EQ(talk.opening[0].role, "system");
  EXPECT_EQ(talk.opening[0].content, "Be brief.");
  EXPECT_EQ(talk.opening[1].content, "How many apples does Tom have?");

  Reply reply = talk.Say(kAsks);
  EXPECT_EQ(reply.outcome.illocution, Illocution::kUnderspecified);
  EXPECT_EQ(reply.outcome.strategy, TurnStrategy::kClarification);
  EXPECT_FALSE(reply.outcome.right);
  ASSERT_EQ(reply.messages.size(), 1u);
  EXPECT_EQ(reply.messages[0].role, "user");
  EXPECT_EQ(reply.messages[0].content, "Tom starts with 7 apples.");

  reply = talk.Say(kWrong);  // a premature attempt, judged; the conversation goes on
  EXPECT_EQ(reply.outcome.illocution, Illocution::kUnderspecified);
  EXPECT_EQ(reply.outcome.strategy, TurnStrategy::kAnswerAttempt);
  EXPECT_EQ(reply.messages[0].content, "His shop is on Main Street.");
  reply = talk.Say(kAsks);
  EXPECT_EQ(reply.outcome.illocution, Illocution::kUnderspecified);  // shard 4 is still hidden
  EXPECT_EQ(reply.messages[0].content, "Tom buys 5 apples.");
  reply = talk.Say(kRight);
  EXPECT_EQ(reply.outcome.illocution, Illocution::kSpecified);
  EXPECT_TRUE(reply.outcome.right);
  EXPECT_TRUE(reply.done);
  EXPECT_TRUE(reply.messages.empty());

  const ConversationResult result = talk.environment->End(Finish::kStop);
  EXPECT_EQ(result.verdict, Verdict::kRight);
  EXPECT_EQ(result.answer, "12");
  EXPECT_EQ(result.score, 1.f);
  EXPECT_EQ(result.metrics.at("turns"), 4);
  EXPECT_EQ(result.metrics.at("attempts"), 2);
  EXPECT_EQ(result.metrics.at("premature"), 1);
  EXPECT_EQ(result.metrics.at("first_attempt_turn"), 2);
  EXPECT_EQ(result.metrics.at("revealed"), 1);
}

TEST(Sharded, ShardsThatAreNotRequiredDoNotHoldTheLabelBack) {
  Prompt prompt = Apples();
  prompt.extra_info = R"({"question": "q", "shards": [{"shard_id": 1, "shard": "How many?"},
    {"shard_id": 2, "shard": "7 and 5."}, {"shard_id": 3, "shard": "By hand.", "required": false}]})";
  Talk talk("{name: sharded}", prompt);
  EXPECT_EQ(talk.Say(kAsks).outcome.illocution, Illocution::kUnderspecified);
  EXPECT_EQ(talk.Say(kAsks).outcome.illocution, Illocution::kSpecified);
  EXPECT_TRUE(talk.Say(kAsks).done);
}

TEST(Sharded, TheLastAttemptScoresAndNoneIsWrong) {
  Talk talk("{name: sharded, end_on_correct: false}");
  talk.Say(kRight);
  talk.Say(kAsks);
  talk.Say(kAsks);
  EXPECT_TRUE(talk.Say(kWrong).done);
  ConversationResult result = talk.environment->End(Finish::kStop);
  EXPECT_EQ(result.verdict, Verdict::kWrong);
  EXPECT_EQ(result.answer, "7");
  EXPECT_EQ(result.score, -0.5f);

  Talk silent("{name: sharded}");
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(silent.Say(kAsks).done);
  EXPECT_TRUE(silent.Say("").done);
  result = silent.environment->End(Finish::kStop);
  EXPECT_EQ(result.verdict, Verdict::kWrong);
  EXPECT_EQ(result.answer, "");
  EXPECT_EQ(result.score, -0.5f);
  EXPECT_EQ(result.metrics.count("first_attempt_turn"), 0u);
}

TEST(Sharded, AttemptsLastIgnoresLuckyGuesses) {
  Talk talk("{name: sharded, attempts: last}");
  const Reply lucky = talk.Say(kRight);
  EXPECT_FALSE(lucky.outcome.right);
  EXPECT_FALSE(lucky.done);
  talk.Say(kAsks);
  talk.Say(kAsks);
  EXPECT_TRUE(talk.Say(kAsks).done);
  EXPECT_EQ(talk.environment->End(Finish::kStop).verdict, Verdict::kWrong);
}

TEST(Sharded, ExtraTurnsComeAfterTheLastShard) {
  Talk talk("{name: sharded, extra_turns: 1, closing: Now answer.}");
  for (int i = 0; i < 3; ++i) talk.Say(kAsks);
  const Reply closing = talk.Say(kAsks);
  EXPECT_FALSE(closing.done);
  EXPECT_EQ(closing.messages[0].content, "Now answer.");
  EXPECT_TRUE(talk.Say(kRight).done);
  EXPECT_EQ(talk.environment->End(Finish::kStop).verdict, Verdict::kRight);
}

TEST(Sharded, TheLimitOfTurnsEndsItWithWhatThereIs) {
  Talk talk("{name: sharded, end_on_correct: false}");
  talk.Say(kRight);
  EXPECT_EQ(talk.environment->End(Finish::kLength).verdict, Verdict::kRight);
}

TEST(Sharded, AnAttemptIsReadAsTheProtocolDoes) {
  Talk talk("{name: sharded}");  // neither boxed nor behind "Answer:", so the reading finds it
  const Reply reply = talk.Say("Tom buys 5 more, so in total the answer is 12.");
  EXPECT_EQ(reply.outcome.strategy, TurnStrategy::kAnswerAttempt);
  EXPECT_TRUE(reply.outcome.right);
}

TEST(Sharded, TheTextsOfAllConversations) {  // the protocol's, byte for byte
  EXPECT_EQ(Talk("{name: sharded, conversation: full}").opening[1].content,
            "Q: Tom has 7 apples and buys 5. How many?\nA:");
  EXPECT_EQ(Talk("{name: sharded, conversation: concat}").opening[1].content,
            "Q: - How many apples does Tom have?\n- Tom starts with 7 apples.\n- His shop is on "
            "Main Street.\n- Tom buys 5 apples.\n\nA:");
  EXPECT_EQ(Talk("{name: sharded, system_prompt: Think., conversation: concat, full_prompt: "
                 "'[[QUESTION]]'}")
                .opening[0]
                .content,
            "Think.");

  Talk snowball("{name: sharded, conversation: snowball}");
  EXPECT_EQ(snowball.opening[1].content, "How many apples does Tom have?");
  EXPECT_EQ(snowball.Say(kAsks).messages[0].content,
            "Just to reiterate,\n- How many apples does Tom have?\n\nAlso,\n\nTom starts with 7 "
            "apples.\n");
  EXPECT_EQ(snowball.Say(kAsks).messages[0].content,
            "Just to reiterate,\n- How many apples does Tom have?\n- Tom starts with 7 "
            "apples.\n\nAlso,\n\nHis shop is on Main Street.\n");
}

TEST(Sharded, OneTurnAtOnceIsAlwaysAnAttempt) {
  Talk talk("{name: sharded, conversation: full}");
  const Reply reply = talk.Say("If he eats none: Answer: 12?");
  EXPECT_EQ(reply.outcome.illocution, Illocution::kSpecified);
  EXPECT_TRUE(reply.done);
  EXPECT_EQ(talk.environment->End(Finish::kStop).metrics.at("attempts"), 1);
}

TEST(Sharded, RecapIsOneMoreTurnAndTheOnlyOneThatCounts) {
  Talk talk("{name: sharded, conversation: recap}");
  const Reply early = talk.Say(kRight);
  EXPECT_FALSE(early.done);
  ASSERT_EQ(early.messages.size(), 1u);
  EXPECT_EQ(early.messages[0].content,
            "Just to recapitulate, the entire task is:\n\nQ: - How many apples does Tom have?\n- "
            "Tom starts with 7 apples.\n- His shop is on Main Street.\n- Tom buys 5 "
            "apples.\n\nA:\n\nNow please complete the task correctly taking all the information "
            "into account.");
  const Reply last = talk.Say(kWrong);
  EXPECT_EQ(last.outcome.illocution, Illocution::kSpecified);
  EXPECT_TRUE(last.done);
  EXPECT_EQ(talk.environment->End(Finish::kStop).verdict, Verdict::kWrong);

  Talk unanswered("{name: sharded, conversation: recap}");
  unanswered.Say(kRight);
  EXPECT_TRUE(unanswered.Say(kAsks).done);
  EXPECT_EQ(unanswered.environment->End(Finish::kStop).verdict, Verdict::kWrong);
}

TEST(Sharded, ShuffleIsTheGroupsAndKeepsEveryShard) {
  std::set<std::string> orders;
  for (uint64_t seed = 0; seed < 20; ++seed) {
    const Talk one("{name: sharded, conversation: shuffle_concat}", Apples(), seed),
        again("{name: sharded, conversation: shuffle_concat}", Apples(), seed);
    const std::string text = one.opening[1].content;
    EXPECT_EQ(text, again.opening[1].content);
    for (const char* shard : {"How many apples", "starts with 7", "Main Street", "buys 5"})
      EXPECT_NE(text.find(shard), std::string::npos);
    orders.insert(text);
  }
  EXPECT_GT(orders.size(), 10u);
}

TEST(Sharded, FullShareMixesGroups) {
  int full = 0;
  for (uint64_t seed = 0; seed < 200; ++seed)
    full += Talk("{name: sharded, full_share: 0.25}", Apples(), seed)
                .opening[1]
                .content.starts_with("Q: ");
  EXPECT_NEAR(full, 50, 24);  // four standard deviations
}

TEST(Sharded, IcposTurnRewards) {  // 1 for asking and -c for answering; then the verifier, -l
  Talk talk(
      "{name: sharded, extra_turns: 1, turn_reward: {name: icpo, penalty_confident: 0.25, "
      "penalty_needless: 0.125}}");
  EXPECT_EQ(talk.Say(kAsks).outcome.reward, 1.f);
  EXPECT_EQ(talk.Say(kWrong).outcome.reward, -0.25f);
  EXPECT_EQ(talk.Say("").outcome.reward, 0.f);
  EXPECT_EQ(talk.Say(kAsks).outcome.reward, -0.5f - 0.125f);  // all is said; wrong is -0.5
  EXPECT_EQ(talk.Say(kRight).outcome.reward, 1.f);

  // A question pays only if it names a required shard that is hidden: "apples" and "start" are two
  // of the three content words of "Tom starts with 7 apples" (tom, start, apple).
  Talk strict(
      "{name: sharded, turn_reward: {name: icpo, clarify_requires_missing: true, tau: 0.6}}");
  EXPECT_EQ(strict.Say("How is the weather today?").outcome.reward, 0.f);
  EXPECT_EQ(strict.Say("How many apples did he start with?").outcome.reward, 0.f);  // told
  EXPECT_EQ(strict.Say("How many apples does Tom buy?").outcome.reward, 1.f);
}

// What a judge is told of each turn, and what its answer does.
TEST(Sharded, AJudgeMayTakeTheRulesPlace) {
  const ConfigNode node = ParseConfig("{name: sharded}", "test");
  std::vector<TurnToRead> read;
  EnvironmentServices services;
  services.reader.read = [&](const TurnToRead& turn) {
    read.push_back(turn);
    if (read.size() == 1) return JudgedReading{{TurnStrategy::kHedge, ""}, true};
    return JudgedReading{{TurnStrategy::kAnswerAttempt, "12"}};
  };
  const auto maker = MakeEnvironment(&node, services);
  const auto environment = maker->Make();
  const auto opening = environment->Reset(Apples(), RandomKey(1), RandomKey(2));
  const Reply first = environment->Step({.text = "The answer is 12."});
  EXPECT_EQ(first.outcome.strategy, TurnStrategy::kHedge);
  EXPECT_FALSE(first.outcome.right);
  EXPECT_TRUE(environment->Step({.turn = 1, .text = "a dozen"}).outcome.right);
  ASSERT_EQ(read.size(), 2u);
  EXPECT_EQ(read[0].text, "The answer is 12.");
  EXPECT_EQ(read[0].intent, opening.back().content);
  EXPECT_EQ(read[0].request, opening.back().content);
  EXPECT_EQ(read[1].request, opening.back().content + "\n" + first.messages[0].content);
  EXPECT_EQ(read[1].intent, opening.back().content);
  EXPECT_EQ(read[0].shards, read[1].shards);  // all but the intent, told or not
  EXPECT_EQ(std::count(read[0].shards.begin(), read[0].shards.end(), first.messages[0].content), 1);
  EXPECT_EQ(std::count(read[0].shards.begin(), read[0].shards.end(), read[0].intent), 0);
  EXPECT_NE(read[0].key.value(), read[1].key.value());
  EXPECT_EQ(environment->End(Finish::kStop).metrics.at("judge_faults"), 1);
  EXPECT_FALSE(environment->blocks());
}

// A user's own question said again asks nothing: the rules are told what the user has said.
TEST(Sharded, TheRequestSaidAgainIsNoQuestion) {
  Prompt prompt = Apples();
  const ConfigNode node = ParseConfig("{name: sharded}", "test");
  const auto maker = MakeEnvironment(&node, {});
  const auto environment = maker->Make();
  const std::string intent = environment->Reset(prompt, RandomKey(1), RandomKey(2)).back().content;
  ASSERT_TRUE(intent.ends_with("?")) << intent;
  EXPECT_EQ(ClassifyTurn(intent), TurnStrategy::kClarification);
  EXPECT_EQ(environment->Step({.text = intent}).outcome.strategy, TurnStrategy::kDiscussion);
}

TEST(Sharded, APromptWithoutShards) {
  Prompt prompt = Apples();
  prompt.extra_info = "";
  const Talk talk("{name: sharded, conversation: full}", prompt);
  ASSERT_EQ(talk.opening.size(), 2u);
  EXPECT_EQ(talk.opening[1].content, "the whole question");
  try {
    Talk("{name: sharded}", prompt);
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("has no shards"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace rlvr
