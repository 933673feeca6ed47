// What an evaluation came to, as a table and as JSON lines.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "data/shards.h"
#include "eval/lost_in_conversation.h"

namespace rlvr {
namespace {

using OrderedJson = nlohmann::ordered_json;

std::string Cell(const Interval& i, double scale) {
  if (std::isnan(i.mean)) return "-";
  return fmt::format("{:.1f} [{:.1f}, {:.1f}]", scale * i.mean, scale * i.low, scale * i.high);
}

// NaN becomes null.
OrderedJson Number(double value) {
  return std::isfinite(value) ? OrderedJson(value) : OrderedJson();
}

OrderedJson IntervalJson(const Interval& i) {
  return {{"mean", Number(i.mean)}, {"low", Number(i.low)}, {"high", Number(i.high)}};
}

OrderedJson MessageJson(const Message& m) { return {{"role", m.role}, {"content", m.content}}; }

// Tells which shard a message of the user reveals: the one not told before whose words, or one of
// whose rephrasings, stand in it. Other words for it (a model's) are not recognised.
class ShardFinder {
 public:
  explicit ShardFinder(const Prompt& prompt) : text_(ReadShards(prompt)) {}
  OrderedJson Find(const Message& m) {
    OrderedJson json = MessageJson(m);
    if (!text_ || m.role != "user") return json;
    int found = 0;
    for (const Shard& shard : text_->shards) {
      const auto stands_in = [&](const std::string& words) {
        return !words.empty() && m.content.find(words) != std::string::npos;
      };
      if (told_.contains(shard.id) ||
          !(stands_in(shard.text) ||
            std::any_of(shard.paraphrases.begin(), shard.paraphrases.end(), stands_in)))
        continue;
      if (found != 0) return json;  // the whole request at once
      found = shard.id;
    }
    if (found == 0) return json;
    told_.insert(found);
    json["shard"] = found;
    return json;
  }

