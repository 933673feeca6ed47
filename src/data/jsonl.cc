#include "data/jsonl.h"

#include <cmath>
#include <map>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/suggest.h"
#include "data/shards.h"

namespace rlvr {
namespace {

using Json = nlohmann::ordered_json;

// An expert's response: text, or messages of which the last is its own.
std::string TargetText(const Json& target, const std::string& place) {
  if (target.is_string()) return target.get<std::string>();
  if (target.is_array() && !target.empty()) return target.back().at("content").get<std::string>();
  if (target.is_null()) return "";
  throw Error(place, "'target' is neither text nor a list of messages", "mend or remove this line");
}

}  // namespace

std::string ColumnText(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_number_float()) {
    const double number = value.get<double>();
    if (number == std::nearbyint(number) && std::abs(number) < 1e15)
      return std::to_string(static_cast<int64_t>(number));
  }
  return value.dump();
}

const Json& Column(const Json& row, const std::string& name, const std::string& place) {
  const auto found = row.find(name);
  if (found != row.end()) {
    if (found->is_null())
      throw Error(place, "column '" + name + "' is null", "mend or remove this row");
    return *found;
  }
  std::vector<std::string> present;
  for (const auto& [key, value] : row.items()) present.push_back(key);
  throw Error(place, "has no column '" + name + "'", DidYouMean(name, present));
}

void ReadMessages(const Json& prompt, const std::string& place, Prompt* p) {
  if (prompt.is_string()) {
    p->messages = {{"user", prompt.get<std::string>()}};
    return;
  }
  if (!prompt.is_array() || prompt.empty())
    throw Error(place, "'prompt' is neither text nor a list of messages",
                "mend or remove this line");
  for (const auto& m : prompt)
    p->messages.emplace_back(m.at("role").get<std::string>(), m.at("content").get<std::string>());
}

// A record of lost-in-conversation (arXiv:2505.06120): a question and its shards. What data/shards.h
// reads stays in extra_info; the templates around the question are the evaluation's.
Prompt ParseShardedRecord(const Json& row, const std::string& place, int64_t index) {
  Prompt p;
  p.index = index;
  p.messages = {{"user", ColumnText(Column(row, "question", place))}};
  p.data_source = "lic_math";
  p.ability = "math";
  if (row.contains("ground_truth")) {
    p.ground_truth = ColumnText(row["ground_truth"]);
  } else {
    const std::string answer = ColumnText(Column(row, "answer", place));
    const size_t marker = answer.rfind("#### ");
    if (marker == std::string::npos)
      throw Error(place, "has neither a ground_truth nor an answer after '####'",
                  "mend or remove this line");
    p.ground_truth = answer.substr(marker + 5);
  }
  Json info = Json::object();
  for (const char* key : {"task_id", "question", "shards", "first_shard_leaks_all_numbers"}) {
    if (row.contains(key)) info[key] = row[key];
  }
  p.extra_info = info.dump();
  try {
    ReadShards(p);
  } catch (const Error& e) {
    throw Error(place, e.what(), "mend or remove this line");
  }
  return p;
}

Prompt ParseColumns(const Json& row, const std::string& place, int64_t index,
                    const std::string& prompt_column) {
  Prompt p;
  p.index = index;
  try {
    ReadMessages(Column(row, prompt_column, place), place, &p);
    if (row.contains("reward_model") && !row["reward_model"].is_null()) {
      p.ground_truth =
          ColumnText(Column(row["reward_model"], "ground_truth", place + ": reward_model"));
    } else {
      p.ground_truth = ColumnText(Column(row, "ground_truth", place));
    }
    for (const auto& [name, text] :
         {std::pair("data_source", &p.data_source), std::pair("ability", &p.ability)}) {
      if (row.contains(name) && !row[name].is_null()) *text = ColumnText(row[name]);
    }
    if (row.contains("target")) p.target = TargetText(row["target"], place);
    if (row.contains("extra_info") && !row["extra_info"].is_null())
      p.extra_info = row["extra_info"].dump();
  } catch (const Json::exception& e) {
    throw Error(place, e.what(), "mend or remove this line");
  }
  return p;
}

Json ParseRow(const std::string& line, const std::string& place) {
  Json row;
  try {
    row = Json::parse(line);
  } catch (const Json::parse_error& e) {
    throw Error(place, "is not JSON: " + std::string(e.what()), "mend or remove this line");
  }
  if (!row.is_object()) throw Error(place, "is no JSON object", "mend or remove this line");
  return row;
}

Prompt ParsePrompt(const std::string& line, const std::string& place, int64_t index) {
  const Json row = ParseRow(line, place);
  return row.contains("shards") && !row.contains("prompt") ? ParseShardedRecord(row, place, index)
                                                           : ParseColumns(row, place, index);
}

std::string FamilyOf(const Prompt& prompt, const std::string& key, const std::string& place) {
  const Json info = Json::parse(prompt.extra_info, nullptr, /*allow_exceptions=*/false);
  if (!info.is_object() || !info.contains(key) ||
      !(info[key].is_string() || info[key].is_number())) {
    throw Error(place, "extra_info has no text or number '" + key + "'",
                "data.group_key names the entry of extra_info that tells a prompt's family");
  }
  return ColumnText(info[key]);
}

std::vector<int32_t> FamiliesOf(const PromptSource& prompts, const std::string& key) {
  std::map<std::string, int32_t> numbers;
  std::vector<int32_t> family;
  for (int64_t row = 0; row < prompts.size(); ++row) {
    const std::string place = prompts.name() + ": prompt " + std::to_string(row);
    const auto number = static_cast<int32_t>(numbers.size());
    family.push_back(numbers.emplace(FamilyOf(prompts.Get(row), key, place), number).first->second);
  }
  return family;
}

std::string ToJsonLine(const Prompt& p) {
  Json row;
  row["data_source"] = p.data_source;
  row["prompt"] = Json::array();
  for (const auto& [role, content] : p.messages)
    row["prompt"].push_back({{"role", role}, {"content", content}});
  row["ability"] = p.ability;
  row["reward_model"] = {{"style", "rule"}, {"ground_truth", p.ground_truth}};
  if (!p.target.empty()) row["target"] = p.target;
  row["extra_info"] = p.extra_info.empty() ? Json::object() : Json::parse(p.extra_info);
  return row.dump();
}

}  // namespace rlvr
