#include "report/run_data.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <functional>
#include <limits>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/file.h"

namespace rlvr {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr char kResume[] =
    "the file is damaged: 'rlvr resume' goes on from the last checkpoint and writes the rest anew";

Json Parse(const std::string& text, const std::string& place) {
  Json json = Json::parse(text, nullptr, false);
  if (!json.is_object()) throw Error(place, "not a whole JSON object", kResume);
  return json;
}

// A JSON object that knows where it stands.
class Record {
 public:
  Record(const Json& json, const std::string& place) : json_(json), place_(place) {}

  double Number(const char* key) const {
    const Json& value = Take(key);
    if (!value.is_number()) Fail(key, "a number");
    return value.get<double>();
  }
  int64_t Integer(const char* key) const {
    const Json& value = Take(key);
    if (!value.is_number_integer()) Fail(key, "an integer");
    return value.get<int64_t>();
  }
  std::string Text(const char* key) const {
    const Json& value = Take(key);
    if (!value.is_string()) Fail(key, "a string");
    return value.get<std::string>();
  }
  std::vector<double> Numbers(const char* key) const {
    std::vector<double> numbers;
    for (const Json& value : List(key)) {
      if (!value.is_number()) Fail(key, "a list of numbers");
      numbers.push_back(value.get<double>());
    }
    return numbers;
  }
  std::vector<std::string> Texts(const char* key) const {
    std::vector<std::string> texts;
    for (const Json& value : List(key)) {
      if (!value.is_string()) Fail(key, "a list of strings");
      texts.push_back(value.get<std::string>());
    }
    return texts;
  }
  Estimate Interval(const std::string& key) const {
    const Json& value = Take(key.c_str());
    if (!value.is_object()) Fail(key.c_str(), "an interval");
    const Record interval(value, place_ + ": " + key);
    return {interval.Number("mean"), interval.Number("low"), interval.Number("high")};
  }
  bool Flag(const char* key) const {
    const Json& value = Take(key);
    if (!value.is_boolean()) Fail(key, "true or false");
    return value.get<bool>();
  }
  bool Has(const char* key) const { return json_.contains(key); }
  bool IsList(const char* key) const { return Take(key).is_array(); }
  const Json& List(const char* key) const {
    const Json& value = Take(key);
    if (!value.is_array()) Fail(key, "a list");
    return value;
  }
  [[noreturn]] void Fail(const char* key, const std::string& wanted) const {
    throw Error(place_, fmt::format("'{}' is not {}", key, wanted), kResume);
  }

