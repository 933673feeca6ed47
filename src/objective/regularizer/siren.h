#ifndef RLVR_OBJECTIVE_REGULARIZER_SIREN_H_
#define RLVR_OBJECTIVE_REGULARIZER_SIREN_H_
#include "objective/loss_stage.h"

namespace rlvr {
// SIREN, arXiv:2509.25133, Sec. 3: J -= lambda (Hbar - anchor)^2, where
//   h_t   entropy of the renormalised nucleus of mass top_p
//   peak  tokens whose h_t is above the q quantile of their own response's
//   Hbar  mean over responses of the mean of h_t over their peak tokens, with gradient
// anchor is Hbar before training: `{controller: first_value, metric: actor/peak_entropy}` takes it
// from the first step, whose own term is 0 (the authors' code measures it before that step and has
// the term there too). anchor < 0: there is none yet. nucleus `open` leaves out the token that
// crosses the mass, as the code does; `closed` keeps it, as the text has it. The code first takes
// the 10000 likeliest tokens; here the nucleus is the vocabulary's.
struct Siren {
  static constexpr MethodInfo kInfo{
      "siren", "2509.25133",
      "J -= lambda (mean of the nucleus entropies h_t above their response's q quantile - "
      "anchor)^2"};
  static constexpr const char* kMetric = "actor/siren_loss";
  static constexpr bool kWholeBatch = true;
  double lambda = 0.005, top_p = 0.8, q = 0.8, anchor = -1;
  std::string nucleus = "open";
  template <class Visitor>
  void Params(Visitor& p) {
    p("lambda", lambda, 0.0, 1000.0);
    p("top_p", top_p, 0.0, 1.0);
    p("q", q, 0.0, 1.0);
    p("anchor", anchor, -1.0, 1000.0);
    p("nucleus", nucleus, {"open", "closed"});
  }
  Statistic Entropy() const {
    return {
        nucleus == "open" ? Statistic::Kind::kOpenNucleusEntropy : Statistic::Kind::kNucleusEntropy,
        static_cast<float>(top_p)};
  }
  Needs needs() const { return {.statistics = {Entropy()}, .behaviour = {}}; }
  double coefficient() const { return -lambda; }
  Field operator()(const TokenFields& f) const {
    const Field& h = f.Get(Entropy());
    const Column bound = Quantile(TokensBy(Scope::kResponse, f.rows), h.values(), f.mask, q);
    std::vector<char> peak(f.mask.size());
    Column share(f.mask.size());  // 1 / peak tokens of the row
    double rows = 0;
    for (int64_t s = 0; s < f.rows.num_rows(); ++s) {
      double n = 0;
      for (int64_t t = f.rows.begin[s]; t < f.rows.begin[s + 1]; ++t) {
        peak[t] = f.mask[t] != 0 && h.values()[t] > bound[t];
        n += peak[t];
      }
      rows += n > 0;
      for (int64_t t = f.rows.begin[s]; t < f.rows.begin[s + 1]; ++t)
        share[t] = peak[t] ? 1 / n : 0;
    }
    if (rows == 0) return f.Constant({0});
    const Field mean = Sum(Where(peak, h, f.Constant({0})) * f.Constant(share)) / rows;
    for (size_t t = 0; t < share.size(); ++t) share[t] *= peak[t] ? h.values()[t] : 0;
    const double value = OrderFreeSum(share) / rows, difference = value - anchor;
    f.metrics->push_back({"actor/peak_entropy", value, 1});
    if (anchor < 0) return f.Constant({0});
    // (mean - anchor)^2 with the same bits whatever the order of the batch.
    return f.Constant({difference * difference}) + 2 * difference * (mean - StopGradient(mean));
  }
};
}  // namespace rlvr
#endif  // RLVR_OBJECTIVE_REGULARIZER_SIREN_H_
