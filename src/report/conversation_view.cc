#include "report/conversation_view.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>

#include "base/error.h"
#include "base/file.h"
#include "report/html.h"
#include "report/samples.h"

namespace rlvr {
namespace {

using ConversationGroup = std::vector<const ConversationRecord*>;

bool IsPolicy(const ConversationTurn& turn) { return turn.role == "assistant"; }

// "answer attempt, right", "clarification": what was made of a turn.
std::string Labels(const ConversationTurn& turn) {
  std::string html;
  if (!turn.strategy.empty() && turn.strategy != "unknown") {
    std::string strategy = turn.strategy;
    std::replace(strategy.begin(), strategy.end(), '_', ' ');
    const bool attempt = turn.strategy == "answer_attempt";
    html += fmt::format("<span class=\"verdict {}\">{}{}</span> ",
                        !attempt     ? "other"
                        : turn.right ? "right"
                                     : "wrong",
                        EscapeHtml(strategy),
                        !attempt     ? ""
                        : turn.right ? ", right"
                                     : ", wrong");
    // An answer to what cannot be answered yet.
    if (attempt && turn.illocution == "underspecified")
      html += "<span class=\"early\">premature</span> ";
  }
  if (!turn.illocution.empty() && turn.illocution != "unknown")
    html += fmt::format("&middot; asked: {} ", EscapeHtml(turn.illocution));
  if (turn.reward != 0) html += fmt::format("&middot; reward {:+.3g} ", turn.reward);
  if (turn.finish == "length") html += "&middot; cut off ";
  return html;
}

std::string Bubble(const ConversationTurn& turn, int number, int64_t num_shards,
                   double largest_advantage) {
  const bool policy = IsPolicy(turn);
  std::string html = fmt::format("<div class=\"turn {}\"><div class=\"meta\"><b>{}</b> ",
                                 policy                  ? "policy"
                                 : turn.role == "system" ? "system"
                                                         : "other",
                                 EscapeHtml(turn.role));
  if (policy) {
    html += fmt::format("turn {} {}&middot; {} tokens", number, Labels(turn), turn.tokens.size());
  } else if (turn.shard > 0) {
    html += num_shards > 0 ? fmt::format("&middot; shard {} of {}", turn.shard, num_shards)
                           : fmt::format("&middot; shard {}", turn.shard);
  }
  html += "</div><div class=\"bubble\">";
  if (turn.tokens.empty()) {
    html += turn.content.empty() ? "<em>nothing</em>" : EscapeHtml(turn.content);
  } else {
    html += "<div class=\"tokens\">";
    for (size_t i = 0; i < turn.tokens.size(); ++i) {
      html += TokenHtml(turn.tokens[i], turn.logp[i], turn.entropy[i],
                        turn.advantage.empty() ? nullptr : &turn.advantage[i], largest_advantage);
    }
    html += "</div>";
  }
  return html + "</div></div>\n";
}

double LargestAdvantage(const std::vector<ConversationRecord>& conversations) {
  double largest = 1e-9;
  for (const ConversationRecord& c : conversations) {
    for (const ConversationTurn& turn : c.turns) {
      for (const double a : turn.advantage) largest = std::max(largest, std::fabs(a));
    }
  }
  return largest;
}

// Right and wrong in turn, the rarer kind first.
ConversationGroup MixedVerdicts(const ConversationGroup& all, size_t max_samples) {
  ConversationGroup right, wrong, mixed;
  for (const ConversationRecord* c : all) (c->verdict == "right" ? right : wrong).push_back(c);
  if (wrong.size() < right.size()) std::swap(right, wrong);
  for (size_t i = 0; mixed.size() < std::min(max_samples, all.size()); ++i) {
    if (i < right.size()) mixed.push_back(right[i]);
    if (i < wrong.size() && mixed.size() < max_samples) mixed.push_back(wrong[i]);
  }
  return mixed;
}

// How the conversations of each type went, in order of first appearance.
std::string TypesTable(const std::vector<ConversationRecord>& conversations) {
  struct Counts {
    int64_t conversations = 0, right = 0, turns = 0, premature = 0;
  };
  std::vector<std::string> order;
  std::map<std::string, Counts> counts;
  for (const ConversationRecord& c : conversations) {
    if (!counts.contains(c.type)) order.push_back(c.type);
    Counts& n = counts[c.type];
    ++n.conversations;
    n.right += c.verdict == "right";
    bool premature = false;
    for (const ConversationTurn& turn : c.turns) {
      n.turns += IsPolicy(turn);
      premature |= turn.strategy == "answer_attempt" && turn.illocution == "underspecified";
    }
    n.premature += premature;
  }
  std::string html =
      "<div class=\"scroll\"><table><tr><th>type</th><th class=\"num\">conversations</th>"
      "<th class=\"num\">right</th><th class=\"num\">turns each</th>"
      "<th class=\"num\">with a premature answer</th></tr>";
  for (const std::string& type : order) {
    const Counts& n = counts[type];
    const auto all = static_cast<double>(n.conversations);
    html += fmt::format(
        "<tr><td>{}</td><td class=\"num\">{}</td><td class=\"num\">{}</td>"
        "<td class=\"num\">{:.2f}</td><td class=\"num\">{}</td></tr>",
        type.empty() ? "conversation" : EscapeHtml(type), n.conversations,
        FormatValue(static_cast<double>(n.right) / all, Unit::kPercent),
        static_cast<double>(n.turns) / all,
        FormatValue(static_cast<double>(n.premature) / all, Unit::kPercent));
  }
  return html + "</table></div>\n";
}

}  // namespace

std::string ConversationHtml(const ConversationRecord& c, double largest_advantage) {
  std::string html =
      fmt::format("<div class=\"sample\"><div class=\"meta\"><span class=\"verdict {}\">{}</span>",
                  c.verdict == "right"   ? "right"
                  : c.verdict == "wrong" ? "wrong"
                                         : "other",
                  EscapeHtml(c.verdict));
  if (!c.type.empty()) html += fmt::format(" <b>{}</b>", EscapeHtml(c.type));
  if (!c.answer.empty()) html += fmt::format(" &middot; answer <b>{}</b>", EscapeHtml(c.answer));
  html += fmt::format(
      " &middot; score {:.3g} &middot; {} &middot; sample {}</div>"
      "<div class=\"conversation\">\n",
      c.score, EscapeHtml(c.finish), c.sample);
  int number = 0;
  for (const ConversationTurn& turn : c.turns) {
    if (IsPolicy(turn)) ++number;
    html += Bubble(turn, number, c.num_shards, largest_advantage);
  }
  return html + "</div></div>\n";
}

std::string ConversationsHtml(const std::vector<ConversationRecord>& conversations,
                              size_t max_groups, size_t max_samples) {
  const double largest_advantage = LargestAdvantage(conversations);
  // Of each instruction its types, both in order of first appearance.
  std::vector<int64_t> order;
  std::map<int64_t, std::vector<std::pair<std::string, ConversationGroup>>> groups;
  for (const ConversationRecord& c : conversations) {
    auto& types = groups[c.prompt_index];
    if (types.empty()) order.push_back(c.prompt_index);
    auto type =
        std::find_if(types.begin(), types.end(), [&](const auto& t) { return t.first == c.type; });
    if (type == types.end()) type = types.insert(types.end(), {c.type, {}});
    type->second.push_back(&c);
  }
  std::string html;
  for (size_t g = 0; g < std::min(max_groups, order.size()); ++g) {
    const auto& types = groups.at(order[g]);
    html += fmt::format(
        "<article class=\"card\"><div class=\"truth\">prompt {} &middot; ground truth <b>{}</b>"
        "</div>",
        order[g], EscapeHtml(types[0].second[0]->ground_truth));
    for (const auto& [type, all] : types) {
      for (const ConversationRecord* c : MixedVerdicts(all, max_samples))
        html += ConversationHtml(*c, largest_advantage);
    }
    html += "</article>\n";
  }
  return html;
}

std::string WriteConversations(const std::string& path) {
  constexpr size_t kGroups = 40, kSamples = 2;
  const std::vector<ConversationRecord> conversations = ReadConversations(path);
  if (conversations.empty()) {
    throw Error(path, "holds no conversations",
                "give what 'rlvr eval --protocol ... --transcripts FILE.jsonl' wrote");
  }
  const std::string name = EscapeHtml(std::filesystem::path(path).stem().string());
  const std::string page =
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
      "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
      "style-src 'unsafe-inline'; script-src 'unsafe-inline'\">"
      "<title>" +
      name + "</title><style>" + kChartStyle + kPageStyle + kConversationStyle +
      "</style></head>\n<body class=\"by-entropy\"><main>\n<h1>" + name + "</h1>\n" +
      TypesTable(conversations) +
      fmt::format(
          "<h2>Conversations</h2><p>The first {} instructions; of each type up to {} "
          "conversations, right and wrong in turn.</p>",
          kGroups, kSamples) +
      "<div class=\"switch\">Colour tokens by <div>"
      "<button data-by=\"entropy\" aria-pressed=\"true\">entropy</button>"
      "<button data-by=\"logp\" aria-pressed=\"false\">log-prob</button></div>"
      "<span>entropy: open choices &middot; log-prob: unlikely tokens</span></div>\n" +
      ConversationsHtml(conversations, kGroups, kSamples) +
      "<footer>Written by rlvr report. This page loads nothing from anywhere.</footer>\n"
      "<div id=\"tip\" hidden></div></main><script>" +
      kPageScript + "</script></body></html>\n";
  const std::string html = std::filesystem::path(path).replace_extension(".html").string();
  WriteFileAtomically(html, page);
  return html;
}

const char kConversationStyle[] = R"css(
.conversation{display:flex;flex-direction:column;gap:8px;margin:8px 0}
.turn{max-width:82%}.turn.policy{align-self:flex-end}.turn.policy .meta{text-align:right}
.turn.system{max-width:100%}.turn.system .bubble{background:none;border-style:dashed;color:var(--soft)}
.bubble{border:1px solid var(--line);border-radius:12px;padding:8px 12px;background:var(--bg);
white-space:pre-wrap;overflow-wrap:anywhere}
.turn.policy .bubble{background:var(--card);border-color:var(--c0);border-bottom-right-radius:3px}
.turn.other .bubble{border-bottom-left-radius:3px}
.turn .meta{margin:0 4px 2px}
.early{color:var(--bad);font-weight:650}
@media(max-width:560px){.turn{max-width:94%}}
)css";

}  // namespace rlvr
