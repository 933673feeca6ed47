#ifndef RLVR_OBJECTIVE_TOKEN_WEIGHT_CLIP_COV_H_
#define RLVR_OBJECTIVE_TOKEN_WEIGHT_CLIP_COV_H_
#include "objective/token_weight/covariance.h"

namespace rlvr {
// Clip-Cov, arXiv:2505.22617, Eq. 11 and 12: of the tokens whose covariance of advantage and
// log-prob lies in (lb, ub), max(1, floor(ratio n)) chosen at random give no gradient; n counts the
// mini-batch's tokens. They stay in the denominators. As in the authors' code, tokens that the
// policy loss clips already are no candidates: eps_low and eps_high must be the policy loss's.
// The code's scope is whatever reaches the loss, the micro-batch; here it is the mini-batch.
struct ClipCov {
  static constexpr MethodInfo kInfo{
      "clip_cov", "2505.22617",
      "w_t = 0 for a random share ratio of the tokens, among those with lb < cov_t < ub"};
  double ratio = 2e-4, lb = 1, ub = 5, eps_low = 1, eps_high = 1;
  template <class Visitor>
  void Params(Visitor& p) {
    p("ratio", ratio, 0.0, 1.0);
    p("lb", lb, -1e6, 1e6);
    p("ub", ub, -1e6, kInfinity);
    p("eps_low", eps_low, 0.0, 1.0);
    p("eps_high", eps_high, 0.0, 1e6);
  }
  void operator()(const TokenFields& f, TokenWeights* w) const {
    const Column cov = TokenCovariance(f, w->adv, w->mask);
    const size_t T = cov.size();
    Column candidate(T), order(T);
    double tokens = 0, candidates = 0;
    for (size_t t = 0; t < T; ++t) {
      const double ratio_t = std::exp(f.logp.values()[t] - f.logp_old.values()[t]);
      const bool clipped =
          (w->adv[t] > 0 && ratio_t > 1 + eps_high) || (w->adv[t] < 0 && ratio_t < 1 - eps_low);
      candidate[t] = w->mask[t] != 0 && cov[t] > lb && cov[t] < ub && !clipped;
      tokens += w->mask[t];
      candidates += candidate[t];
    }
    // A token's number depends on its place in its trajectory alone, not on the batch's order.
    const std::vector<int32_t> group = GroupOfRows(f.rows);
    for (int64_t s = 0; s < f.rows.num_rows(); ++s) {
      const int32_t g = group[s];
      const RandomKey key = f.key[static_cast<uint64_t>(f.rows.prompt[g])][static_cast<uint64_t>(
          f.rows.occurrence[g])][static_cast<uint64_t>(f.rows.sample[s])];
      for (int64_t t = f.rows.begin[s]; t < f.rows.begin[s + 1]; ++t)
        order[t] = key.Uniform(static_cast<uint64_t>(t - f.rows.begin[s]));
    }
    const int64_t wanted = ShareOf(ratio, static_cast<int64_t>(tokens));
    const Column chosen = TopMask(TokensBy(Scope::kBatch, f.rows), order, candidate, f.rows,
                                  [&](int64_t n) { return std::min(n, wanted); });
    double removed = 0;
    for (size_t t = 0; t < T; ++t) {
      if (chosen[t] == 0) continue;
      w->weight[t] = 0;
      ++removed;
    }
    f.metrics->push_back({"token_weight/clip_cov_candidates", candidates, tokens});
    f.metrics->push_back({"token_weight/clip_cov", removed, tokens});
  }
};
}  // namespace rlvr
#endif  // RLVR_OBJECTIVE_TOKEN_WEIGHT_CLIP_COV_H_
