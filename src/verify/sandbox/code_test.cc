// Unit tests of code: their layouts, what is a program, what is the same output, and the verdicts.
#include <gtest/gtest.h>

#include "base/error.h"
#include "verify/sandbox/code_tests.h"
#include "verify/sandbox/code_verifier.h"
#include "verify/verifier_settings.h"

namespace rlvr {
namespace {

TEST(ExtractCode, FindsTheProgram) {
  EXPECT_EQ(ExtractCode("x = 1"), "x = 1");
  EXPECT_EQ(ExtractCode("a\n```python\nx\n```\nb\n```py\ny\n```\nc\n```\nz\n```"), "y\n");
  EXPECT_EQ(ExtractCode("```bash\nls\n```\n```\nz\n```"), "z\n");
  EXPECT_EQ(ExtractCode("```cpp\nint x;\n```"), "int x;\n");
  EXPECT_EQ(ExtractCode("```python\ncut"), "cut");
  EXPECT_EQ(ExtractCode("  ```python\r\n  x\n  ```"), "  x\n  ```");
  EXPECT_EQ(ExtractCode("use ```python inline``` text"), "use ```python inline``` text");
  EXPECT_EQ(ExtractCode("```python\n```"), std::nullopt);
  EXPECT_EQ(ExtractCode(" \n"), std::nullopt);
}

TEST(SameOutput, ComparesAsJudgesDo) {
  EXPECT_TRUE(SameOutput("1 2\n3\n", "1 2 \n3\n\n\n", 0));
  EXPECT_TRUE(SameOutput("a\nb", "a b", 0));
  EXPECT_TRUE(SameOutput("0.30000000000000004", "0.3", 1e-9));
  EXPECT_TRUE(SameOutput("1.0 1e3", "1 1000", 0));
  EXPECT_FALSE(SameOutput("0.31", "0.3", 1e-9));
  EXPECT_FALSE(SameOutput("12345678901234567890", "12345678901234567891", 1e-9));
  EXPECT_FALSE(SameOutput("nan", "nan2", 1));
  EXPECT_FALSE(SameOutput("ab", "a b", 0));
  EXPECT_FALSE(SameOutput("", "0", 0));
}

TEST(CodeTests, Layouts) {
  std::string error;
  const auto parse = [&](const char* text) { return ParseCodeTests(text, &error); };
  auto t = parse(R"({"inputs": ["1\n", ["2", "3"]], "outputs": ["2", [4]]})");
  ASSERT_TRUE(t && t->size() == 2);
  EXPECT_EQ((*t)[1].input, "2\n3");
  EXPECT_EQ((*t)[1].expected, "4");
  t = parse(R"("{\"inputs\": [[1, [2]]], \"outputs\": [[3]], \"fn_name\": \"f\"}")");
  ASSERT_TRUE(t && t->size() == 1);
  EXPECT_EQ((*t)[0].kind, CodeTest::Kind::kCall);
  EXPECT_EQ((*t)[0].input, "[1,[2]]");
  EXPECT_EQ((*t)[0].expected, "3");
  t = parse(
      R"([{"input": "[1]\n2", "output": "[3]", "testtype": "functional", "metadata": {"func_name": "g"}}])");
  ASSERT_TRUE(t && t->size() == 1);
  EXPECT_EQ((*t)[0].input, "[[1],2]");
  EXPECT_EQ((*t)[0].expected, "[3]");
  t = parse(R"json({"test_list": ["assert f(1)"], "test_setup_code": "import math"})json");
  ASSERT_TRUE(t && t->size() == 1);
  EXPECT_EQ((*t)[0].input, "import math\nassert f(1)");
  for (const char* bad :
       {"", "12", "[]", "{}", R"({"inputs": ["1"], "outputs": []})", R"([{"input": "1"}])",
        R"([{"input": "1", "output": "1", "testtype": "functional"}])", R"({"test_list": [1]})"})
    EXPECT_FALSE(parse(bad)) << bad;
  EXPECT_NE(error.find("docs/sandbox.md"), std::string::npos);
}

class CodeVerifierTest : public testing::Test {
 protected:
  void SetUp() override {
    try {
      verifier_ = MakeVerifier("code", VerifierSettings{});
      SandboxSettings share;
      share.score = "share";
      share_ = MakeCodeVerifier(share);
    } catch (const Error& e) {
      GTEST_SKIP() << "no sandbox on this machine: " << e.what();
    }
  }
  std::unique_ptr<Verifier> verifier_, share_;
};

TEST_F(CodeVerifierTest, Calls) {
  const char* truth = R"({"inputs": [[1, 2], [3, 4]], "outputs": [[3], [7]], "fn_name": "add"})";
  EXPECT_EQ(verifier_->Judge("def add(a, b): return a + b", truth).verdict, Verdict::kRight);
  EXPECT_EQ(verifier_
                ->Judge("class Solution:\n  def add(self, a, b):\n    print('x')\n    return a + b",
                        truth)
                .verdict,
            Verdict::kRight);
  EXPECT_EQ(verifier_->Judge("def add(a, b): return a * b", truth).reason,
            "test 1: returned something else");
  EXPECT_EQ(verifier_->Judge("def sub(a, b): return a", truth).verdict, Verdict::kWrong);
  // What it prints in the verifier's stead does not count, the value behind the last mark does.
  EXPECT_EQ(verifier_->Judge("def add(a, b):\n  print('result- 3')\n  raise SystemExit(0)", truth)
                .verdict,
            Verdict::kWrong);
}

TEST_F(CodeVerifierTest, Asserts) {
  const char* mbpp =
      R"({"test_list": ["assert f(2) == 4", "assert f(3) == 9", "assert f(-1) == 2"]})";
  const Judgement j = share_->Judge(
      "```python\ndef f(x):\n  return x * x\nif __name__ == '__main__':\n  print(input())\n```",
      mbpp);
  EXPECT_EQ(j.verdict, Verdict::kWrong);
  EXPECT_NE(j.reason.find("test 3: exited with status 1: AssertionError"), std::string::npos)
      << j.reason;
  EXPECT_DOUBLE_EQ(*j.score, 2 / 3.0);
  ASSERT_EQ(j.metrics.size(), 1u);
  EXPECT_DOUBLE_EQ(j.metrics[0].second, 2 / 3.0);
  EXPECT_EQ(verifier_->Judge("import os\nos._exit(0)", mbpp).reason,
            "test 1: ended before the test did");
  const char* human =
      R"({"test": "def check(c):\n    assert c(1) == 2\n    assert c(2) == 3", "entry_point": "f"})";
  EXPECT_EQ(
      verifier_->Judge("from __future__ import annotations\nf = lambda x: x + 1", human).verdict,
      Verdict::kRight);
  EXPECT_EQ(verifier_->Judge("f = lambda x: 2", human).verdict, Verdict::kWrong);
}

TEST_F(CodeVerifierTest, Verdicts) {
  EXPECT_EQ(verifier_->Judge("print(1)", "no tests").verdict, Verdict::kBroken);
  EXPECT_EQ(verifier_->Judge("", R"(["assert True"])").reason, "no program");
  EXPECT_EQ(verifier_->Judge("print(input())", R"({"inputs": ["a"], "outputs": ["a\n"]})").verdict,
            Verdict::kRight);
  EXPECT_EQ(VerifierForDataSource("codecontests"), "code");
  EXPECT_EQ(VerifierForDataSource("openai/HumanEval"), "code");
  EXPECT_EQ(VerifierForDataSource("google/IFEval"), "ifeval");
  EXPECT_EQ(VerifierForDataSource("gsm8k"), "math_rule");
}

}  // namespace
}  // namespace rlvr
