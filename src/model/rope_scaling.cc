#include "model/rope_scaling.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "tensor/rope.h"

namespace rlvr {
namespace {

constexpr double kTurn = 2 * std::numbers::pi;

double Llama3(double frequency, const RopeScaling& s) {
  const double original = static_cast<double>(s.original_max_position_embeddings);
  const double wavelength = kTurn / frequency;
  if (wavelength < original / s.high_freq_factor) return frequency;
  if (wavelength > original / s.low_freq_factor) return frequency / s.factor;
  const double keep =
      (original / wavelength - s.low_freq_factor) / (s.high_freq_factor - s.low_freq_factor);
  return (1 - keep) * frequency / s.factor + keep * frequency;
}

// The dimension whose pair makes `turns` turns within the original context.
double DimensionOfTurns(double turns, int64_t head_dim, double theta, const RopeScaling& s) {
  return static_cast<double>(head_dim) *
         std::log(static_cast<double>(s.original_max_position_embeddings) / (turns * kTurn)) /
         (2 * std::log(theta));
}

double YarnMscale(double factor, double mscale) {
  return factor <= 1 ? 1 : 0.1 * mscale * std::log(factor) + 1;
}

void Yarn(int64_t head_dim, double theta, const RopeScaling& s, RopeParameters* rope) {
  double low = DimensionOfTurns(s.beta_fast, head_dim, theta, s),
         high = DimensionOfTurns(s.beta_slow, head_dim, theta, s);
  if (s.truncate) {
    low = std::floor(low);
    high = std::ceil(high);
  }
  low = std::max(low, 0.0);
  high = std::min(high, static_cast<double>(head_dim - 1));
  if (low == high) high += 0.001;
  for (size_t i = 0; i < rope->frequencies.size(); ++i) {
    const double ramp = std::clamp((static_cast<double>(i) - low) / (high - low), 0.0, 1.0);
    rope->frequencies[i] *= (1 - ramp) + ramp / s.factor;
  }
  rope->factor = s.attention_factor > 0 ? s.attention_factor
                 : s.mscale > 0 && s.mscale_all_dim > 0
                     ? YarnMscale(s.factor, s.mscale) / YarnMscale(s.factor, s.mscale_all_dim)
                     : YarnMscale(s.factor, 1);
}

}  // namespace

RopeParameters ScaledRope(int64_t head_dim, double theta, const RopeScaling& s) {
  RopeParameters rope{.frequencies = RopeFrequencies(head_dim, theta)};
  if (s.rope_type == "linear") {
    for (double& f : rope.frequencies) f /= s.factor;
  } else if (s.rope_type == "llama3") {
    for (double& f : rope.frequencies) f = Llama3(f, s);
  } else if (s.rope_type == "yarn") {
    Yarn(head_dim, theta, s, &rope);
  }
  return rope;
}

}  // namespace rlvr
