#include "verify/reward_term.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"
#include "verify/rubric.h"

namespace rlvr {
namespace {

double Value(const std::string& yaml, const JudgedResponse& response) {
  const ConfigNode node = ParseConfig("[" + yaml + "]", "test");
  return (*MakeRewardTerms(&node)[0].term)(response);
}

JudgedResponse Response(std::string_view text, bool right = false, int64_t num_tokens = 8) {
  return {.text = text, .num_tokens = num_tokens, .max_tokens = 100, .right = right, .place = "p"};
}

TEST(RewardTerm, AccuracyAndFormat) {
  EXPECT_EQ(Value("{name: accuracy}", Response("", true)), 1);
  EXPECT_EQ(Value("{name: accuracy}", Response("")), 0);
  EXPECT_EQ(Value("{name: format}", Response("Answer: 3")), 1);
  EXPECT_EQ(Value("{name: format}", Response("3")), 0);
  const std::string parts = "{name: format, parts: [<a>, </a>]}";
  EXPECT_EQ(Value(parts, Response("<a>x</a>y")), 1);
  EXPECT_EQ(Value(parts, Response("</a><a>")), 0);
  EXPECT_EQ(Value(parts, Response("<a><a></a>")), 0);  // a part twice
  EXPECT_EQ(Value(parts, Response("<a>")), 0);
}

// cos(pi / 4) = .707107, so a quarter of the way has the share .853553.
TEST(RewardTerm, CosineLengthByHand) {
  EXPECT_NEAR(Value("{name: cosine_length}", Response("", true, 0)), 2, 1e-12);
  EXPECT_NEAR(Value("{name: cosine_length}", Response("", true, 25)), 1.853553, 1e-6);
  EXPECT_NEAR(Value("{name: cosine_length}", Response("", true, 50)), 1.5, 1e-12);
  EXPECT_NEAR(Value("{name: cosine_length}", Response("", false, 25)), -8.535534, 1e-6);
  EXPECT_NEAR(Value("{name: cosine_length}", Response("", false, 100)), 0, 1e-12);
  JudgedResponse cut = Response("", true, 100);
  cut.truncated = true;
  EXPECT_EQ(Value("{name: cosine_length, exceeded: -3}", cut), -3);
}

TEST(RewardTerm, LengthByHand) {
  const std::string exact = "{name: length, target: 10, alpha: 0.1}",
                    most = "{name: length, target: 10, alpha: 0.1, mode: max}";
  EXPECT_NEAR(Value(exact, Response("", true, 7)), -0.3, 1e-12);
  EXPECT_NEAR(Value(exact, Response("", false, 14)), -0.4, 1e-12);
  EXPECT_NEAR(Value(most, Response("", true, 7)), 0.8, 1e-12);
  EXPECT_EQ(Value(most, Response("", true, 2)), 1);
  EXPECT_EQ(Value(most, Response("", true, 40)), 0);
  EXPECT_EQ(Value(most, Response("", false, 7)), 0);
}

TEST(RewardTerm, RepetitionByHand) {
  // Bigrams of "a b a b a": ab ba ab ba, two of four new.
  EXPECT_DOUBLE_EQ(Value("{name: repetition, n: 2}", Response("a b\nA  b a")), -0.5);
  EXPECT_DOUBLE_EQ(Value("{name: repetition, n: 2}", Response("a b c")), 0);
  EXPECT_DOUBLE_EQ(Value("{name: repetition, n: 1}", Response("x x x x")), -0.75);
  EXPECT_DOUBLE_EQ(Value("{name: repetition}", Response("a b")), 0);  // fewer words than n
}

// Slots of 4 and 8 values: a question fixes one of them.
TEST(RewardTerm, InformationGainByHand) {
  JudgedResponse r = Response("What COLOR? Or which size?");
  r.extra_info = R"({"slots": {"size": 8, "color": 4, "mood": [0.5, 0.25, 0.25]}})";
  EXPECT_NEAR(Value("{name: information_gain}", r), 1.386294, 1e-6);  // log 4
  r.text = "I know the color.\nAnswer: which mood?";
  EXPECT_NEAR(Value("{name: information_gain}", r), 1.5 * std::log(2), 1e-12);
  EXPECT_NEAR(Value("{name: information_gain, normalize: true}", r), 1.5 / (3 + 2 + 1.5), 1e-12);
  r.text = "hello";
  EXPECT_EQ(Value("{name: information_gain}", r), 0);
  r.extra_info = R"({"slots": {"size": [0.5, 0.4]}})";
  EXPECT_THROW(Value("{name: information_gain}", r), Error);
  r.extra_info = "{}";
  EXPECT_THROW(Value("{name: information_gain}", r), Error);
}

// Weights 5, 3, 2, met 1, 0, 1: 7 / 10.
TEST(RewardTerm, RubricByHand) {
  JudgedResponse r = Response("7+5=12\nAnswer: 12");
  r.extra_info = R"({"rubric": [
      {"check": "numeric", "value": 12, "weight": 5},
      {"check": "contains", "value": "7*5", "weight": 3, "kind": "process"},
      {"check": "regex", "value": "^\\d+\\+\\d+=", "weight": 2, "kind": "process"}]})";
  EXPECT_DOUBLE_EQ(Value("{name: rubric}", r), 0.7);
  // factual 5 of 5 at weight 1, process 2 of 5 at weight 2: (5 + 4) / (5 + 10).
  EXPECT_DOUBLE_EQ(Value("{name: rubric, process: 2}", r), 0.6);
  EXPECT_DOUBLE_EQ(Value("{name: rubric, process: 0}", r), 1);
  r.extra_info = R"({"rubric": []})";
  EXPECT_THROW(Value("{name: rubric}", r), Error);
}