 private:
  const Json& Take(const char* key) const {
    const auto it = json_.find(key);
    if (it == json_.end()) throw Error(place_, fmt::format("'{}' is missing", key), kResume);
    return *it;
  }
  const Json& json_;
  const std::string& place_;
};

void ForEachLine(const std::string& path,
                 const std::function<void(const Json&, const std::string&)>& use) {
  const std::string content = ReadFile(path);
  size_t begin = 0;
  for (int64_t number = 1; begin < content.size(); ++number) {
    const size_t end = content.find('\n', begin);
    if (end == std::string::npos) return;  // still being written
    const std::string place = fmt::format("{}:{}", path, number);
    use(Parse(content.substr(begin, end - begin), place), place);
    begin = end + 1;
  }
}

TrajectoryRecord ToTrajectory(const Record& r) {
  TrajectoryRecord t;
  t.step = r.Integer("step");
  t.prompt_index = r.Integer("prompt_index");
  t.occurrence = r.Integer("occurrence");
  t.sample = r.Integer("sample");
  t.prompt = r.Text("prompt");
  t.response = r.Text("response");
  t.ground_truth = r.Text("ground_truth");
  t.answer = r.Text("answer");
  t.verdict = r.Text("verdict");
  t.finish = r.Text("finish");
  t.score = r.Number("score");
  t.reward = r.Number("reward");
  t.tokens = r.Texts("tokens");
  t.logp = r.Numbers("logp");
  t.entropy = r.Numbers("entropy");
  const size_t num_tokens = t.tokens.size();
  if (r.Has("advantage")) {
    t.advantage = r.IsList("advantage") ? r.Numbers("advantage")
                                        : std::vector<double>(num_tokens, r.Number("advantage"));
  }
  if (t.logp.size() != num_tokens) r.Fail("logp", "as long as 'tokens'");
  if (t.entropy.size() != num_tokens) r.Fail("entropy", "as long as 'tokens'");
  if (r.Has("advantage") && t.advantage.size() != num_tokens)
    r.Fail("advantage", "as long as 'tokens'");
  return t;
}

ConversationTurn ToTurn(const Record& r) {
  ConversationTurn t;
  t.role = r.Text("role");
  t.content = r.Text("content");
  if (r.Has("shard")) t.shard = r.Integer("shard");
  if (!r.Has("tokens")) return t;
  t.tokens = r.Texts("tokens");
  t.logp = r.Numbers("logp");
  t.entropy = r.Numbers("entropy");
  if (r.Has("advantage")) {
    t.advantage = r.IsList("advantage")
                      ? r.Numbers("advantage")
                      : std::vector<double>(t.tokens.size(), r.Number("advantage"));
  }
  for (const auto& [key, size] :
       {std::pair{"logp", t.logp.size()},
        {"entropy", t.entropy.size()},
        {"advantage", r.Has("advantage") ? t.advantage.size() : t.tokens.size()}}) {
    if (size != t.tokens.size()) r.Fail(key, "as long as 'tokens'");
  }
  if (r.Has("strategy")) t.strategy = r.Text("strategy");
  if (r.Has("illocution")) t.illocution = r.Text("illocution");
  if (r.Has("finish")) t.finish = r.Text("finish");
  if (r.Has("right")) t.right = r.Flag("right");
  if (r.Has("reward")) t.reward = r.Number("reward");
  return t;
}

// ChatML text as turns of others than the policy: what opens the policy's turn is left out. Plain
// text is one turn of the user.
void AddChatMl(const std::string& text, std::vector<ConversationTurn>* turns) {
  constexpr std::string_view kStart = "<|im_start|>", kEnd = "<|im_end|>";
  size_t at = text.find(kStart);
  if (at == std::string::npos) {
    turns->push_back({.role = "user", .content = text});
    return;
  }
  while (at != std::string::npos) {
    const size_t next = text.find(kStart, at + 1);
    const std::string message = text.substr(
        at + kStart.size(), next == std::string::npos ? next : next - at - kStart.size());
    const size_t line = std::min(message.find('\n'), message.size());
    const size_t end = message.rfind(kEnd);
    if (end != std::string::npos && end > line) {
      turns->push_back(
          {.role = message.substr(0, line), .content = message.substr(line + 1, end - line - 1)});
    }
    at = next;
  }
}

// A line of rollouts/ or eval/: `turns` have authors, and the line the tokens of all the policy's.
std::vector<ConversationTurn> TurnsOfTrajectory(const Record& r, const std::string& place) {
  const TrajectoryRecord all = ToTrajectory(r);
  std::vector<ConversationTurn> turns;
  AddChatMl(all.prompt, &turns);
  size_t begin = 0;
  for (const Json& json : r.List("turns")) {
    if (!json.is_object()) r.Fail("turns", "a list of objects");
    const Record turn(json, place);
    if (turn.Text("author") == "environment") {
      AddChatMl(turn.Text("text"), &turns);
      continue;
    }
    const auto size = static_cast<size_t>(turn.Integer("num_tokens"));
    if (size > all.tokens.size() - begin) turn.Fail("num_tokens", "within 'tokens'");
    const auto slice = [&](const auto& values) {
      const auto first = values.begin() + static_cast<ptrdiff_t>(begin);
      return std::decay_t<decltype(values)>(first, first + static_cast<ptrdiff_t>(size));
    };
    ConversationTurn t{.role = "assistant", .content = turn.Text("text")};
    t.tokens = slice(all.tokens);
    t.logp = slice(all.logp);
    t.entropy = slice(all.entropy);
    if (!all.advantage.empty()) t.advantage = slice(all.advantage);
    t.strategy = turn.Text("strategy");
    t.illocution = turn.Text("illocution");
    t.right = turn.Flag("right");
    t.reward = turn.Number("reward");
    begin += size;
    turns.push_back(std::move(t));
  }
  return turns;
}

ConversationRecord ToConversation(const Record& r, const std::string& place) {
  ConversationRecord c;
  if (r.Has("type")) c.type = r.Text("type");
  c.prompt_index = r.Integer("prompt_index");
  c.sample = r.Integer("sample");
  if (r.Has("num_shards")) c.num_shards = r.Integer("num_shards");
  c.ground_truth = r.Text("ground_truth");
  c.answer = r.Text("answer");
  c.verdict = r.Text("verdict");
  c.finish = r.Text("finish");
  c.score = r.Number("score");
  const Json& turns = r.List("turns");
  if (!turns.empty() && turns[0].is_object() && turns[0].contains("author")) {
    c.turns = TurnsOfTrajectory(r, place);
    return c;
  }
  for (const Json& turn : turns) {
    if (!turn.is_object()) r.Fail("turns", "a list of objects");
    c.turns.push_back(ToTurn(Record(turn, place)));
  }
  return c;
}

}  // namespace

