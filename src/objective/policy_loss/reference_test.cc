// Our losses against the public implementations of verl, TRL, LUFFY, RL-PLUS and CalibRL:
// tests/reference/policy_losses.json, which tests/reference/make_policy_losses.py made with them.
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include "objective/test_rows.h"

namespace rlvr {
namespace {

using Json = nlohmann::json;

Rows RowsOf(const Json& batch) {
  Rows rows = MakeTestRows(batch.at("lengths").get<std::vector<std::vector<int64_t>>>());
  for (int64_t s = 0; s < rows.num_rows(); ++s) {
    const auto i = static_cast<size_t>(s);
    rows.verdict[i] = batch.at("right")[i] == 1 ? Verdict::kRight : Verdict::kWrong;
    rows.reward[i] = batch.at("right")[i];
    rows.foreign[i] = batch.at("foreign")[i] == 1;
  }
  batch.at("mask").get_to(rows.mask);
  batch.at("adv").get_to(rows.adv);
  batch.at("logp_old").get_to(rows.logp_old);
  batch.at("logp_ref").get_to(rows.logp_ref);
  batch.at("behaviour").get_to(rows.behaviour["logp"]);
  return rows;
}

TEST(PolicyLossReference, LossesAndGradientsOfPublicCode) {
  std::ifstream file(RLVR_SOURCE_DIR "/tests/reference/policy_losses.json");
  ASSERT_TRUE(file);
  const Json all = Json::parse(file);
  std::map<std::string, int> compared;
  for (const Json& c : all.at("cases")) {
    const Json& batch = all.at("batches").at(c.at("batch").get<std::string>());
    const Rows rows = RowsOf(batch);
    const std::string name = c.at("source").get<std::string>() + " on " +
                             c.at("batch").get<std::string>() + ": " +
                             c.at("policy_loss").get<std::string>();
    const auto objective =
        MakeTestObjective(c.at("policy_loss"), c.at("regularizer"), c.at("token_weight"));
    const Doubles zeros(rows.mask.size(), 0.0);
    const auto r = Evaluate(*objective, rows, {batch.at("logp").get<Doubles>(), zeros});
    const auto loss = c.at("loss").get<double>();
    EXPECT_NEAR(-r.objective, loss, 1e-7 * (1 + std::abs(loss))) << name;
    const auto gradient = c.at("gradient").get<Doubles>();
    ASSERT_EQ(gradient.size(), r.coefficients[0].size()) << name;
    for (size_t t = 0; t < gradient.size(); ++t) {
      EXPECT_NEAR(-r.coefficients[0][t], gradient[t], 1e-7 * (1e-3 + std::abs(gradient[t])))
          << name << " token " << t;
    }
    ++compared[c.at("policy_loss")
                   .get<std::string>()
                   .substr(0, c.at("policy_loss").get<std::string>().find(','))];
  }
  EXPECT_EQ(compared.size(), 13u) << "a loss is missing from the table";
}

}  // namespace
}  // namespace rlvr
