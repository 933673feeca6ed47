#include "verify/verify.h"

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/random.h"

namespace rlvr {
namespace {

TEST(ExtractFinalAnswer, BoxedThenAnswerLine) {
  EXPECT_EQ(ExtractFinalAnswer("so \\boxed{\\frac{1}{2}} and \\boxed{ 7 }."), "7");
  EXPECT_EQ(ExtractFinalAnswer("x\nAnswer: 12\nmore"), "12");
  EXPECT_EQ(ExtractFinalAnswer("Answer: 1\nAnswer: 2"), "2");
  EXPECT_EQ(ExtractFinalAnswer("\\boxed{unbalanced"), std::nullopt);
  EXPECT_EQ(ExtractFinalAnswer("Answer:  \n"), std::nullopt);
  EXPECT_EQ(ExtractFinalAnswer(""), std::nullopt);
}

TEST(NormalizeFinalAnswer, Dapo) {
  EXPECT_EQ(NormalizeFinalAnswer("x = 1,000"), "1000");
  EXPECT_EQ(NormalizeFinalAnswer("$\\dfrac12$"), "\\frac{1}{2}");
  EXPECT_EQ(NormalizeFinalAnswer("\\text{12 cm}"), "12");
  EXPECT_EQ(NormalizeFinalAnswer("90^\\circ"), "90");
  EXPECT_EQ(NormalizeFinalAnswer("\\sqrt2"), "\\sqrt{2}");
}

TEST(MathRule, Judges) {
  const auto v = MakeVerifier("math_rule");
  EXPECT_EQ(v->Judge("7+5=12\nAnswer: 12", "12").verdict, Verdict::kRight);
  EXPECT_EQ(v->Judge("Answer: 12.0", "12").verdict, Verdict::kRight);
  EXPECT_EQ(v->Judge("Answer: 2/4", "1/2").verdict, Verdict::kRight);
  EXPECT_EQ(v->Judge("Answer: 13", "12").verdict, Verdict::kWrong);
  EXPECT_EQ(v->Judge("12", "12").verdict, Verdict::kWrong);
  EXPECT_EQ(v->Judge("Answer: 13", "12").reason, "13 is not 12");
}

TEST(LicMath, HandWorked) {
  EXPECT_EQ(LicMathNumber("about -3.5 or so"), "-3.5");
  EXPECT_EQ(LicMathNumber("7 of 9"), "9");
  EXPECT_EQ(LicMathNumber("$1,200."), "1200");
  EXPECT_EQ(LicMathNumber("$34.00 a pair"), "34");
  EXPECT_EQ(LicMathNumber("$300.00"), "3");  // the protocol's own slip
  EXPECT_EQ(LicMathNumber("34.00"), "34.00");
  EXPECT_EQ(LicMathNumber("10-4"), "-4");
  EXPECT_EQ(LicMathNumber("1/2"), "2");
  EXPECT_EQ(LicMathNumber("none"), std::nullopt);
  EXPECT_EQ(LicMathNumber("a - b."), std::nullopt);
  EXPECT_EQ(LicMathNumber(""), std::nullopt);
  const auto v = MakeVerifier("lic_math");
  EXPECT_EQ(v->Judge("$10,800", "10,800").verdict, Verdict::kRight);
  EXPECT_EQ(v->Judge("12", "6+6 = <<6+6=12>>12\n#### 12").verdict, Verdict::kRight);
  EXPECT_EQ(v->Judge("12.0", "12").verdict, Verdict::kWrong);  // strings, not numbers
  EXPECT_EQ(v->Judge("", "12").reason, "no number");
}

// The scores that the protocol's own program recorded.
TEST(LicMath, RecordedScores) {
  std::ifstream file(std::string(RLVR_SOURCE_DIR) + "/tests/reference/lic_math.jsonl");
  const auto v = MakeVerifier("lic_math");
  int rows = 0, right = 0;
  for (std::string line; std::getline(file, line); ++rows) {
    const auto row = nlohmann::json::parse(line);
    const bool is_right =
        v->Judge(row["answer"].get<std::string>(), row["gold"].get<std::string>()).verdict ==
        Verdict::kRight;
    EXPECT_EQ(is_right, row["expected"].get<bool>()) << line;
    right += is_right ? 1 : 0;
  }
  EXPECT_EQ(rows, 521);
  EXPECT_EQ(right, 99);
}

TEST(Countdown, Judges) {
  const auto v = MakeVerifier("countdown");
  const char* truth = "{\"target\": 24, \"numbers\": [2, 3, 4]}";
  EXPECT_EQ(v->Judge("Answer: 2*3*4", truth).verdict, Verdict::kRight);
  EXPECT_EQ(v->Judge("Answer: (4*3)*2 = 24", truth).verdict, Verdict::kRight);
  EXPECT_EQ(v->Judge("Answer: 4*3+4*3", truth).verdict, Verdict::kWrong);  // used twice
  EXPECT_EQ(v->Judge("Answer: 24", truth).verdict, Verdict::kWrong);       // not given
  EXPECT_EQ(v->Judge("Answer: 4*3", truth).verdict, Verdict::kWrong);
  EXPECT_EQ(v->Judge("Answer: 4*3", "nonsense").verdict, Verdict::kBroken);
}

TEST(EvaluateExpression, Exact) {
  const auto value = [](const char* text) {
    const auto v = EvaluateExpression(text);
    return v ? std::to_string(v->numerator) + "/" + std::to_string(v->denominator) : "none";
  };
  EXPECT_EQ(value("1/3+1/6"), "1/2");
  EXPECT_EQ(value("2*(3-5)/-4"), "1/1");
  EXPECT_EQ(value("7-3-2"), "2/1");
  EXPECT_EQ(value("3\xc3\x97"
                  "4"),
            "12/1");
  EXPECT_EQ(value("1/0"), "none");
  EXPECT_EQ(value("(1"), "none");
  EXPECT_EQ(value("1 2"), "none");
  EXPECT_EQ(value("999999999999999999*999999999999999999"), "none");  // overflow
  EXPECT_EQ(value(std::string(100000, '(').c_str()), "none");
}

TEST(Verify, HostileStringsNeverCrash) {
  Random random(RandomKey(1));
  const std::vector<std::string> parts = {
      "\\boxed{", "}", "{",      "Answer:", "\n",      "1", "/", "(",    ")",
      "-",        "$", "\\frac", "sqrt",    "\\text{", "=", ",", "\xff", "9999999999"};
  const auto math = MakeVerifier("math_rule"), countdown = MakeVerifier("countdown");
  for (int i = 0; i < 20000; ++i) {
    std::string s;
    for (int64_t n = random.Int(0, 30); n > 0; --n) s += random.Choice(parts);
    EXPECT_NE(math->Judge(s, "17").verdict, Verdict::kTimedOut);
    EXPECT_NE(countdown->Judge(s, "{\"target\": -77777, \"numbers\": [1, 2]}").verdict,
              Verdict::kRight);
  }
}

// arXiv:2503.14476, Eq. 13 with L_max 20480 and L_cache 4096, as in the paper.
TEST(SoftOverlongPunishment, HandWorked) {
  EXPECT_EQ(SoftOverlongPunishment(16384, 20480, 4096, 1), 0);
  EXPECT_EQ(SoftOverlongPunishment(18432, 20480, 4096, 1), -0.5);
  EXPECT_EQ(SoftOverlongPunishment(20480, 20480, 4096, 1), -1);
  EXPECT_EQ(SoftOverlongPunishment(30000, 20480, 4096, 1), -1);
  EXPECT_EQ(SoftOverlongPunishment(18432, 20480, 4096, 2), -1);
}

TEST(Verifiers, OfDataSources) {
  EXPECT_EQ(VerifierForDataSource("countdown"), "countdown");
  EXPECT_EQ(VerifierForDataSource("lic_math"), "lic_math");
  EXPECT_EQ(VerifierForDataSource("gsm8k"), "math_rule");
}

TEST(Verifiers, UnknownNameIsAnError) { EXPECT_THROW(MakeVerifier("math_rul"), Error); }

}  // namespace
}  // namespace rlvr
