// Public implementations' numbers (tests/reference/make_token_weights.py, which names them) against
// ours: objectives and gradients on the same batches, and statistics of the same logits.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "model/head.h"
#include "objective/controller/controller.h"
#include "objective/test_rows.h"

namespace rlvr {
namespace {

using Json = nlohmann::json;

const Json& Reference() {
  static const Json json =
      Json::parse(ReadFile(RLVR_SOURCE_DIR "/tests/reference/token_weights.json"));
  return json;
}

Doubles Numbers(const Json& json) { return json.get<Doubles>(); }

Rows ReferenceRows(const Json& batch) {
  std::vector<std::vector<int64_t>> lengths;
  const auto all = batch["lengths"].get<std::vector<int64_t>>();
  size_t row = 0;
  for (const size_t size : batch["sizes"].get<std::vector<size_t>>()) {
    lengths.emplace_back(all.begin() + static_cast<int64_t>(row),
                         all.begin() + static_cast<int64_t>(row + size));
    row += size;
  }
  Rows rows = MakeTestRows(lengths);
  rows.adv = Numbers(batch["adv"]);
  rows.logp_old = Numbers(batch["logp_old"]);
  rows.logp_ref = Numbers(batch["logp_ref"]);
  rows.entropy_old = Numbers(batch["entropy"]);
  rows.behaviour["filtered_logp(0.02)"] = Numbers(batch["q"]);
  return rows;
}

// The batch's statistics as the objective asks for them.
std::vector<Doubles> StatisticsOf(const Objective& objective, const Json& batch) {
  std::vector<Doubles> statistics;
  for (const Statistic& s : objective.needs().statistics) {
    statistics.push_back(Numbers(batch[s.kind == Statistic::Kind::kLogp      ? "logp"
                                       : s.kind == Statistic::Kind::kEntropy ? "entropy"
                                                                             : "nucleus_entropy"]));
  }
  return statistics;
}

struct Case {
  std::string output, policy_loss, regularizer, token_weight;
  size_t entropy = 1;  // statistic whose gradient the public code's `entropy` is
};

void ExpectReference(const Case& c, const std::function<void(const Json&, Rows*)>& prepare = {},
                     bool on_policy = false) {
  const auto objective =
      MakeTestObjective(c.policy_loss, "[" + c.regularizer + "]", "[" + c.token_weight + "]");
  for (const Json& batch : Reference()["batches"]) {
    Rows rows = ReferenceRows(batch);
    if (prepare) prepare(batch, &rows);
    auto statistics = StatisticsOf(*objective, batch);
    if (on_policy) statistics[0] = rows.logp_old;
    const Json& want = batch["outputs"].at(c.output);
    const auto got = Evaluate(*objective, rows, statistics);
    SCOPED_TRACE(c.output);
    if (want.contains("objective")) {
      EXPECT_NEAR(got.objective, want["objective"].get<double>(), 1e-5);
    }
    const Doubles zero(rows.token.size());
    ExpectNear(got.coefficients[0], want.contains("logp") ? Numbers(want["logp"]) : zero, 1e-5);
    ExpectNear(got.coefficients[c.entropy],
               want.contains("entropy") ? Numbers(want["entropy"]) : zero, 1e-5);
  }
}

const std::string kZero = "{name: reinforce}";  // with advantages 0: the regularizer alone

void NoAdvantage(const Json&, Rows* rows) { rows->adv.assign(rows->adv.size(), 0); }

TEST(Reference, Kl) {
  for (const auto& [output, keys] : {std::pair<std::string, std::string>{"k1", "kind: k1"},
                                     {"abs", "kind: abs"},
                                     {"k2", "kind: k2"},
                                     {"k3", "kind: k3, clamp: true"}}) {
    ExpectReference({"kl " + output, kZero, "{name: kl, beta: 1, " + keys + "}", ""}, NoAdvantage);
  }
}

TEST(Reference, ClipCov) {
  ExpectReference({"clip_cov", "{name: decoupled_clip, eps_low: 1, eps_high: 1}", "",
                   "{name: clip_cov, ratio: 0.9, lb: 0.2, ub: 1.5}"});
}

TEST(Reference, KlCov) {
  ExpectReference({"kl_cov", "{name: decoupled_clip, eps_low: 1, eps_high: 10}",
                   "{name: kl_cov, ratio: 0.2, beta: 0.7}", ""});
}

const std::string kDapoClip =
    "{name: decoupled_clip, eps_low: 0.2, eps_high: 0.28, clip_ratio_c: 10}";

TEST(Reference, Steer) {
  for (const std::string map : {"exponential", "linear"}) {
    ExpectReference(
        {"steer " + map, kDapoClip, "", "{name: steer, w_min: 0.7, w_max: 1.1, map: " + map + "}"});
  }
}

TEST(Reference, LpReg) {
  ExpectReference({"lp_reg", "{name: decoupled_clip, eps_low: 1, eps_high: 9}",
                   "{name: lp_reg, rho: 0.5, beta: 0.8}", ""});
}

TEST(Reference, Hapo) {
  for (const std::string q : {"0.8", "0.5"}) {
    ExpectReference(
        {"hapo " + q, kDapoClip, "",
         "{name: hapo, eps_low: 0.2, eps_high: 0.28, alpha: 0.9, beta: 0.8, q: " + q + "}"});
  }
}

TEST(Reference, ForkingTokens) {
  for (const std::string rho : {"0.2", "0.5"}) {
    ExpectReference(
        {"forking_tokens " + rho, kDapoClip, "", "{name: forking_tokens, rho: " + rho + "}"});
  }
}

// The public code masks after its own group_normalized.
void GrpoAdvantages(const Json& batch, Rows* rows) {
  rows->adv = Numbers(batch["outputs"]["adv_grpo"]);
}

TEST(Reference, ClipB) {
  for (const std::string mu : {"1.0", "0.3"}) {
    ExpectReference(
        {"clip_b " + mu + " 1.0", "{name: ppo_clip}", "", "{name: clip_b, mu: " + mu + "}"},
        GrpoAdvantages, true);
  }
}

// The code's column of expectations is what sum_p2_logp is where sum_p2 is 0.
TEST(Reference, ClipV) {
  for (const auto& [mu, share] :
       {std::pair<std::string, std::string>{"1.0", "1.0"}, {"0.3", "1.0"}, {"0.3", "0.1"}}) {
    ExpectReference(
        {"clip_v " + mu + " " + share, "{name: ppo_clip}", "",
         "{name: clip_v, mu: " + mu + ", max_share: " + share + "}"},
        [](const Json& batch, Rows* rows) {
          GrpoAdvantages(batch, rows);
          rows->behaviour["sum_p2"].assign(rows->adv.size(), 0);
          rows->behaviour["sum_p2_logp"] = Numbers(batch["expected"]);
        },
        true);
  }
}

TEST(Reference, Siren) {
  ExpectReference({"siren", kZero, "{name: siren, lambda: 0.3, anchor: 0.9}", "", 2}, NoAdvantage);
}

TEST(Reference, Epo) {  // 40 steps of 150 done
  const double phase = 1 - 0.2 * (1 - std::exp(-2 * 40.0 / 75));
  ExpectReference({"epo", kZero,
                   "{name: epo, lambda: 1, c: 3, kappa_l: 0.5, kappa_r: 1.5, delta: 0.2, "
                   "history: 0.7, phase: " +
                       std::to_string(phase) + "}",
                   ""},
                  NoAdvantage);
}

TEST(Reference, Controllers) {
  const auto run = [](const std::string& yaml, const Doubles& entropies) {
    const ConfigNode node = ParseConfig(yaml, "test");
    const auto controller = ControllerList().Make(&node, "");
    Doubles values = {controller->Initial()}, memory;
    for (const double H : entropies) {
      const std::map<std::string, double> step = {{"actor/entropy", H}};
      values.push_back(controller->Next(values.back(), StepMetrics(step), &memory));
    }
    return values;
  };
  const Json& adaptive = Reference()["adaptive_entropy"];
  Doubles got = run("{name: adaptive_entropy, target: 0.2, delta: 0.001, high: 0.005}",
                    Numbers(adaptive["entropy"]));
  got.erase(got.begin());  // the public code's first update comes before its first value
  ExpectNear(got, Numbers(adaptive["applied"]), 1e-9);

  const Doubles all = run("{name: epo_phase, steps: 150}", Doubles(150, 0.0));
  Doubles phase;
  for (size_t e = 0; e <= 150; e += 15) phase.push_back(all[e]);
  ExpectNear(phase, Numbers(Reference()["epo_phase"]), 1e-8);
}

// Values and gradients of statistics of a row of logits, in float.
TEST(Reference, Statistics) {
  for (const Json& row : Reference()["distributions"]) {
    const auto logits = row["logits"].get<std::vector<float>>();
    const auto token = row["token"].get<int32_t>();
    const RowStats stats = ComputeRowStats(logits, 1);
    for (const auto& [name, want] : row.items()) {
      if (name == "logits" || name == "token") continue;
      SCOPED_TRACE(name);
      const Statistic statistic = ParseStatistic(name);
      // Outside the set the public code leaves a logit of -1e4, and the value is that less lse.
      const double expected = std::max(want["value"].get<double>(), -1e4);
      EXPECT_NEAR(StatisticValue(statistic, {stats, logits, token, 1}), expected, 1e-5);
      if (!want.contains("gradient")) continue;
      const StatisticGradient g = StatisticBackward(statistic, {stats, logits, token, 1}, 1);
      std::vector<float> gradient(logits.size());
      RowGradient(logits, stats, 1, g.dense, gradient);
      for (const auto& [i, value] : g.spikes) gradient[static_cast<size_t>(i)] += value;
      if (g.spike_token >= 0) gradient[static_cast<size_t>(g.spike_token)] += g.spike;
      ExpectNear({gradient.begin(), gradient.end()}, Numbers(want["gradient"]), 1e-5);
    }
  }
}

}  // namespace
}  // namespace rlvr
