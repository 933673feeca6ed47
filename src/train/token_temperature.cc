#include "train/token_temperature.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace rlvr {
namespace {

constexpr const char* kState = "token_temperature/normaliser";

}  // namespace

EntropyTemperature FitTokenTemperature(const TokenTemperatureSettings& settings,
                                       std::span<const double> entropy) {
  EntropyTemperature t;
  if (entropy.empty()) return t;
  t.tau = settings.tau;
  std::vector<double> u;
  for (const double h : entropy) u.push_back(std::log(std::max(h, 1e-8)));
  std::vector<double> sorted = u;
  std::sort(sorted.begin(), sorted.end());
  t.center = sorted[static_cast<size_t>(
      std::nearbyint(settings.q * static_cast<double>(sorted.size() - 1)))];
  double squares = 0;
  for (const double x : u) squares += (x - t.center) * (x - t.center);
  t.scale = std::sqrt(std::max(squares / static_cast<double>(u.size()), 1e-8));
  const double top = (sorted.back() - t.center) / t.scale;
  const double bottom = (sorted.front() - t.center) / t.scale;
  t.up = 1 / std::max(top, 1e-8);
  t.down = (settings.negative == "released" ? -1 : 1) / std::max(-bottom, 1e-8);
  return t;
}

void SaveTokenTemperature(const EntropyTemperature& t, RunState* state) {
  state->values[kState] = {t.tau, t.center, t.scale, t.up, t.down};
}

EntropyTemperature LoadTokenTemperature(const RunState& state) {
  const auto it = state.values.find(kState);
  if (it == state.values.end()) return {};
  const std::vector<double>& v = it->second;
  return {v.at(0), v.at(1), v.at(2), v.at(3), v.at(4)};
}

}  // namespace rlvr
