#include "env/attributes.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace rlvr {
namespace {

PolicyTurn Said(const std::string& text) { return {.text = text}; }

class AttributesTest : public testing::Test {
 protected:
  void SetUp() override { env_.Reset({}, RandomKey(5)[1], RandomKey(5)[2]); }
  std::string Value(size_t i, size_t shift = 0) const {
    const auto& values = attributes_[i].values;
    return values[(env_.object()[i] + shift) % values.size()];
  }
  const std::vector<Attribute> attributes_ = ParseAttributes(AttributesSettings{}.attributes);
  AttributesEnvironment env_{AttributesSettings{}};
};

// 4, 8 and 2 values: 6 bits.
TEST_F(AttributesTest, GainsByHand) {
  EXPECT_NEAR(EntropyBits(env_.belief()), 6, 1e-12);
  Reply r = env_.Step(Said("What is the color?"));
  EXPECT_NEAR(r.outcome.reward, 2, 1e-6);  // log2 4
  EXPECT_EQ(r.messages.at(0).content, "The color is " + Value(0) + ".");
  EXPECT_EQ(r.outcome.illocution, Illocution::kUnderspecified);
  EXPECT_EQ(r.outcome.strategy, TurnStrategy::kClarification);
  // Two of eight, one of them right: log2(8 / 2).
  r = env_.Step(Said("Is the animal a " + Value(1) + " or a " + Value(1, 3) + "?"));
  EXPECT_NEAR(r.outcome.reward, 2, 1e-6);
  EXPECT_TRUE(r.messages.at(0).content.starts_with("Yes, the animal is "));
  // Again: nothing new.
  EXPECT_EQ(env_.Step(Said("color?")).outcome.reward, 0);
  // Ruled out already: nothing new either.
  EXPECT_EQ(env_.Step(Said("Is it a " + Value(1, 1) + "?")).outcome.reward, 0);
  // "No" leaves one of two.
  r = env_.Step(Said("Perhaps " + Value(1, 3) + "?"));
  EXPECT_NEAR(r.outcome.reward, 1, 1e-6);
  EXPECT_EQ(r.messages.at(0).content, "No, the animal is not " + Value(1, 3) + ".");
  EXPECT_NEAR(env_.Step(Said("SIZE")).outcome.reward, 1, 1e-6);
  r = env_.Step(Said("It is clear.\nAnswer: a " + Value(2) + " " + Value(0) + " " + Value(1)));
  EXPECT_TRUE(r.done && r.outcome.right && r.messages.empty());
  EXPECT_EQ(r.outcome.illocution, Illocution::kSpecified);
  EXPECT_EQ(r.outcome.reward, 0);
  const ConversationResult result = env_.End(Finish::kStop);
  EXPECT_EQ(result.verdict, Verdict::kRight);
  EXPECT_EQ(result.score, 1);
  EXPECT_EQ(result.answer, Value(0) + " " + Value(1) + " " + Value(2));
  EXPECT_EQ(result.metrics.at("bits_left"), 0);
  EXPECT_EQ(result.metrics.at("questions"), 6);
  EXPECT_EQ(result.metrics.at("useless_questions"), 2);
}

TEST_F(AttributesTest, QuestionsThatAskNothing) {
  for (const std::string text :
       {"color and size?", "Is it red and big?", "Hello", "", "colorful"}) {
    const Reply r = env_.Step(Said(text));
    EXPECT_EQ(r.outcome.reward, 0) << text;
    EXPECT_EQ(r.messages.at(0).content, "Please ask about one of these: color, animal, size.");
    EXPECT_EQ(r.outcome.strategy,
              text.empty() ? TurnStrategy::kMissing : TurnStrategy::kDiscussion);
  }
}

TEST_F(AttributesTest, WrongGuesses) {
  const auto guess = [](const std::string& text) {
    AttributesEnvironment env{AttributesSettings{}};
    env.Reset({}, RandomKey(5)[1], RandomKey(5)[2]);
    const Reply r = env.Step(Said("Answer: " + text));
    EXPECT_TRUE(r.done);
    return env.End(Finish::kStop).verdict;
  };
  const std::string right = Value(0) + " " + Value(1) + " " + Value(2);
  EXPECT_EQ(guess(right), Verdict::kRight);
  EXPECT_EQ(guess(Value(0) + " " + Value(1)), Verdict::kWrong);
  EXPECT_EQ(guess(right + " or " + Value(2, 1)), Verdict::kWrong);  // both sizes
  EXPECT_EQ(guess(Value(0, 1) + " " + Value(1) + " " + Value(2)), Verdict::kWrong);
  EXPECT_EQ(env_.End(Finish::kLength).verdict, Verdict::kWrong);  // never guessed
}

TEST(Attributes, OneObjectAGroupAndThePrior) {
  const AttributesSettings settings{.attributes = "color=red*3|blue; size=big|small"};
  int red = 0;
  std::vector<std::string> opening;
  for (uint64_t g = 0; g < 400; ++g) {
    AttributesEnvironment one(settings), two(settings);
    const auto messages = one.Reset({}, RandomKey(7)[g], RandomKey(1));
    EXPECT_EQ(two.Reset({}, RandomKey(7)[g], RandomKey(2)).at(0).content, messages.at(0).content);
    EXPECT_EQ(one.object(), two.object());
    red += one.object()[0] == 0;
  }
  EXPECT_NEAR(red, 300, 35);  // 4 standard deviations of 8.7
  AttributesEnvironment env(settings);
  EXPECT_NEAR(EntropyBits(env.belief()), 0.811278 + 1, 1e-6);
}

TEST(Attributes, OtherTurnRewards) {
  for (const auto& [kind, want] :
       std::vector<std::pair<std::string, double>>{{"resolved", 0.5}, {"none", 0}, {"gain", 1.5}}) {
    AttributesEnvironment env({.turn_reward = kind, .coefficient = 0.5});
    env.Reset({}, RandomKey(1), RandomKey(1));
    EXPECT_NEAR(env.Step(Said("animal")).outcome.reward, want, 1e-6) << kind;
    EXPECT_EQ(env.Step(Said("animal")).outcome.reward, 0) << kind;
  }
}

// By its name, with every setting written.
TEST(Attributes, ByName) {
  const ConfigNode node =
      ParseConfig("{name: attributes, attributes: \"color=red|blue\", turn_reward: none}", "test");
  const ConfigNode resolved = ResolveEnvironment(&node);
  EXPECT_EQ(resolved.Find("marker")->scalar, "Answer:");
  const auto maker = MakeEnvironment(&node, {.correct = 2, .wrong = -1});
  const auto env = maker->Make();
  const auto opening = env->Reset({}, RandomKey(1), RandomKey(1)).at(0).content;
  EXPECT_NE(opening.find("color: red, blue\n"), std::string::npos) << opening;
  const bool red = env->Step(Said("color")).messages.at(0).content == "The color is red.";
  EXPECT_TRUE(env->Step(Said(red ? "Answer: red" : "Answer: blue")).done);
  EXPECT_EQ(env->End(Finish::kStop).score, 2);
  EXPECT_EQ(maker->Make()->End(Finish::kLength).score, -1);
  const ConfigNode bad = ParseConfig("{name: attributes, attributes: color}", "test");
  EXPECT_THROW(MakeEnvironment(&bad, {}), Error);
  const ConfigNode much = ParseConfig("{name: attributes, turn_reward: much}", "test");
  EXPECT_THROW(MakeEnvironment(&much, {}), Error);
}

TEST(Attributes, BadSpaces) {
  for (const char* text : {"", "color", "color=", "color=red|red", "color=Red", "color=red*0|blue",
                           "color=red*x|blue", "a=b;b=c", "big dog=red"})
    EXPECT_THROW(ParseAttributes(text), Error) << text;
}

}  // namespace
}  // namespace rlvr
