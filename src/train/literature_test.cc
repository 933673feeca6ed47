// docs/literature.md against the recipes and the methods that there are.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <regex>
#include <set>
#include <sstream>

#include "base/file.h"
#include "objective/objective.h"
#include "train/recipe.h"
#include "verify/reward_term.h"

namespace rlvr {
namespace {

// A line of a table: | # | method | arXiv | year | recipes | here | not here | status |
struct Entry {
  std::string number, method, year, here, left_out, status;
  std::vector<std::string> ids, recipes;
};

std::vector<std::string> Matches(const std::string& text, const std::string& pattern) {
  const std::regex regex(pattern);
  std::vector<std::string> found;
  for (auto it = std::sregex_iterator(text.begin(), text.end(), regex);
       it != std::sregex_iterator(); ++it)
    found.push_back((*it)[1]);
  return found;
}

std::string Trimmed(const std::string& text) {
  const size_t begin = text.find_first_not_of(' ');
  return begin == std::string::npos ? ""
                                    : text.substr(begin, text.find_last_not_of(' ') + 1 - begin);
}

std::vector<std::string> Cells(const std::string& line) {
  std::vector<std::string> cells;
  std::istringstream stream(line.substr(1));
  for (std::string cell; std::getline(stream, cell, '|');) cells.push_back(Trimmed(cell));
  return cells;
}

class Literature : public testing::Test {
 protected:
  Literature() : text_(ReadFile(RLVR_SOURCE_DIR "/docs/literature.md")) {
    std::istringstream stream(text_);
    for (std::string line; std::getline(stream, line);) {
      if (line.empty() || line[0] != '|' || line.starts_with("|---") || line.starts_with("| # "))
        continue;
      const std::vector<std::string> c = Cells(line);
      if (c.size() != 8) {
        ADD_FAILURE() << "not eight cells: " << line;
        continue;
      }
      entries_.push_back({c[0], c[1], c[3], c[5], c[6], c[7],
                          Matches(c[2], R"(\[([0-9]{4}\.[0-9]{5})\])"),
                          Matches(c[4], "`([^`]*)`")});
      const Entry& e = entries_.back();
      const auto links = Matches(c[2], R"(\(https://arxiv\.org/abs/([^)]*)\))");
      EXPECT_EQ(e.ids, links) << "link and id differ: " << line;
      EXPECT_FALSE(e.ids.empty()) << line;
      for (const std::string& id : e.ids) {
        EXPECT_EQ(e.year, "20" + e.ids[0].substr(0, 2)) << id << ": " << line;
      }
    }
  }
  std::string text_;
  std::vector<Entry> entries_;
};

struct RecipeHead {
  std::vector<std::string> ids;  // arXiv, of the first line
  bool reconstruction = false;   // says the comment that it begins with
};

std::map<std::string, RecipeHead> RecipeHeads() {
  std::map<std::string, RecipeHead> recipes;
  for (const auto& file : std::filesystem::directory_iterator(RLVR_SOURCE_DIR "/recipes")) {
    if (file.path().extension() != ".yaml") continue;
    const std::string text = ReadFile(file.path().string());
    RecipeHead& head = recipes[file.path().stem().string()];
    head.ids = Matches(text.substr(0, text.find('\n')), R"(arXiv:([0-9]{4}\.[0-9]{5}))");
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line) && line.starts_with('#');)
      head.reconstruction |= line.find("reconstruction") != std::string::npos;
  }
  return recipes;
}

TEST_F(Literature, EveryPaperOfTheListOnce) {
  std::multiset<std::string> expected = {"18b"}, numbers;
  for (int i = 1; i <= 17; ++i) expected.insert("B" + std::to_string(i));
  for (int i = 1; i <= 55; ++i) expected.insert(std::to_string(i));
  for (const Entry& e : entries_) {
    if (e.number != "+") numbers.insert(e.number);
  }
  EXPECT_EQ(numbers, expected);
}

TEST_F(Literature, StatusSaysWhatThereIs) {
  const std::set<std::string> known = {"paper", "code", "reconstruction", "theory", "not here"};
  for (const Entry& e : entries_) {
    EXPECT_TRUE(known.count(e.status)) << e.method << ": " << e.status;
    const bool absent = e.status == "not here";
    EXPECT_EQ(absent || (e.status == "theory" && !e.left_out.empty() && e.recipes.empty() &&
                         e.here.empty()),
              e.here.empty())
        << e.method << ": is it here?";
    EXPECT_TRUE(!absent || (e.recipes.empty() && !e.left_out.empty())) << e.method << ": why?";
  }
}

TEST_F(Literature, RecipesAndTheirPapersAgree) {
  const auto recipes = RecipeHeads();
  ASSERT_GT(recipes.size(), 50u);
  for (const Entry& e : entries_) {
    for (const std::string& name : e.recipes) {
      const auto recipe = recipes.find(name);
      if (recipe == recipes.end()) {
        ADD_FAILURE() << e.method << ": no recipe " << name;
        continue;
      }
      // "+" rows may name a recipe for a part that its first line does not speak of.
      const auto& ids = recipe->second.ids;
      const bool shared = std::any_of(ids.begin(), ids.end(), [&](const std::string& id) {
        return std::count(e.ids.begin(), e.ids.end(), id) > 0;
      });
      EXPECT_TRUE(shared || ids.empty() || e.number == "+")
          << name << ".yaml is of another paper than " << e.method;
      EXPECT_EQ(recipe->second.reconstruction, e.status == "reconstruction") << name;
    }
  }
  for (const auto& [name, head] : recipes) {
    EXPECT_NE(text_.find("`" + name + "`"), std::string::npos) << name << " is not in the page";
    for (const std::string& id : head.ids) {
      EXPECT_TRUE(std::any_of(entries_.begin(), entries_.end(),
                              [&, &recipe = name](const Entry& e) {
                                return std::count(e.ids.begin(), e.ids.end(), id) > 0 &&
                                       std::count(e.recipes.begin(), e.recipes.end(), recipe) > 0;
                              }))
          << "no row of arXiv:" << id << " names " << name;
    }
  }
}

// Names in the column "here" are of methods, reward terms, parameters or keys of recipes.
TEST_F(Literature, WhatItSaysIsHereIs) {
  std::set<std::string> names, cited;
  for (const Entry& e : entries_) cited.insert(e.ids.begin(), e.ids.end());
  for (const MethodDescription& m : DescribeMethods()) {
    names.insert(m.name);
    for (const auto& p : m.params) names.insert(p.name);
    EXPECT_TRUE(m.arxiv.empty() || cited.count(m.arxiv))
        << m.stage << " " << m.name << ": arXiv:" << m.arxiv << " is not in the page";
  }
  for (const RewardTermInfo& term : RewardTerms()) {
    names.insert(term.name);
    for (const std::string& id : Matches(term.source, R"(arXiv:([0-9]{4}\.[0-9]{5}))"))
      EXPECT_TRUE(cited.count(id)) << term.name << ": arXiv:" << id << " is not in the page";
  }
  for (const RecipeKey& key : RecipeKeys()) {
    for (size_t dot = key.path.find('.'); dot != std::string::npos;
         dot = key.path.find('.', dot + 1))
      names.insert(key.path.substr(0, dot));
    names.insert(key.path);
  }
  for (const Entry& e : entries_) {
    for (const std::string& name : Matches(e.here, "`([^`]*)`")) {
      const bool file = std::filesystem::exists(std::string(RLVR_SOURCE_DIR "/") + name);
      EXPECT_TRUE(names.count(name) || file || name == "target") << e.method << ": " << name;
    }
  }
}

}  // namespace
}  // namespace rlvr
