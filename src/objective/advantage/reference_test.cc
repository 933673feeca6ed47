// Advantages against public implementations: tests/reference/make_advantages.py ran them on random
// batches and wrote tests/reference/advantages.json.
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "objective/advantage/ucas.h"
#include "objective/test_rows.h"

namespace rlvr {
namespace {

struct Case {
  Rows rows;
  Doubles token_reward;
  nlohmann::json outputs;
};

std::vector<Case> Cases() {
  const auto json =
      nlohmann::json::parse(ReadFile(RLVR_SOURCE_DIR "/tests/reference/advantages.json"));
  std::vector<Case> cases;
  for (const auto& batch : json) {
    const auto& in = batch.at("inputs");
    const auto lengths = in.at("lengths").get<std::vector<int64_t>>();
    std::vector<std::vector<int64_t>> groups;
    size_t row = 0;
    for (const size_t size : in.at("sizes").get<std::vector<size_t>>()) {
      groups.emplace_back(lengths.begin() + static_cast<int64_t>(row),
                          lengths.begin() + static_cast<int64_t>(row + size));
      row += size;
    }
    Case c{MakeTestRows(groups), in.at("token_reward").get<Doubles>(), batch.at("outputs")};
    c.rows.reward = in.at("reward").get<Doubles>();
    c.rows.value = in.at("value").get<Doubles>();
    c.rows.logp_old = in.at("logp_old").get<Doubles>();
    c.rows.behaviour["sum_p2"] = in.at("sum_p2").get<Doubles>();
    c.rows.behaviour[ToString(Ucas::kCertainty)] = in.at("certainty").get<Doubles>();
    c.rows.behaviour[ToString(Ucas::kLogit)] = in.at("logit").get<Doubles>();
    cases.push_back(std::move(c));
  }
  return cases;
}

// Each output of that name in the file, against what the chain makes.
void ExpectPublic(const std::string& name, const std::string& chain, bool token_rewards = false,
                  RunState state = {}, Doubles Rows::*column = &Rows::adv) {
  int compared = 0;
  for (const Case& c : Cases()) {
    if (!c.outputs.contains(name)) continue;
    const ConfigNode node = ParseConfig(chain, "test");
    StageRun run{c.rows, state, {}};
    if (token_rewards) run.rows.token_reward = c.token_reward;
    Apply(MakeAdvantage(&node), &run);
    const auto want = c.outputs.at(name).get<Doubles>();
    ASSERT_EQ(want.size(), (run.rows.*column).size());
    for (size_t t = 0; t < want.size(); ++t) {
      EXPECT_NEAR((run.rows.*column)[t], want[t], 1e-5 * std::max(1.0, std::abs(want[t])))
          << name << " batch " << compared << " token " << t;
    }
    ++compared;
  }
  EXPECT_GE(compared, 1) << name;
}

TEST(AdvantageReference, Verl) {
  ExpectPublic("group_normalized", "{name: group_normalized}");
  ExpectPublic("rloo", "{name: rloo}");
  ExpectPublic("rloo_vectorized", "{name: rloo, single: zero}");
  ExpectPublic("opo", "{name: opo}");
  ExpectPublic("reinforce_plus_plus_baseline", "{name: reinforce_plus_plus_baseline}");
  ExpectPublic("reinforce_plus_plus 1.0", "{name: reinforce_plus_plus}", true);
  ExpectPublic("reinforce_plus_plus 0.9", "{name: reinforce_plus_plus, gamma: 0.9}", true);
  ExpectPublic("optimal_token_baseline false", "{name: optimal_token_baseline}", true);
  ExpectPublic("optimal_token_baseline true", "{name: optimal_token_baseline, zero_tail: true}",
               true);
  ExpectPublic("best_of_group true", "{name: best_of_group}");
  ExpectPublic("best_of_group false", "{name: best_of_group, divide_by_std: false}");
}

TEST(AdvantageReference, VerlGae) {
  const std::string first = "{name: gae, gamma: 1.0, lambda: 0.95}",
                    second = "{name: gae, gamma: 0.9, lambda: 0.7}";
  ExpectPublic("gae 1.0 0.95", first, true);
  ExpectPublic("gae_target 1.0 0.95", first, true, {}, &Rows::value_target);
  ExpectPublic("gae 0.9 0.7", second, true);
  ExpectPublic("gae_target 0.9 0.7", second, true, {}, &Rows::value_target);
}

TEST(AdvantageReference, Ucas) { ExpectPublic("ucas", "[{name: group_normalized}, {name: ucas}]"); }

TEST(AdvantageReference, RiskPo) {
  const RunState state{{{"risk_po/quantiles", {0.4, 1.7}}}};
  for (const auto& [mode, base] :
       {std::pair("std", "true"), {"sum-mean", "false"}, {"uniform", "true"}}) {
    for (const std::string quantiles : {"bundle", "tracked"}) {
      std::string credit = mode;
      if (credit == "sum-mean") credit = "sum_mean";
      // The batches hold 4 and 6 groups in two bundles.
      for (const int size : {2, 3}) {
        const std::string name = std::string("risk_po ") + mode + " " + base + " " + quantiles +
                                 " " + std::to_string(size);
        ExpectPublic(name,
                     "{name: risk_po, a_d: 0.2, a_u: 0.8, bundle_size: " + std::to_string(size) +
                         ", credit: " + credit + ", natural_baseline: " + base +
                         ", quantiles: " + quantiles + "}",
                     false, state);
      }
    }
  }
}

}  // namespace
}  // namespace rlvr
