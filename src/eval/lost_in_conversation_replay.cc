#include "eval/lost_in_conversation_replay.h"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/file.h"
#include "verify/turn_strategy.h"

namespace rlvr {
namespace {

using Json = nlohmann::json;

// Calls read(object, place) for every line; what it throws about the object names the line.
template <class Read>
void ForEachJsonLine(const std::string& path, const Read& read) {
  const std::string text = ReadFile(path);
  int64_t number = 0;
  for (size_t begin = 0; begin < text.size();) {
    size_t end = text.find('\n', begin);
    if (end == std::string::npos) end = text.size();
    const std::string place = fmt::format("{}:{}", path, ++number);
    if (end > begin) {
      try {
        read(Json::parse(text.begin() + static_cast<int64_t>(begin),
                         text.begin() + static_cast<int64_t>(end)),
             place);
      } catch (const Json::exception& e) {
        throw Error(place, e.what(), "mend or remove this line");
      }
    }
    begin = end + 1;
  }
}

// Scores of the protocol are all or nothing here.
double ScoreOf(const RecordedTurn& turn, const std::string& ground_truth,
               const Verifier& verifier) {
  return verifier.Judge(turn.answer, ground_truth).verdict == Verdict::kRight ? 1 : 0;
}

void AddByRules(const RecordedConversation& c, const Verifier& verifier, double score,
                bool whole_text, RulesCounts* counts) {
  const double by_rules = ReplayConversation(ReadAgainByRules(c, whole_text), verifier).score;
  counts->same_scores += by_rules == score;
  counts->right_by_rules_alone += by_rules > score;
  counts->right_by_record_alone += by_rules < score;
  counts->score += 100 * by_rules;
}

void Add(const RecordedConversation& c, const Verifier& verifier, ReplayCounts* counts,
         std::vector<ScoredConversation>* scored, std::map<std::string, int64_t>* instructions) {
  const ReplayedConversation replayed = ReplayConversation(c, verifier);
  ++counts->conversations;
  counts->turns += static_cast<int64_t>(c.turns.size());
  for (const RecordedTurn& turn : c.turns) {
    if (!turn.score) continue;
    ++counts->attempts;
    counts->same_turn_scores += ScoreOf(turn, c.ground_truth, verifier) == *turn.score;
  }
  const size_t played = replayed.scores.size();
  counts->turns_after_end += static_cast<int64_t>(c.turns.size() - played);
  counts->conversations_cut += played < c.turns.size();
  counts->never_fully_revealed += !c.turns.back().all_revealed;
  counts->same_scores += replayed.recorded && *replayed.recorded == replayed.score;
  counts->no_attempt += replayed.difference == ReplayDifference::kNoAttempt;
  counts->stopped_earlier += replayed.difference == ReplayDifference::kStoppedEarlier;
  counts->score += 100 * replayed.score;
  counts->recorded += 100 * replayed.recorded.value_or(0);
  AddByRules(c, verifier, replayed.score, false, &counts->rules);
  AddByRules(c, verifier, replayed.score, true, &counts->rules_whole_text);

  ScoredConversation s;
  s.instruction = instructions->emplace(c.task_id, instructions->size()).first->second;
  s.task = "math";
  s.score = 100 * replayed.score;
  s.num_shards = c.num_shards;
  for (size_t t = 0; t < played; ++t) {
    s.turns.push_back({.strategy = c.turns[t].strategy,
                       .specified = c.turns[t].all_revealed,
                       .right = replayed.scores[t].value_or(0) == 1});
  }
  scored->push_back(std::move(s));
}

std::string Percent(double share) {
  return std::isnan(share) ? "-" : fmt::format("{:.1f}", 100 * share);
}

}  // namespace

std::vector<RecordedConversation> ReadRecordedConversations(const std::string& turns,
                                                            const std::string& instructions) {
  std::map<std::string, std::string> ground_truth;
  ForEachJsonLine(instructions, [&](const Json& row, const std::string&) {
    ground_truth[row.at("task_id").get<std::string>()] = row.at("ground_truth").get<std::string>();
  });
  std::vector<RecordedConversation> conversations;
  std::map<std::pair<std::string, std::string>, size_t> index;
  ForEachJsonLine(turns, [&](const Json& row, const std::string& place) {
    const auto task_id = row.at("task_id").get<std::string>();
    const auto model = row.at("model").get<std::string>();
    const auto [it, added] = index.try_emplace({task_id, model}, conversations.size());
    if (added) {
      const auto truth = ground_truth.find(task_id);
      if (truth == ground_truth.end())
        throw Error(place, "no ground truth for " + task_id, "add it to " + instructions);
      conversations.push_back({.task_id = task_id,
                               .model = model,
                               .ground_truth = truth->second,
                               .num_shards = row.at("n_shards").get<int>(),
                               .turns = {}});
    }
    RecordedConversation& c = conversations[it->second];
    if (row.at("turn").get<size_t>() != c.turns.size() + 1) {
      throw Error(place, fmt::format("turn {} follows {}", row.at("turn").dump(), c.turns.size()),
                  "a conversation's turns stand in order, from 1");
    }
    RecordedTurn turn;
    turn.user = row.at("user").get<std::string>();
    turn.assistant = row.at("assistant").get<std::string>();
    turn.strategy = ParseTurnStrategy(row.at("response_type").get<std::string>());
    if (!row.at("exact_answer").is_null()) turn.answer = row["exact_answer"].get<std::string>();
    if (!row.at("score").is_null()) turn.score = row["score"].get<double>();
    turn.num_revealed = static_cast<int>(row.at("revealed").size());
    turn.all_revealed = row.at("all_revealed").get<bool>();
    c.turns.push_back(std::move(turn));
  });
  if (conversations.empty()) throw Error(turns, "holds no turns", "one JSON object a line");
  return conversations;
}

RecordedConversation ReadAgainByRules(const RecordedConversation& conversation, bool whole_text) {
  RecordedConversation again = conversation;
  std::string request;  // what the user has said so far
  for (RecordedTurn& turn : again.turns) {
    request += (request.empty() ? "" : "\n") + turn.user;
    TurnReading reading = ReadTurn(turn.assistant, request);
    turn.strategy = reading.strategy;
    turn.answer = whole_text ? turn.assistant : std::move(reading.answer);
  }
  return again;
}

ReplayedConversation ReplayConversation(const RecordedConversation& c, const Verifier& verifier) {
  ReplayedConversation replayed;
  bool attempted = false;
  for (const RecordedTurn& turn : c.turns) {
    replayed.scores.emplace_back();
    if (turn.strategy != TurnStrategy::kAnswerAttempt) continue;
    attempted = true;
    replayed.score = ScoreOf(turn, c.ground_truth, verifier);
    replayed.scores.back() = replayed.score;
    if (replayed.score == 1) break;
  }
  for (const RecordedTurn& turn : c.turns) {
    if (turn.score) replayed.recorded = turn.score;
  }
  if (!attempted && !replayed.recorded) {
    replayed.difference = ReplayDifference::kNoAttempt;
  } else if (replayed.recorded != replayed.score && replayed.scores.size() < c.turns.size()) {
    replayed.difference = ReplayDifference::kStoppedEarlier;
  }
  return replayed;
}

std::map<std::string, ReplayCounts> Replay(const std::vector<RecordedConversation>& conversations,
                                           const Verifier& verifier) {
  std::map<std::string, ReplayCounts> counts;
  std::map<std::string, std::vector<ScoredConversation>> scored;
  std::map<std::string, int64_t> instructions;
  for (const RecordedConversation& c : conversations) {
    for (const std::string& name : {c.model, std::string("all")})
      Add(c, verifier, &counts[name], &scored[name], &instructions);
  }
  for (auto& [name, c] : counts) {
    c.score /= static_cast<double>(c.conversations);
    c.recorded /= static_cast<double>(c.conversations);
    for (RulesCounts* rules : {&c.rules, &c.rules_whole_text})
      rules->score /= static_cast<double>(c.conversations);
    c.summary = Summarize(scored[name], StreamKey(0, Stream::kEval));
  }
  return counts;
}

std::string ReplayTable(const std::map<std::string, ReplayCounts>& counts) {
  std::string text;
  const auto row = [&](const std::string& title, const auto& cell) {
    text += fmt::format("{:<48}", title);
    for (const auto& [name, c] : counts) text += fmt::format(" {:>10}", cell(c));
    text += "\n";
  };
  text += fmt::format("{:<48}", "");
  for (const auto& [name, c] : counts) {
    const std::string last = name.substr(name.rfind('/') + 1);  // of "vendor/model"
    text += fmt::format(" {:>10}", last.substr(0, 10));
  }
  text += "\n";
  row("conversations", [](const ReplayCounts& c) { return c.conversations; });
  row("turns", [](const ReplayCounts& c) { return c.turns; });
  row("answer attempts", [](const ReplayCounts& c) { return c.attempts; });
  row("  with the recorded score", [](const ReplayCounts& c) { return c.same_turn_scores; });
  row("  with another score",
      [](const ReplayCounts& c) { return c.attempts - c.same_turn_scores; });
  row("conversations with the last recorded score",
      [](const ReplayCounts& c) { return c.same_scores; });
  row("  other: ends at the first right attempt, a later",
      [](const ReplayCounts& c) { return c.stopped_earlier; });
  text += "         recorded one is wrong\n";
  row("  other: no attempt, nothing recorded, 0 here",
      [](const ReplayCounts& c) { return c.no_attempt; });
  row("  other: unexplained", [](const ReplayCounts& c) {
    return c.conversations - c.same_scores - c.stopped_earlier - c.no_attempt;
  });
  row("conversations recorded beyond the protocol's end",
      [](const ReplayCounts& c) { return c.conversations_cut; });
  row("  turns beyond it", [](const ReplayCounts& c) { return c.turns_after_end; });
  row("records that end with shards untold",
      [](const ReplayCounts& c) { return c.never_fully_revealed; });
  row("P by the protocol, %", [](const ReplayCounts& c) { return fmt::format("{:.1f}", c.score); });
  row("P by the last recorded attempt, %",
      [](const ReplayCounts& c) { return fmt::format("{:.1f}", c.recorded); });
  const auto rules_rows = [&](const std::string& title, RulesCounts ReplayCounts::*rules) {
    text += title + "\n";
    row("  conversations with the same score",
        [&](const ReplayCounts& c) { return (c.*rules).same_scores; });
    row("  right by rules alone",
        [&](const ReplayCounts& c) { return (c.*rules).right_by_rules_alone; });
    row("  right by the record's labels alone",
        [&](const ReplayCounts& c) { return (c.*rules).right_by_record_alone; });
    row("  P, %", [&](const ReplayCounts& c) { return fmt::format("{:.1f}", (c.*rules).score); });
  };
  rules_rows("strategies and answers by rules:", &ReplayCounts::rules);
  rules_rows("strategies by rules, the last number of an attempt:",
             &ReplayCounts::rules_whole_text);
  row("premature answers: of early turns, %",
      [](const ReplayCounts& c) { return Percent(c.summary.premature_turns.mean); });
  row("premature answers: of conversations, %",
      [](const ReplayCounts& c) { return Percent(c.summary.premature_conversations.mean); });
  for (size_t f = 0; f < kNumFifths; ++f) {
    row(fmt::format("P where the first attempt came in fifth {}, % (n)", f + 1),
        [&](const ReplayCounts& c) {
          const Fifth& fifth = c.summary.first_attempt[f];
          return fifth.conversations == 0
                     ? std::string("-")
                     : fmt::format("{:.1f} ({})", fifth.P, fifth.conversations);
        });
  }
  for (int s = 1; s < kNumTurnStrategies; ++s) {
    row(fmt::format("{}, % of turns", ToString(static_cast<TurnStrategy>(s))),
        [&](const ReplayCounts& c) {
          return Percent(c.summary.strategy_share[static_cast<size_t>(s)]);
        });
  }
  return text;
}

}  // namespace rlvr
