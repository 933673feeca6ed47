#include "verify/sandbox/code_verifier.h"

#include <fmt/format.h>
#include <sys/random.h>

#include <algorithm>
#include <thread>

#include "base/error.h"
#include "verify/sandbox/code_tests.h"

namespace rlvr {
namespace {

// A name that a program cannot guess.
std::string NewMark() {
  uint64_t bits[2] = {};
  if (getrandom(bits, sizeof(bits), 0) != sizeof(bits))
    throw Error("sandbox", "the machine gives no random numbers", "see getrandom(2)");
  return fmt::format("result-{:016x}{:016x} ", bits[0], bits[1]);
}

class CodeVerifier : public Verifier {
 public:
  explicit CodeVerifier(const SandboxSettings& settings) : sandbox_(settings) {}

  Judgement Judge(std::string_view response, std::string_view ground_truth) const override {
    std::string error;
    const auto tests = ParseCodeTests(ground_truth, &error);
    if (!tests) return {Verdict::kBroken, "", error};
    const auto code = ExtractCode(response);
    if (!code) return Failed(Verdict::kWrong, "", "no program", 0);
    const bool all = sandbox_.settings().score == "all";
    Judgement first;
    size_t passed = 0;
    try {
      for (size_t i = 0; i < tests->size(); ++i) {
        const Judgement one = RunTest((*tests)[i], *code);
        if (one.verdict == Verdict::kRight) {
          ++passed;
          continue;
        }
        if (first.reason.empty())
          first = {one.verdict, "", fmt::format("test {}: {}", i + 1, one.reason)};
        if (all) break;
      }
    } catch (const Error& e) {
      return {Verdict::kBroken, *code, e.what()};
    }
    const double share = static_cast<double>(passed) / static_cast<double>(tests->size());
    if (passed == tests->size()) {
      Judgement right{Verdict::kRight, *code, fmt::format("passed {} tests", passed)};
      right.metrics = {{"tests_passed", 1}};
      if (!all) right.score = 1;
      return right;
    }
    return Failed(first.verdict, *code, first.reason, share);
  }

  int concurrency() const override {
    const int own = sandbox_.settings().parallel;
    return own > 0 ? own : std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  }

 private:
  Judgement Failed(Verdict verdict, const std::string& code, const std::string& reason,
                   double share) const {
    Judgement j{verdict, code, reason};
    j.metrics = {{"tests_passed", share}};
    if (sandbox_.settings().score == "share") j.score = share;
    return j;
  }

  Judgement RunTest(const CodeTest& test, const std::string& code) const {
    const TestProgram program =
        MakeTestProgram(test, code, test.kind == CodeTest::Kind::kOutput ? "" : NewMark());
    const ProgramResult r = sandbox_.Run(program.code, program.input, program.files);
    if (r.end == RunEnd::kTimedOut) return {Verdict::kTimedOut, "", Describe(r)};
    if (r.end != RunEnd::kExited || r.status != 0) return {Verdict::kWrong, "", Describe(r)};
    const double tolerance = sandbox_.settings().tolerance;
    switch (test.kind) {
      case CodeTest::Kind::kOutput:
        if (SameOutput(r.out, test.expected, tolerance)) return {Verdict::kRight};
        return {Verdict::kWrong, "", "printed something else"};
      case CodeTest::Kind::kCall:
        if (SameReturn(r.out, program, test.expected, tolerance)) return {Verdict::kRight};
        return {Verdict::kWrong, "", "returned something else"};
      case CodeTest::Kind::kAssert:
        if (r.out.find(program.mark) != std::string::npos) return {Verdict::kRight};
        return {Verdict::kWrong, "", "ended before the test did"};
    }
    return {};
  }

  const Sandbox sandbox_;
};

}  // namespace

std::unique_ptr<Verifier> MakeCodeVerifier(const SandboxSettings& settings) {
  return std::make_unique<CodeVerifier>(settings);
}

}  // namespace rlvr
