#include "data/shards.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <nlohmann/json.hpp>

#include "base/error.h"

namespace rlvr {
namespace {

using ShardJson = nlohmann::ordered_json;

bool IsDigit(char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0; }

Shard ParseShard(const ShardJson& item, size_t place_in_list, const std::string& place) {
  const auto fail = [&](const std::string& what) {
    throw Error(place, fmt::format("shard {} {}", place_in_list + 1, what),
                R"(write {"shard_id": 1, "shard": text})");
  };
  if (!item.is_object()) fail("is no JSON object");
  Shard shard{.id = static_cast<int>(place_in_list) + 1};
  if (item.contains("shard_id")) {
    if (!item["shard_id"].is_number_integer()) fail("has a shard_id that is no whole number");
    shard.id = item["shard_id"].get<int>();
  }
  for (const char* key : {"shard", "shard_text"}) {
    if (!item.contains(key)) continue;
    if (!item[key].is_string()) fail(std::string("has a '") + key + "' that is no text");
    shard.text = item[key].get<std::string>();
    break;
  }
  if (item.contains("paraphrases")) {
    if (!item["paraphrases"].is_array()) fail("has paraphrases that are no list");
    for (const auto& text : item["paraphrases"]) {
      if (!text.is_string()) fail("has a paraphrase that is no text");
      shard.paraphrases.push_back(text.get<std::string>());
    }
  }
  if (shard.text.empty() && !shard.paraphrases.empty()) {
    shard.text = shard.paraphrases.front();
    shard.paraphrases.erase(shard.paraphrases.begin());
  }
  if (item.contains("required")) {
    if (!item["required"].is_boolean()) fail("has a 'required' that is neither true nor false");
    shard.required = item["required"].get<bool>();
  }
  return shard;
}

}  // namespace

std::optional<ShardedText> ReadShards(const Prompt& prompt) {
  const ShardJson info = ShardJson::parse(prompt.extra_info, nullptr, /*allow_exceptions=*/false);
  if (!info.is_object() || !info.contains("shards")) return std::nullopt;
  const std::string place = fmt::format("{}: prompt {}", prompt.data_source, prompt.index);
  if (!info["shards"].is_array() || info["shards"].empty())
    throw Error(place, "'shards' is no list of shards", "the intent comes first");
  ShardedText text;
  if (info.contains("question") && info["question"].is_string()) {
    text.question = info["question"].get<std::string>();
  } else if (!prompt.messages.empty()) {
    text.question = prompt.messages.back().second;
  }
  if (const auto leaks = info.find("first_shard_leaks_all_numbers"); leaks != info.end())
    text.intent_leaks = leaks->is_boolean() && leaks->get<bool>();
  size_t at = 0;
  for (const auto& item : info["shards"]) {
    Shard shard = ParseShard(item, at++, place);
    if (shard.text.empty()) {
      text.complete = false;
    } else {
      text.shards.push_back(std::move(shard));
    }
  }
  if (text.shards.empty()) throw Error(place, "no shard has a text", "remove this row");
  return text;
}

std::string ShardsJson(const ShardedText& text) {
  ShardJson json;
  json["question"] = text.question;
  json["shards"] = ShardJson::array();
  for (const Shard& s : text.shards) {
    ShardJson item = {{"shard_id", s.id}, {"shard", s.text}};
    if (!s.paraphrases.empty()) item["paraphrases"] = s.paraphrases;
    item["required"] = s.required;
    json["shards"].push_back(std::move(item));
  }
  const std::string object = json.dump();
  return object.substr(1, object.size() - 2);
}

std::string ConcatText(const std::vector<std::string>& shards) {
  std::string text;
  for (const auto& shard : shards) text += "- " + shard + "\n";
  return text;
}

std::vector<std::string> TextsOf(const std::vector<Shard>& shards) {
  std::vector<std::string> texts;
  for (const Shard& s : shards) texts.push_back(s.text);
  return texts;
}

std::vector<std::string> NumbersIn(std::string_view text) {
  std::vector<std::string> numbers;
  for (size_t i = 0; i < text.size();) {
    if (!IsDigit(text[i])) {
      ++i;
      continue;
    }
    std::string number;
    for (; i < text.size(); ++i) {
      const bool inside = i + 1 < text.size() && IsDigit(text[i + 1]);
      if (IsDigit(text[i]) || (text[i] == '.' && inside)) {
        number += text[i];
      } else if (text[i] != ',' || !inside) {
        break;
      }
    }
    numbers.push_back(std::move(number));
  }
  return numbers;
}

bool HoldsAllNumbers(std::string_view text, std::string_view question) {
  auto has = NumbersIn(text), wanted = NumbersIn(question);
  std::sort(has.begin(), has.end());
  std::sort(wanted.begin(), wanted.end());
  return std::includes(has.begin(), has.end(), wanted.begin(), wanted.end());
}

}  // namespace rlvr
