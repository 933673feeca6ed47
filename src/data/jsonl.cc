#include "data/jsonl.h"

#include <map>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/file.h"
#include "base/suggest.h"
#include "data/shards.h"

namespace rlvr {
namespace {

using Json = nlohmann::ordered_json;

// A column's text: strings as they are, anything else as JSON.
std::string Text(const Json& value) {
  return value.is_string() ? value.get<std::string>() : value.dump();
}

// An expert's response: text, or messages of which the last is its own.
std::string TargetText(const Json& target, const std::string& place) {
  if (target.is_string()) return target.get<std::string>();
  if (target.is_array() && !target.empty()) return target.back().at("content").get<std::string>();
  if (target.is_null()) return "";
  throw Error(place, "'target' is neither text nor a list of messages", "mend or remove this line");
}

const Json& Column(const Json& row, const char* name, const std::string& place) {
  if (row.contains(name)) return row[name];
  std::vector<std::string> present;
  for (const auto& [key, value] : row.items()) present.push_back(key);
  throw Error(place, std::string("has no column '") + name + "'", DidYouMean(name, present));
}

class JsonlSource : public PromptSource {
 public:
  explicit JsonlSource(const std::string& path) : file_(path) {
    const std::string_view text = file_.bytes();
    int64_t number = 0;
    for (size_t begin = 0; begin < text.size();) {
      size_t end = text.find('\n', begin);
      if (end == std::string_view::npos) end = text.size();
      ++number;
      if (text.substr(begin, end - begin).find_first_not_of(" \t\r") != std::string_view::npos) {
        lines_.push_back({begin, end - begin, number});
        Get(size() - 1);  // a broken line is found before training starts, not on its turn
      }
      begin = end + 1;
    }
    if (lines_.empty()) throw Error(path, "holds no prompts", "one JSON object a line is needed");
  }
  int64_t size() const override { return static_cast<int64_t>(lines_.size()); }
  Prompt Get(int64_t index) const override {
    const Line& line = lines_.at(static_cast<size_t>(index));
    return ParsePrompt(std::string(file_.bytes().substr(line.begin, line.length)),
                       file_.path() + ":" + std::to_string(line.number), index);
  }
  std::string name() const override { return file_.path(); }

 private:
  struct Line {
    size_t begin, length;
    int64_t number;
  };
  MappedFile file_;
  std::vector<Line> lines_;
};

// A record of lost-in-conversation (arXiv:2505.06120): a question and its shards. What data/shards.h
// reads stays in extra_info; the templates around the question are the evaluation's.
Prompt ParseShardedRecord(const Json& row, const std::string& place, int64_t index) {
  Prompt p;
  p.index = index;
  p.messages = {{"user", Text(Column(row, "question", place))}};
  p.data_source = "lic_math";
  p.ability = "math";
  if (row.contains("ground_truth")) {
    p.ground_truth = Text(row["ground_truth"]);
  } else {
    const std::string answer = Text(Column(row, "answer", place));
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
  return p;
}

}  // namespace

Prompt ParsePrompt(const std::string& line, const std::string& place, int64_t index) {
  Json row;
  try {
    row = Json::parse(line);
  } catch (const Json::parse_error& e) {
    throw Error(place, "is not JSON: " + std::string(e.what()), "mend or remove this line");
  }
  if (!row.is_object()) throw Error(place, "is no JSON object", "mend or remove this line");
  if (row.contains("shards") && !row.contains("prompt")) {
    Prompt p = ParseShardedRecord(row, place, index);
    try {
      ReadShards(p);
    } catch (const Error& e) {
      throw Error(place, e.what(), "mend or remove this line");
    }
    return p;
  }
  Prompt p;
  p.index = index;
  try {
    const Json& prompt = Column(row, "prompt", place);
    if (prompt.is_string()) {
      p.messages = {{"user", prompt.get<std::string>()}};
    } else if (prompt.is_array() && !prompt.empty()) {
      for (const auto& m : prompt)
        p.messages.emplace_back(m.at("role").get<std::string>(),
                                m.at("content").get<std::string>());
    } else {
      throw Error(place, "'prompt' is neither text nor a list of messages",
                  "mend or remove this line");
    }
    if (row.contains("reward_model")) {
      p.ground_truth = Text(Column(row["reward_model"], "ground_truth", place + ": reward_model"));
    } else {
      p.ground_truth = Text(Column(row, "ground_truth", place));
    }
    if (row.contains("data_source")) p.data_source = Text(row["data_source"]);
    if (row.contains("ability")) p.ability = Text(row["ability"]);
    if (row.contains("target")) p.target = TargetText(row["target"], place);
    if (row.contains("extra_info")) p.extra_info = row["extra_info"].dump();
  } catch (const Json::exception& e) {
    throw Error(place, e.what(), "mend or remove this line");
  }
  return p;
}

std::string FamilyOf(const Prompt& prompt, const std::string& key, const std::string& place) {
  const Json info = Json::parse(prompt.extra_info, nullptr, /*allow_exceptions=*/false);
  if (!info.is_object() || !info.contains(key) ||
      !(info[key].is_string() || info[key].is_number())) {
    throw Error(place, "extra_info has no text or number '" + key + "'",
                "data.group_key names the entry of extra_info that tells a prompt's family");
  }
  return Text(info[key]);
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

std::unique_ptr<PromptSource> OpenJsonl(const std::string& path) {
  return std::make_unique<JsonlSource>(path);
}

}  // namespace rlvr
