// countdown: reach a target from given numbers, each used at most once, with + - * / and brackets;
// any correct expression counts. Every problem has a solution by construction.
#ifndef RLVR_DATA_COUNTDOWN_H_
#define RLVR_DATA_COUNTDOWN_H_
#include <cstdint>
#include <string>
#include <vector>

#include "base/random.h"
#include "data/data.h"

namespace rlvr {

struct CountdownOptions {
  int min_numbers = 3, max_numbers = 4;
  int64_t max_number = 20, max_target = 100;
  int64_t train_size = 100000, validation_size = 1000, test_size = 1000;
};
struct CountdownProblem {
  std::vector<int64_t> numbers;
  int64_t target = 0;
  std::string solution;  // one expression
};
CountdownProblem MakeCountdown(const CountdownOptions& options, uint64_t seed, Split split,
                               int64_t index);
std::string CountdownQuestion(const CountdownProblem& problem);

}  // namespace rlvr
#endif  // RLVR_DATA_COUNTDOWN_H_
