#ifndef RLVR_OBJECTIVE_REGULARIZER_EPO_H_
#define RLVR_OBJECTIVE_REGULARIZER_EPO_H_
#include "objective/loss_stage.h"

namespace rlvr {
// Entropy-regularized policy optimization, arXiv:2509.22576, Sec. 4: an entropy bonus less a
// penalty on entropies that leave a band around their history,
//   J_t += lambda (H_t - c phase P_t)
//   P_t = 0 if kappa_l hbar < H_t < kappa_r hbar, else delta
// hbar: mean entropy of the steps before, `{controller: running_mean, metric: actor/entropy}`; 0:
// there is none, and no penalty. phase: `{controller: epo_phase}`. By its formula P_t is constant
// almost everywhere: as in the released code it moves the loss and no weight. penalty `distance` is
// a reconstruction with a gradient: delta times the distance to the band. The paper keeps hbar per
// environment step and penalises later ones only: from_turn; here hbar is one number for all turns.
// entropy `sequence` compares a response's mean.
struct Epo {
  static constexpr MethodInfo kInfo{"epo", "2509.22576",
                                    "J_t += lambda (H_t - c phase P_t), P_t = delta where H_t "
                                    "leaves (kappa_l, kappa_r) times the "
                                    "mean entropy of the steps before"};
  static constexpr const char* kMetric = "actor/epo_entropy";
  double lambda = 0.001, c = 1, kappa_l = 0, kappa_r = 2, delta = 0.1, history = 0, phase = 1;
  int64_t from_turn = 0;
  std::string penalty = "constant", entropy = "token";
  template <class Visitor>
  void Params(Visitor& p) {
    p("lambda", lambda, 0.0, 10.0);
    p("c", c, 0.0, 1000.0);
    p("kappa_l", kappa_l, 0.0, 1.0);
    p("kappa_r", kappa_r, 1.0, 1000.0);
    p("delta", delta, 0.0, 1000.0);
    p("history", history, 0.0, 1000.0);
    p("phase", phase, 0.0, 1.0);
    p("from_turn", from_turn, int64_t{0}, int64_t{1} << 30);
    p("penalty", penalty, {"constant", "distance"});
    p("entropy", entropy, {"token", "sequence"});
  }
  double coefficient() const { return lambda; }
  Field operator()(const TokenFields& f) const {
    if (history == 0) return f.entropy;
    const Field H = entropy == "token" ? f.entropy : f.Spread(f.RowMean(f.entropy));
    const size_t T = f.mask.size();
    std::vector<char> low(T), high(T), late(T);
    Column constant(T);
    for (size_t t = 0; t < T; ++t) {
      late[t] = f.rows.turn[t] >= from_turn;
      low[t] = late[t] && H.values()[t] <= kappa_l * history;
      high[t] = late[t] && H.values()[t] >= kappa_r * history;
      constant[t] = low[t] || high[t] ? delta : 0;
    }
    double outside = 0, tokens = 0;
    for (size_t t = 0; t < T; ++t) {
      outside += f.mask[t] * (low[t] || high[t]);
      tokens += f.mask[t];
    }
    f.metrics->push_back({"actor/epo_outside", outside, tokens});
    const Field P = penalty == "constant"
                        ? f.Constant(constant)
                        : delta * Where(low, kappa_l * history - H,
                                        Where(high, H - kappa_r * history, f.Constant({0})));
    return f.entropy - c * phase * P;
  }
};
}  // namespace rlvr
#endif  // RLVR_OBJECTIVE_REGULARIZER_EPO_H_
