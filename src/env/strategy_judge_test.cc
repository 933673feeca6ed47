// Strategies by a judge model: behind an endpoint, and one of the run.
#include "env/strategy_judge.h"

#include <gtest/gtest.h>

#include <chrono>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "env/chat_server_test.h"

namespace rlvr {
namespace {

std::string Class(const std::string& name) {
  return Completion(nlohmann::json("{\"response_type\": \"" + name + "\"}").dump());
}

StrategyJudgeSettings Remote(const ChatServer& server) {
  StrategyJudgeSettings settings{.name = "remote", .model = "judge-model"};
  settings.endpoint.url = server.url();
  settings.endpoint.timeout = 20;
  settings.endpoint.retries = 0;
  return settings;
}

TurnToRead Turn(const std::string& text) {
  return {.text = text,
          .request = "How many pens?\nAmy has 3.",
          .intent = "How many pens?",
          .shards = {"Amy has 3.", "Tom has 4."},
          .key = RandomKey(5)};
}

Verdict Failure(const TurnReader& reader) {
  try {
    reader.read(Turn("Answer: 7"));
  } catch (const ConversationFailed& failed) {
    return failed.verdict;
  }
  return Verdict::kRight;
}

TEST(StrategyJudge, RulesReadNothingHere) {
  const TurnReader reader = MakeTurnReader({}, {});
  EXPECT_FALSE(reader.read);
  EXPECT_FALSE(reader.blocks);
}

TEST(StrategyJudge, TheEndpointsClass) {
  std::string name = "hedge";
  ChatServer server([&](const std::string&) { return Class(name); });
  const TurnReader reader = MakeTurnReader(Remote(server), {});
  EXPECT_TRUE(reader.blocks);
  // For the rules this is an attempt, which has an answer.
  ASSERT_EQ(ReadTurn("Answer: 7").strategy, TurnStrategy::kAnswerAttempt);
  JudgedReading read = reader.read(Turn("Answer: 7"));
  EXPECT_EQ(read.reading.strategy, TurnStrategy::kHedge);
  EXPECT_EQ(read.reading.answer, "");
  EXPECT_FALSE(read.faulty);
  name = "answer_attempt";
  EXPECT_EQ(reader.read(Turn("Answer: 7")).reading.answer, "7");
  read = reader.read(Turn("How many has Amy?"));
  EXPECT_EQ(read.reading.strategy, TurnStrategy::kAnswerAttempt);
  EXPECT_EQ(read.reading.answer, "");
  // A blank turn needs no judge.
  EXPECT_EQ(reader.read(Turn(" \n")).reading.strategy, TurnStrategy::kMissing);
  ASSERT_EQ(server.requests().size(), 3u);

  const std::string request = server.requests()[0];
  const auto body = nlohmann::json::parse(request.substr(request.find("\r\n\r\n") + 4));
  EXPECT_EQ(body["model"], "judge-model");
  EXPECT_EQ(body["temperature"], 0.0);
  ASSERT_EQ(body["messages"].size(), 1u);
  const std::string prompt = body["messages"][0]["content"];
  EXPECT_NE(prompt.find("attempting to solve:\nHow many pens?\n"), std::string::npos) << prompt;
  EXPECT_NE(prompt.find(R"([{"shard_id": 2, "shard": "Amy has 3."}, {"shard_id": 3, )"),
            std::string::npos);
  EXPECT_NE(prompt.find("The answer should be a single number"), std::string::npos);
  EXPECT_TRUE(prompt.ends_with("[assistant] Answer: 7"));
}

TEST(StrategyJudge, WhatNamesNoClassIsByRules) {
  int n = 0;
  ChatServer server([&](const std::string&) {
    return n++ == 1 ? Class("refuse") : Completion(R"("I would say {\"response_type\": 3}")");
  });
  const TurnReader reader = MakeTurnReader(Remote(server), {});
  JudgedReading read = reader.read(Turn("Answer: 7"));
  EXPECT_EQ(read.reading.strategy, TurnStrategy::kRefuse);  // the second try
  EXPECT_FALSE(read.faulty);
  read = reader.read(Turn("Answer: 7"));
  EXPECT_EQ(read.reading.strategy, TurnStrategy::kAnswerAttempt);
  EXPECT_EQ(read.reading.answer, "7");
  EXPECT_TRUE(read.faulty);
  EXPECT_EQ(server.requests().size(), 2u + 3u);
  // The tries have seeds of their own.
  EXPECT_NE(server.requests()[2], server.requests()[3]);
}

TEST(StrategyJudge, ServersThatDoNotAnswer) {
  {
    ChatServer server([](const std::string&) { return Http("500 Oh", ""); });
    EXPECT_EQ(Failure(MakeTurnReader(Remote(server), {})), Verdict::kBroken);
    EXPECT_EQ(server.requests().size(), 1u);  // not taken for an answer without a class
  }
  StrategyJudgeSettings settings;
  {
    ChatServer server([](const std::string&) {
      std::this_thread::sleep_for(std::chrono::milliseconds(600));
      return Class("hedge");
    });
    settings = Remote(server);
    settings.endpoint.timeout = 0.2;
    EXPECT_EQ(Failure(MakeTurnReader(settings, {})), Verdict::kTimedOut);
  }
  settings.endpoint.timeout = 20;  // now nobody listens there
  EXPECT_EQ(Failure(MakeTurnReader(settings, {})), Verdict::kBroken);
}

TEST(StrategyJudge, AConversationWhoseJudgeDies) {
  std::atomic<bool> dead = false;
  ChatServer server(
      [&](const std::string&) { return dead ? Http("500 Oh", "") : Class("discussion"); });
  EnvironmentServices services;
  services.reader = MakeTurnReader(Remote(server), services);
  const ConfigNode node = ParseConfig("{name: sharded}", "test");
  const auto maker = MakeEnvironment(&node, services);
  const auto environment = maker->Make();
  EXPECT_TRUE(environment->blocks());
  EXPECT_EQ(environment->asks(), nullptr);
  Prompt prompt;
  prompt.extra_info = R"({"question": "q", "shards": [{"shard_id": 1, "shard": "How many?"},
                          {"shard_id": 2, "shard": "Tom has 7 and 5."}]})";
  environment->Reset(prompt, RandomKey(1), RandomKey(2));
  EXPECT_EQ(environment->Step({.text = "Answer: 3"}).outcome.strategy, TurnStrategy::kDiscussion);
  dead = true;
  EXPECT_THROW(environment->Step({.turn = 1, .text = "Answer: 3"}), ConversationFailed);
}

