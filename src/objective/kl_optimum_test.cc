// The policy that KL-regularised training is after, arXiv:2404.01730, Sec. 2: of all p,
//   J(p) = E_p[r] - beta KL(p || ref)  is largest at  phi(y) = ref(y) exp(r(y) / beta) / Z
// Here three responses of one token can be enumerated: rows are all that a policy with rational
// probabilities would sample, each as often as it is probable, so that a batch's gradient is the
// expected one. Which of the recipes' KL terms lead there?
#include <gtest/gtest.h>

#include <cmath>

#include "objective/test_rows.h"

namespace rlvr {
namespace {

const Doubles kReference = {0.5, 0.25, 0.25};
const Doubles kOptimum = {0.25, 0.25, 0.5};
constexpr double kBeta = 0.5, kConstant = 0.3;

// r = beta log(phi / ref) + constant, so that phi is the optimum whatever the constant.
Doubles Rewards() {
  Doubles r;
  for (size_t y = 0; y < 3; ++y)
    r.push_back(kBeta * std::log(kOptimum[y] / kReference[y]) + kConstant);
  return r;
}

// dJ / dz of the logits, by the objective's coefficients on the rows of `counts` responses.
Doubles LogitGradient(const std::vector<int>& counts, const std::string& regularizer) {
  std::vector<int64_t> lengths;
  std::vector<size_t> response;
  double n = 0;
  for (size_t y = 0; y < 3; ++y) {
    for (int i = 0; i < counts[y]; ++i) {
      lengths.push_back(1);
      response.push_back(y);
      n += 1;
    }
  }
  Rows rows = MakeTestRows({lengths});
  Doubles logp;
  for (size_t s = 0; s < response.size(); ++s) {
    const size_t y = response[s];
    logp.push_back(std::log(counts[y] / n));
    rows.adv[s] = Rewards()[y];
  }
  rows.logp_old = logp;
  rows.logp_ref.resize(logp.size());
  for (size_t s = 0; s < logp.size(); ++s) rows.logp_ref[s] = std::log(kReference[response[s]]);
  const auto r = Evaluate(*MakeTestObjective("{name: ppo_clip}", regularizer), rows,
                          {logp, Doubles(logp.size())});
  Doubles gradient(3);  // dlogp(y) / dz_k = [y = k] - p_k
  for (size_t s = 0; s < response.size(); ++s) {
    for (size_t k = 0; k < 3; ++k) {
      gradient[k] += r.coefficients[0][s] * ((response[s] == k ? 1 : 0) - counts[k] / n);
    }
  }
  return gradient;
}

double J(const Doubles& z) {
  double sum = 0, j = 0;
  for (const double v : z) sum += std::exp(v);
  for (size_t y = 0; y < 3; ++y) {
    const double p = std::exp(z[y]) / sum;
    j += p * (Rewards()[y] - kBeta * std::log(p / kReference[y]));
  }
  return j;
}

const char kK2[] = "[{name: kl, kind: k2, beta: 0.5}]";

TEST(KlOptimum, K2IsTheGradientOfTheConstrainedObjective) {
  for (const auto& counts : {std::vector<int>{2, 1, 1}, {1, 5, 2}, {1, 1, 6}}) {
    const Doubles gradient = LogitGradient(counts, kK2);
    for (size_t k = 0; k < 3; ++k) {
      Doubles z;
      for (const int c : counts) z.push_back(std::log(c));
      const double h = 1e-5;
      z[k] += h;
      const double up = J(z);
      z[k] -= 2 * h;
      EXPECT_NEAR(gradient[k], (up - J(z)) / (2 * h), 1e-9);
    }
  }
}

TEST(KlOptimum, K2IsAtRestThere) { ExpectNear(LogitGradient({1, 1, 2}, kK2), {0, 0, 0}, 1e-15); }

// k3's gradient is the other KL's: E_p[(1 - ref / p) dlogp] = -E_ref[dlogp]. At phi, with
// 1 - ref / p = [-1, 0, .5] and log 2 = .693147:
//   r - .5 (1 - ref / p) = [-.346574 + .5, 0, .346574 - .25] + .3 = [.453426, .3, .396574]
// mean .386644; dJ/dz_k = p_k (c_k - mean) = [.016696, -.021661, .004965].
TEST(KlOptimum, K3IsNot) {
  ExpectNear(LogitGradient({1, 1, 2}, "[{name: kl, kind: k3, beta: 0.5}]"),
             {0.016696, -0.021661, 0.004965}, 1e-6);
}

// k1's gradient has expectation 0: as without a KL term. r = [-.046574, .3, .646574], mean
// .386644.
TEST(KlOptimum, K1DoesNothing) {
  const Doubles none = LogitGradient({1, 1, 2}, "[]");
  ExpectNear(none, {-0.108304, -0.021661, 0.129965}, 1e-6);
  ExpectNear(LogitGradient({1, 1, 2}, "[{name: kl, kind: k1, beta: 0.5}]"), none, 1e-15);
}

}  // namespace
}  // namespace rlvr
