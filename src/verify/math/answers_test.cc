// The graders against the tables of public graders' own tests, and against hostile strings.
#include <gtest/gtest.h>
#include <time.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/error.h"
#include "verify/math/answer_fuzz.h"
#include "verify/math/graders.h"
#include "verify/math/hendrycks.h"
#include "verify/math/pairs.h"

namespace rlvr {
namespace {

const std::string kFolder = std::string(RLVR_SOURCE_DIR) + "/tests/reference/answers/";

double ThreadMs() {
  timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) * 1e3 + static_cast<double>(t.tv_nsec) * 1e-6;
}

bool Right(const std::string& grader, const std::string& gold, const std::string& answer) {
  return MakeVerifier(grader)->Judge(answer, gold).verdict == Verdict::kRight;
}

TEST(AnswerTable, EveryGraderAgreesWithItsOwnRows) {
  const auto pairs = ReadAnswerPairs(kFolder + "answer_equivalence.jsonl", "");
  ASSERT_EQ(pairs.size(), 480u);
  const PairsResult result = JudgePairs(pairs, 1);
  EXPECT_EQ(result.graders.size(), 15u);
  for (const auto& [name, g] : result.graders) EXPECT_GE(g.agree, 0.97 * g.rows) << name;
  int disagree = 0;
  for (const PairResult& r : result.results) disagree += !r.agrees;
  EXPECT_LE(disagree, 1) << PairsText(result);
}

TEST(AnswerTable, Gsm8kAndLostInConversation) {
  const PairsResult result = JudgePairs(ReadAnswerPairs(kFolder + "gsm8k_lic.jsonl", ""), 1);
  EXPECT_EQ(result.graders.at("gsm8k_flexible").rows, 150);
  for (const PairResult& r : result.results) EXPECT_TRUE(r.agrees) << r.pair->line;
}

TEST(AnswerTable, Normalisations) {
  std::ifstream in(kFolder + "normalization.jsonl");
  std::string line;
  int rows = 0;
  while (std::getline(in, line)) {
    const auto row = nlohmann::json::parse(line);
    const std::string name = row["normalizer"], raw = row["raw"];
    if (name == "hendrycks_strip_string") {
      EXPECT_EQ(math::HendrycksForm(raw), row["expected"].get<std::string>()) << raw;
    } else if (name == "dapo_normalize_final_answer") {
      EXPECT_EQ(math::DapoForm(raw), row["expected"].get<std::string>()) << raw;
    } else if (row["expected"].is_null()) {
      EXPECT_FALSE(math::LastBoxedString(raw)) << raw;
    } else {
      EXPECT_EQ(math::LastBoxedString(raw), row["expected"].get<std::string>()) << raw;
    }
    ++rows;
  }
  EXPECT_EQ(rows, 34);
}

TEST(AnswerTable, BadRowsAreErrorsThatNameTheLine) {
  const std::string path = testing::TempDir() + "/bad_pairs.jsonl";
  const auto message = [&](const std::string& text) -> std::string {
    std::ofstream(path) << "{\"gold\": \"1\", \"answer\": \"1\", \"expected\": true}\n"
                        << text << "\n";
    try {
      ReadAnswerPairs(path, "exact");
    } catch (const Error& e) {
      return e.what();
    }
    return "";
  };
  EXPECT_NE(message("{\"gold\": \"1\"").find(":2: is no JSON object"), std::string::npos);
  EXPECT_NE(message("{\"gold\": \"1\", \"expected\": true}").find(":2: the row has no answer"),
            std::string::npos);
  EXPECT_NE(message("{\"gold\": 1, \"answer\": \"1\", \"expected\": 1}").find("no expected"),
            std::string::npos);
  EXPECT_NE(message("{\"gold\": 1, \"answer\": \"1\", \"expected\": true, \"options\": {\"x\": 1}}")
                .find("'x'"),
            std::string::npos);
  EXPECT_EQ(message(""), "");
}

TEST(Graders, ConventionsDiffer) {
  // An unreduced fraction: equal as mathematics, wrong for prm800k, another text for verl.
  EXPECT_TRUE(Right("math_verify", "$\\frac{1}{2}$", "\\boxed{\\frac{2}{4}}"));
  EXPECT_FALSE(Right("prm800k_sympy", "\\frac{1}{2}", "\\frac{2}{4}"));
  EXPECT_FALSE(Right("verl_boxed", "\\frac{1}{2}", "\\boxed{\\frac{2}{4}}"));
  // 1e-4 of a number is nothing to Qwen's grader, and a percentage may be meant.
  EXPECT_TRUE(Right("qwen_math_equal", "3.14159", "3.1416"));
  EXPECT_TRUE(Right("qwen_math_equal", "0.25", "25"));
  EXPECT_FALSE(Right("math_verify", "$3.14159$", "$3.1416$"));
  EXPECT_FALSE(Right("trl_accuracy", "6", "it is 6"));
  EXPECT_TRUE(Right("math_verify", "6", "it is 6"));
}

TEST(Graders, MathVerifyReadsABareFormulaAsTheWholeGold) {
  EXPECT_TRUE(Right("math_verify", "2\\sqrt{3}", "\\boxed{\\sqrt{12}}"));
  EXPECT_FALSE(Right("math_verify", "2\\sqrt{3}", "\\boxed{2}"));
  EXPECT_TRUE(Right("math_verify", "2x+1", "\\boxed{1+2x}"));
  EXPECT_FALSE(Right("math_verify", "2x+1", "\\boxed{2}"));
  EXPECT_TRUE(Right("math_verify", "(3, \\frac{\\pi}{2})", "$(3,\\pi/2)$"));
  EXPECT_TRUE(Right("math_verify", "Evelyn", "\\boxed{\\text{Evelyn}}"));
  EXPECT_FALSE(Right("math_verify", "Evelyn", "\\boxed{\\text{Briana}}"));
  EXPECT_TRUE(Right("math_verify", "The answer is 5", "5"));
}

TEST(Graders, Gsm8k) {
  EXPECT_TRUE(Right("gsm8k", "... so 1,000 #### 1,000", "5 * 200 = 1000\n#### 1000"));
  EXPECT_TRUE(Right("gsm8k", "18", "#### $18.00"));
  EXPECT_FALSE(Right("gsm8k", "18", "The answer is 18"));
  EXPECT_TRUE(Right("gsm8k_flexible", "18", "The answer is 18."));
  EXPECT_TRUE(Right("gsm8k_flexible", "-3", "so it is -3 degrees"));
  EXPECT_TRUE(Right("gsm8k_flexible", "3", "5-2=3"));
  EXPECT_FALSE(Right("gsm8k_flexible", "18", "18 eggs of 20"));
  EXPECT_FALSE(Right("gsm8k_flexible", "18", "none"));
}

TEST(Graders, MultipleChoice) {
  EXPECT_TRUE(Right("multiple_choice", "C", "A and B are wrong. The answer is (C)."));
  EXPECT_TRUE(Right("multiple_choice", "C", "\\boxed{\\text{C}}"));
  EXPECT_FALSE(Right("multiple_choice", "C", "Cats"));
}

TEST(Graders, OfDataSources) {
  EXPECT_EQ(VerifierForDataSource("openai/gsm8k"), "gsm8k");
  EXPECT_EQ(VerifierForDataSource("HuggingFaceH4/MATH-500"), "verl_boxed");
  EXPECT_EQ(VerifierForDataSource("aime2024"), "dapo_minerva");
  EXPECT_EQ(VerifierForDataSource("gsm_micro"), "math_rule");
  for (const VerifierInfo& v : Verifiers()) {
    if (v.name == "process" || v.name == "plugin") continue;  // they need to be told whose
    if (v.name == "code") continue;  // needs a machine that allows a sandbox: code_test.cc
    EXPECT_NE(MakeVerifier(v.name), nullptr);
  }
}

TEST(Graders, ExplainTheirSteps) {
  std::vector<std::string> steps;
  const auto j =
      MakeVerifier("math_verify")->Explain("The answer is $0.5$.", "\\frac{1}{2}", &steps);
  EXPECT_EQ(j.verdict, Verdict::kRight);
  EXPECT_EQ(steps,
            (std::vector<std::string>{"gold: extracted \"\\frac{1}{2}\"", "gold: parsed as 1/2",
                                      "answer: extracted \"0.5\"", "answer: parsed as 1/2"}));
  EXPECT_EQ(j.reason, "the same after parsing");
}

TEST(HostileAnswers, NothingTakesLong) {
  const std::string deep(3000, '('), nines(60000, '9'), dollars(60000, '$');
  std::string ones, powers = "2", boxes, fractions, brackets;
  for (int i = 0; i < 15000; ++i) ones += " 1";
  for (int i = 0; i < 1000; ++i) powers += "^2";
  for (int i = 0; i < 5000; ++i) boxes += "\\boxed{";
  for (int i = 0; i < 500; ++i) fractions += "\\frac{1}{1+";
  for (int i = 0; i < 20000; ++i) brackets += "\\(";
  for (const std::string& s : {deep,
                               nines,
                               dollars,
                               ones,
                               powers,
                               boxes,
                               fractions,
                               brackets,
                               std::string("10^{10^{10}}"),
                               std::string("10^{10^{10^{10^{10}}}}"),
                               std::string("(10^{10^{10}})!"),
                               std::string("9^{9^9}!"),
                               std::string("\\sum_{k=1}^{10^{18}} k"),
                               std::string("\\binom{10^{9}}{10^{8}}"),
                               std::string("(x+y+z)^{1000}"),
                               std::string("1/0"),
                               std::string("0^{-1}"),
                               std::string("0^0"),
                               std::string("\\log 0"),
                               std::string("\\tan\\frac{\\pi}{2}"),
                               std::string("1e999999999"),
                               std::string("\\sqrt[0]{5}"),
                               std::string("\xff\xfe\\\x01{"),
                               std::string("e^{e^{e^{e^{10}}}}"),
                               std::string("\\sin(10^{10^{5}})"),
                               std::string("(a+b)^{40}(c+d)^{40}(e+f)^{40}(g+h)^{40}"),
                               std::string("((((x^{40})^{40})^{40})^{40})^{40}"),
                               std::string("x^{x^{x^{x^{x}}}}"),
                               std::string("\\sum{k=1} x_{n+1}"),
                               std::string("\\int_0^1 x_{n+1}")}) {
    for (const char* grader :
         {"math_verify", "qwen_math_equal", "prm800k_sympy", "hendrycks_is_equiv"}) {
      const auto verifier = MakeVerifier(grader);
      for (const std::string& answer : {s, "$" + s + "$", "\\boxed{" + s + "}"}) {
        const double before = ThreadMs();
        const Judgement a = verifier->Judge(answer, "$" + s + "$"),
                        b = verifier->Judge(answer, "$" + s + "+1$");
        EXPECT_LT(ThreadMs() - before, 2000)
            << grader << " " << s.substr(0, 60);  // sanitizers are slow
        EXPECT_EQ(verifier->Judge(answer, "$" + s + "$").verdict, a.verdict) << s.substr(0, 60);
        EXPECT_NE(b.verdict, Verdict::kBroken);
      }
    }
  }
}

TEST(HostileAnswers, RandomAnswersOnSeveralThreads) {
  constexpr int kChecks = 400;
  std::vector<std::string> seeds;
  for (const AnswerPair& p : ReadAnswerPairs(kFolder + "answer_equivalence.jsonl", ""))
    seeds.push_back(p.answer);
  math::AnswerFuzzer fuzzer(seeds, 7);
  std::vector<std::pair<std::string, std::string>> cases;
  for (int i = 0; i < kChecks; ++i) {
    std::string gold = fuzzer.Next();
    cases.emplace_back(gold, i % 2 == 0 ? gold : fuzzer.Next());
  }
  const auto verifier = MakeVerifier("math_verify");
  const auto run = [&] {
    std::vector<Verdict> verdicts;
    for (const auto& [gold, answer] : cases)
      verdicts.push_back(verifier->Judge(answer, gold).verdict);
    return verdicts;
  };
  const std::vector<Verdict> alone = run();
  std::vector<std::vector<Verdict>> together(3);
  std::vector<std::thread> threads;
  for (auto& verdicts : together) threads.emplace_back([&] { verdicts = run(); });
  for (std::thread& t : threads) t.join();
  for (const auto& verdicts : together) EXPECT_EQ(verdicts, alone);
}

}  // namespace
}  // namespace rlvr
