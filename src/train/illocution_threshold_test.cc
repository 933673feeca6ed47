// When ICPO's reward makes asking pay: a tabular policy over the actions answer, ask and refuse,
// trained with the exact expected GRPO update. The expectation is a sum over all outcomes of a
// group (multinomial), with the advantages of the real advantage methods and the rewards of the
// real IllocutionReward. docs/icpo.md derives the formulas.
#include <gtest/gtest.h>

#include <array>
#include <cmath>

#include "objective/test_rows.h"
#include "train/recipe.h"
#include "verify/illocution.h"

namespace rlvr {
namespace {

enum Action { kAnswer, kAsk, kRefuse, kNumActions };
using Policy = std::array<double, kNumActions>;  // probabilities

// One way a sample can come out, given the request's label.
struct Kind {
  Action action = kAnswer;
  double chance = 1;  // given the action
  double reward = 0;
};

// All outcomes of a group of G samples that share a label.
class Label {
 public:
  Label(const std::string& advantage, int G, std::vector<Kind> kinds) : kinds_(std::move(kinds)) {
    std::erase_if(kinds_, [](const Kind& k) { return k.chance == 0; });
    std::vector<int> counts(kinds_.size(), 0);
    Enumerate(0, G, &counts);
    std::vector<Doubles> rewards;
    for (const Outcome& o : outcomes_) {
      rewards.emplace_back();
      for (size_t k = 0; k < kinds_.size(); ++k)
        rewards.back().insert(rewards.back().end(), static_cast<size_t>(o.counts[k]),
                              kinds_[k].reward);
    }
    const Doubles adv = WithAdvantage(advantage, RewardRows(rewards)).adv;
    size_t row = 0;
    for (Outcome& o : outcomes_) {
      for (size_t k = 0; k < kinds_.size(); ++k) {
        o.adv.push_back(o.counts[k] > 0 ? adv[row] : 0);
        row += static_cast<size_t>(o.counts[k]);
      }
    }
    G_ = G;
  }

  // Adds weight * E[(1/G) sum_i A_i grad log pi(action_i)], with respect to the logits.
  void AddGradient(const Policy& pi, double weight, Policy* gradient) const {
    for (const Outcome& o : outcomes_) {
      double p = o.coefficient;
      for (size_t k = 0; k < kinds_.size(); ++k)
        p *= std::pow(pi[kinds_[k].action] * kinds_[k].chance, o.counts[k]);
      for (size_t k = 0; k < kinds_.size(); ++k) {
        const double g = weight * p * o.counts[k] / G_ * o.adv[k];
        for (int j = 0; j < kNumActions; ++j)
          (*gradient)[j] += g * ((kinds_[k].action == j ? 1 : 0) - pi[j]);
      }
    }
  }

 private:
  struct Outcome {
    std::vector<int> counts;  // [kinds]
    double coefficient = 1;   // G! / prod counts!
    Doubles adv;              // [kinds]
  };
  void Enumerate(size_t k, int left, std::vector<int>* counts) {
    if (k + 1 == kinds_.size()) {
      (*counts)[k] = left;
      Outcome o{.counts = *counts};
      double log_coefficient = 0;
      int n = 0;
      for (const int count : *counts) {
        log_coefficient -= std::lgamma(count + 1.0);
        n += count;
      }
      o.coefficient = std::exp(log_coefficient + std::lgamma(n + 1.0));
      outcomes_.push_back(std::move(o));
      return;
    }
    for (int count = 0; count <= left; ++count) {
      (*counts)[k] = count;
      Enumerate(k + 1, left - count, counts);
    }
  }

  std::vector<Kind> kinds_;
  std::vector<Outcome> outcomes_;
  double G_ = 1;
};

// What the policy sees as one prompt: underspecified with probability q. Actions without a place
// in `actions` are never taken.
class Bandit {
 public:
  Bandit(const std::string& advantage, int G, double a, const IllocutionSettings& s, int actions)
      : actions_(actions),
        specified_(advantage, G, Kinds(s, Illocution::kSpecified, a, actions)),
        underspecified_(advantage, G, Kinds(s, Illocution::kUnderspecified, a, actions)) {}

  Policy Gradient(const Policy& pi, double q) const {
    Policy g = {};
    specified_.AddGradient(pi, 1 - q, &g);
    underspecified_.AddGradient(pi, q, &g);
    return g;
  }

  // From the uniform policy.
  Policy Train(double q, int steps, double lr) const {
    Policy logits = {}, pi = Softmax(logits);
    for (int i = 0; i < steps; ++i) {
      const Policy g = Gradient(pi, q);
      for (int j = 0; j < kNumActions; ++j) logits[j] += lr * g[j];
      pi = Softmax(logits);
    }
    return pi;
  }

