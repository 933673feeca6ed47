#ifndef RLVR_OBJECTIVE_CONTROLLER_SAFE_KL_H_
#define RLVR_OBJECTIVE_CONTROLLER_SAFE_KL_H_
#include <algorithm>
#include <cmath>
#include <span>

#include "objective/controller/controller.h"
#include "objective/reduce.h"

namespace rlvr {
// SAFE's KL controller, arXiv:2602.04651, as its code has it, with the KL k1 to the reference
// (regularizer kl, kind k1), the entropy H and the mean reward R of each step:
//   short <- 0.9 short + 0.1 KL
//   threshold = clip((base + PID(R)) m, 0.1, 0.6)
//   penalty = scale (short - threshold)^2 gate where short > threshold, gate = max(0.5, h / (H +
//   0.1))
// PID: of the velocity of R's average (0.95, 0.05) less 0.001, with the integral in [-1, 1].
// m: by the last 50 rewards: fewer, 1.5; their mean above that of the 50 before by 0.01, 1.2; flat
// (std below 0.02) above 0.7, 1; else 0.8.
// The code adds that penalty as a number, so it changes no weight. The value here is the
// coefficient of a KL term whose gradient is the penalty's, 2 scale (short - threshold) gate: a
// reconstruction. memory: short, steps, average of R, integral, last error, then up to 100 rewards.
struct SafeKl {
  static constexpr MethodInfo kInfo{
      "safe_kl", "2602.04651",
      "reconstruction: beta = 2 scale max(0, short KL - threshold) max(0.5, h / (H + 0.1)), the "
      "threshold moved by a PID on the reward and by the phase of training"};
  double base = 0.3, scale = 0.1, h = 2, kp = 0.3, ki = 0.01, kd = 0.05;
  template <class Visitor>
  void Params(Visitor& p) {
    p("base", base, 0.0, 100.0);
    p("scale", scale, 0.0, 100.0);
    p("h", h, 0.0, 100.0);
    p("kp", kp, 0.0, 100.0);
    p("ki", ki, 0.0, 100.0);
    p("kd", kd, 0.0, 100.0);
  }
  double Initial() const { return 0; }
  double Next(double, const StepMetrics& m, std::vector<double>* memory) const {
    constexpr size_t kState = 5, kWindow = 50;
    if (memory->empty()) memory->assign(kState, 0.0);
    const double reward = m.Get("critic/rewards/mean");
    memory->push_back(reward);
    if (memory->size() > kState + 2 * kWindow) memory->erase(memory->begin() + kState);
    std::vector<double>& s = *memory;
    s[0] = 0.9 * s[0] + 0.1 * m.Get("actor/kl_loss");
    double adjustment = 0;
    if (s[1] == 0) {
      s[2] = reward;
    } else {
      const double before = s[2];
      s[2] = 0.95 * s[2] + 0.05 * reward;
      const double error = s[2] - before - 0.001;
      s[3] = std::clamp(s[3] + error, -1.0, 1.0);
      adjustment = kp * error + ki * s[3] + kd * (error - s[4]);
      s[4] = error;
    }
    s[1] += 1;
    double phase = 1.5;
    const std::span<const double> rewards(s.begin() + kState, s.end());
    if (rewards.size() >= kWindow) {
      const auto recent = rewards.last(kWindow);
      const double mean = MeanOf(recent);
      const bool climbing =
          rewards.size() == 2 * kWindow && mean > MeanOf(rewards.first(kWindow)) + 0.01;
      const bool converged = StdOf(recent, 0) < 0.02 && mean > 0.7;
      phase = climbing ? 1.2 : converged ? 1.0 : 0.8;
    }
    const double threshold = std::clamp((base + adjustment) * phase, 0.1, 0.6);
    const double gate = std::max(0.5, h / (m.Get("actor/entropy") + 0.1));
    return 2 * scale * std::max(0.0, s[0] - threshold) * gate;
  }
};
}  // namespace rlvr
#endif  // RLVR_OBJECTIVE_CONTROLLER_SAFE_KL_H_
