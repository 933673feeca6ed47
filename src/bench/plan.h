// What a recipe will take on this machine: bytes at the peak and seconds a step, part by part.
#ifndef RLVR_BENCH_PLAN_H_
#define RLVR_BENCH_PLAN_H_
#include <functional>
#include <string>
#include <vector>

#include "bench/calibration.h"
#include "bench/memory.h"

namespace rlvr {

// Of one training step. Lengths are what was sampled, or every response at its longest.
struct StepTime {
  double prefill = 0, decode = 0, verify = 0, credit = 0, update = 0, optimizer = 0;
  double evaluation = 0;  // one of them, in the steps that have one
  double prompts = 0;     // sampled until the selection has its groups
  double sampled_tokens = 0, trained_tokens = 0, updates = 0;
  double gen() const { return prefill + decode; }
  double step() const { return gen() + verify + credit + update + optimizer; }
};

struct Plan {
  std::string recipe;
  ModelConfig model;
  Calibration calibration;
  double mean_length = 0;  // of a response
  int64_t max_tokens = 0, prompts = 0, group_size = 0, steps = 0, evaluations = 0;
  TokenCounts expected_tokens, longest_tokens;
  MemoryEstimate expected_memory, longest_memory;
  StepTime expected, longest;
  int64_t available = 0;              // bytes
  std::vector<MemorySaving> savings;  // where longest_memory does not fit
  bool timed = false;                 // false: the memory for a calibration is not there
};

struct PlanOptions {
  double seconds = 10;    // to measure
  int64_t available = 0;  // bytes; 0: what is free
};
// reload: the recipe with further overrides. Throws Error for conversations, whose other side takes
// its own time, and for recipes that are not rl.
Plan MakePlan(const Recipe& recipe, const PlanOptions& options,
              const std::function<Recipe(const std::vector<std::string>&)>& reload,
              const std::function<void(double, const std::string&)>& progress = {});

// The mean number of groups until `wanted` are kept, each with probability `kept`; at most `most`.
double ExpectedGroups(double kept, int64_t wanted, int64_t most);

// One step's seconds where responses have these lengths (cycled through).
StepTime TimeOfStep(const Recipe& recipe, const Calibration& calibration,
                    const std::vector<int64_t>& lengths, SamplingPlan* sampling);

std::string PlanText(const Plan& plan);
std::string PlanJson(const Plan& plan);

}  // namespace rlvr
#endif  // RLVR_BENCH_PLAN_H_