 private:
  static std::vector<Kind> Kinds(const IllocutionSettings& s, Illocution z, double a, int actions) {
    // Its questions name what is missing, its refusals name nothing.
    const auto reward = [&](TurnStrategy strategy, bool right) {
      return IllocutionReward(s, z, strategy, right, strategy != TurnStrategy::kRefuse);
    };
    std::vector<Kind> kinds = {
        {kAnswer, a, reward(TurnStrategy::kAnswerAttempt, z == Illocution::kSpecified)},
        {kAnswer, 1 - a, reward(TurnStrategy::kAnswerAttempt, false)},
        {kAsk, 1, reward(TurnStrategy::kClarification, false)}};
    if (z == Illocution::kUnderspecified) {  // nobody can be right
      kinds.erase(kinds.begin());
      kinds[0].chance = 1;
    }
    if (actions == 3) kinds.push_back({kRefuse, 1, reward(TurnStrategy::kRefuse, false)});
    return kinds;
  }
  Policy Softmax(const Policy& logits) const {
    Policy pi = {};
    double sum = 0;
    for (int j = 0; j < actions_; ++j) sum += pi[j] = std::exp(logits[j] - logits[kAnswer]);
    for (double& p : pi) p /= sum;
    return pi;
  }

  int actions_;
  Label specified_, underspecified_;
};

IllocutionSettings Reward(double l, double c) {
  IllocutionSettings s;
  s.name = "icpo_illocution";
  s.penalty_needless = l;
  s.penalty_confident = c;
  return s;
}

double Threshold(double a, double l, double c) { return (a + l) / (1 + a + l + c); }

constexpr const char *kCentered = "{name: group_centered}",
                     *kNormalized = "{name: group_normalized}";

TEST(IllocutionThreshold, HandWorked) {
  EXPECT_NEAR(Threshold(0.5, 0, 0), 1.0 / 3, 1e-12);
  EXPECT_NEAR(Threshold(0.5, 0.25, 0.5), 0.75 / 2.25, 1e-12);
}

// Without the division: ask if and only if q > (a + l) / (1 + a + l + c).
TEST(IllocutionThreshold, WithoutStdIsTheRewards) {
  for (const double a : {0.2, 0.5, 0.8, 1.0}) {
    for (const double l : {0.0, 0.25, 1.0}) {
      for (const double c : {0.0, 0.5, 1.0}) {
        const Bandit bandit(kCentered, 8, a, Reward(l, c), 2);
        const double q = Threshold(a, l, c);
        EXPECT_GT(bandit.Train(q + 0.02, 60, 200)[kAsk], 0.99) << a << " " << l << " " << c;
        EXPECT_LT(bandit.Train(q - 0.02, 60, 200)[kAsk], 0.01) << a << " " << l << " " << c;
      }
    }
  }
}

// The share of asking in which a policy trained with the division comes to rest.
double RestingShare(const Bandit& bandit, double q) {
  double low = 1e-9, high = 1 - 1e-9;
  for (int i = 0; i < 25; ++i) {
    const double s = (low + high) / 2;
    (bandit.Gradient({1 - s, s, 0}, q)[kAsk] > 0 ? low : high) = s;
  }
  return low;
}

// With the division and a = 1 the advantages of a group depend on nothing but how many asked: the
// threshold is 1/2 for every l and c.
TEST(IllocutionThreshold, WithStdAndCertainAnswersItIsOneHalf) {
  for (const double l : {0.0, 0.25, 1.0}) {
    for (const double c : {0.0, 0.5, 1.0}) {
      const Bandit bandit(kNormalized, 8, 1, Reward(l, c), 2);
      EXPECT_GT(bandit.Train(0.52, 200, 20)[kAsk], 0.99) << l << " " << c;
      EXPECT_LT(bandit.Train(0.48, 200, 20)[kAsk], 0.01) << l << " " << c;
    }
  }
}

// With the division and a < 1 there is no threshold: for large groups the share of asking rests at
//   s = r q^2 / (1 - 2q),  r = a (1 - a) / (a + l)^2,
// and at 1 from q = 1 / (1 + sqrt(1 + r)) on, whatever c is.
TEST(IllocutionThreshold, WithStdAndUncertainAnswersItIsAMixture) {
  for (const double l : {0.0, 0.5}) {
    for (const double c : {0.0, 1.0}) {
      for (const double a : {0.5, 0.8}) {
        const Bandit bandit(kNormalized, 32, a, Reward(l, c), 2);
        const double r = a * (1 - a) / ((a + l) * (a + l)), all = 1 / (1 + std::sqrt(1 + r));
        for (const double q : {0.6 * all, 0.8 * all})
          EXPECT_NEAR(RestingShare(bandit, q), r * q * q / (1 - 2 * q), 0.04)
              << a << " " << l << " " << c << " " << q;
        EXPECT_GT(RestingShare(bandit, all + 0.04), 0.99) << a << " " << l << " " << c;
      }
    }
  }
}

// c is in no advantage once groups are divided by their std: an underspecified group has two
// rewards, and any two are +-1 after it. So both values of c train the same policy.
TEST(IllocutionThreshold, WithStdTheConfidentPenaltyIsIdle) {
  const Bandit none(kNormalized, 8, 0.5, Reward(0.25, 0), 2),
      large(kNormalized, 8, 0.5, Reward(0.25, 3), 2);
  for (const double s : {0.1, 0.5, 0.9})
    EXPECT_NEAR(none.Gradient({1 - s, s, 0}, 0.3)[kAsk], large.Gradient({1 - s, s, 0}, 0.3)[kAsk],
                1e-5);
}

// --- Collapse. A prompt whose label cannot be seen is underspecified with probability rho.
constexpr double kRho = 0.3;

IllocutionSettings RecipeSettings() {
  return LoadRecipe(RLVR_SOURCE_DIR "/recipes/icpo_illocution.yaml", {"model=base_tiny"})
      .reward.illocution;
}

TEST(IllocutionCollapse, DefaultRecipeAnswersWhereItCannotTell) {
  for (const double a : {0.48, 0.7, 1.0}) {
    const Policy pi = Bandit(kCentered, 6, a, RecipeSettings(), 3).Train(kRho, 400, 100);
    EXPECT_GT(pi[kAnswer], 0.98) << a;
  }
}

// Below an accuracy of rho / (1 - rho) = 0.4286 a model whose questions always name what is missing
// would end up asking; the penalty of the docs prevents it at any accuracy.
TEST(IllocutionCollapse, WeakModelsNeedTheNeedlessPenalty) {
  IllocutionSettings s = RecipeSettings();
  EXPECT_GT(Bandit(kCentered, 6, 0.3, s, 3).Train(kRho, 400, 100)[kAsk], 0.98);
  s.penalty_needless = 0.5;
  for (const double a : {0.02, 0.2, 0.43})
    EXPECT_GT(Bandit(kCentered, 6, a, s, 3).Train(kRho, 400, 60)[kAnswer], 0.98) << a;
}

TEST(IllocutionCollapse, DefaultRecipeTellsLabelsApart) {
  for (const double a : {0.1, 0.5, 1.0}) {
    const Bandit bandit(kCentered, 6, a, RecipeSettings(), 3);
    EXPECT_GT(bandit.Train(0, 200, 60)[kAnswer], 0.98) << a;
    EXPECT_GT(bandit.Train(1, 200, 60)[kAsk], 0.98) << a;
  }
}

// The paper's binary values: always asking is the optimum where a < rho / (1 - rho) = 0.4286, and a
// refusal earns what a question earns.
TEST(IllocutionCollapse, BinaryRewardCollapsesWhereAnswersAreOftenWrong) {
  const Policy weak = Bandit(kCentered, 6, 0.38, Reward(0, 0), 3).Train(kRho, 400, 100);
  EXPECT_LT(weak[kAnswer], 0.02);
  EXPECT_NEAR(weak[kAsk], weak[kRefuse], 1e-9);
  EXPECT_GT(Bandit(kCentered, 6, 0.48, Reward(0, 0), 3).Train(kRho, 400, 100)[kAnswer], 0.98);
}

// Always refusing takes a refusal that pays and a question that does not.
TEST(IllocutionCollapse, RefusingNeedsToPayMoreThanAsking) {
  IllocutionSettings s = Reward(0, 0);
  s.r_refuse = 0.9;
  EXPECT_GT(Bandit(kCentered, 6, 0.1, s, 3).Train(1, 400, 60)[kAsk], 0.98);
  s.r_refuse = 0;
  EXPECT_LT(Bandit(kCentered, 6, 0.1, s, 3).Train(kRho, 400, 60)[kRefuse], 0.02);
}

// The exact edge: with l >= (1 + c) rho / (1 - rho) no accuracy makes always asking the optimum.
TEST(IllocutionCollapse, EdgeOfTheNeedlessPenalty) {
  const double edge = kRho / (1 - kRho);
  EXPECT_NEAR(Threshold(0, edge, 0), kRho, 1e-12);
  EXPECT_LT(Bandit(kCentered, 6, 0, Reward(edge + 0.05, 0), 2).Train(kRho, 400, 60)[kAsk], 0.02);
  EXPECT_GT(Bandit(kCentered, 6, 0, Reward(edge - 0.05, 0), 2).Train(kRho, 400, 60)[kAsk], 0.98);
}

}  // namespace
}  // namespace rlvr
