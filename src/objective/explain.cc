#include "objective/explain.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

namespace rlvr {
namespace {

// A symbol is found where neither side of it goes on with a letter, a digit or '_'.
const std::pair<const char*, const char*> kSymbols[] = {
    {"A_i", "advantage of response i, the same for all its tokens"},
    {"A_t", "advantage of token t"},
    {"G", "responses of a group"},
    {"H", "mean entropy of the policy, nats"},
    {"H_t", "entropy of the policy at token t over the whole vocabulary, nats"},
    {"J", "objective, maximised"},
    {"J_i", "what response i adds to the objective, which is maximised"},
    {"J_t", "what token t adds to the objective, which is maximised"},
    {"KL", "Kullback-Leibler divergence"},
    {"L_i", "counted tokens of response i"},
    {"S", "responses with a counted token"},
    {"V", "value of the critic"},
    {"V_t", "value of the critic at token t"},
    {"clip", "clip(x, a, b) = min(max(x, a), b)"},
    {"logp", "log-prob of the token under the policy being trained"},
    {"logp_old", "the same under the policy that sampled it"},
    {"logp_old_t", "log-prob of token t under the policy that sampled it"},
    {"logp_ref", "the same under the reference model"},
    {"logp_ref_t", "log-prob of token t under the reference model"},
    {"logp_t", "log-prob of token t under the policy being trained"},
    {"mean", "mean over the group, where it does not say over what"},
    {"p_old_t", "probability of token t under the policy that sampled it"},
    {"p_t", "probability of token t under the policy being trained"},
    {"r", "rewards of the group"},
    {"r_i", "reward of response i"},
    {"r_t", "ratio exp(logp_t - logp_old_t)"},
    {"s_i", "ratio of response i"},
    {"sg", "no gradient flows through it"},
    {"sigmoid", "1 / (1 + exp(-x))"},
    {"std", "standard deviation over the group, where it does not say over what"},
    {"w_t", "weight of token t, which multiplies J_t"},
};

bool InWord(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

bool NeedsExplaining(const std::string& formula, const std::string& symbol) {
  bool found = false;
  for (size_t at = formula.find(symbol); at != std::string::npos;
       at = formula.find(symbol, at + 1)) {
    const size_t end = at + symbol.size();
    if ((at > 0 && InWord(formula[at - 1])) || (end < formula.size() && InWord(formula[end])))
      continue;
    // "J_t = ..., r_t = ...": J_t is what the formula is about, r_t is its own.
    if (at > 0 && symbol[0] != 'J' && symbol[0] != 'A' && formula.compare(end, 3, " = ") == 0)
      return false;
    found = true;
  }
  return found;
}

// What DAPO (recipes/dapo.yaml) has at each stage.
const std::pair<const char*, const char*> kDapo[] = {
    {"select", "dynamic_sampling"},
    {"advantage", "group_normalized"},
    {"policy_loss", "decoupled_clip"},
};

std::string AgainstDapo(const MethodDescription& method,
                        const std::vector<MethodDescription>& all) {
  if (method.stage == "controller") return "DAPO's numbers do not change over a run";
  for (const auto& [stage, name] : kDapo) {
    if (method.stage != stage) continue;
    if (method.name == name) return "it is DAPO's own";
    for (const auto& m : all) {
      if (m.stage == stage && m.name == name)
        return fmt::format("takes the place of {}: {}", name, m.summary);
    }
  }
  return "DAPO has nothing at this stage: it is added";
}

std::string Text(const MethodDescription& m, const std::vector<MethodDescription>& all) {
  const auto line = [](const char* label, const std::string& text) {
    return Wrapped(fmt::format("  {:10} ", label), text);
  };
  std::string out = m.name + "\n" + line("formula", m.summary);
  const char* label = "symbols";
  for (const auto& [symbol, meaning] : SymbolsOf(m.summary)) {
    out += line(label, fmt::format("{:10} {}", symbol, meaning));
    label = "";
  }
  label = "parameters";
  for (const auto& p : m.params) {
    out += line(label, fmt::format("{:14} default {}, of {}", p.name, p.default_value, p.range));
    label = "";
  }
  if (!m.arxiv.empty()) {
    out += line("source",
                fmt::format("https://arxiv.org/abs/{} (20{})", m.arxiv, m.arxiv.substr(0, 2)));
  }
  for (const auto& stage : DescribeStages()) {
    if (m.stage == stage.stage) out += line("stage", m.stage + ": " + stage.title);
  }
  const auto needs = DescribeNeeds(m.needs);
  out += line("needs", needs.empty() ? "nothing beyond log-prob and entropy"
                                     : fmt::format("{}", fmt::join(needs, "; ")));
  return out + line("and DAPO", AgainstDapo(m, all));
}

}  // namespace

std::vector<std::pair<std::string, std::string>> SymbolsOf(const std::string& formula) {
  std::vector<std::pair<std::string, std::string>> symbols;
  for (const auto& [symbol, meaning] : kSymbols) {
    if (NeedsExplaining(formula, symbol)) symbols.emplace_back(symbol, meaning);
  }
  return symbols;
}

std::vector<std::string> DescribeNeeds(const Needs& needs) {
  std::vector<std::string> list;
  const auto others = [](const std::vector<Statistic>& statistics) {
    std::vector<std::string> names;
    for (const Statistic& s : statistics) {
      if (s != Statistic::kLogp && s != Statistic::kEntropy) names.push_back(ToString(s));
    }
    return names;
  };
  const auto trained = others(needs.statistics);
  if (!trained.empty())
    list.push_back(fmt::format("{} of every token, with gradient", fmt::join(trained, ", ")));
  std::vector<std::string> behaviour;
  for (const Statistic& s : needs.behaviour) behaviour.push_back(ToString(s));
  if (!behaviour.empty()) {
    list.push_back(fmt::format("{} of the policy that sampled (a pass before the updates)",
                               fmt::join(behaviour, ", ")));
  }
  if (needs.reference) list.emplace_back("log-probs of the reference model");
  if (needs.values) list.emplace_back("values of a critic");
  if (needs.process_reward) list.emplace_back("rewards of tokens by a process reward model");
  return list;
}

std::string Wrapped(const std::string& prefix, const std::string& text) {
  constexpr size_t kColumns = 120;
  std::string out, line = prefix;
  bool empty = true;  // the line has no word yet
  for (size_t begin = 0; begin < text.size();) {
    // Spaces before a word stay with it: they align columns.
    const size_t word = text.find_first_not_of(' ', begin);
    if (word == std::string::npos) break;
    const size_t end = std::min(text.find(' ', word), text.size());
    if (!empty && line.size() + (end - begin) > kColumns) {
      out += line + "\n";
      line = std::string(prefix.size(), ' ');
      begin = word;
    }
    line.append(text, begin, end - begin);
    empty = false;
    begin = end;
  }
  return out + line + "\n";
}

std::string ExplainMethod(const std::string& name) {
  const auto all = DescribeMethods();
  std::string out;
  for (const auto& m : all) {
    if (m.name != name) continue;
    if (!out.empty()) out += "\n";
    out += Text(m, all);
  }
  return out;
}

}  // namespace rlvr
