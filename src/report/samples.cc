#include "report/samples.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "report/html.h"

namespace rlvr {
namespace {

constexpr double kFullEntropy = 1.5;  // nats at which a token has the full colour

using Group = std::vector<const TrajectoryRecord*>;

// In order of first appearance.
std::vector<Group> ByPrompt(const std::vector<TrajectoryRecord>& trajectories) {
  std::vector<Group> groups;
  std::map<std::pair<int64_t, int64_t>, size_t> index;
  for (const TrajectoryRecord& t : trajectories) {
    const auto [it, added] = index.try_emplace({t.prompt_index, t.occurrence}, groups.size());
    if (added) groups.emplace_back();
    groups[it->second].push_back(&t);
  }
  return groups;
}

size_t CountRight(const Group& group) {
  return static_cast<size_t>(std::count_if(group.begin(), group.end(),
                                           [](const TrajectoryRecord* t) { return t->right(); }));
}

double ShareRight(const Group& group) {
  return static_cast<double>(CountRight(group)) / static_cast<double>(group.size());
}

std::string VerdictClass(const TrajectoryRecord& t) {
  return t.right() ? "right" : t.verdict == "wrong" ? "wrong" : "other";
}

std::string Sample(const TrajectoryRecord& t, const std::string& label, double largest_advantage) {
  std::string html = "<div class=\"sample\"><div class=\"meta\">";
  if (!label.empty()) html += fmt::format("<b>{}</b> ", label);
  html +=
      fmt::format("<span class=\"verdict {}\">{}</span>", VerdictClass(t), EscapeHtml(t.verdict));
  if (!t.answer.empty()) html += fmt::format(" answer <b>{}</b>", EscapeHtml(t.answer));
  if (!t.advantage.empty()) {
    const bool one_value = std::all_of(t.advantage.begin(), t.advantage.end(),
                                       [&](double a) { return a == t.advantage[0]; });
    html += fmt::format(" &middot; reward {:+.3g}", t.reward);
    if (one_value) html += fmt::format(" &middot; advantage {:+.3g}", t.advantage[0]);
  }
  html += fmt::format(
      " &middot; {} tokens &middot; {} &middot; sample {}</div>"
      "<div class=\"tokens\">",
      t.tokens.size(), EscapeHtml(t.finish), t.sample);
  for (size_t i = 0; i < t.tokens.size(); ++i) {
    html += TokenHtml(t.tokens[i], t.logp[i], t.entropy[i],
                      t.advantage.empty() ? nullptr : &t.advantage[i], largest_advantage);
  }
  return html + "</div></div>";
}

std::string GroupHead(const TrajectoryRecord& t, const std::string& note) {
  return fmt::format(
      "<div class=\"prompt\">{}</div><div class=\"truth\">ground truth <b>{}</b> "
      "&middot; prompt {} &middot; {}</div>",
      EscapeHtml(t.prompt), EscapeHtml(t.ground_truth), t.prompt_index, note);
}

// Right and wrong in turn, the rarer kind first, so that few samples still show both.
Group Mixed(const Group& group, size_t max_samples) {
  Group right, wrong;
  for (const TrajectoryRecord* t : group) (t->right() ? right : wrong).push_back(t);
  if (wrong.size() < right.size()) std::swap(right, wrong);
  Group mixed;
  for (size_t i = 0; mixed.size() < std::min(max_samples, group.size()); ++i) {
    if (i < right.size()) mixed.push_back(right[i]);
    if (i < wrong.size() && mixed.size() < max_samples) mixed.push_back(wrong[i]);
  }
  return mixed;
}

// The first sample with the verdict that most of the group have.
const TrajectoryRecord& Typical(const Group& group) {
  const bool right = 2 * CountRight(group) >= group.size();
  for (const TrajectoryRecord* t : group) {
    if (t->right() == right) return *t;
  }
  return *group[0];
}

}  // namespace

// --a, --e, --l: how strong a token's colour is (0 to 1) by advantage, entropy, log-prob.
std::string TokenHtml(const std::string& token, double logp, double entropy,
                      const double* advantage, double largest_advantage) {
  std::string style =
      fmt::format("--e:{:.2f};--l:{:.2f}", std::clamp(entropy / kFullEntropy, 0.0, 1.0),
                  std::clamp(1 - std::exp(logp), 0.0, 1.0));
  std::string data = fmt::format("{:.4g}|{:.4g}", logp, entropy);
  std::string css;
  if (advantage != nullptr) {
    style += fmt::format(";--a:{:.2f}", std::fabs(*advantage) / largest_advantage);
    data += fmt::format("|{:.4g}", *advantage);
    if (*advantage < 0) css = " class=\"n\"";
  }
  return fmt::format("<i{} style=\"{}\" data-t=\"{}\">{}</i>", css, style, data, EscapeHtml(token));
}

std::string BeforeAfter(const std::vector<TrajectoryRecord>& before,
                        const std::vector<TrajectoryRecord>& after) {
  struct Pair {
    Group before, after;
    double gain;
  };
  std::map<int64_t, Group> earlier;
  for (Group& group : ByPrompt(before)) earlier[group[0]->prompt_index] = std::move(group);
  std::vector<Pair> pairs;
  for (Group& group : ByPrompt(after)) {
    const auto it = earlier.find(group[0]->prompt_index);
    if (it == earlier.end()) continue;
    const double gain = ShareRight(group) - ShareRight(it->second);
    pairs.push_back({it->second, std::move(group), gain});
  }
  if (pairs.empty()) return "";
  std::stable_sort(pairs.begin(), pairs.end(),
                   [](const Pair& a, const Pair& b) { return a.gain > b.gain; });
  std::vector<std::pair<const char*, size_t>> shown = {{"largest gain", 0}};
  if (pairs.size() > 2) shown.emplace_back("median", pairs.size() / 2);
  if (pairs.size() > 1) shown.emplace_back("largest loss, or smallest gain", pairs.size() - 1);

  std::string html;
  for (const auto& [what, i] : shown) {
    const Pair& p = pairs[i];
    html += "<article class=\"card\">" +
            GroupHead(*p.after[0],
                      fmt::format("{}: {} of {} right, then {} of {}", what, CountRight(p.before),
                                  p.before.size(), CountRight(p.after), p.after.size())) +
            Sample(Typical(p.before), "before", 1) + Sample(Typical(p.after), "after", 1) +
            "</article>\n";
  }
  return html;
}

std::string StepSamples(const std::vector<TrajectoryRecord>& trajectories, size_t max_groups,
                        size_t max_samples) {
  double largest_advantage = 1e-9;
  for (const TrajectoryRecord& t : trajectories) {
    for (const double a : t.advantage)
      largest_advantage = std::max(largest_advantage, std::fabs(a));
  }
  std::string html;
  const std::vector<Group> groups = ByPrompt(trajectories);
  for (size_t g = 0; g < std::min(max_groups, groups.size()); ++g) {
    const Group& group = groups[g];
    html += "<article class=\"card\">" +
            GroupHead(*group[0], fmt::format("{} of {} right", CountRight(group), group.size()));
    for (const TrajectoryRecord* t : Mixed(group, max_samples))
      html += Sample(*t, "", largest_advantage);
    html += "</article>\n";
  }
  return html;
}

}  // namespace rlvr
