// Random and hostile answers against every grader: answer_fuzz SECONDS [TABLE.jsonl [SEED]].
// Fails on a check over 100 ms of processor time or on memory that grows; a crash fails by itself.
#include <fmt/format.h>
#include <time.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fstream>

#include "verify/math/answer_fuzz.h"
#include "verify/math/graders.h"
#include "verify/math/pairs.h"

namespace {

constexpr double kLimitMs = 100;
constexpr double kGrowthMib = 64;

// The check in progress, for the message of a crash or a hang.
const std::string *current_gold = nullptr, *current_answer = nullptr;

extern "C" void Report(int signal) {
  const auto out = [](std::string_view s) { (void)!write(2, s.data(), s.size()); };
  out(signal == SIGALRM ? "HANG\ngold " : "CRASH\ngold ");
  if (current_gold != nullptr) out(*current_gold);
  out("\nanswer ");
  if (current_answer != nullptr) out(*current_answer);
  out("\n");
  _exit(1);
}

double ThreadMs() {
  timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) * 1e3 + static_cast<double>(t.tv_nsec) * 1e-6;
}

double ResidentMib() {
  std::ifstream in("/proc/self/statm");
  double total = 0, resident = 0;
  in >> total >> resident;
  return resident * 4096 / (1 << 20);
}

}  // namespace

int main(int argc, char** argv) {
  using namespace rlvr;
  const double seconds = argc > 1 ? std::atof(argv[1]) : 10;
  const uint64_t seed = argc > 3 ? std::strtoull(argv[3], nullptr, 10) : 1;
  std::vector<std::string> seeds;
  if (argc > 2) {
    for (const AnswerPair& p : ReadAnswerPairs(argv[2], "math_verify")) {
      seeds.push_back(p.gold);
      seeds.push_back(p.answer);
    }
  }
  std::signal(SIGALRM, Report);
  std::signal(SIGSEGV, Report);
  std::signal(SIGABRT, Report);
  math::AnswerFuzzer fuzzer(seeds, seed);
  std::vector<std::unique_ptr<Verifier>> graders;
  std::vector<std::string> names;
  for (const math::Grader& g : math::Graders()) {
    graders.push_back(MakeVerifier(g.name));
    names.emplace_back(g.name);
  }
  const auto begin = std::chrono::steady_clock::now();
  const auto elapsed = [&] {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  };
  double slowest = 0, warm = 0;
  int64_t checks = 0, right = 0, timed_out = 0;
  bool slow = false;
  while (elapsed() < seconds) {
    const std::string gold = fuzzer.Next();
    const std::string answer = checks % 3 == 0 ? gold : fuzzer.Next();
    current_gold = &gold;
    current_answer = &answer;
    const size_t other = static_cast<size_t>(checks) % graders.size();
    for (const size_t i : {size_t{0}, other}) {
      const size_t grader = i == 0 ? 10 % graders.size() : other;
      alarm(20);
      const double before = ThreadMs();
      const Judgement j = graders[grader]->Judge(answer, gold);
      const double took = ThreadMs() - before;
      ++checks;
      right += j.verdict == Verdict::kRight;
      timed_out += j.verdict == Verdict::kTimedOut;
      if (took > slowest) slowest = took;
      if (took > kLimitMs) {
        fmt::print("SLOW: {} took {:.0f} ms\n  gold {}\n  answer {}\n", names[grader], took,
                   gold.substr(0, 400), answer.substr(0, 400));
        slow = true;
      }
    }
    if (warm == 0 && elapsed() > seconds / 4) warm = ResidentMib();
  }
  const double growth = ResidentMib() - warm;
  fmt::print(
      "{} checks in {:.0f} s: {} right, {} timed out; slowest {:.1f} ms; memory {:+.1f} MiB since "
      "a quarter of the time\n",
      checks, elapsed(), right, timed_out, slowest, growth);
  return slow || growth > kGrowthMib ? 1 : 0;
}
