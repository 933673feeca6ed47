// The checker against faults that were planted: each must be found, and by the property it breaks.
#include "train/recipe_check.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <numeric>

#include "objective/batch_stage.h"
#include "objective/tape.h"

namespace rlvr {
namespace {

using Doubles = std::vector<double>;

// J = sum_t J_t weight_t with both left to the test: whatever is wrong with it is wrong on purpose.
class PlantedObjective : public Objective {
 public:
  using Formula = std::function<Field(Tape*, const Rows&, const Totals&, const Field& logp)>;
  explicit PlantedObjective(Formula formula) : formula_(std::move(formula)) {
    needs_.statistics = {Statistic::kLogp, Statistic::kEntropy};
  }
  const Needs& needs() const override { return needs_; }
  bool separable() const override { return true; }
  ObjectiveResult Evaluate(const Rows& rows, const Totals& totals,
                           const std::vector<Doubles>& statistics, RandomKey) const override {
    Tape tape;
    const Field logp = tape.Input(statistics[0]), entropy = tape.Input(statistics[1]);
    const Field J = formula_(&tape, rows, totals, logp);
    return {J.values()[0], tape.Gradients(J, {logp, entropy}), {}};
  }

 private:
  Formula formula_;
  Needs needs_;
};

// A_t exp(logp_t - logp_old_t), [T]
Field Surrogate(Tape* tape, const Rows& rows, const Field& logp) {
  return Exp(logp - tape->Constant(rows.logp_old)) * tape->Constant(rows.adv);
}

// Names of the failed properties, and their messages.
struct Verdicts {
  std::vector<std::string> failed;
  std::string messages;
};
template <class Advantage>
Verdicts Check(const Objective& objective, Advantage advantage) {
  BatchStages shaping, advantages;
  advantages.Add("advantage", std::make_unique<BatchStageOf<Advantage>>(advantage));
  Verdicts v;
  for (const auto& p : CheckStages(
           {.reward_shaping = &shaping, .advantage = &advantages, .objective = &objective}, {})) {
    if (p.pass) continue;
    v.failed.push_back(p.name);
    v.messages += p.name + ": " + p.what + "\n";
  }
  return v;
}

struct Centered {
  Doubles Estimate(std::span<const double> r) const {
    Doubles a;
    for (const double x : r)
      a.push_back(x - std::accumulate(r.begin(), r.end(), 0.0) / static_cast<double>(r.size()));
    return a;
  }
};

using Names = std::vector<std::string>;

const PlantedObjective kSound([](Tape* tape, const Rows& rows, const Totals& t, const Field& logp) {
  return Sum(Surrogate(tape, rows, logp)) / t.tokens;
});

TEST(RecipeCheck, ASoundObjectivePasses) {
  const Verdicts v = Check(kSound, Centered{});
  EXPECT_EQ(v.failed, Names{}) << v.messages;
}

TEST(RecipeCheck, FindsALossScaledByTheAccumulation) {
  // Every micro-batch's loss is multiplied by how many like it there are.
  const PlantedObjective scaled(
      [](Tape* tape, const Rows& rows, const Totals& t, const Field& logp) {
        const double steps = t.groups / static_cast<double>(rows.num_groups());
        return Sum(Surrogate(tape, rows, logp)) * (steps / t.tokens);
      });
  const Verdicts v = Check(scaled, Centered{});
  EXPECT_EQ(v.failed, Names{"split"}) << v.messages;
  EXPECT_NE(v.messages.find("the micro-batch changes the coefficient of logp"), std::string::npos)
      << v.messages;
}

TEST(RecipeCheck, FindsADenominatorTakenPerMicroBatch) {
  const PlantedObjective local([](Tape* tape, const Rows& rows, const Totals&, const Field& logp) {
    return Sum(Surrogate(tape, rows, logp)) / CountTotals(rows).tokens;
  });
  const Verdicts v = Check(local, Centered{});
  EXPECT_EQ(v.failed, Names{"split"}) << v.messages;
}

TEST(RecipeCheck, FindsASplitGroup) {
  // A baseline over every five rows, as if a micro-batch were five rows and not whole groups.
  const PlantedObjective split(
      [](Tape* tape, const Rows& rows, const Totals& t, const Field& logp) {
        Doubles baseline(rows.adv.size());
        for (int64_t s = 0; s < rows.num_rows(); s += 5) {
          const int64_t end = std::min(s + 5, rows.num_rows());
          double mean = 0;
          for (int64_t i = s; i < end; ++i) mean += rows.reward[i] / static_cast<double>(end - s);
          std::fill(baseline.begin() + rows.begin[s], baseline.begin() + rows.begin[end], mean);
        }
        const Field r = Exp(logp - tape->Constant(rows.logp_old));
        return Sum(r * (tape->Constant(rows.adv) - tape->Constant(baseline))) / t.tokens;
      });
  const Verdicts v = Check(split, Centered{});
  EXPECT_EQ(v.failed, (Names{"order", "split"})) << v.messages;
  EXPECT_NE(v.messages.find("order of groups"), std::string::npos) << v.messages;
}

// J_t = sg(r_t) A_t logp_t; the gradient may be taken as if there were no sg.
class StoppedObjective : public Objective {
 public:
  explicit StoppedObjective(bool leak) : leak_(leak) {
    needs_.statistics = {Statistic::kLogp, Statistic::kEntropy};
  }
  const Needs& needs() const override { return needs_; }
  bool separable() const override { return true; }
  ObjectiveResult Evaluate(const Rows& rows, const Totals& totals,
                           const std::vector<Doubles>& statistics, RandomKey) const override {
    const auto evaluate = [&](bool stop) {
      Tape tape;
      const Field logp = tape.Input(statistics[0]), entropy = tape.Input(statistics[1]);
      const Field r = Exp(logp - tape.Constant(rows.logp_old));
      const Field J = Sum((stop ? StopGradient(r) : r) * tape.Constant(rows.adv) * logp);
      ObjectiveResult result;
      result.objective = J.values()[0] / totals.tokens;
      result.coefficients = tape.Gradients(J / totals.tokens, {logp, entropy});
      return result;
    };
    ObjectiveResult result = evaluate(true);
    if (leak_) result.coefficients = evaluate(false).coefficients;
    return result;
  }

