// The users of sharded conversations, by hand.
#include "env/user.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "base/error.h"
#include "env/answering_user.h"
#include "env/model_user.h"

namespace rlvr {
namespace {

// Days of gsm_micro in shards, and one shard with paraphrases of the data.
struct Case {
  ShardedText text{
      .question = "q",
      .shards = {{1, "How many apples does Tom have after day 2?", {}, true},
                 {2, "Day 1: Tom buys 5 apples.", {}, true},
                 {3, "Tom starts with 7 apples.", {"He had 7 at first.", "7 at the start"}, true},
                 {4, "Day 2: he gives 3 to his sister Anna.", {}, true}}};
  std::vector<char> revealed{1, 0, 0, 0};
  std::vector<Message> history{{"user", "How many apples does Tom have after day 2?"},
                               {"assistant", "?"}};
  RandomKey key{7};
  UserContext Says(const std::string& assistant) {
    history.back().content = assistant;
    return {text, revealed, history, key};
  }
};

UserTurn Next(Case* c, const std::string& says, UserSettings settings) {
  return MakeUser(settings, {})->Next(c->Says(says));
}

TEST(User, ScriptedGoesInOrder) {
  Case c;
  EXPECT_EQ(Next(&c, "What happens on day 2?", {}).text, "Day 1: Tom buys 5 apples.");
  c.revealed = {1, 1, 0, 0};
  const UserTurn turn = Next(&c, "", {});
  EXPECT_EQ(turn.text, "Tom starts with 7 apples.");
  EXPECT_EQ(turn.shard, 2);
}

TEST(User, RephrasingDrawsTheDatasParaphrasesByTheSample) {
  Case c;
  c.revealed = {1, 1, 0, 0};
  std::set<std::string> texts;
  for (uint64_t seed = 0; seed < 20; ++seed) {
    c.key = RandomKey(seed);
    const UserTurn turn = Next(&c, "", {.name = "rephrasing"});
    EXPECT_EQ(turn.text, Next(&c, "", {.name = "rephrasing"}).text);
    EXPECT_EQ(turn.shard, 2);
    texts.insert(turn.text);
  }
  EXPECT_EQ(texts, (std::set<std::string>{"He had 7 at first.", "7 at the start"}));
}

TEST(User, ParaphrasesKeepNumbersAndNames) {
  const std::vector<std::string> shards = {
      "Day 1: Tom buys 5 apples.",           "The shop does not sell 2.50 dollar pens to Anna.",
      "Mimi picked up 2 dozen seashells.",   "It is 1,200 meters to Lake Little.",
      "She needs 3/4 of an entire cake.",    "Each of the 12 children receives 7 balls, altogether",
      "Big Bob's boat is 30% large, small.", "He had $80,000, -3 and 1/2."};
  // Capitalised words that are no plain openings, and everything with a digit.
  const auto kept = [](const std::string& text) {
    std::multiset<std::string> words;
    for (size_t i = 0; i < text.size();) {
      const size_t end = std::min(text.find(' ', i), text.size());
      std::string word = text.substr(i, end - i);
      while (!word.empty() && std::string(".,;:").find(word.back()) != std::string::npos)
        word.pop_back();
      if (word.find_first_of("0123456789") != std::string::npos) words.insert(word);
      for (const char* name : {"Tom", "Anna", "Mimi", "Lake", "Little", "Big", "Bob's"})
        if (word == name) words.insert(word);
      i = end + 1;
    }
    return words;
  };
  for (const std::string& shard : shards) {
    std::set<std::string> texts;
    for (uint64_t seed = 0; seed < 300; ++seed) {
      const std::string text = Paraphrase(shard, RandomKey(seed));
      EXPECT_EQ(kept(text), kept(shard)) << text;
      EXPECT_EQ(text, Paraphrase(shard, RandomKey(seed)));
      texts.insert(text);
    }
    EXPECT_GE(texts.size(), 7u) << shard;
  }
}

TEST(User, AnsweringRepliesToTheQuestionAsked) {
  Case c;
  const UserSettings answering{.name = "answering"};
  EXPECT_EQ(Next(&c, "How many apples does Tom start with?", answering).text,
            "Tom starts with 7 apples.");
  EXPECT_EQ(Next(&c, "Ok. What happens on day 2?", answering).text,
            "Day 2: he gives 3 to his sister Anna.");
  EXPECT_EQ(Next(&c, "What happens on day 1?", answering).text, "Day 1: Tom buys 5 apples.");
  EXPECT_EQ(Next(&c, "Who is Anna?", answering).shard, 3);
  // Nothing asked: the next shard.
  EXPECT_EQ(Next(&c, "I think it is 12.", answering).text, "Day 1: Tom buys 5 apples.");
}

TEST(User, AnsweringSaysSoWhenItHasNoAnswer) {
  Case c;
  const UserSettings answering{.name = "answering"};
  for (const char* irrelevant :
       {"What is the weather?", "What happens on day 5?", "Can you give me more information?"}) {
    const UserTurn turn = Next(&c, irrelevant, answering);
    EXPECT_EQ(turn.shard, -1) << irrelevant;
    EXPECT_EQ(std::count(turn.text.begin(), turn.text.end(), '.'), 1) << turn.text;
    EXPECT_EQ(turn.text.find_first_of("0123456789"), std::string::npos);
  }
  EXPECT_EQ(
      Next(&c, "Can you give me more information?", {.name = "answering", .vague = "reveal"}).shard,
      1);
  // What was told before is not told again, and gives no other shard away.
  c.revealed = {1, 1, 0, 0};
  const UserTurn again = Next(&c, "How many apples does Tom buy on day 1?", answering);
  EXPECT_EQ(again.shard, -1);
  EXPECT_EQ(again.text, "I told you that already.");
  // Two words in common are asked for here.
  EXPECT_EQ(Next(&c, "Who is Anna?", {.name = "answering", .overlap = 2}).shard, -1);
}

TEST(User, ThePromptOfSimulatedUsers) {
  Case c;
  c.revealed = {1, 1, 0, 0};
  const std::string prompt = UserPrompt(c.Says("Say \"[[SHARDS_REVEALED]]\"?"));
  EXPECT_TRUE(prompt.starts_with("You are simulating a user of an interactive LLM system"));
  EXPECT_NE(
      prompt.find("Here's the conversation so far:\n[user] How many apples does Tom have after "
                  "day 2?\n\n[assistant] Say \"[[SHARDS_REVEALED]]\"?\n\nHere are the shards"),
      std::string::npos);
  EXPECT_NE(
      prompt.find("revealed:\n[{\"shard_id\": 2, \"shard\": \"Day 1: Tom buys 5 apples.\"}]\n"),
      std::string::npos);
  EXPECT_NE(prompt.find("not been revealed yet:\n[{\"shard_id\": 3, \"shard\": \"Tom starts with 7 "
                        "apples.\"}, {\"shard_id\": 4, \"shard\": "),
            std::string::npos);
  EXPECT_TRUE(prompt.ends_with(R"({"response": "yeah I want it to [...]", "shard_id": 1})"));
}

TEST(User, ParsesWhatModelsWrite) {
  Case c;
  c.revealed = {1, 1, 0, 0};
  const UserContext context = c.Says("?");
  UserTurn turn;
  for (const char* good :
       {R"({"response": "7 at first", "shard_id": 3})",
        R"({"shard_id":"3","response":"7 at first"})",
        "Sure!\n```json\n{\"response\": \"7 at first\",\n \"shard_id\": 3.0}\n```\nDone {}",
        R"(<think>{"x": {}} {hm</think> {"response": "7 at first", "shard_id": 3, "why": "{}"})"}) {
    turn = {};
    ASSERT_TRUE(ParseUserReply(good, context, &turn)) << good;
    EXPECT_EQ(turn.text, "7 at first");
    EXPECT_EQ(turn.shard, 2);
  }
  for (const char* none :
       {R"({"response": "dunno", "shard_id": -1})", R"({"response": "dunno", "shard_id": "-1"})",
        R"({"response": "dunno"})", R"({"response": "dunno", "shard_id": null})"}) {
    ASSERT_TRUE(ParseUserReply(none, context, &turn)) << none;
    EXPECT_EQ(turn.shard, -1);
  }
  for (const char* bad :
       {"", "dunno", "{", "}{", R"({"response": "", "shard_id": 3})", R"({"shard_id": 3})",
        R"({"response": "told before", "shard_id": 2})", R"({"response": "x", "shard_id": 1})",
        R"({"response": "x", "shard_id": 9})", R"({"response": "x", "shard_id": "three"})",
        R"({"response": "x", "shard_id": 3.5})", R"({"response": "x", "shard_id": 1e300})",
        R"({"response": ["x"], "shard_id": 3})", R"({"response": "x", "shard_id": 3)"})
    EXPECT_FALSE(ParseUserReply(bad, context, &turn)) << bad;
}

TEST(User, AModelOfTheRun) {
  Case c;
  int calls = 0;
  EnvironmentServices services;
  services.generate = [&](const ModelQuestion& question) -> std::string {
    EXPECT_EQ(question.model, "base_tiny");
    EXPECT_EQ(question.messages.size(), 1u);
    EXPECT_EQ(question.temperature, 1);
    EXPECT_EQ(question.max_tokens, 256);
    return ++calls < 3 ? "no idea" : R"({"response": "7 of them", "shard_id": 3})";
  };
  const auto user = MakeUser({.name = "model", .model = "base_tiny", .tries = 3}, services);
  UserTurn turn = user->Next(c.Says("?"));
  EXPECT_EQ(calls, 3);
  EXPECT_EQ(turn.text, "7 of them");
  EXPECT_EQ(turn.shard, 2);
  EXPECT_FALSE(turn.faulty);
  // Never readable: the next shard verbatim, and it is counted.
  calls = -100;
  turn = user->Next(c.Says("?"));
  EXPECT_EQ(calls, -97);
  EXPECT_EQ(turn.text, "Day 1: Tom buys 5 apples.");
  EXPECT_TRUE(turn.faulty);
  EXPECT_THROW(MakeUser({.name = "model", .model = "base_tiny"}, {}), Error);
  EXPECT_THROW(MakeUser({.name = "model"}, services), Error);
}

}  // namespace
}  // namespace rlvr
