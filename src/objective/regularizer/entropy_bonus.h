#ifndef RLVR_OBJECTIVE_REGULARIZER_ENTROPY_BONUS_H_
#define RLVR_OBJECTIVE_REGULARIZER_ENTROPY_BONUS_H_
#include "objective/loss_stage.h"

namespace rlvr {
// Entropy bonus, arXiv:1602.01783, Sec. 4: J_t += coefficient H_t, H_t over the full vocabulary,
// nats.
struct EntropyBonus {
  static constexpr MethodInfo kInfo{"entropy_bonus", "1602.01783", "J_t += coefficient H_t"};
  static constexpr const char* kMetric = "";  // actor/entropy is always there
  double weight = 0.001;
  template <class Visitor>
  void Params(Visitor& p) {
    p("coefficient", weight, -10.0, 10.0);
  }
  double coefficient() const { return weight; }
  Field operator()(const TokenFields& f) const { return f.entropy; }
};
}  // namespace rlvr
#endif  // RLVR_OBJECTIVE_REGULARIZER_ENTROPY_BONUS_H_
