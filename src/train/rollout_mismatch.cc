#include "train/rollout_mismatch.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "objective/token_weight/rollout_weights.h"

namespace rlvr {

void MeasureMismatch(const Rows& rows, Metrics* metrics) {
  const std::vector<double>& mu = rows.SamplerLogp();
  const std::vector<double> d = RolloutLogRatios(rows);
  double n = 0, sum = 0, squares = 0, max = 0, kl = 0, k3 = 0, chi2 = 0, distance = 0;
  double p_sum = 0, q_sum = 0, responses = 0, log_ppl = 0;
  WeightSpread weights;
  for (int64_t s = 0; s < rows.num_rows(); ++s) {
    if (rows.foreign[s] || rows.length(s) == 0) continue;
    double of_row = 0;
    for (int64_t t = rows.begin[s]; t < rows.begin[s + 1]; ++t) {
      const double p = std::exp(rows.logp_old[t]), q = std::exp(mu[t]), diff = std::abs(p - q);
      n += 1;
      p_sum += p;
      q_sum += q;
      sum += diff;
      squares += diff * diff;
      max = std::max(max, diff);
      const double held = std::clamp(d[t], -20.0, 20.0), ratio = std::exp(held);
      kl -= d[t];
      k3 += ratio - 1 - held;
      chi2 += ratio * ratio - 1;
      distance += std::abs(d[t]);
      of_row += d[t];
    }
    responses += 1;
    log_ppl -= of_row / static_cast<double>(rows.length(s));
    weights.Add(RolloutWeight(of_row));
  }
  if (n == 0) return;
  double pq = 0, pp = 0, qq = 0;  // about their means
  for (int64_t s = 0; s < rows.num_rows(); ++s) {
    for (int64_t t = rows.begin[s]; t < rows.begin[s + 1] && !rows.foreign[s]; ++t) {
      const double p = std::exp(rows.logp_old[t]) - p_sum / n, q = std::exp(mu[t]) - q_sum / n;
      pq += p * q;
      pp += p * p;
      qq += q * q;
    }
  }
  const double mean = sum / n;
  Metrics& m = *metrics;
  m["training/rollout_probs_diff_mean"] = mean;
  m["training/rollout_probs_diff_max"] = max;
  m["training/rollout_probs_diff_std"] =
      n > 1 ? std::sqrt(std::max(0.0, (squares - n * mean * mean) / (n - 1))) : 0;
  m["training/rollout_actor_probs_pearson_corr"] = pp * qq > 0 ? pq / std::sqrt(pp * qq) : 1;
  m["rollout_corr/kl"] = kl / n;
  m["rollout_corr/k3_kl"] = k3 / n;
  m["rollout_corr/chi2_token"] = chi2 / n;
  m["rollout_corr/log_ppl_diff"] = log_ppl / responses;
  m["rollout_corr/logp_abs_diff"] = distance / n;
  m["rollout_corr/seq_eff_sample_size"] = weights.effective_share();
}

void WarnOfMismatch(const Recipe& recipe) {
  if (recipe.rollout.quantization == "none") return;
  if (const ConfigNode* weights = recipe.resolved.Find("token_weight")) {
    for (const ConfigNode& item : weights->items) {
      const ConfigNode* name = item.Find("name");
      if (name != nullptr && (name->scalar == "rollout_is" || name->scalar == "ais")) return;
    }
    const ConfigNode* name = weights->Find("name");
    if (name != nullptr && (name->scalar == "rollout_is" || name->scalar == "ais")) return;
  }
  fmt::print(stderr,
             "rlvr: warning: rollout.quantization is {}, and nothing corrects for the policy that "
             "samples being another one than the policy that trains: add "
             "token_weight: [{{name: rollout_is}}]\n",
             recipe.rollout.quantization);
}

}  // namespace rlvr
