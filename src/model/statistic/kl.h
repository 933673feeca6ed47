// The whole row's divergence between the policy p and a second model q (a reference or a teacher),
// nats. Where sampled estimators (objective/regularizer/kl.h) see one token, these see all of them.
//   kl_to_reference    D(p || q) = sum_i p_i (log p_i - log q_i)   d/dz_i = p_i (log p_i - log q_i - D)
//   kl_from_reference  D(q || p) = sum_i q_i (log q_i - log p_i)   d/dz_i = p_i - q_i
// Distillation calls the first the reverse, the second the forward KL (q the teacher).
#ifndef RLVR_MODEL_STATISTIC_KL_H_
#define RLVR_MODEL_STATISTIC_KL_H_
#include "model/statistic/token_set.h"

namespace rlvr {

// sum_i a_i (log a_i - log b_i), in double.
inline float Divergence(const StatisticRow& a, const StatisticRow& b) {
  const std::span<const float> p = ProbsOf(a);
  double sum = 0;
  for (size_t i = 0; i < p.size(); ++i) {
    sum += double{p[i]} * (double{RowLogProb(a.stats, a.logits[i], a.temperature)} -
                           RowLogProb(b.stats, b.logits[i], b.temperature));
  }
  return static_cast<float>(sum);
}

inline StatisticRow SecondOf(const StatisticRow& r) {
  return {*r.second_stats, r.second_logits, r.token, r.temperature};
}

struct KlToReferenceStatistic {
  static float Value(const StatisticRow& r, float) { return Divergence(r, SecondOf(r)); }
  static StatisticGradient Backward(const StatisticRow& r, float, float c) {
    StatisticGradient g{.dense = {.constant = -c * Value(r, 0), .log_slope = c}};
    g.p_log_q = -c;
    return g;
  }
};

struct KlFromReferenceStatistic {
  static float Value(const StatisticRow& r, float) { return Divergence(SecondOf(r), r); }
  static StatisticGradient Backward(const StatisticRow&, float, float c) {
    StatisticGradient g{.dense = {.constant = c}};
    g.q = -c;
    return g;
  }
};

// out_i = p_i log q_i p_log_q + q_i q: [V]
inline void MixedGradient(const StatisticRow& r, float p_log_q, float q, std::vector<float>* out) {
  const StatisticRow second = SecondOf(r);
  out->assign(r.logits.size(), 0.0f);
  if (p_log_q != 0) {
    const std::span<const float> p = ProbsOf(r);
    for (size_t i = 0; i < p.size(); ++i)
      (*out)[i] = p_log_q * p[i] * RowLogProb(second.stats, second.logits[i], r.temperature);
  }
  if (q != 0) {
    const std::span<const float> other = ProbsOf(second);
    for (size_t i = 0; i < other.size(); ++i) (*out)[i] += q * other[i];
  }
}

}  // namespace rlvr
#endif  // RLVR_MODEL_STATISTIC_KL_H_
