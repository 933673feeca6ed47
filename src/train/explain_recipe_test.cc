#include "train/explain_recipe.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <sstream>

#include "base/error.h"
#include "base/file.h"
#include "objective/explain.h"

namespace rlvr {
namespace {

using Names = std::vector<std::string>;

std::string Write(const std::string& name, const std::string& text) {
  const std::string path = testing::TempDir() + "/" + name;
  WriteFileAtomically(path, text);
  return path;
}

TEST(ExplainRecipe, SummaryTellsTheStagesThatDifferFromTheBase) {
  Write("explain_base.yaml",
        "# Base.\nmodel: base_tiny\npolicy_loss: {name: ppo_clip, eps: 0.2}\n"
        "advantage: {name: group_centered}\n");
  const RecipeSummary s = Summarize(Write(
      "explain_child.yaml",
      "# Child, arXiv:2402.03300: differs in the bound and a KL term.\nextends: explain_base.yaml\n"
      "advantage: {name: group_centered}\npolicy_loss: {eps: 0.1}\n"
      "regularizer: [{name: kl, beta: 0.04}]\n"));
  EXPECT_EQ(s.name, "explain_child");
  EXPECT_EQ(s.base, "explain_base");
  EXPECT_EQ(s.arxiv, "2402.03300");
  EXPECT_EQ(s.what, "Child, arXiv:2402.03300: differs in the bound and a KL term.");
  EXPECT_EQ(s.changes, (Names{"policy_loss", "regularizer"}));
  EXPECT_EQ(s.needs, Names{"reference"});
  EXPECT_EQ(s.status, "paper");
}

TEST(ExplainRecipe, StatusIsWhereTheFormulasAreFrom) {
  const auto status = [](const std::string& comment, const std::string& rest = "") {
    return Summarize(Write("explain_status.yaml", "# " + comment + "\nmodel: base_tiny\n" + rest))
        .status;
  };
  EXPECT_EQ(status("A method, arXiv:2402.03300."), "paper");
  EXPECT_EQ(status("A method (reconstruction), arXiv:2402.03300."), "reconstruction");
  EXPECT_EQ(status("What verl calls so."), "code");
  EXPECT_EQ(status("Some encoded thing."), "ours");
  // A reconstructed method makes the recipe one.
  EXPECT_EQ(status("A loss, arXiv:2412.09544.", "policy_loss: {name: power_dl}\n"),
            "reconstruction");
}

TEST(ExplainRecipe, ShowsTheEnvironmentWithItsDefaults) {
  Write("explain_silent.yaml", "# Silent.\nmodel: base_tiny\n");
  const std::string path = Write("explain_conversation.yaml",
                                 "# Talks.\nextends: explain_silent.yaml\n"
                                 "environment: {name: sharded, max_turns: 5}\n");
  const RecipeSummary s = Summarize(path);
  EXPECT_EQ(s.changes, Names{"environment"});
  EXPECT_EQ(s.needs, Names{"environment"});
  const std::string text = Explain(path);
  EXPECT_NE(text.find("environment\n  sharded("), std::string::npos) << text;
  EXPECT_NE(text.find("max_turns = 5"), std::string::npos) << text;
  EXPECT_NE(text.find("user = scripted"), std::string::npos) << text;
  EXPECT_EQ(Explain("grpo").find("\nenvironment\n"), std::string::npos);
}

TEST(ExplainRecipe, NeedsAreModelsStatisticsAndRows) {
  EXPECT_EQ(Summarize("ppo").needs, Names{"critic"});
  EXPECT_EQ(Summarize("dapo").needs, Names{});
  EXPECT_EQ(Summarize(Write("explain_rows.yaml",
                            "# Rows.\nmodel: base_tiny\nexpert: {rows: 1}\n"
                            "replay: {groups: 2}\n"))
                .needs,
            (Names{"expert", "replay"}));
}

TEST(ExplainRecipe, ARecipeShowsItsStagesAndDapos) {
  const std::string text = ExplainRecipe("grpo");
  for (const char* part : {"grpo\n  GRPO, arXiv:2402.03300", "  https://arxiv.org/abs/2402.03300\n",
                           "\nselect\n  none\n", "  DAPO: dynamic_sampling(max_rounds = 10",
                           "\npolicy_loss\n  ppo_clip(eps = 0.2, aggregate = seq_mean_token_mean",
                           "    J_t = min(r_t A_t, clip(r_t, 1 - eps, 1 + eps) A_t)\n",
                           "\nneeds\n  log-probs of the reference model\n"}) {
    EXPECT_NE(text.find(part), std::string::npos) << part << "\n" << text;
  }
  // What both have alike is not said twice.
  const std::string dapo = ExplainRecipe("dapo");
  EXPECT_EQ(dapo.find("DAPO: "), std::string::npos) << dapo;
  EXPECT_NE(ExplainRecipe("sft").find("kind sft: no objective"), std::string::npos);
}

TEST(ExplainRecipe, TheTableFitsAndHasEveryRecipe) {
  std::istringstream lines(RecipeTable());
  Names first;
  for (std::string line; std::getline(lines, line);) {
    EXPECT_LE(line.size(), 120u) << line;
    if (line[0] != ' ') first.push_back(line.substr(0, line.find(' ')));
  }
  Names want = {"name"};
  for (const auto& [name, what] : ListRecipes()) want.push_back(name);
  EXPECT_EQ(first, want);
}

TEST(ExplainRecipe, DaposMethodsAreThoseOfItsRecipe) {
  const Recipe dapo = LoadRecipe("dapo", {"model=base_tiny"});
  for (const char* stage : {"select", "advantage", "policy_loss"}) {
    const std::string name = dapo.resolved.Find(stage)->Find("name")->scalar;
    EXPECT_NE(ExplainMethod(name).find("it is DAPO's own"), std::string::npos) << name;
  }
  for (const char* stage : {"reward_shaping", "token_weight", "regularizer"})
    EXPECT_TRUE(dapo.resolved.Find(stage)->items.empty()) << stage;
}

// The last word of the row of `recipe`.
std::string StatusIn(const std::string& table, const std::string& recipe) {
  const size_t begin = table.find("\n" + recipe + " "), end = table.find('\n', begin + 1);
  if (begin == std::string::npos) return "no such row";
  const std::string row = table.substr(begin, end - begin);
  return row.substr(row.rfind(' ') + 1);
}

TEST(ExplainRecipe, ABrokenRecipeIsARowWithItsReasonBelow) {
  const std::string folder = testing::TempDir() + "/explain_recipes";
  std::filesystem::create_directories(folder);
  WriteFileAtomically(folder + "/mine.yaml",
                      "# Mine.\nmodel: base_tiny\npolicy_loss: {name: ppo_clop}\n");
  const char* before = std::getenv("RLVR_RECIPES");
  const std::string kept = before == nullptr ? "" : before;
  setenv("RLVR_RECIPES", folder.c_str(), 1);
  const std::string table = RecipeTable();
  if (before == nullptr) {
    unsetenv("RLVR_RECIPES");
  } else {
    setenv("RLVR_RECIPES", kept.c_str(), 1);
  }
  EXPECT_EQ(StatusIn(table, "mine"), "broken") << table;
  EXPECT_EQ(StatusIn(table, "dapo"), "paper") << table;
  EXPECT_NE(table.find("broken: " + folder + "/mine.yaml:3:"), std::string::npos) << table;
  EXPECT_NE(table.find("'ppo_clop'"), std::string::npos) << table;
}

TEST(ExplainRecipe, AMethodOrARecipeOrTheNearestName) {
  EXPECT_EQ(Explain("group_centered").substr(0, 14), "group_centered");
  // gspo is both.
  const std::string both = Explain("gspo");
  EXPECT_NE(both.find("  formula    J_i"), std::string::npos) << both;
  EXPECT_NE(both.find("extends quickstart"), std::string::npos) << both;
  try {
    Explain("decoupled_clop");
    FAIL();
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find("decoupled_clip"), std::string::npos) << e.what();
  }
}

}  // namespace
}  // namespace rlvr
