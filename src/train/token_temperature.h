// HAPO's normaliser of entropies (arXiv:2509.16591), from one batch for the next one's sampling.
#ifndef RLVR_TRAIN_TOKEN_TEMPERATURE_H_
#define RLVR_TRAIN_TOKEN_TEMPERATURE_H_
#include <span>
#include <string>

#include "objective/stage.h"
#include "rollout/sampler.h"

namespace rlvr {

struct TokenTemperatureSettings {
  std::string name = "none";  // none, hapo
  double tau = 0.05;          // largest change, as a share of the temperature
  double q = 0.8;             // quantile of log entropy that keeps the temperature
  // Of tokens below the quantile: intended, colder (the text); released, hotter as those above
  // (what the authors' code computes).
  std::string negative = "released";
};

// With u = log max(H, 1e-8) over the entropies: center is the q quantile of u (the nearest value),
// scale the root mean square of u - center, up = 1 / max h and down = -1 / min h (released: minus
// that). No entropies: the temperature stays.
EntropyTemperature FitTokenTemperature(const TokenTemperatureSettings& settings,
                                       std::span<const double> entropy);

// Kept over steps and in checkpoints.
void SaveTokenTemperature(const EntropyTemperature& t, RunState* state);
// Off before the first batch.
EntropyTemperature LoadTokenTemperature(const RunState& state);

}  // namespace rlvr
#endif  // RLVR_TRAIN_TOKEN_TEMPERATURE_H_
