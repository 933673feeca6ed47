#include "train/explain_recipe.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <sstream>

#include "base/error.h"
#include "base/file.h"
#include "base/suggest.h"
#include "env/environment.h"
#include "objective/coefficient.h"
#include "objective/explain.h"

namespace rlvr {
namespace {

namespace fs = std::filesystem;

// In the order of the data.
constexpr const char* kStages[] = {"select",       "reward_shaping", "advantage",
                                   "token_weight", "policy_loss",    "regularizer"};

Recipe Load(const std::string& name) {
  // Papers' recipes leave the model to the user, and nothing here loads one.
  return LoadRecipe(name, {"model=base_tiny"});
}

// {name: kl, beta: 0.04} as "kl(beta = 0.04)"; a list as its items; nothing as "none".
std::string Line(const ConfigNode* node) {
  if (node == nullptr || node->kind == ConfigNode::Kind::kNull) return "none";
  if (node->kind == ConfigNode::Kind::kList) {
    std::vector<std::string> items;
    for (const auto& item : node->items) items.push_back(Line(&item));
    return items.empty() ? "none" : fmt::format("{}", fmt::join(items, ", "));
  }
  if (node->kind == ConfigNode::Kind::kScalar) return node->scalar;
  std::vector<std::string> parameters;
  for (size_t i = 0; i < node->items.size(); ++i) {
    if (node->keys[i] == "name") continue;
    parameters.push_back(fmt::format("{} = {}", node->keys[i], Line(&node->items[i])));
  }
  const ConfigNode* name = node->Find("name");
  const std::string all = fmt::format("{}", fmt::join(parameters, ", "));
  if (name == nullptr) return "{" + all + "}";
  return name->scalar + (all.empty() ? "" : "(" + all + ")");
}

std::vector<std::string> NamesIn(const ConfigNode* node) {
  std::vector<std::string> names;
  if (node == nullptr) return names;
  if (node->kind == ConfigNode::Kind::kList) {
    for (const auto& item : node->items) {
      if (const ConfigNode* name = item.Find("name")) names.push_back(name->scalar);
    }
  } else if (const ConfigNode* name = node->Find("name")) {
    names.push_back(name->scalar);
  }
  return names;
}

std::string StatusOf(const Recipe& recipe, const RecipeSummary& s) {
  const std::string reconstruction = "reconstruction";
  if (s.what.find(reconstruction) != std::string::npos) return reconstruction;
  const auto methods = DescribeMethods();
  for (const char* stage : kStages) {
    for (const std::string& name : NamesIn(recipe.resolved.Find(stage))) {
      for (const auto& m : methods) {
        if (m.stage == stage && m.name == name &&
            m.summary.find(reconstruction) != std::string::npos)
          return reconstruction;
      }
    }
  }
  if (!s.arxiv.empty()) return "paper";
  std::istringstream words(s.what);
  for (std::string word; words >> word;) {
    while (!word.empty() && std::ispunct(static_cast<unsigned char>(word.back()))) word.pop_back();
    if (word.ends_with("'s")) word.resize(word.size() - 2);
    if (word == "verl" || word == "TRL" || word == "code") return "code";
  }
  return "ours";
}

Needs NeedsOf(const Recipe& recipe) {
  if (recipe.kind != "rl") return {};
  const auto first = [&](const char* stage) -> ConfigNode {
    const ConfigNode* node = recipe.resolved.Find(stage);
    return node ? ResolveCoefficients(*node, stage, 1, {}) : ConfigNode{};
  };
  const ConfigNode shaping = first("reward_shaping"), advantage = first("advantage"),
                   weight = first("token_weight"), loss = first("policy_loss"),
                   regularizer = first("regularizer");
  Needs needs = MakeObjective(&weight, &loss, &regularizer)->needs();
  needs.Add(MakeRewardShaping(&shaping).needs());
  needs.Add(MakeAdvantage(&advantage).needs());
  return needs;
}

std::string FirstComment(const std::string& path) {
  const std::string text = ReadFile(path), line = text.substr(0, text.find('\n'));
  const size_t begin = line.find_first_not_of("# ");
  return line.starts_with("#") && begin != std::string::npos ? line.substr(begin) : "";
}

// The first arXiv id (2503.14476) of a text, or "".
std::string ArxivIdIn(const std::string& text) {
  constexpr std::string_view kForm = "dddd.ddddd";
  for (size_t begin = 0; begin + kForm.size() <= text.size(); ++begin) {
    size_t n = 0;
    while (n < kForm.size() &&
           (kForm[n] == 'd' ? std::isdigit(static_cast<unsigned char>(text[begin + n])) != 0
                            : text[begin + n] == kForm[n]))
      ++n;
    if (n == kForm.size()) return text.substr(begin, n);
  }
  return "";
}

// The file that a recipe's `extends` names, or "".
std::string BaseOf(const std::string& path) {
  const ConfigNode root = ParseConfig(ReadFile(path), path);
  const ConfigNode* base = root.Find("extends");
  return base == nullptr ? "" : (fs::path(path).parent_path() / base->scalar).string();
}

}  // namespace

RecipeSummary Summarize(const std::string& recipe) {
  RecipeSummary s;
  const std::string path = FindRecipe(recipe), base = BaseOf(path);
  s.name = fs::path(path).stem().string();
  s.what = FirstComment(path);
  s.arxiv = ArxivIdIn(s.what);
  s.base = fs::path(base).stem().string();
  const Recipe r = Load(path);
  if (!base.empty()) {
    const Recipe b = Load(base);
    if (Line(r.resolved.Find("environment")) != Line(b.resolved.Find("environment")))
      s.changes.emplace_back("environment");
    for (const char* stage : kStages) {
      if (Line(r.resolved.Find(stage)) != Line(b.resolved.Find(stage)))
        s.changes.emplace_back(stage);
    }
  }
  const Needs needs = NeedsOf(r);
  if (needs.reference) s.needs.emplace_back("reference");
  if (needs.values) s.needs.emplace_back("critic");
  if (needs.process_reward) s.needs.emplace_back("process_reward");
  if (ReadsFlowReward(r.resolved)) s.needs.emplace_back("flow_reward");
  if (HasEnvironment(r.resolved)) s.needs.emplace_back("environment");
  if (r.expert.rows > 0) s.needs.emplace_back("expert");
  if (r.replay.groups > 0) s.needs.emplace_back("replay");
  for (const auto* list : {&needs.statistics, &needs.behaviour}) {
    for (const Statistic& statistic : *list) {
      if (statistic == Statistic::kLogp || statistic == Statistic::kEntropy) continue;
      const std::string name = ToString(statistic);
      if (std::find(s.needs.begin(), s.needs.end(), name) == s.needs.end()) s.needs.push_back(name);
    }
  }
  s.status = StatusOf(r, s);
  return s;
}

std::string RecipeTable() {
  using Cell = std::vector<std::string>;  // its lines
  constexpr size_t kWidest = 22;          // of the cells that break into lines
  const auto in_lines = [](const std::vector<std::string>& words) {
    Cell lines(1);
    for (const std::string& word : words) {
      std::string& line = lines.back();
      if (!line.empty() && line.size() + 1 + word.size() > kWidest) {
        lines.push_back(word);
      } else {
        line += (line.empty() ? "" : " ") + word;
      }
    }
    if (words.empty()) lines[0] = "-";
    return lines;
  };
  std::vector<std::vector<Cell>> table = {
      {{"name"}, {"year"}, {"base"}, {"stages it changes"}, {"needs"}, {"status"}}};
  std::string broken_recipes;
  for (const auto& [name, description] : ListRecipes()) {
    RecipeSummary s;
    try {
      s = Summarize(name);
    } catch (const Error& e) {  // somebody's own: the others are there all the same
      s.name = name;
      s.status = "broken";
      broken_recipes += Wrapped("broken: ", e.what());
    }
    table.push_back({{s.name},
                     {s.arxiv.empty() ? "-" : "20" + s.arxiv.substr(0, 2)},
                     {s.base.empty() ? "-" : s.base},
                     in_lines(s.changes),
                     in_lines(s.needs),
                     {s.status}});
  }
  std::vector<size_t> width(table[0].size(), 0);
  for (const auto& row : table) {
    for (size_t i = 0; i < row.size(); ++i) {
      for (const std::string& line : row[i]) width[i] = std::max(width[i], line.size());
    }
  }
  std::string out;
  for (const auto& row : table) {
    size_t height = 0;
    for (const Cell& cell : row) height = std::max(height, cell.size());
    for (size_t l = 0; l < height; ++l) {
      std::string line;
      for (size_t i = 0; i < row.size(); ++i)
        line += fmt::format("{:{}}  ", l < row[i].size() ? row[i][l] : "", width[i]);
      line.erase(line.find_last_not_of(' ') + 1);
      out += line + "\n";
    }
  }
  return out + broken_recipes;
}

std::string ExplainRecipe(const std::string& recipe) {
  const RecipeSummary s = Summarize(recipe);
  const Recipe r = Load(recipe), dapo = Load("dapo");
  const auto joined = [](const std::vector<std::string>& v, const char* none, const char* between) {
    return v.empty() ? none : fmt::format("{}", fmt::join(v, between));
  };
  std::string out = s.name + "\n" + Wrapped("  ", s.what);
  if (!s.arxiv.empty()) out += fmt::format("  https://arxiv.org/abs/{}\n", s.arxiv);
  out += fmt::format("  status: {}\n", s.status);
  if (!s.base.empty()) {
    out += Wrapped("  ", fmt::format("extends {}, and changes {}", s.base,
                                     joined(s.changes, "none of its stages", ", ")));
  }
  if (r.kind != "rl") return out + fmt::format("  kind {}: no objective\n", r.kind);
  if (HasEnvironment(r.resolved)) {
    const ConfigNode* environment = r.resolved.Find("environment");
    out += "\nenvironment\n" + Wrapped("  ", Line(environment));
    for (const EnvironmentInfo& info : Environments()) {
      if (info.name == environment->Find("name")->scalar) out += Wrapped("    ", info.description);
    }
  }
  const auto methods = DescribeMethods();
  for (const char* stage : kStages) {
    const ConfigNode *mine = r.resolved.Find(stage), *other = dapo.resolved.Find(stage);
    out += fmt::format("\n{}\n", stage) + Wrapped("  ", Line(mine));
    for (const std::string& name : NamesIn(mine)) {
      for (const auto& m : methods) {
        if (m.stage == stage && m.name == name) out += Wrapped("    ", m.summary);
      }
    }
    const std::string in_dapo = Line(other);
    if (in_dapo != Line(mine)) out += Wrapped("  DAPO: ", in_dapo);
  }
  std::vector<std::string> needs = DescribeNeeds(NeedsOf(r));
  if (ReadsFlowReward(r.resolved))
    needs.emplace_back("rewards of tokens by a flow field over hidden states");
  if (HasEnvironment(r.resolved)) needs.emplace_back("the other side of conversations");
  if (r.expert.rows > 0) needs.emplace_back("an expert's response to each prompt");
  if (r.replay.groups > 0) needs.emplace_back("groups of earlier steps");
  return out + "\nneeds\n" +
         Wrapped("  ", joined(needs, "nothing beyond log-prob and entropy", "; "));
}

std::string Explain(const std::string& name) {
  std::string text = ExplainMethod(name);
  std::vector<std::string> known;
  bool recipe = fs::is_regular_file(name);
  for (const auto& [known_name, description] : ListRecipes()) {
    known.push_back(known_name);
    recipe = recipe || known_name == name;
  }
  if (recipe) text += (text.empty() ? "" : "\n") + ExplainRecipe(name);
  if (!text.empty()) return text;
  for (const auto& m : DescribeMethods()) known.push_back(m.name);
  throw Error(name, "no method and no recipe has this name", DidYouMean(name, known));
}

}  // namespace rlvr