bool Met(const std::string& item, std::string_view text, int64_t num_tokens = 8) {
  const auto items = ParseRubric(R"({"rubric": [)" + item + "]}", "p");
  return Satisfied(items[0], text, num_tokens);
}

TEST(Rubric, Checks) {
  const std::string anywhere = R"({"check": "numeric", "value": -5, "anywhere": true})";
  EXPECT_TRUE(Met(anywhere, "so -5 it is"));
  EXPECT_FALSE(Met(anywhere, "12-5=7"));
  EXPECT_TRUE(Met(R"({"check": "numeric", "value": 2.5, "tolerance": 0.1})", "Answer: 2.45"));
  EXPECT_FALSE(Met(R"({"check": "numeric", "value": 2.5})", "2.5"));  // no final answer
  EXPECT_FALSE(Met(R"({"check": "numeric", "value": 2})", "Answer: 2 or 3"));
  EXPECT_TRUE(Met(R"({"check": "contains", "value": "ABC", "ignore_case": true})", "xabcx"));
  EXPECT_FALSE(Met(R"({"check": "contains", "value": "ABC"})", "xabcx"));
  EXPECT_TRUE(Met(R"({"check": "contains", "value": "ABC", "not": true})", "xabcx"));
  EXPECT_TRUE(Met(R"({"check": "format", "parts": ["a", "b"]})", "a-b"));
  EXPECT_FALSE(Met(R"({"check": "format", "parts": ["a", "b"]})", "b-a"));
  EXPECT_TRUE(Met(R"({"check": "length", "min": 8, "max": 8})", "", 8));
  EXPECT_FALSE(Met(R"({"check": "length", "max": 7})", "", 8));
  EXPECT_FALSE(Met(R"({"check": "length", "min": 9})", "", 8));
  EXPECT_TRUE(Met(R"({"check": "regex", "value": "^\\Q7*5=35\\E$"})", "1+1=2\n7*5=35\nAnswer: 35"));
  EXPECT_FALSE(Met(R"({"check": "regex", "value": "^\\Q7*5=35\\E$"})", "17*5=35"));
  // Backtracks without end: stopped, and not met.
  EXPECT_FALSE(Met(R"({"check": "regex", "value": "(a+)+$"})", std::string(40, 'a') + "b"));
  EXPECT_TRUE(Met(R"({"check": "regex", "value": "b", "ignore_case": true})", "\xff\xfe B"));
}

TEST(Rubric, MistakesNameThePlace) {
  for (const char* item :
       {R"({"check": "has", "value": "x"})", R"({"check": "regex", "value": "("})",
        R"({"check": "contains"})", R"({"check": "contains", "value": "x", "wheight": 1})",
        R"({"check": "contains", "value": "x", "weight": 0})",
        R"({"check": "contains", "value": "x", "kind": "other"})", "3"}) {
    try {
      Met(item, "x");
      ADD_FAILURE() << item;
    } catch (const Error& e) {
      EXPECT_EQ(std::string(e.what()).rfind("p", 0), 0u) << e.what();
    }
  }
}

TEST(RewardTerms, NodesAndDefaults) {
  EXPECT_TRUE(MakeRewardTerms(nullptr).empty());
  const ConfigNode two =
      ParseConfig("[{name: format}, {name: length, target: 9, coefficient: -0.5}]", "test");
  const auto terms = MakeRewardTerms(&two);
  EXPECT_EQ(terms[0].coefficient, 1);
  EXPECT_EQ(terms[1].coefficient, -0.5);
  const ConfigNode resolved = ResolveRewardTerms(&two);
  EXPECT_EQ(resolved.items[1].Find("mode")->scalar, "exact");
  EXPECT_EQ(resolved.items[1].Find("target")->scalar, "9");
  EXPECT_EQ(ToYaml(ResolveRewardTerms(&resolved)), ToYaml(resolved));
  for (const char* wrong :
       {"[{name: formats}]", "[{name: format, n: 3}]", "[{coefficient: 1}]",
        "[{name: format}, {name: format}]", "{name: format}", "[{name: repetition, n: 0}]"}) {
    const ConfigNode node = ParseConfig(wrong, "test");
    EXPECT_THROW(MakeRewardTerms(&node), Error) << wrong;
  }
  for (size_t i = 1; i < RewardTerms().size(); ++i)
    EXPECT_LT(RewardTerms()[i - 1].name, RewardTerms()[i].name);
}

}  // namespace
}  // namespace rlvr
