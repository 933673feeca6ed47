// A table of pairs (gold, answer, expected verdict) against the graders.
#ifndef RLVR_VERIFY_MATH_PAIRS_H_
#define RLVR_VERIFY_MATH_PAIRS_H_
#include <map>
#include <string>
#include <vector>

#include "verify/verify.h"

namespace rlvr {

struct AnswerPair {
  std::string gold, answer, grader;
  bool expected = false;
  bool suspect = false;  // the expectation is known to be false as mathematics
  AnswerOptions options;
  std::string label, source;
  int line = 0;
};

// JSON lines with gold, answer, expected and maybe grader, options, label, suspect, source; `grader` is
// for rows that name none. Throws Error that names the line.
std::vector<AnswerPair> ReadAnswerPairs(const std::string& path, const std::string& grader);

struct PairResult {
  const AnswerPair* pair;
  Judgement judgement;
  bool agrees = false;
};
struct GraderAgreement {
  int rows = 0, agree = 0;  // without suspect rows
  int suspect_rows = 0, suspect_agree = 0;
};
struct PairsResult {
  std::vector<PairResult> results;  // in the order of the file
  std::map<std::string, GraderAgreement> graders;
  double seconds = 0;  // of processor time, for all checks, `repeat` times each
  int64_t checks = 0;
  double slowest_ms = 0;
};
PairsResult JudgePairs(const std::vector<AnswerPair>& pairs, int repeat);
// The table of agreement, every disagreement with its reason, and the speed.
std::string PairsText(const PairsResult& result);

}  // namespace rlvr
#endif  // RLVR_VERIFY_MATH_PAIRS_H_
