#include "text/bpe_trainer.h"

#include <map>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "text/byte_level.h"
#include "text/pattern.h"

namespace rlvr {
namespace {

using Json = nlohmann::ordered_json;

Json Skeleton(const std::string& pattern) {
  Json j;
  j["version"] = "1.0";
  j["truncation"] = nullptr;
  j["padding"] = nullptr;
  j["added_tokens"] = Json::array();
  j["normalizer"] = {{"type", "NFC"}};
  j["pre_tokenizer"] = {{"type", "Sequence"},
                        {"pretokenizers",
                         {{{"type", "Split"},
                           {"pattern", {{"Regex", pattern}}},
                           {"behavior", "Isolated"},
                           {"invert", false}},
                          {{"type", "ByteLevel"},
                           {"add_prefix_space", false},
                           {"trim_offsets", false},
                           {"use_regex", false}}}}};
  j["post_processor"] = nullptr;
  j["decoder"] = {{"type", "ByteLevel"},
                  {"add_prefix_space", false},
                  {"trim_offsets", false},
                  {"use_regex", false}};
  j["model"] = {{"type", "BPE"},
                {"dropout", nullptr},
                {"unk_token", nullptr},
                {"continuing_subword_prefix", ""},
                {"end_of_word_suffix", ""},
                {"fuse_unk", false},
                {"byte_fallback", false},
                {"vocab", Json::object()},
                {"merges", Json::array()}};
  return j;
}

}  // namespace

Tokenizer TrainBpe(std::span<const std::string> texts, const BpeTrainerOptions& options) {
  const auto num_special = static_cast<int32_t>(options.special_tokens.size());
  RLVR_CHECK(options.vocab_size >= 256 + num_special) << options.vocab_size;
  const std::string pattern = options.pattern.empty() ? kQwen2Pattern : options.pattern;
  Json j = Skeleton(pattern);
  std::vector<std::string> bytes;  // of each id
  for (int b = 0; b < 256; ++b) bytes.emplace_back(1, static_cast<char>(b));
  for (int b = 0; b < 256; ++b)
    j["model"]["vocab"][VisibleOfBytes(bytes[static_cast<size_t>(b)])] = b;

  // Words and how often they occur: the byte tokenizer's own pieces.
  std::map<std::string, int64_t> counts;
  const Pattern split(pattern, "trained tokenizer");
  for (const auto& text : texts) {
    split.Split(text, [&](size_t begin, size_t end) { ++counts[text.substr(begin, end - begin)]; });
  }
  std::vector<std::vector<int32_t>> words;
  std::vector<int64_t> count;
  for (const auto& [word, n] : counts) {
    std::vector<int32_t> ids;
    for (const char c : word) ids.push_back(static_cast<unsigned char>(c));
    words.push_back(std::move(ids));
    count.push_back(n);
  }
  while (static_cast<int32_t>(bytes.size()) + num_special < options.vocab_size) {
    std::map<std::pair<int32_t, int32_t>, int64_t> pairs;  // in order of ids: ties go to the lowest
    for (size_t w = 0; w < words.size(); ++w) {
      for (size_t i = 0; i + 1 < words[w].size(); ++i)
        pairs[{words[w][i], words[w][i + 1]}] += count[w];
    }
    std::pair<int32_t, int32_t> best;
    int64_t best_count = 1;  // a pair seen once is no pattern
    for (const auto& [pair, n] : pairs) {
      if (n > best_count) {
        best = pair;
        best_count = n;
      }
    }
    if (best_count == 1) break;
    const auto id = static_cast<int32_t>(bytes.size());
    bytes.push_back(bytes[static_cast<size_t>(best.first)] +
                    bytes[static_cast<size_t>(best.second)]);
    j["model"]["vocab"][VisibleOfBytes(bytes.back())] = id;
    j["model"]["merges"].push_back({VisibleOfBytes(bytes[static_cast<size_t>(best.first)]),
                                    VisibleOfBytes(bytes[static_cast<size_t>(best.second)])});
    for (auto& word : words) {
      size_t to = 0;
      for (size_t i = 0; i < word.size(); ++to) {
        if (i + 1 < word.size() && word[i] == best.first && word[i + 1] == best.second) {
          word[to] = id;
          i += 2;
        } else {
          word[to] = word[i++];
        }
      }
      word.resize(to);
    }
  }
  auto id = static_cast<int32_t>(bytes.size());
  for (const auto& token : options.special_tokens) {
    j["added_tokens"].push_back({{"id", id++},
                                 {"content", token},
                                 {"single_word", false},
                                 {"lstrip", false},
                                 {"rstrip", false},
                                 {"normalized", false},
                                 {"special", true}});
  }
  return Tokenizer::FromJson(j.dump(), "trained tokenizer");
}

}  // namespace rlvr
