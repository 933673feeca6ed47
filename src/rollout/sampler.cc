#include "rollout/sampler.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "tensor/elementwise.h"
#include "tensor/row_stats.h"

namespace rlvr {
namespace {

// The first id whose cumulative weight exceeds uniform * total; the last one with weight, should
// rounding leave the aim at the total. id(i) is the i-th candidate, rising; w its weight.
template <class Id, class WeightOf>
int32_t Walk(size_t n, double aim, Id id, WeightOf weight) {
  int32_t token = -1;
  double sum = 0;
  for (size_t i = 0; i < n; ++i) {
    const float w = weight(i);
    if (w == 0) continue;
    token = id(i);
    sum += w;
    if (sum > aim) break;
  }
  return token;
}

// Of all ids by blocks: one sum of a large vocabulary from its first id to its last would be a chain
// of as many additions, each waiting for the one before.
constexpr size_t kBlock = 1024;

double BlockSum(std::span<const float> w) {
  double s[16] = {};
  size_t i = 0;
  for (; i + 16 <= w.size(); i += 16) {
    for (size_t j = 0; j < 16; ++j) s[j] += w[i + j];
  }
  for (size_t j = 0; i + j < w.size(); ++j) s[j] += w[i + j];
  for (size_t width = 8; width > 0; width /= 2) {
    for (size_t j = 0; j < width; ++j) s[j] += s[j + width];
  }
  return s[0];
}

// The id whose share of the weights [V] `uniform` falls on.
int32_t WalkAll(std::span<const float> w, double uniform) {
  thread_local std::vector<double> sums;
  sums.clear();
  double total = 0;
  for (size_t begin = 0; begin < w.size(); begin += kBlock) {
    sums.push_back(BlockSum(w.subspan(begin, std::min(kBlock, w.size() - begin))));
    total += sums.back();
  }
  const double aim = uniform * total;
  double before = 0;
  size_t last = 0;  // the last block with weight, should rounding leave the aim at the total
  double before_last = 0;
  for (size_t b = 0; b < sums.size(); ++b) {
    if (sums[b] == 0) continue;
    last = b;
    before_last = before;
    before += sums[b];
    if (before > aim) break;
  }
  const size_t begin = last * kBlock;
  const std::span<const float> block = w.subspan(begin, std::min(kBlock, w.size() - begin));
  return static_cast<int32_t>(begin) + Walk(
                                           block.size(), aim - before_last,
                                           [](size_t i) { return static_cast<int32_t>(i); },
                                           [&](size_t i) { return block[i]; });
}

// Candidates are ids in `kept`; a likelier one has a larger logit or, among equals, a lower id.
// Weights would not do: two logits may have the same exponential.
struct Likelier {
  std::span<const float> logits;
  bool operator()(int32_t a, int32_t b) const {
    const float x = logits[static_cast<size_t>(a)], y = logits[static_cast<size_t>(b)];
    return x > y || (x == y && a < b);
  }
};

void TopK(int32_t k, Likelier likelier, std::vector<int32_t>* kept) {
  if (k <= 0 || static_cast<size_t>(k) >= kept->size()) return;
  std::nth_element(kept->begin(), kept->begin() + (k - 1), kept->end(), likelier);
  kept->resize(static_cast<size_t>(k));
  std::sort(kept->begin(), kept->end());
}

// Keeps the smallest set of likeliest tokens whose share reaches p. Sorts in growing blocks, since
// the nucleus is most often a small part of the vocabulary.
void TopP(float p, const std::vector<float>& w, Likelier likelier, std::vector<int32_t>* kept) {
  if (p >= 1) return;
  double total = 0, sum = 0;
  for (const int32_t id : *kept) total += w[static_cast<size_t>(id)];
  const double aim = p * total;
  size_t nucleus = 0, sorted = 0, block = 128;
  while (nucleus < kept->size()) {
    if (nucleus == sorted) {
      const auto from = kept->begin() + static_cast<int64_t>(sorted);
      sorted = std::min(sorted + block, kept->size());
      block *= 4;
      const auto to = kept->begin() + static_cast<int64_t>(sorted);
      if (to != kept->end()) std::nth_element(from, to, kept->end(), likelier);
      std::sort(from, to, likelier);
    }
    sum += w[static_cast<size_t>((*kept)[nucleus++])];
    if (sum >= aim) break;
  }
  kept->resize(nucleus);
  std::sort(kept->begin(), kept->end());
}

// The likeliest token is always kept and has weight 1.
void MinP(float p, const std::vector<float>& w, std::vector<int32_t>* kept) {
  if (p <= 0) return;
  std::erase_if(*kept, [&](int32_t id) { return w[static_cast<size_t>(id)] < p; });
}

}  // namespace

double EntropyTemperature::Factor(double entropy) const {
  const double u = LogF(static_cast<float>(std::max(entropy, 1e-6)));
  const double h = (u - center) / scale;
  return 1 + tau * std::clamp(h * (h > 0 ? up : down), -1.0, 1.0);
}

Draw SampleToken(std::span<const float> logits, const SamplingOptions& options, double uniform,
                 std::vector<float>* scratch) {
  const float base = options.score_temperature();
  const RowStats base_stats = ComputeRowStats(logits, base);
  if (!std::isfinite(base_stats.lse)) {
    throw Error("sampling", "the logits hold NaN or infinity",
                "the weights have diverged: lower the learning rate, or go back to an earlier "
                "checkpoint");
  }
  Draw draw;
  draw.entropy = base_stats.entropy;
  float temperature = base;
  RowStats stats = base_stats;
  if (options.token_temperature.tau != 0 && options.temperature != 0) {
    temperature = static_cast<float>(base * options.token_temperature.Factor(base_stats.entropy));
    stats = ComputeRowStats(logits, temperature);
  }
  const float inverse = 1.0f / temperature;
  if (options.temperature == 0) {
    draw.token = stats.argmax;
    draw.sampler_logp = 0;  // the greedy choice is certain
  } else {
    // Sums are in double: stats.sum is fp32, and what it lacks or has too much would all fall on the
    // last ids of a large vocabulary.
    std::vector<float>& w = *scratch;
    w.resize(logits.size());
    RowWeights(logits, stats, temperature, w);
    if (!options.truncates()) {
      draw.token = WalkAll(w, uniform);
    } else {
      thread_local std::vector<int32_t> kept;
      kept.clear();
      for (size_t i = 0; i < w.size(); ++i) {
        if (w[i] > 0) kept.push_back(static_cast<int32_t>(i));
      }
      const Likelier likelier{logits};
      TopK(options.top_k, likelier, &kept);
      TopP(options.top_p, w, likelier, &kept);
      MinP(options.min_p, w, &kept);
      double total = 0;
      for (const int32_t id : kept) total += w[static_cast<size_t>(id)];
      draw.token = Walk(
          kept.size(), uniform * total, [&](size_t i) { return kept[i]; },
          [&](size_t i) { return w[static_cast<size_t>(kept[i])]; });
      const float z = logits[static_cast<size_t>(draw.token)] * inverse;
      draw.sampler_logp = z - (stats.max + LogF(static_cast<float>(total)));
    }
  }
  const float z = logits[static_cast<size_t>(draw.token)];
  draw.logp = RowLogProb(base_stats, z, base);
  if (!options.truncates()) draw.sampler_logp = RowLogProb(stats, z, temperature);
  return draw;
}

}  // namespace rlvr
