// How long sampling takes: the time of one decode step by how many sequences are running, and the
// scheduler played through with given lengths.
#ifndef RLVR_BENCH_SAMPLING_TIME_H_
#define RLVR_BENCH_SAMPLING_TIME_H_
#include <cstdint>
#include <utility>
#include <vector>

namespace rlvr {

struct SamplingRates {
  double prompt_token = 0;  // seconds a token of prefill
  // (sequences, seconds of a step that gives each of them a token), rising in sequences.
  std::vector<std::pair<double, double>> step;
  double key = 0;      // further seconds a sequence and key beyond `context`
  double context = 0;  // mean keys that `step` was measured at
  double scale = 1;    // of all of it: measured over predicted, for one real sample
  double StepSeconds(double sequences, double keys) const;  // between measured points: linear
};

// What sampling these comes to.
struct SamplingPlan {
  double prefill_seconds = 0, decode_seconds = 0;
  int64_t steps = 0, tokens = 0;
  int64_t most_cached = 0;     // tokens in the cache at the fullest moment
  int64_t most_sequences = 0;  // at once
  double seconds() const { return prefill_seconds + decode_seconds; }
};

// Groups of `group_size` responses in order, each on a prompt of prompt_tokens; `lengths` [responses]
// in tokens. At most max_sequences are decoded together; a free slot is taken at once, and a group's
// prompt stays until its last response has ended.
SamplingPlan PlanSampling(const SamplingRates& rates, const std::vector<int64_t>& lengths,
                          int64_t group_size, double prompt_tokens, int64_t max_sequences);

// The mean length of responses of at most max_tokens, of which some were cut off at `cut` tokens:
// those are taken to end at the rate at which others ended. ended: lengths of those that did.
double MeanLength(const std::vector<int64_t>& ended, int64_t num_cut, int64_t cut,
                  int64_t max_tokens);

}  // namespace rlvr
#endif  // RLVR_BENCH_SAMPLING_TIME_H_