const std::vector<double>* MetricsTable::Find(const std::string& name) const {
  const auto it = column.find(name);
  return it == column.end() ? nullptr : &it->second;
}

MetricsTable ReadMetrics(const std::string& run_folder) {
  MetricsTable table;
  ForEachLine(run_folder + "/metrics.jsonl", [&](const Json& json, const std::string& place) {
    const Record record(json, place);
    const size_t row = table.step.size();
    table.step.push_back(record.Integer("step"));
    for (const auto& [name, value] : json.items()) {
      if (name == "step") continue;
      if (!value.is_number() && !value.is_null()) record.Fail(name.c_str(), "a number");
      std::vector<double>& column = table.column[name];
      column.resize(row, kNan);
      column.push_back(value.is_null() ? kNan : value.get<double>());
    }
  });
  for (auto& [name, column] : table.column) column.resize(table.step.size(), kNan);
  return table;
}

std::vector<TrajectoryRecord> ReadTrajectories(const std::string& path) {
  std::vector<TrajectoryRecord> trajectories;
  ForEachLine(path, [&](const Json& json, const std::string& place) {
    trajectories.push_back(ToTrajectory(Record(json, place)));
  });
  return trajectories;
}

std::vector<ConversationRecord> ReadConversations(const std::string& path) {
  std::vector<ConversationRecord> conversations;
  ForEachLine(path, [&](const Json& json, const std::string& place) {
    if (json.contains("turns")) conversations.push_back(ToConversation(Record(json, place), place));
  });
  return conversations;
}

std::vector<EvalRecord> ReadEvals(const std::string& run_folder) {
  std::vector<EvalRecord> evals;
  for (const std::string& path : StepFiles(run_folder, "eval", ".json")) {
    const Json json = Parse(ReadFile(path), path);
    const Record r(json, path);
    EvalRecord e;
    e.step = r.Integer("step");
    e.k = r.Integer("k");
    e.num_prompts = r.Integer("num_prompts");
    e.avg = r.Interval(fmt::format("avg@{}", e.k));
    e.pass = r.Interval(fmt::format("pass@{}", e.k));
    e.maj = r.Interval(fmt::format("maj@{}", e.k));
    e.mean_response_length = r.Number("mean_response_length");
    e.clip_ratio = r.Number("clip_ratio");
    evals.push_back(e);
  }
  std::sort(evals.begin(), evals.end(),
            [](const EvalRecord& a, const EvalRecord& b) { return a.step < b.step; });
  return evals;
}

std::vector<std::pair<std::string, std::string>> ReadRunInfo(const std::string& run_folder) {
  const std::string path = run_folder + "/run.json";
  std::vector<std::pair<std::string, std::string>> info;
  const Json run = Parse(ReadFile(path), path);
  for (const auto& [key, value] : run.items()) {
    info.emplace_back(key, value.is_string() ? value.get<std::string>() : value.dump());
  }
  return info;
}

std::vector<std::string> StepFiles(const std::string& run_folder, const std::string& folder,
                                   const std::string& extension) {
  std::vector<std::string> paths;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(run_folder + "/" + folder, error)) {
    const fs::path& path = entry.path();
    if (path.extension() == extension && path.stem().string().rfind("step_", 0) == 0)
      paths.push_back(path.string());
  }
  // Longer names are later steps; within a length the order of digits is that of numbers.
  std::sort(paths.begin(), paths.end(), [](const std::string& a, const std::string& b) {
    return a.size() != b.size() ? a.size() < b.size() : a < b;
  });
  return paths;
}

}  // namespace rlvr
