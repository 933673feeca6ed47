#include "rollout/sampler.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "tensor/elementwise.h"

namespace rlvr {
namespace {

// Weight of token i under softmax(z / T), times the row's sum.
float Weight(std::span<const float> logits, const RowStats& s, float temperature, size_t i) {
  return ExpF(logits[i] * (1.0f / temperature) - s.max);
}

// Sets the weights of tokens that a filter drops to 0. w [V], unnormalised.
void TopK(int32_t k, std::vector<float>* w) {
  if (k <= 0 || static_cast<size_t>(k) >= w->size()) return;
  std::vector<float> sorted = *w;
  std::nth_element(sorted.begin(), sorted.begin() + (k - 1), sorted.end(), std::greater<>());
  const float least = sorted[static_cast<size_t>(k - 1)];
  // Ties at the border: the lowest ids stay, so that exactly k remain.
  int64_t room = k - std::count_if(w->begin(), w->end(), [&](float x) { return x > least; });
  for (float& x : *w) {
    if (x < least || (x == least && room-- <= 0)) x = 0;
  }
}

// Keeps the smallest set of likeliest tokens whose share reaches p.
void TopP(float p, std::vector<float>* w) {
  if (p >= 1) return;
  std::vector<int32_t> order(w->size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = static_cast<int32_t>(i);
  std::stable_sort(order.begin(), order.end(),
                   [&](int32_t a, int32_t b) { return (*w)[a] > (*w)[b]; });
  double total = 0;
  for (const float x : *w) total += x;
  double sum = 0;
  for (const int32_t i : order) {
    if (sum >= p * total && sum > 0)
      (*w)[i] = 0;
    else
      sum += (*w)[i];
  }
}

void MinP(float p, std::vector<float>* w) {
  if (p <= 0) return;
  const float floor = p * *std::max_element(w->begin(), w->end());
  for (float& x : *w) {
    if (x < floor) x = 0;
  }
}

}  // namespace

Draw SampleToken(std::span<const float> logits, const SamplingOptions& options, double uniform,
                 std::vector<float>* scratch) {
  const float temperature = options.score_temperature();
  const RowStats stats = ComputeRowStats(logits, temperature);
  Draw draw;
  draw.entropy = stats.entropy;
  if (options.temperature == 0) {
    draw.token = stats.argmax;
    draw.logp = RowLogProb(stats, logits[static_cast<size_t>(draw.token)], temperature);
    draw.sampler_logp = 0;  // the greedy choice is certain
    return draw;
  }
  std::vector<float>& w = *scratch;
  w.resize(logits.size());
  double total = 0;
  for (size_t i = 0; i < w.size(); ++i) w[i] = Weight(logits, stats, temperature, i);
  if (options.truncates()) {
    TopK(options.top_k, &w);
    TopP(options.top_p, &w);
    MinP(options.min_p, &w);
  }
  for (const float x : w) total += x;
  RLVR_CHECK(total > 0 && std::isfinite(total)) << "the logits hold NaN or infinity";
  const double aim = uniform * total;
  double sum = 0;
  for (size_t i = 0; i < w.size(); ++i) {
    if (w[i] == 0) continue;
    draw.token = static_cast<int32_t>(
        i);  // the last one with weight, should rounding leave aim at the total
    sum += w[i];
    if (sum > aim) break;
  }
  const auto chosen = static_cast<size_t>(draw.token);
  draw.logp = RowLogProb(stats, logits[chosen], temperature);
  draw.sampler_logp =
      options.truncates() ? static_cast<float>(std::log(w[chosen] / total)) : draw.logp;
  return draw;
}

}  // namespace rlvr
