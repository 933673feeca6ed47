#include "data/gsm_micro.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace rlvr {
namespace {

// The chain in the problem's words, for comparing splits.
std::string Mathematics(const GsmMicroProblem& p) {
  std::string s;
  for (const auto& step : p.steps) {
    s += std::to_string(step.left) + step.op + std::to_string(step.right) + ";";
  }
  return s;
}

int64_t FinalNumber(const std::string& solution) {
  return std::stoll(solution.substr(solution.rfind("Answer: ") + 8));
}

TEST(GsmMicro, StepsFollowFromEachOther) {
  std::set<size_t> lengths;
  for (int64_t i = 0; i < 2000; ++i) {
    const GsmMicroProblem p = MakeGsmMicro({}, 1, Split::kTrain, i);
    lengths.insert(p.steps.size());
    for (size_t j = 0; j < p.steps.size(); ++j) {
      const auto& s = p.steps[j];
      if (j > 0) {
        EXPECT_EQ(s.left, p.steps[j - 1].result);
      }
      switch (s.op) {
        case '+':
          EXPECT_EQ(s.left + s.right, s.result);
          break;
        case '-':
          EXPECT_EQ(s.left - s.right, s.result);
          break;
        case '*':
          EXPECT_EQ(s.left * s.right, s.result);
          break;
        case '/':
          EXPECT_EQ(s.result * s.right, s.left);
          break;
        default:
          FAIL() << s.op;
      }
      EXPECT_GE(s.result, 1);
      EXPECT_LE(s.result, 99);
    }
    EXPECT_EQ(p.answer, p.steps.back().result);
    EXPECT_NE(p.question.find("has " + std::to_string(p.steps[0].left)), std::string::npos);
    if (p.distractor >= 0) {
      EXPECT_NE(p.question.find(std::to_string(p.distractor)), std::string::npos);
    }
  }
  EXPECT_EQ(lengths, (std::set<size_t>{1, 2, 3, 4, 5, 6, 7, 8}));
}

TEST(GsmMicro, SplitsShareNoProblem) {
  std::set<std::string> train, test, validation;
  for (int64_t i = 0; i < 3000; ++i)
    train.insert(Mathematics(MakeGsmMicro({}, 1, Split::kTrain, i)));
  for (int64_t i = 0; i < 1000; ++i) {
    test.insert(Mathematics(MakeGsmMicro({}, 1, Split::kTest, i)));
    validation.insert(Mathematics(MakeGsmMicro({}, 2, Split::kValidation, i)));
  }
  for (const auto& m : test) EXPECT_TRUE(!train.count(m) && !validation.count(m)) << m;
  for (const auto& m : validation) EXPECT_FALSE(train.count(m)) << m;
}

TEST(GsmMicro, IsAFunctionOfItsArguments) {
  const auto a = MakeGsmMicro({}, 5, Split::kTrain, 77), b = MakeGsmMicro({}, 5, Split::kTrain, 77);
  EXPECT_EQ(a.question, b.question);
  EXPECT_NE(a.question, MakeGsmMicro({}, 5, Split::kTrain, 78).question);
  EXPECT_NE(a.question, MakeGsmMicro({}, 6, Split::kTrain, 77).question);
}

TEST(GsmMicro, CarefulIsRightAndSloppyIsMostlyWrong) {
  Random random(RandomKey(3));
  int right = 0;
  constexpr int kProblems = 4000;
  for (int64_t i = 0; i < kProblems; ++i) {
    const GsmMicroProblem p = MakeGsmMicro({}, 1, Split::kTrain, i);
    EXPECT_EQ(FinalNumber(CarefulSolution(p)), p.answer);
    right += FinalNumber(SloppySolution(p, random)) == p.answer;
  }
  EXPECT_GT(right, kProblems / 25);  // now and then by luck
  EXPECT_LT(right, kProblems / 4);
}

// The embedded base model and the quickstart's figures rest on these texts.
TEST(GsmMicro, KeepsItsBytes) {
  uint64_t hash = 1469598103934665603ull;  // FNV-1a
  const auto add = [&](const std::string& text) {
    for (const unsigned char c : text) hash = (hash ^ c) * 1099511628211ull;
  };
  Random random(RandomKey(3));
  for (const Split split : {Split::kTrain, Split::kValidation, Split::kTest}) {
    for (int64_t i = 0; i < 500; ++i) {
      const GsmMicroProblem p = MakeGsmMicro({}, 1, split, i);
      add(p.question);
      add(CarefulSolution(p));
      add(SloppySolution(p, random));
    }
  }
  EXPECT_EQ(hash, 12402972309735947984ull);
}

TEST(GsmMicro, WorkedSolutionByHand) {
  GsmMicroProblem p;
  p.steps = {{7, 5, 12, '+'}, {12, 3, 36, '*'}};
  p.answer = 36;
  EXPECT_EQ(CarefulSolution(p), "7+5=12\n12*3=36\nAnswer: 36");
}

TEST(GsmMicro, RubricInExtraInfo) {
  GsmMicroProblem p;
  p.steps = {{7, 5, 12, '+'}, {12, 3, 4, '/'}};
  p.answer = 4;
  EXPECT_EQ(GsmMicroRubric(p),
            R"([{"check":"numeric","value":4,"kind":"factual"},)"
            R"({"check":"regex","value":"^\\Q7+5=12\\E$","weight":0.5,"kind":"process"},)"
            R"({"check":"regex","value":"^\\Q12/3=4\\E$","weight":0.5,"kind":"process"}])");
  const auto with = OpenPrompts("gsm_micro:rubric=true", Split::kTrain, 1)->Get(3),
             without = OpenPrompts("gsm_micro", Split::kTrain, 1)->Get(3);
  EXPECT_EQ(with.messages, without.messages);
  EXPECT_NE(with.extra_info.find(",\"rubric\":[{"), std::string::npos);
  EXPECT_EQ(without.extra_info.find("rubric"), std::string::npos);
}

}  // namespace
}  // namespace rlvr
