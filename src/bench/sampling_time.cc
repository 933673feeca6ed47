#include "bench/sampling_time.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <queue>

#include "base/error.h"

namespace rlvr {

double SamplingRates::StepSeconds(double sequences, double keys) const {
  RLVR_CHECK(!step.empty());
  double seconds = 0;
  if (sequences <= step.front().first || step.size() == 1) {
    seconds = step.front().second;
    if (sequences > step.front().first) seconds *= sequences / step.front().first;
  } else {
    size_t i = 1;
    while (i + 1 < step.size() && sequences > step[i].first) ++i;
    const auto& [n0, s0] = step[i - 1];
    const auto& [n1, s1] = step[i];
    seconds = s0 + (s1 - s0) * (sequences - n0) / (n1 - n0);
  }
  return scale * std::max(0.0, seconds + key * sequences * (keys - context));
}

SamplingPlan PlanSampling(const SamplingRates& rates, const std::vector<int64_t>& lengths,
                          int64_t group_size, double prompt_tokens, int64_t max_sequences) {
  RLVR_CHECK(group_size >= 1 && max_sequences >= 1);
  SamplingPlan plan;
  const auto n = static_cast<int64_t>(lengths.size());
  const int64_t groups = (n + group_size - 1) / group_size;
  plan.prefill_seconds =
      rates.scale * rates.prompt_token * prompt_tokens * static_cast<double>(groups);
  struct End {
    int64_t step, response;
    bool operator>(const End& other) const { return step > other.step; }
  };
  std::priority_queue<End, std::vector<End>, std::greater<>> running;
  std::vector<int64_t> left(static_cast<size_t>(groups), group_size);
  if (n > 0) left.back() = n - (groups - 1) * group_size;
  int64_t next = 0, now = 0, open_prompts = 0;
  int64_t own = 0;  // response tokens in the cache
  while (next < n || !running.empty()) {
    while (next < n && static_cast<int64_t>(running.size()) < max_sequences) {
      open_prompts += next % group_size == 0;
      running.push({now + std::max<int64_t>(1, lengths[static_cast<size_t>(next)]), next});
      ++next;
    }
    // Until somebody ends, the same sequences run.
    const int64_t until = running.top().step, steps = until - now;
    const auto active = static_cast<double>(running.size());
    const double mid = static_cast<double>(own) / active + static_cast<double>(steps) / 2;
    plan.decode_seconds +=
        static_cast<double>(steps) * rates.StepSeconds(active, prompt_tokens + mid);
    plan.steps += steps;
    own += steps * static_cast<int64_t>(running.size());
    plan.tokens += steps * static_cast<int64_t>(running.size());
    plan.most_sequences = std::max(plan.most_sequences, static_cast<int64_t>(running.size()));
    plan.most_cached = std::max(
        plan.most_cached, own + static_cast<int64_t>(std::ceil(prompt_tokens)) * open_prompts);
    now = until;
    while (!running.empty() && running.top().step == now) {
      const int64_t r = running.top().response;
      running.pop();
      own -= std::max<int64_t>(1, lengths[static_cast<size_t>(r)]);
      open_prompts -= --left[static_cast<size_t>(r / group_size)] == 0;
    }
  }
  return plan;
}

double MeanLength(const std::vector<int64_t>& ended, int64_t num_cut, int64_t cut,
                  int64_t max_tokens) {
  double tokens = static_cast<double>(num_cut * cut);
  for (const int64_t n : ended) tokens += static_cast<double>(n);
  const auto count = static_cast<double>(ended.size()) + static_cast<double>(num_cut);
  if (count == 0) return 0;
  double more = 0;  // of each that was cut off
  if (const int64_t left = max_tokens - cut; num_cut > 0 && left > 0) {
    const double rate = static_cast<double>(ended.size()) / tokens;  // ends a token
    more = rate > 0 ? (1 - std::pow(1 - rate, static_cast<double>(left))) / rate
                    : static_cast<double>(left);
  }
  return (tokens + static_cast<double>(num_cut) * more) / count;
}

}  // namespace rlvr
