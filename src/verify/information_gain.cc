#include "verify/information_gain.h"

#include <fmt/format.h>

#include <cmath>

#include "base/error.h"

namespace rlvr {

Belief BeliefFrom(const std::vector<std::vector<double>>& counts) {
  Belief belief;
  for (size_t i = 0; i < counts.size(); ++i) {
    double sum = 0;
    bool valid = true;
    for (const double c : counts[i]) {
      valid = valid && c >= 0 && std::isfinite(c);
      sum += c;
    }
    if (!valid || !(sum > 0)) {
      throw Error(fmt::format("attribute {}", i), "its values have no prior",
                  "give each value a weight of at least 0, and one above 0");
    }
    belief.p.emplace_back();
    for (const double c : counts[i]) belief.p.back().push_back(c / sum);
  }
  return belief;
}

Belief UniformBelief(std::span<const int> num_values) {
  std::vector<std::vector<double>> counts;
  for (const int n : num_values) counts.emplace_back(static_cast<size_t>(n), 1.0);
  return BeliefFrom(counts);
}

double EntropyBits(const Belief& belief, size_t attribute) {
  double bits = 0;
  for (const double p : belief.p.at(attribute)) {
    if (p > 0) bits -= p * std::log2(p);
  }
  return bits;
}

double EntropyBits(const Belief& belief) {
  double bits = 0;
  for (size_t i = 0; i < belief.p.size(); ++i) bits += EntropyBits(belief, i);
  return bits;
}

bool Constrain(size_t attribute, const std::vector<char>& consistent, Belief* belief) {
  std::vector<double>& p = belief->p.at(attribute);
  RLVR_CHECK(consistent.size() == p.size()) << consistent.size() << " values of " << p.size();
  double left = 0;
  for (size_t v = 0; v < p.size(); ++v) left += consistent[v] ? p[v] : 0;
  if (left == 0) return false;
  for (size_t v = 0; v < p.size(); ++v) p[v] = consistent[v] ? p[v] / left : 0;
  return true;
}

double InformationGain(const Belief& before, const Belief& after) {
  return EntropyBits(before) - EntropyBits(after);
}

}  // namespace rlvr
