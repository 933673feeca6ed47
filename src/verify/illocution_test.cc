#include "verify/illocution.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "base/error.h"

namespace rlvr {
namespace {

constexpr auto kSpecified = Illocution::kSpecified, kUnderspecified = Illocution::kUnderspecified;
using S = TurnStrategy;

IllocutionSettings Paper() {
  IllocutionSettings s;
  s.name = "icpo_illocution";
  return s;
}

// The paper's values: the verifiable reward, or 1 for whatever is no answer.
TEST(IllocutionReward, PaperTable) {
  const IllocutionSettings s = Paper();
  EXPECT_EQ(IllocutionReward(s, kSpecified, S::kAnswerAttempt, true), 1);
  for (const S strategy : {S::kAnswerAttempt, S::kClarification, S::kRefuse, S::kMissing})
    EXPECT_EQ(IllocutionReward(s, kSpecified, strategy, false), 0);
  for (const S strategy :
       {S::kClarification, S::kInterrogation, S::kHedge, S::kDiscussion, S::kRefuse})
    EXPECT_EQ(IllocutionReward(s, kUnderspecified, strategy, false), 1);
  EXPECT_EQ(IllocutionReward(s, kUnderspecified, S::kAnswerAttempt, false), 0);
  // A lucky guess earns nothing.
  EXPECT_EQ(IllocutionReward(s, kUnderspecified, S::kAnswerAttempt, true), 0);
  EXPECT_EQ(IllocutionReward(s, kUnderspecified, S::kMissing, false), 0);
  EXPECT_EQ(IllocutionReward(s, Illocution::kUnknown, S::kClarification, false), 0);
}

TEST(IllocutionReward, EveryOption) {
  IllocutionSettings s = Paper();
  s.penalty_confident = 0.5;
  s.penalty_needless = 0.25;
  s.r_refuse = 0;
  s.r_hedge = 0.75;
  s.r_discussion = 0.5;
  EXPECT_EQ(IllocutionReward(s, kUnderspecified, S::kAnswerAttempt, true), -0.5);
  EXPECT_EQ(IllocutionReward(s, kUnderspecified, S::kRefuse, false), 0);
  EXPECT_EQ(IllocutionReward(s, kUnderspecified, S::kHedge, false), 0.75);
  EXPECT_EQ(IllocutionReward(s, kUnderspecified, S::kDiscussion, false), 0.5);
  EXPECT_EQ(IllocutionReward(s, kUnderspecified, S::kInterrogation, false), 1);
  for (const S strategy : {S::kClarification, S::kRefuse, S::kDiscussion, S::kMissing})
    EXPECT_EQ(IllocutionReward(s, kSpecified, strategy, false), -0.25);
  EXPECT_EQ(IllocutionReward(s, kSpecified, S::kAnswerAttempt, false), 0);
  s.wrong = -1;
  EXPECT_EQ(IllocutionReward(s, kSpecified, S::kAnswerAttempt, false), -1);
  EXPECT_EQ(IllocutionReward(s, kSpecified, S::kMissing, false), -1.25);
  s.format = true;
  EXPECT_EQ(IllocutionReward(s, kSpecified, S::kMissing, false), 0);
  EXPECT_EQ(IllocutionReward(s, kUnderspecified, S::kClarification, false, false), 1);
  s.clarify_requires_missing = true;
  EXPECT_EQ(IllocutionReward(s, kUnderspecified, S::kClarification, false, false), 0);
  EXPECT_EQ(IllocutionReward(s, kUnderspecified, S::kInterrogation, false, false), 0);
  EXPECT_EQ(IllocutionReward(s, kUnderspecified, S::kHedge, false, false), 0);
  EXPECT_EQ(IllocutionReward(s, kUnderspecified, S::kHedge, false, true), 0.75);
  EXPECT_EQ(IllocutionReward(s, kUnderspecified, S::kAnswerAttempt, true, false), -0.5);
}

TEST(IllocutionReward, WhatMeetsTheRequest) {
  IllocutionSettings s = Paper();
  EXPECT_TRUE(MeetsIllocution(s, kSpecified, S::kAnswerAttempt, true));
  EXPECT_FALSE(MeetsIllocution(s, kSpecified, S::kClarification, false));
  EXPECT_TRUE(MeetsIllocution(s, kUnderspecified, S::kClarification, false));
  EXPECT_FALSE(MeetsIllocution(s, kUnderspecified, S::kAnswerAttempt, true));
  EXPECT_TRUE(MeetsIllocution(s, kUnderspecified, S::kRefuse, false));
  s.r_refuse = 0;
  EXPECT_FALSE(MeetsIllocution(s, kUnderspecified, S::kRefuse, false));
  s.clarify_requires_missing = true;
  EXPECT_FALSE(MeetsIllocution(s, kUnderspecified, S::kClarification, false, false));
}

// A group of four on an underspecified prompt: clarification, two attempts, hedge.
// R = (1, 0, 0, 1), mean 0.5, population std 0.5: A = (1, -1, -1, 1); sample std 1/sqrt(3).
TEST(IllocutionReward, GroupOfFour) {
  std::vector<double> r;
  for (const S strategy : {S::kClarification, S::kAnswerAttempt, S::kAnswerAttempt, S::kHedge})
    r.push_back(IllocutionReward(Paper(), kUnderspecified, strategy, false));
  EXPECT_EQ(r, (std::vector<double>{1, 0, 0, 1}));
  const double mean = std::accumulate(r.begin(), r.end(), 0.0) / 4;
  double squares = 0;
  for (const double x : r) squares += (x - mean) * (x - mean);
  EXPECT_EQ(mean, 0.5);
  EXPECT_NEAR((r[0] - mean) / std::sqrt(squares / 4), 1, 1e-12);
  EXPECT_NEAR((r[1] - mean) / std::sqrt(squares / 3), -0.86603, 1e-5);
}

TEST(NamesMissing, ShareOfContentWordsThatNothingToldHas) {
  // Content words: amy, pen, box (function words and numbers out).
  const std::vector<std::string> missing = {"Amy has 3 pens in each box."};
  const auto names = [&](const char* turn, const char* told, double tau) {
    return NamesMissing(turn, {told}, missing, tau);
  };
  EXPECT_TRUE(names("How many pens are in a blue box?", "", 0.6));  // 2 of pen, blue, box
  EXPECT_FALSE(names("How many pens are in a blue box?", "", 0.7));
  EXPECT_TRUE(names("HOW MANY PENS?", "", 1));
  EXPECT_FALSE(names("HOW MANY PENS?", "How many pens does Amy have?", 1));  // known as well
  EXPECT_TRUE(names("How many pens in each box?", "How many pens does Amy have?", 1));
  EXPECT_FALSE(names("How many?", "", 0));  // about nothing
  EXPECT_FALSE(names("", "", 0));
  // Questions alone count where there are some, and no calculation does.
  EXPECT_FALSE(names("A box has pens. What about the hat?", "", 0.5));
  EXPECT_TRUE(names("I cannot answer: the pens in the box are missing.", "", 1));
  EXPECT_FALSE(names("Box: 3*4=12 pens", "", 0.5));
  EXPECT_FALSE(NamesMissing("anything", {}, {}, 0));
  EXPECT_TRUE(NamesMissing("How many?", {}, {"3"}, 0.5));  // nobody can name a number
}

TEST(NamesMissing, LabelsMustAgree) {
  const std::vector<std::string> told = {"How many pens does Nina have after day 2?",
                                         "- On day 2 Ida gives Nina 10 pens.\n- The shop is far."};
  const std::vector<std::string> day_1 = {"On day 1 Nina loses 4 pens."};
  const std::vector<std::string> start = {"Nina starts with 23 pens."};
  EXPECT_TRUE(NamesMissing("What happens on day 1?", told, day_1, 0.5));
  EXPECT_FALSE(NamesMissing("What happens on day 2?", told, day_1, 0.5));
  EXPECT_FALSE(NamesMissing("What happens on day 1?", told, start, 0.5));
  EXPECT_TRUE(NamesMissing("How many pens does Nina start with?", told, start, 1));
  EXPECT_FALSE(NamesMissing("How many books does Lily start with?", told, start, 0.5));
  EXPECT_FALSE(
      NamesMissing("How many pens does Nina start with?", {told[0], start[0]}, day_1, 0.5));
  EXPECT_TRUE(NamesMissing("I cannot answer: the start is missing.", told, start, 0.5));
}

TEST(IllocutionOf, ExtraInfo) {
  EXPECT_EQ(IllocutionOf("", "p").illocution, kSpecified);
  EXPECT_EQ(IllocutionOf("{\"index\": 3}", "p").illocution, kSpecified);
  EXPECT_EQ(IllocutionOf("{\"illocution\": \"specified\"}", "p").illocution, kSpecified);
  const PromptIllocution u =
      IllocutionOf("{\"illocution\": \"underspecified\", \"missing\": [\"a\", \"b\"]}", "p");
  EXPECT_EQ(u.illocution, kUnderspecified);
  EXPECT_TRUE(u.given);
  EXPECT_FALSE(IllocutionOf("{\"index\": 3}", "p").given);
  EXPECT_EQ(u.missing, (std::vector<std::string>{"a", "b"}));
  EXPECT_THROW(IllocutionOf("{\"illocution\": \"vague\"}", "p"), Error);
  EXPECT_THROW(IllocutionOf("{\"illocution\": \"underspecified\", \"missing\": \"a\"}", "p"),
               Error);
  EXPECT_THROW(IllocutionOf("{\"illocution\": \"underspecified\", \"missing\": [1]}", "p"), Error);
}

}  // namespace
}  // namespace rlvr