TEST(StrategyJudge, AModelOfTheRun) {
  std::vector<ModelQuestion> asked;
  std::string says = R"({"response_type": "interrogation"})";
  EnvironmentServices services;
  services.generate = [&](const ModelQuestion& question) {
    asked.push_back(question);
    return says;
  };
  StrategyJudgeSettings settings{.name = "model", .model = "policy"};
  const TurnReader reader = MakeTurnReader(settings, services);
  EXPECT_EQ(reader.read(Turn("Answer: 7")).reading.strategy, TurnStrategy::kInterrogation);
  ASSERT_EQ(asked.size(), 1u);
  EXPECT_EQ(asked[0].model, "policy");
  EXPECT_EQ(asked[0].temperature, 0);
  // It would say the same again, but for a temperature.
  says = "hm";
  EXPECT_TRUE(reader.read(Turn("Answer: 7")).faulty);
  EXPECT_EQ(asked.size(), 2u);
  settings.endpoint.temperature = 1;
  EXPECT_TRUE(MakeTurnReader(settings, services).read(Turn("Answer: 7")).faulty);
  EXPECT_EQ(asked.size(), 5u);
  EXPECT_NE(asked[3].key.value(), asked[4].key.value());

  EXPECT_THROW(MakeTurnReader(settings, {}), Error);  // a run without models
  settings.model = "";
  EXPECT_THROW(MakeTurnReader(settings, services), Error);
}

}  // namespace
}  // namespace rlvr