 private:
  bool leak_;
  Needs needs_;
};

TEST(RecipeCheck, AStoppedGradientIsNoFault) {
  const Verdicts v = Check(StoppedObjective(false), Centered{});
  EXPECT_EQ(v.failed, Names{}) << v.messages;
}

TEST(RecipeCheck, FindsAGradientThatLeaksThroughStopGradient) {
  const Verdicts v = Check(StoppedObjective(true), Centered{});
  EXPECT_EQ(v.failed, Names{"gradient"}) << v.messages;
  EXPECT_NE(v.messages.find("through StopGradient"), std::string::npos) << v.messages;
}

TEST(RecipeCheck, FindsAWrongDerivative) {
  const PlantedObjective wrong(
      [](Tape* tape, const Rows& rows, const Totals& t, const Field& logp) {
        Doubles square;
        for (const double x : logp.values()) square.push_back(x * x);
        const Field J =
            tape->Record(square, {logp}, [&logp](const Doubles& g, std::vector<Doubles*>& in) {
              // d x^2 / dx is 2 x.
              for (size_t i = 0; i < g.size(); ++i) (*in[0])[i] += g[i] * logp.values()[i];
            });
        return Sum(J * tape->Constant(rows.adv)) / t.tokens;
      });
  const Verdicts v = Check(wrong, Centered{});
  EXPECT_EQ(v.failed, Names{"gradient"}) << v.messages;
  EXPECT_EQ(v.messages.find("through StopGradient"), std::string::npos) << v.messages;
}

// A_i = (r_i - mean of the others) / std of the others, 0 where that std is 0: the others of a lone
// success are all equal.
struct LeaveOneOutNormalized {
  Doubles Estimate(std::span<const double> r) const {
    Doubles a;
    for (size_t i = 0; i < r.size(); ++i) {
      Doubles others;
      for (size_t j = 0; j < r.size(); ++j) {
        if (j != i) others.push_back(r[j]);
      }
      const double std = StdOf(others, 1);
      a.push_back(std == 0 ? 0 : (r[i] - MeanOf(others)) / std);
    }
    return a;
  }
};
TEST(RecipeCheck, FindsAnAdvantageThatDropsTheLoneSuccess) {
  const Verdicts v = Check(kSound, LeaveOneOutNormalized{});
  EXPECT_EQ(v.failed, Names{"lone success"}) << v.messages;
  EXPECT_NE(v.messages.find("[1, 0, 0, 0, 0]"), std::string::npos) << v.messages;
}

// The median of [1, 0, 0, 0, 0] is its minimum too: "no response is below the median".
struct ZeroUnlessBelowMedian {
  Doubles Estimate(std::span<const double> r) const {
    const double median = QuantileOf(r, 0.5);
    if (MinOf(r) == median) return Doubles(r.size(), 0.0);
    return Centered{}.Estimate(r);
  }
};
TEST(RecipeCheck, FindsAnAdvantageThatZeroesTheGroupOfALoneSuccess) {
  const Verdicts v = Check(kSound, ZeroUnlessBelowMedian{});
  EXPECT_EQ(v.failed, Names{"lone success"}) << v.messages;
}

// Right responses have no advantage in any group: a method, not a fault.
struct OnlyNegative {
  Doubles Estimate(std::span<const double> r) const {
    Doubles a;
    for (const double x : r) a.push_back(x > 0 ? 0.0 : -1.0);
    return a;
  }
};
TEST(RecipeCheck, NegativeReinforcementIsNoFault) {
  const Verdicts v = Check(kSound, OnlyNegative{});
  EXPECT_EQ(v.failed, Names{}) << v.messages;
}

// A baseline over the batch, added up in the order of the groups.
struct BatchMeanInOrder {
  void operator()(Rows* rows, const BatchContext&) const {
    double sum = 0;  // thirds do not add up exactly
    for (size_t i = 0; i < rows->reward.size(); ++i)
      sum += (rows->reward[i] + rows->begin[i + 1] - rows->begin[i]) / 3.0;
    const double mean = sum / static_cast<double>(rows->num_rows());
    Column adv;
    for (const double r : rows->reward) adv.push_back(r - mean);
    rows->adv = Spread(*rows, adv);
  }
};
TEST(RecipeCheck, FindsASumInTheOrderOfTheBatch) {
  const Verdicts v = Check(kSound, BatchMeanInOrder{});
  EXPECT_EQ(v.failed, (Names{"advantages", "order"})) << v.messages;
}

// A baseline that a run keeps, with the last group's rewards in it alone.
struct TrackerOfTheLastGroup {
  void operator()(Rows* rows, const BatchContext& context) const {
    auto& kept = context.state->values["tracker"];
    if (kept.empty()) kept = {0};
    Column adv;
    for (const double r : rows->reward) adv.push_back(r - kept[0]);
    rows->adv = Spread(*rows, adv);
    const auto last = static_cast<size_t>(rows->group_begin[rows->num_groups() - 1]);
    kept[0] = 0.1 * rows->reward[last];
  }
};
TEST(RecipeCheck, FindsStateThatDependsOnTheOrderOfTheBatch) {
  const Verdicts v = Check(kSound, TrackerOfTheLastGroup{});
  EXPECT_EQ(v.failed, (Names{"advantages", "order", "packing"})) << v.messages;
  EXPECT_NE(v.messages.find("step 2"), std::string::npos) << v.messages;
}

// The batch must hold what clips act on, or nothing above says anything about them.
TEST(CheckBatch, HasRatiosOnBothSidesOfTheUsualClip) {
  const CheckBatch batch = MakeCheckBatch({});
  std::vector<size_t> order(batch.trees.size());
  std::iota(order.begin(), order.end(), size_t{0});
  const Rows rows = MakeCheckRows(batch, order, {});
  constexpr Statistic kWanted[] = {Statistic::kLogp};
  const Doubles logp =
      LeafRows(batch.InOrder(order), CheckStatistics(batch, order, kWanted, 60)[0]);
  int64_t low = 0, high = 0;
  for (size_t t = 0; t < logp.size(); ++t) {
    const double r = std::exp(logp[t] - rows.logp_old[t]);
    low += r < 0.8;
    high += r > 1.28;
  }
  EXPECT_GT(low, rows.num_tokens() / 20);
  EXPECT_GT(high, rows.num_tokens() / 20);
  EXPECT_LT(low + high, rows.num_tokens() * 9 / 10);
}

TEST(CheckBatch, HasForeignRowsWhereARecipeHasThem) {
  std::vector<size_t> order(8);
  std::iota(order.begin(), order.end(), size_t{0});
  const auto count = [](const std::vector<char>& flags) {
    return std::accumulate(flags.begin(), flags.end(), 0);
  };
  const Rows plain = MakeCheckRows(MakeCheckBatch({}), order, {});
  EXPECT_EQ(count(plain.foreign), 0);
  const Rows rows = MakeCheckRows(MakeCheckBatch({.expert = true, .replay = true}), order, {});
  // An expert's row in each of the eight groups; two groups of four are replayed.
  EXPECT_EQ(rows.num_rows(), plain.num_rows() + 8);
  EXPECT_EQ(count(rows.foreign), 8 + 2 * 4);
  EXPECT_EQ(count(rows.replayed), 2 * 4);
  for (int64_t s = 0; s < rows.num_rows(); ++s) {
    for (int64_t t = rows.begin[s]; t < rows.begin[s + 1]; ++t) {
      // Nobody recorded what the expert's tokens were worth to the policy that sampled.
      EXPECT_EQ(rows.logp_old[t] == 0, rows.foreign[s] && !rows.replayed[s]) << s;
    }
  }
}

// A column that a method leaves for its loss counts as an advantage does.
struct LeavesALocalMean {
  void operator()(Rows* rows, const BatchContext&) const {
    Centered centered;
    rows->adv = Spread(*rows, centered.Estimate(rows->reward));
    // The mean reward of the batch's first two rows.
    rows->more["local/mean"].assign(rows->token.size(), (rows->reward[0] + rows->reward[1]) / 2);
  }
};
TEST(RecipeCheck, FindsAColumnThatDependsOnTheOrderOfTheBatch) {
  const Verdicts v = Check(kSound, LeavesALocalMean{});
  ASSERT_FALSE(v.failed.empty());
  EXPECT_EQ(v.failed[0], "advantages") << v.messages;
  EXPECT_NE(v.messages.find("local/mean"), std::string::npos) << v.messages;
}

}  // namespace
}  // namespace rlvr
