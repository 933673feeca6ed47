// gsm_micro: seeded word problems in plain English with 1 to 8 reasoning steps, names, distractors
// and integer answers, and worked solutions to pretrain on. Every problem is a function of (seed,
// split, index).
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
  double distractor_rate =
      0.3;              // chance that a problem holds a sentence with a number that does not matter
  bool rubric = false;  // extra_info holds a rubric (verify/rubric.h): each step, and the answer
  bool shards = false;  // facts that name their day, in extra_info also as shards
                        // (data/gsm_micro_shards.h)
  int64_t train_size = 100000, validation_size = 1000, test_size = 1000;
};

// From "max_steps=4,min_steps=2"; an unknown key names the nearest known one.
GsmMicroOptions ParseGsmMicroOptions(const std::string& text);

// One step of the chain: the quantity before, the operation, the quantity after.
struct GsmMicroStep {
  int64_t left = 0, right = 0, result = 0;
  char op = '+';  // + - * /
};

struct GsmMicroProblem {
  std::string question;
  std::vector<GsmMicroStep> steps;  // steps[i].left == steps[i - 1].result
  int64_t answer = 0;
  int64_t distractor = -1;  // a number in the question that does not matter; -1: none
};

// Splits are disjoint: a problem belongs to the split that a hash of its numbers and structure
// picks.
GsmMicroProblem MakeGsmMicro(const GsmMicroOptions& options, uint64_t seed, Split split,
                             int64_t index);

// Worked solutions to pretrain on. Careful: every step on a line of its own ("7+5=12"), then
// "Answer: 12". Sloppy: one of five bad habits, each now and then right by luck: guesses at once;
// slips in one step's arithmetic and carries on; forgets a step; works the distractor in; jumps to
// the last step from a guess.
std::string CarefulSolution(const GsmMicroProblem& problem);
// A rubric as JSON: the answer (factual, weight 1), and each line of the careful solution (process,
// together weight 1).
std::string GsmMicroRubric(const GsmMicroProblem& problem);
std::string SloppySolution(const GsmMicroProblem& problem, Random& random);

}  // namespace rlvr
#endif  // RLVR_DATA_GSM_MICRO_H_