 private:
  std::optional<ShardedText> text_;
  std::set<int> told_;
};

}  // namespace

std::string LostInConversationTable(const LostInConversationResult& result) {
  std::string text;
  text += fmt::format("{:<15} {:<20} {:<20} {:<20} {:<20} {:<20}\n", "", "P", "A90", "U90-10",
                      "R90", "of FULL, %");
  for (const auto& t : result.types) {
    const ConversationSummary& s = t.summary;
    text += fmt::format("{:<15} {:<20} {:<20} {:<20} {:<20} {:<20}\n", t.name, Cell(s.P, 1),
                        Cell(s.A90, 1), Cell(s.U90_10, 1), Cell(s.R90, 1), Cell(t.relative, 1));
    if (s.P_of_task.size() < 2) continue;
    for (const auto& [task, P] : s.P_of_task)
      text += fmt::format("  {:<13} {:<20}\n", task, Cell(P, 1));
  }
  text += fmt::format("\n{:<15}", "turns, %");
  for (int s = 1; s < kNumTurnStrategies; ++s)
    text += fmt::format(" {:>14}", ToString(static_cast<TurnStrategy>(s)));
  text += fmt::format(" {:>14}\n", "turns each");
  for (const auto& t : result.types) {
    text += fmt::format("{:<15}", t.name);
    for (size_t s = 1; s < kNumTurnStrategies; ++s)
      text += fmt::format(" {:>14.1f}", 100 * t.summary.strategy_share[s]);
    text += fmt::format(" {:>14.2f}\n",
                        static_cast<double>(t.summary.num_turns) /
                            static_cast<double>(std::max<int64_t>(t.summary.num_conversations, 1)));
  }
  const bool talks = std::any_of(result.types.begin(), result.types.end(),
                                 [](const auto& t) { return !ToldAtOnce(t.name); });
  if (talks)
    text += fmt::format("\n{:<15} {:<20} {:<20} {:>12}  P by the fifth of the first attempt (n)\n",
                        "premature, %", "of early turns", "of conversations", "no attempt");
  for (const auto& t : result.types) {
    if (ToldAtOnce(t.name)) continue;
    const ConversationSummary& s = t.summary;
    text += fmt::format("{:<15} {:<20} {:<20} {:>12.1f} ", t.name, Cell(s.premature_turns, 100),
                        Cell(s.premature_conversations, 100), 100 * s.without_attempt);
    for (const Fifth& f : s.first_attempt) {
      text += f.conversations == 0
                  ? fmt::format(" {:>12}", "-")
                  : fmt::format(" {:>12}", fmt::format("{:.1f} ({})", f.P, f.conversations));
    }
    text += "\n";
  }
  for (const auto& t : result.types) {
    if (t.failed > 0) {
      text += fmt::format("{}: {} conversations were broken off by the other side and left out\n",
                          t.name, t.failed);
    }
    const auto faults = t.metrics.find("judge_faults");  // a mean over conversations
    if (faults != t.metrics.end() && faults->second > 0) {
      text +=
          fmt::format("{}: the judge named no class for {:.0f} turns, which are by rules\n", t.name,
                      faults->second * static_cast<double>(t.summary.num_conversations));
    }
    if (t.cut > 0) {
      text += fmt::format("{}: {} conversations hit a limit of turns or tokens\n", t.name, t.cut);
    }
  }
  return text;
}

std::string SummaryJsonLines(const LostInConversationResult& result) {
  std::string text;
  for (const auto& t : result.types) {
    const ConversationSummary& s = t.summary;
    OrderedJson row;
    row["protocol"] = "lost_in_conversation";
    row["type"] = t.name;
    row["num_instructions"] = s.num_instructions;
    row["num_conversations"] = s.num_conversations;
    row["num_turns"] = s.num_turns;
    row["P"] = IntervalJson(s.P);
    row["A90"] = IntervalJson(s.A90);
    row["U90_10"] = IntervalJson(s.U90_10);
    row["R90"] = IntervalJson(s.R90);
    row["relative_to_full"] = IntervalJson(t.relative);
    for (const auto& [task, P] : s.P_of_task) row["P_of_task"][task] = IntervalJson(P);
    for (int i = 0; i < kNumTurnStrategies; ++i) {
      row["strategy_share"][ToString(static_cast<TurnStrategy>(i))] =
          s.strategy_share[static_cast<size_t>(i)];
    }
    if (!ToldAtOnce(t.name)) {
      row["premature_turns"] = IntervalJson(s.premature_turns);
      row["premature_conversations"] = IntervalJson(s.premature_conversations);
      row["without_attempt"] = s.without_attempt;
      for (const Fifth& f : s.first_attempt) {
        row["first_attempt"].push_back({{"conversations", f.conversations}, {"P", Number(f.P)}});
      }
    }
    row["failed"] = t.failed;
    row["cut"] = t.cut;
    row["environment"] = t.metrics;
    for (size_t i = 0; i < s.instruction.size(); ++i) {
      row["instructions"].push_back({{"instruction", s.instruction[i]},
                                     {"task", s.task[i]},
                                     {"P", s.scores[i].P},
                                     {"A90", s.scores[i].A90},
                                     {"U90_10", s.scores[i].U90_10}});
    }
    text += row.dump() + "\n";
  }
  return text;
}

std::string TranscriptJsonLines(const LostInConversationResult& result,
                                const Tokenizer& tokenizer) {
  std::string text;
  for (const Transcript& t : result.transcripts) {
    const Prompt& prompt = result.prompts[static_cast<size_t>(t.instruction)];
    OrderedJson row;
    row["type"] = t.type;
    row["prompt_index"] = t.instruction;
    row["sample"] = t.simulation;
    row["data_source"] = prompt.data_source;
    row["ground_truth"] = prompt.ground_truth;
    row["answer"] = t.result.answer;
    row["verdict"] = ToString(t.result.verdict);
    row["score"] = t.result.score;
    row["finish"] = ToString(t.finish);
    row["num_shards"] = t.num_shards;
    row["turns"] = OrderedJson::array();
    ShardFinder finder(prompt);
    for (const Message& m : t.opening) row["turns"].push_back(finder.Find(m));
    for (const Transcript::Turn& turn : t.turns) {
      OrderedJson j = MessageJson({"assistant", turn.policy.text});
      j["finish"] = ToString(turn.policy.finish);
      j["strategy"] = ToString(turn.reply.outcome.strategy);
      j["illocution"] = ToString(turn.reply.outcome.illocution);
      j["right"] = turn.reply.outcome.right;
      j["reward"] = turn.reply.outcome.reward;
      const Segment& s = t.tree.segments[static_cast<size_t>(turn.segment)];
      j["tokens"] = OrderedJson::array();
      for (const int32_t token : s.tokens) j["tokens"].push_back(tokenizer.TokenBytes(token));
      j["logp"] = s.logp;
      j["entropy"] = s.entropy;
      row["turns"].push_back(std::move(j));
      for (const Message& m : turn.reply.messages) row["turns"].push_back(finder.Find(m));
    }
    // Bytes that are no text (half a character in a token) become U+FFFD.
    text += row.dump(-1, ' ', false, OrderedJson::error_handler_t::replace) + "\n";
  }
  return text;
}

}  // namespace rlvr
