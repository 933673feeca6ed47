#include <fmt/format.h>

#include <memory>

#include "base/error.h"
#include "cli/command.h"
#include "verify/math/pairs.h"
#include "verify/verify.h"

namespace rlvr {
namespace {

struct VerifyArguments {
  std::string pairs, gold, answer, grader = "math_verify";
  int repeat = 1;
  bool list = false;
};

void PrintVerifiers() {
  for (const VerifierInfo& v : Verifiers())
    fmt::print("{:<24}{}{}\n", v.name, v.description,
               v.source.empty() ? "" : " (" + v.source + ")");
}

void CheckPairs(const VerifyArguments& a) {
  const std::vector<AnswerPair> pairs = ReadAnswerPairs(a.pairs, a.grader);
  const PairsResult result = JudgePairs(pairs, a.repeat);
  fmt::print("{}", PairsText(result));
  int64_t disagree = 0;
  for (const PairResult& r : result.results) disagree += !r.agrees;
  if (disagree == 0) return;
  std::fflush(stdout);
  throw Error(a.pairs,
              fmt::format("{} of {} verdicts are not the expected ones", disagree, pairs.size()),
              "they are listed above");
}

void ExplainOne(const VerifyArguments& a) {
  std::vector<std::string> steps;
  const Judgement j = MakeVerifier(a.grader)->Explain(a.answer, a.gold, &steps);
  fmt::print("grader: {}\n", a.grader);
  for (const std::string& step : steps) fmt::print("{}\n", step);
  fmt::print("{}: {}\n", ToString(j.verdict), j.reason);
}

}  // namespace

void AddVerify(CLI::App& app, Action* action) {
  CLI::App* command =
      Subcommand(app, "verify",
                 "Verdicts on answers, without a model: a table of pairs against what is expected "
                 "of them (exit "
                 "code 0 if every verdict is the expected one, else 1), or one pair step by step",
                 "rlvr verify --gold '\\frac{1}{2}' --answer 'The answer is $0.5$.'");
  auto a = std::make_shared<VerifyArguments>();
  command->add_option("--pairs", a->pairs,
                      "JSON lines: gold, answer, expected; maybe grader, options, label, suspect");
  command->add_option("--gold", a->gold, "The right answer");
  command->add_option("--answer", a->answer, "The response");
  command->add_option("--grader", a->grader, "Of a pair that names none (--list shows all)")
      ->capture_default_str();
  command->add_option("--repeat", a->repeat, "Check every pair so many times, to measure the speed")
      ->check(CLI::Range(1, 1000000))
      ->capture_default_str();
  command->add_flag("--list", a->list, "The graders there are");
  command->callback([=] {
    const bool one = command->count("--gold") > 0 && command->count("--answer") > 0;
    *action = [=] {
      if (a->list) return PrintVerifiers();
      if (!a->pairs.empty()) return CheckPairs(*a);
      if (!one)
        throw Error("verify", "nothing to check", "give --pairs FILE, or --gold and --answer");
      ExplainOne(*a);
    };
  });
}

}  // namespace rlvr
