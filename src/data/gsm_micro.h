// gsm_micro: seeded word problems in plain English with 1 to 8 reasoning steps, names, distractors and integer
// answers, and worked solutions to pretrain on. Every problem is a function of (seed, split, index).
#ifndef RLVR_DATA_GSM_MICRO_H_
#define RLVR_DATA_GSM_MICRO_H_
#include <cstdint>
#include <string>
#include <vector>

#include "base/random.h"
#include "data/data.h"

namespace rlvr {

struct GsmMicroOptions {
  int min_steps = 1, max_steps = 8;
  double distractor_rate = 0.3;  // chance that a problem holds a sentence with a number that does not matter
  int64_t train_size = 100000, validation_size = 1000, test_size = 1000;
};

struct GsmMicroStep {
  int64_t left = 0, right = 0, result = 0;
  char op = '+';           // + - * /
  std::string what;        // "Tom has", the subject of the worked line
};

struct GsmMicroProblem {
  std::string question;
  std::vector<GsmMicroStep> steps;  // each uses the result before it
  int64_t answer = 0;
};

// Splits are disjoint: a problem belongs to the split that a hash of its numbers and structure picks.
GsmMicroProblem MakeGsmMicro(const GsmMicroOptions& options, uint64_t seed, Split split, int64_t index);

// Worked solutions. Careful: every step written out as an equation, then "Answer: n". Sloppy: one of several bad habits
// (skips steps and guesses, slips in the arithmetic, forgets a step, uses the distractor), then "Answer: n".
std::string CarefulSolution(const GsmMicroProblem& problem);
std::string SloppySolution(const GsmMicroProblem& problem, Random& random);

}  // namespace rlvr
#endif  // RLVR_DATA_GSM_MICRO_H_
