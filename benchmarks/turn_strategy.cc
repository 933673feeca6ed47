// How well the rules for a turn's strategy (verify/turn_strategy.h) agree with labels that a model
// gave: prints tables in markdown.
//   turn_strategy math_turns_labelled.jsonl [--half tuning|report|both] [--rows]
// Rows need task_id, assistant and response_type; with turn and user the rules also see what the user
// has said in the conversation, whose turns stand in order, from 1. The rules were made while looking at the tuning
// half alone: the tasks whose task_id has bit 20 of its 64-bit FNV-1a hash clear. --rows prints one
// JSON line a row instead: line number, label, strategy, answer.
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "verify/turn_strategy.h"

namespace {

using rlvr::TurnStrategy;

bool InReportHalf(const std::string& task_id) {
  uint64_t hash = 0xcbf29ce484222325u;
  for (const unsigned char c : task_id) hash = (hash ^ c) * 0x100000001b3u;
  return (hash >> 20 & 1) != 0;
}

struct Table {
  int64_t count[rlvr::kNumTurnStrategies][rlvr::kNumTurnStrategies] = {};  // [label][rule]
  std::set<std::string> tasks;
};

double Ratio(int64_t a, int64_t b) {
  return b == 0 ? 0 : static_cast<double>(a) / static_cast<double>(b);
}

void Print(const std::string& name, const Table& t) {
  int64_t rows = 0, equal = 0, attempts_agree = 0;
  double f1_sum = 0;
  std::printf("\n### %s half: %zu tasks\n\n| label \\ rules |", name.c_str(), t.tasks.size());
  for (int j = 1; j < rlvr::kNumTurnStrategies; ++j)
    std::printf(" %s |", rlvr::ToString(static_cast<TurnStrategy>(j)));
  std::printf(" turns | precision | recall | F1 |\n|---|");
  for (int j = 0; j < rlvr::kNumTurnStrategies + 3; ++j) std::printf("---|");
  std::printf("\n");
  for (int i = 1; i < rlvr::kNumTurnStrategies; ++i) {
    int64_t label = 0, rule = 0;
    std::printf("| %s |", rlvr::ToString(static_cast<TurnStrategy>(i)));
    for (int j = 1; j < rlvr::kNumTurnStrategies; ++j) {
      std::printf(" %lld |", static_cast<long long>(t.count[i][j]));
      label += t.count[i][j];
      rule += t.count[j][i];
      attempts_agree += (i == 1) == (j == 1) ? t.count[i][j] : 0;
    }
    const int64_t both = t.count[i][i];
    const double f1 = Ratio(2 * both, label + rule);
    std::printf(" %lld | %.3f | %.3f | %.3f |\n", static_cast<long long>(label), Ratio(both, rule),
                Ratio(both, label), f1);
    rows += label;
    equal += both;
    f1_sum += f1;
  }
  std::printf(
      "\n%lld turns. Same class: %.1f %%. Macro-F1: %.3f. answer_attempt against the rest: %.1f "
      "%%.\n",
      static_cast<long long>(rows), 100 * Ratio(equal, rows),
      f1_sum / (rlvr::kNumTurnStrategies - 1), 100 * Ratio(attempts_agree, rows));
}

}  // namespace

int main(int argc, char** argv) {
  std::string path, half = "both";
  bool rows = false;
  for (int i = 1; i < argc; ++i) {
    const std::string arg = argv[i];
    if (arg == "--rows") {
      rows = true;
    } else if (arg == "--half" && i + 1 < argc) {
      half = argv[++i];
    } else {
      path = arg;
    }
  }
  std::ifstream file(path);
  if (!file) {
    std::fprintf(stderr, "usage: turn_strategy FILE.jsonl [--half tuning|report|both] [--rows]\n");
    return 1;
  }
  std::map<std::string, Table> tables;
  std::string line, said;
  for (int number = 1; std::getline(file, line); ++number) {
    const auto row = nlohmann::json::parse(line);
    const std::string task = row["task_id"];
    const std::string name = InReportHalf(task) ? "report" : "tuning";
    if (row.value("turn", 1) == 1) said.clear();
    said += row.value("user", std::string()) + "\n";
    if (half != "both" && half != name) continue;
    const TurnStrategy label = rlvr::ParseTurnStrategy(row["response_type"]);
    const rlvr::TurnReading reading = rlvr::ReadTurn(row["assistant"].get<std::string>(), said);
    if (rows) {
      const nlohmann::json out = {{"line", number},
                                  {"label", rlvr::ToString(label)},
                                  {"strategy", rlvr::ToString(reading.strategy)},
                                  {"answer", reading.answer}};
      std::printf("%s\n", out.dump().c_str());
      continue;
    }
    Table& t = tables[name];
    t.tasks.insert(task);
    ++t.count[static_cast<int>(label)][static_cast<int>(reading.strategy)];
  }
  for (const auto& [name, table] : tables) Print(name, table);
  return 0;
}
