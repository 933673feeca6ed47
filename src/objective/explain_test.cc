#include "objective/explain.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

namespace rlvr {
namespace {

using Names = std::vector<std::string>;

Names SymbolNames(const std::string& formula) {
  Names names;
  for (const auto& [symbol, meaning] : SymbolsOf(formula)) names.push_back(symbol);
  return names;
}

TEST(Explain, SymbolsAreWholeWords) {
  // r_t is no r, logp_old_t neither logp nor logp_old.
  EXPECT_EQ(SymbolNames("J_t = r_t A_t"), (Names{"A_t", "J_t", "r_t"}));
  EXPECT_EQ(SymbolNames("r_i - logp_old_t"), (Names{"logp_old_t", "r_i"}));
  EXPECT_EQ(SymbolNames("minimum of meaning"), Names{});
}

TEST(Explain, ASymbolThatTheFormulaDefinesHasNoOtherMeaning) {
  // Decoupled PPO's ratio is not the usual one.
  EXPECT_EQ(SymbolNames("J_t = r_t A_t, r_t = exp(logp_t - logp_prox_t)"),
            (Names{"A_t", "J_t", "logp_t"}));
  EXPECT_EQ(SymbolNames("foreign rows: J_t = A_t"), (Names{"A_t", "J_t"}));
  EXPECT_EQ(SymbolNames("r_i = 1"), Names{"r_i"});  // what the formula is about
}

TEST(Explain, LinesBreakBetweenWordsBelowTheText) {
  EXPECT_EQ(Wrapped("  a  ", "b c"), "  a  b c\n");
  EXPECT_EQ(Wrapped("> ", ""), "> \n");
  // 118 letters fill the line with the prefix; one more does not fit.
  const std::string full(118, 'x');
  EXPECT_EQ(Wrapped("> ", full + " y z"), "> " + full + "\n  y z\n");
  const std::string nearly(116, 'x');
  EXPECT_EQ(Wrapped("> ", nearly + " y z"), "> " + nearly + " y\n  z\n");
  // Nothing can break a word.
  EXPECT_EQ(Wrapped("> ", std::string(130, 'x')), "> " + std::string(130, 'x') + "\n");
}

TEST(Explain, NeedsNameWhatIsBeyondLogpAndEntropy) {
  EXPECT_EQ(DescribeNeeds({}), Names{});
  Needs needs;
  needs.statistics = {Statistic::kLogp, Statistic::kEntropy};
  EXPECT_EQ(DescribeNeeds(needs), Names{});
  needs.reference = needs.values = needs.process_reward = true;
  EXPECT_EQ(DescribeNeeds(needs), (Names{"log-probs of the reference model", "values of a critic",
                                         "rewards of tokens by a process reward model"}));
}

TEST(Explain, AMethodHasFormulaParametersSourceAndDapo) {
  const std::string text = ExplainMethod("ppo_clip");
  for (const char* part :
       {"formula    J_t = min(r_t A_t, clip(r_t, 1 - eps, 1 + eps) A_t)\n",
        "r_t        ratio exp(logp_t - logp_old_t)\n", "eps            default 0.2, of [0, ",
        "source     https://arxiv.org/abs/1707.06347 (2017)\n",
        "stage      policy_loss: ", "needs      nothing beyond log-prob and entropy\n",
        "and DAPO   takes the place of decoupled_clip: J_t = min("}) {
    EXPECT_NE(text.find(part), std::string::npos) << part << "\n" << text;
  }
  EXPECT_NE(ExplainMethod("decoupled_clip").find("and DAPO   it is DAPO's own\n"),
            std::string::npos);
  EXPECT_NE(ExplainMethod("kl").find("and DAPO   DAPO has nothing at this stage: it is added\n"),
            std::string::npos);
  EXPECT_EQ(ExplainMethod("no_such_method"), "");
}

TEST(Explain, EveryMethodFitsIn120Columns) {
  for (const auto& m : DescribeMethods()) {
    std::istringstream lines(ExplainMethod(m.name));
    bool formula = false;
    for (std::string line; std::getline(lines, line);) {
      EXPECT_LE(line.size(), 120u) << line;
      formula = formula || line.starts_with("  formula ");
    }
    EXPECT_TRUE(formula) << m.name;
  }
}

}  // namespace
}  // namespace rlvr
