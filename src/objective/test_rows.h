// For tests of methods: rows from a few numbers, and one evaluation of a composed objective.
#ifndef RLVR_OBJECTIVE_TEST_ROWS_H_
#define RLVR_OBJECTIVE_TEST_ROWS_H_
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/random.h"
#include "objective/objective.h"

namespace rlvr {

using Doubles = std::vector<double>;

inline void ExpectNear(const Doubles& got, const Doubles& want, double tolerance) {
  ASSERT_EQ(got.size(), want.size());
  for (size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i], want[i], tolerance) << i;
}

inline Doubles RandomDoubles(size_t n, uint64_t seed) {
  Random random{RandomKey(seed)};
  Doubles v(n);
  for (auto& x : v) x = random.Normal();
  return v;
}

// Groups of rows of the given lengths: lengths[g][i] tokens in row i of group g. Columns are 0,
// weight and mask 1, verdicts wrong, tasks 0, families their groups', answers -1.
inline Rows MakeTestRows(const std::vector<std::vector<int64_t>>& lengths) {
  Rows r;
  for (size_t g = 0; g < lengths.size(); ++g) {
    r.prompt.push_back(static_cast<int64_t>(10 + g));
    r.occurrence.push_back(0);
    r.task.push_back(0);
    r.family.push_back(static_cast<int32_t>(g));
    for (size_t i = 0; i < lengths[g].size(); ++i) {
      r.begin.push_back(r.begin.back() + lengths[g][i]);
      r.sample.push_back(static_cast<int32_t>(i));
    }
    r.group_begin.push_back(static_cast<int64_t>(r.begin.size()) - 1);
  }
  const size_t S = r.sample.size();
  const auto T = static_cast<size_t>(r.begin.back());
  r.score.assign(S, 0);
  r.reward.assign(S, 0);
  r.verdict.assign(S, Verdict::kWrong);
  r.truncated.assign(S, 0);
  r.foreign.assign(S, 0);
  r.replayed.assign(S, 0);
  r.answer.assign(S, -1);
  r.answer_hash.assign(S, 0);
  r.token.assign(T, 0);
  r.turn.assign(T, 0);
  r.state.assign(T, 0);
  r.step.assign(T, 0);
  r.step_value.assign(T, 0);
  r.turn_reward.assign(T, 0);
  r.illocution.assign(T, Illocution::kUnknown);
  r.strategy.assign(T, TurnStrategy::kUnknown);
  r.logp_old.assign(T, 0);
  r.entropy_old.assign(T, 0);
  r.adv.assign(T, 0);
  r.token_reward.assign(T, 0);
  r.weight.assign(T, 1);
  r.mask.assign(T, 1);
  return r;
}

// Groups of single-token rows with these rewards; right where the reward is above 0.
inline Rows RewardRows(const std::vector<Doubles>& rewards) {
  std::vector<std::vector<int64_t>> lengths;
  for (const auto& group : rewards) lengths.emplace_back(group.size(), 1);
  Rows r = MakeTestRows(lengths);
  size_t s = 0;
  for (const auto& group : rewards) {
    for (const double reward : group) {
      r.score[s] = r.reward[s] = reward;
      r.verdict[s] = reward > 0 ? Verdict::kRight : Verdict::kWrong;
      ++s;
    }
  }
  return r;
}

// One row, all tokens counted, logp_old 0: ratios are exp(logp).
inline Rows OneRow(const Doubles& adv) {
  Rows r = MakeTestRows({{static_cast<int64_t>(adv.size())}});
  r.adv = adv;
  return r;
}

// Three rows in two groups, one of them masked out by overlong filtering.
inline Rows ThreeRows() {
  Rows r = MakeTestRows({{3, 2}, {4}});
  r.adv = RandomDoubles(9, 5);
  r.logp_old = RandomDoubles(9, 6);
  r.logp_ref = RandomDoubles(9, 7);
  r.mask = {1, 1, 1, 0, 0, 1, 1, 1, 1};
  return r;
}

// ", aggregate: token_sum, constant: 10": the keys of a policy loss for one mode.
inline std::string Aggregated(const std::string& mode, int constant = 10) {
  const bool needs = mode == "token_sum_norm" || mode == "token_sum";
  return ", aggregate: " + mode + (needs ? ", constant: " + std::to_string(constant) : "");
}

inline std::unique_ptr<Objective> MakeTestObjective(const std::string& policy_loss,
                                                    const std::string& regularizer = "[]",
                                                    const std::string& token_weight = "[]") {
  const ConfigNode p = ParseConfig(policy_loss, "test"), r = ParseConfig(regularizer, "test"),
                   w = ParseConfig(token_weight, "test");
  return MakeObjective(&w, &p, &r);
}

// The whole of `rows` as one mini-batch.
inline ObjectiveResult Evaluate(const Objective& objective, const Rows& rows,
                                const std::vector<Doubles>& statistics, uint64_t key = 0) {
  return objective.Evaluate(rows, CountTotals(rows), statistics, RandomKey(key));
}

// Runs a chain of the advantage (or reward_shaping) stage.
struct StageRun {
  Rows rows;
  RunState state;
  std::vector<MetricTerm> metrics;
};
inline void Apply(const BatchStages& stages, StageRun* run, int64_t step = 1,
                  int64_t total_steps = 100, int64_t max_tokens = 100,
                  const Tokenizer* tokenizer = nullptr) {
  stages.Apply(&run->rows, {.step = step,
                            .total_steps = total_steps,
                            .max_tokens = max_tokens,
                            .key = RandomKey(static_cast<uint64_t>(step)),
                            .state = &run->state,
                            .tokenizer = tokenizer,
                            .metrics = &run->metrics});
}
inline Rows WithAdvantage(const std::string& yaml, Rows rows) {
  const ConfigNode node = ParseConfig(yaml, "test");
  StageRun run{std::move(rows), {}, {}};
  Apply(MakeAdvantage(&node), &run);
  return run.rows;
}
inline Rows WithRewardShaping(const std::string& yaml, Rows rows) {
  const ConfigNode node = ParseConfig(yaml, "test");
  StageRun run{std::move(rows), {}, {}};
  Apply(MakeRewardShaping(&node), &run);
  return run.rows;
}

inline double MetricOf(const std::vector<MetricTerm>& metrics, const std::string& name) {
  for (const auto& m : metrics) {
    if (m.name == name) return m.weight == 0 ? m.sum : m.sum / m.weight;
  }
  return NAN;
}
inline double MetricOf(const ObjectiveResult& r, const std::string& name) {
  return MetricOf(r.metrics, name);
}

// Every coefficient against the central difference of the objective.
inline void ExpectGradient(const Objective& objective, const Rows& rows,
                           std::vector<Doubles> statistics, double tolerance = 1e-7,
                           const std::string& what = "") {
  const ObjectiveResult r = Evaluate(objective, rows, statistics);
  for (size_t i = 0; i < statistics.size(); ++i) {
    for (size_t t = 0; t < statistics[i].size(); ++t) {
      const double h = 1e-6, keep = statistics[i][t];
      statistics[i][t] = keep + h;
      const double up = Evaluate(objective, rows, statistics).objective;
      statistics[i][t] = keep - h;
      const double down = Evaluate(objective, rows, statistics).objective;
      statistics[i][t] = keep;
      const double difference = (up - down) / (2 * h);
      EXPECT_NEAR(r.coefficients[i][t], difference, tolerance * (1 + std::abs(difference)))
          << what << " statistic " << i << " token " << t;
    }
  }
}

}  // namespace rlvr
#endif  // RLVR_OBJECTIVE_TEST_ROWS_H_
