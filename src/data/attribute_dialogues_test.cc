#include "data/attribute_dialogues.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "base/error.h"

namespace rlvr {
namespace {

using Kind = AttributeQuestion::Kind;

class AttributeDialogues : public testing::Test {
 protected:
  AttributeDialogue Make(const AttributeDialogueOptions& options, double careful, uint64_t i) {
    return MakeAttributeDialogue(attributes_, options, careful, RandomKey(3)[i]);
  }
  AttributeQuestion Read(const std::string& text) {
    return ReadQuestion(attributes_, kDefaultMarker, text);
  }
  // Values that the guess gets right, and whether it names others.
  std::pair<size_t, bool> Guessed(const AttributeDialogue& d) {
    const AttributeQuestion guess = Read(d.messages.back().second);
    EXPECT_EQ(guess.kind, Kind::kGuess) << d.messages.back().second;
    size_t right = 0;
    bool wrong = false;
    for (size_t i = 0; i < guess.guess.size(); ++i) {
      for (const size_t v : guess.guess[i]) {
        right += v == d.object[i];
        wrong = wrong || v != d.object[i];
      }
    }
    return {right, wrong};
  }
  const std::vector<Attribute> attributes_ = ParseAttributes(kDefaultAttributes);
};

TEST_F(AttributeDialogues, CarefulAskersAskForEachOnceAndAreRight) {
  for (uint64_t i = 0; i < 200; ++i) {
    const AttributeDialogue d = Make({}, 1, i);
    ASSERT_EQ(d.messages.size(), 8u);  // the opening, three questions with answers, the guess
    EXPECT_TRUE(d.careful);
    std::set<size_t> asked;
    for (size_t m = 1; m < 7; m += 2) {
      const AttributeQuestion question = Read(d.messages[m].second);
      EXPECT_EQ(question.kind, Kind::kOpen);
      asked.insert(question.attribute);
      const Attribute& a = attributes_[question.attribute];
      EXPECT_EQ(d.messages[m + 1].second,
                "The " + a.name + " is " + a.values[d.object[question.attribute]] + ".");
    }
    EXPECT_EQ(asked.size(), 3u);
    EXPECT_EQ(Guessed(d), std::make_pair(size_t{3}, false));
  }
}

TEST_F(AttributeDialogues, OthersHaveTheHabitsThatAreSet) {
  const AttributeDialogueOptions options = {
      .early = 0.1, .vague = 0.2, .known = 0.3, .narrow = 0.5, .forget = 0.25};
  constexpr int kDialogues = 4000;
  int whole = 0, turns = 0, vague = 0, narrow = 0;
  for (uint64_t i = 0; i < kDialogues; ++i) {
    const AttributeDialogue d = Make(options, 0, i);
    ASSERT_EQ(d.messages.size() % 2, 0u);
    EXPECT_LE(d.messages.size(), 16u);
    for (size_t m = 0; m < d.messages.size(); ++m)
      EXPECT_EQ(d.messages[m].first, m % 2 == 0 ? "user" : "assistant");
    for (size_t m = 1; m + 1 < d.messages.size(); m += 2) {
      const AttributeQuestion question = Read(d.messages[m].second);
      ASSERT_NE(question.kind, Kind::kGuess);
      EXPECT_EQ(d.messages[m + 1].second, OracleAnswer(attributes_, d.object, question));
      ++turns;
      vague += question.kind == Kind::kNothing;
      narrow += question.kind == Kind::kYesNo;
    }
    size_t named = 0;
    for (const auto& values : Read(d.messages.back().second).guess) named += values.size();
    EXPECT_GE(named, 2u);
    whole += named == 3;
  }
  const auto near = [](int count, double of, double share) {
    EXPECT_NEAR(count, of * share, 5 * std::sqrt(of * share * (1 - share)));
  };
  near(vague, turns, 0.2);
  near(narrow, turns - vague, 0.5);
  near(whole, kDialogues, 0.75);
}

// Who guesses at once has one chance in 4 x 8 x 2.
TEST_F(AttributeDialogues, EarlyGuessesAreMadeUp) {
  const AttributeDialogueOptions options = {.early = 1, .forget = 0};
  constexpr int kDialogues = 6400;
  int right = 0;
  for (uint64_t i = 0; i < kDialogues; ++i) {
    const AttributeDialogue d = Make(options, 0, i);
    ASSERT_EQ(d.messages.size(), 2u);
    EXPECT_EQ(d.messages[0].second, OracleOpening(attributes_, kDefaultMarker));
    right += Guessed(d).first == 3;
  }
  EXPECT_NEAR(right, 100, 50);  // 5 standard deviations of 9.9
}

// A guess never contradicts what was answered.
TEST_F(AttributeDialogues, GuessesBelieveTheAnswers) {
  const AttributeDialogueOptions options = {.turns = 400, .early = 0, .narrow = 1, .forget = 0};
  for (uint64_t i = 0; i < 300; ++i)
    EXPECT_EQ(Guessed(Make(options, 0, i)), std::make_pair(size_t{3}, false));
}

TEST(AttributeDialogueOptions, Parsing) {
  const auto o = ParseAttributeDialogueOptions(
      "early=0.5,turns=4,attributes=color=red*3|blue; size=big|small");
  EXPECT_EQ(o.early, 0.5);
  EXPECT_EQ(o.turns, 4);
  EXPECT_EQ(ParseAttributes(o.attributes).at(0).weights, (std::vector<double>{3, 1}));
  EXPECT_THROW(ParseAttributeDialogueOptions("late=1"), Error);
  EXPECT_THROW(ParseAttributeDialogueOptions("early=2"), Error);
}

}  // namespace
}  // namespace rlvr
