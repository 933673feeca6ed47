#include "data/data.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <map>

#include "base/config.h"
#include "base/error.h"
#include "base/random.h"
#include "base/suggest.h"
#include "data/countdown.h"
#include "data/gsm_micro.h"
#include "data/attribute_dialogues.h"
#include "data/gsm_micro_dialogues.h"
#include "data/gsm_micro_shards.h"
#include "data/prompt_files.h"
#include "data/shards.h"

namespace rlvr {
namespace {

template <class Options>
int64_t SizeOf(const Options& o, Split split) {
  return split == Split::kTrain        ? o.train_size
         : split == Split::kValidation ? o.validation_size
                                       : o.test_size;
}

class GsmMicroSource : public PromptSource {
 public:
  GsmMicroSource(const GsmMicroOptions& o, Split split, uint64_t seed)
      : options_(o), split_(split), seed_(seed) {}
  int64_t size() const override { return SizeOf(options_, split_); }
  Prompt Get(int64_t index) const override {
    RLVR_CHECK(index >= 0 && index < size()) << index;
    if (options_.shards) return GetSharded(index);
    const GsmMicroProblem problem = MakeGsmMicro(options_, seed_, split_, index);
    return {
        .messages = {{"user", problem.question}},
        .data_source = "gsm_micro",
        .ability = "math",
        .ground_truth = std::to_string(problem.answer),
        .extra_info = fmt::format(R"({{"split":"{}","index":{},"steps":{}{}}})", ToString(split_),
                                  index, problem.steps.size(),
                                  options_.rubric ? ",\"rubric\":" + GsmMicroRubric(problem) : ""),
        .target = CarefulSolution(problem),
        .index = index};
  }
  std::string name() const override { return fmt::format("gsm_micro ({})", ToString(split_)); }

 private:
  Prompt GetSharded(int64_t index) const {
    const ShardedGsmMicro problem = MakeShardedGsmMicro(options_, seed_, split_, index);
    return {
        .messages = {{"user", problem.text.question}},
        .data_source = "gsm_micro",
        .ability = "math",
        .ground_truth = std::to_string(problem.answer),
        .extra_info = fmt::format(R"({{"split":"{}","index":{},"steps":{},{}}})", ToString(split_),
                                  index, problem.steps.size(), ShardsJson(problem.text)),
        .target = DatedSolution(problem),
        .index = index};
  }

  GsmMicroOptions options_;
  Split split_;
  uint64_t seed_;
};

class CountdownSource : public PromptSource {
 public:
  CountdownSource(const CountdownOptions& o, Split split, uint64_t seed)
      : options_(o), split_(split), seed_(seed) {}
  int64_t size() const override { return SizeOf(options_, split_); }
  Prompt Get(int64_t index) const override {
    RLVR_CHECK(index >= 0 && index < size()) << index;
    const CountdownProblem problem = MakeCountdown(options_, seed_, split_, index);
    return {.messages = {{"user", CountdownQuestion(problem)}},
            .data_source = "countdown",
            .ability = "math",
            .ground_truth = fmt::format(R"({{"target": {}, "numbers": [{}]}})", problem.target,
                                        fmt::join(problem.numbers, ", ")),
            .extra_info = fmt::format(R"({{"split":"{}","index":{}}})", ToString(split_), index),
            .index = index};
  }
  std::string name() const override { return fmt::format("countdown ({})", ToString(split_)); }

 private:
  CountdownOptions options_;
  Split split_;
  uint64_t seed_;
};

// "max_steps=4,min_steps=2" as a map for ConfigReader.
ConfigNode ParseOptions(const std::string& text, const std::string& name) {
  ConfigNode node;
  node.kind = ConfigNode::Kind::kMap;
  node.place = name;
  for (size_t begin = 0; begin < text.size();) {
    size_t end = text.find(',', begin);
    if (end == std::string::npos) end = text.size();
    const std::string item = text.substr(begin, end - begin);
    const size_t equals = item.find('=');
    if (equals == std::string::npos)
      throw Error(name, "option '" + item + "' is no key=value", "write " + name + ":max_steps=4");
    ConfigNode value;
    value.kind = ConfigNode::Kind::kScalar;
    value.place = name;
    value.scalar = item.substr(equals + 1);
    node.Set(item.substr(0, equals), value);
    begin = end + 1;
  }
  return node;
}

template <class Options>
void ReadSizes(ConfigReader& reader, Options& o) {
  reader("train_size", o.train_size, 1, int64_t{1} << 40);
  reader("validation_size", o.validation_size, 1, int64_t{1} << 40);
  reader("test_size", o.test_size, 1, int64_t{1} << 40);
}

// Keys of both gsm_micro and its dialogues.
void ReadSteps(ConfigReader& reader, const std::string& place, GsmMicroOptions& o) {
  reader("min_steps", o.min_steps, 1, 8);
  reader("max_steps", o.max_steps, 1, 8);
  reader("distractor_rate", o.distractor_rate, 0.0, 1.0);
  ReadSizes(reader, o);
  if (o.min_steps > o.max_steps)
    throw Error(place, "min_steps is larger than max_steps", "swap them");
}

}  // namespace

GsmMicroOptions ParseGsmMicroOptions(const std::string& text) {
  const ConfigNode node = ParseOptions(text, "gsm_micro");
  ConfigReader reader(&node, "gsm_micro");
  GsmMicroOptions o;
  ReadSteps(reader, "gsm_micro", o);
  reader("rubric", o.rubric);
  reader("shards", o.shards);
  reader.Done();
  if (o.rubric && o.shards)
    throw Error("gsm_micro", "rubric and shards do not go together", "leave one of them out");
  return o;
}

DialogueOptions ParseDialogueOptions(const std::string& text) {
  const std::string place = "gsm_micro_dialogues";
  const ConfigNode node = ParseOptions(text, place);
  ConfigReader reader(&node, place);
  DialogueOptions o;
  ReadSteps(reader, place, o.problem);
  reader("full", o.full, 0.0, 1.0);
  reader("concat", o.concat, 0.0, 1.0);
  reader("incomplete", o.incomplete, 0.0, 1.0);
  reader("ask", o.ask, 0.0, 1.0);
  reader("states", o.states, 0.0, 1.0);
  reader("stubborn", o.stubborn, 0.0, 1.0);
  reader.Done();
  if (o.full + o.concat + o.incomplete > 1 + 1e-9)
    throw Error(place, "full, concat and incomplete are shares, and exceed 1 together",
                "what remains of 1 is conversations");
  return o;
}

AttributeDialogueOptions ParseAttributeDialogueOptions(const std::string& text) {
  const std::string place = "attribute_dialogues";
  const ConfigNode node = ParseOptions(text, place);
  ConfigReader reader(&node, place);
  AttributeDialogueOptions o;
  reader("attributes", o.attributes);
  reader("turns", o.turns, 1, 1000);
  reader("early", o.early, 0.0, 1.0);
  reader("vague", o.vague, 0.0, 1.0);
  reader("known", o.known, 0.0, 1.0);
  reader("narrow", o.narrow, 0.0, 1.0);
  reader("forget", o.forget, 0.0, 1.0);
  reader.Done();
  return o;
}

const char* ToString(Split split) {
  return split == Split::kTrain ? "train" : split == Split::kValidation ? "validation" : "test";
}

Split ParseSplit(const std::string& name) {
  for (const Split s : {Split::kTrain, Split::kValidation, Split::kTest}) {
    if (name == ToString(s)) return s;
  }
  throw Error("split", "there is no split '" + name + "'",
              DidYouMean(name, {"train", "validation", "test"}));
}

const std::vector<DataSourceInfo>& EmbeddedDataSources() {
  static const std::vector<DataSourceInfo> list = {
      {"countdown", "reach a target from given numbers; any correct expression counts"},
      {"gsm_micro", "word problems in plain English with 1 to 8 steps; in shards with shards=true"},
  };
  return list;
}

std::unique_ptr<PromptSource> OpenPrompts(const std::string& name, Split split, uint64_t seed,
                                          const PromptFileSettings& settings) {
  if (name.find(';') != std::string::npos) {
    std::vector<std::unique_ptr<PromptSource>> sources;
    for (size_t begin = 0; begin <= name.size();) {
      const size_t end = std::min(name.find(';', begin), name.size());
      sources.push_back(OpenPrompts(name.substr(begin, end - begin), split, seed, settings));
      begin = end + 1;
    }
    return JoinPrompts(std::move(sources));
  }
  if (IsPromptFile(name)) return OpenPromptFile(name, settings);
  const size_t colon = name.find(':');
  const std::string base = name.substr(0, colon),
                    options = colon == std::string::npos ? "" : name.substr(colon + 1);
  if (base == "gsm_micro")
    return std::make_unique<GsmMicroSource>(ParseGsmMicroOptions(options), split, seed);
  if (base == "countdown") {
    const ConfigNode node = ParseOptions(options, base);
    ConfigReader reader(&node, base);
    CountdownOptions o;
    reader("min_numbers", o.min_numbers, 2, 8);
    reader("max_numbers", o.max_numbers, 2, 8);
    reader("max_number", o.max_number, 1, 1000);
    reader("max_target", o.max_target, 1, 1000);
    ReadSizes(reader, o);
    reader.Done();
    if (o.min_numbers > o.max_numbers)
      throw Error(base, "min_numbers is larger than max_numbers", "swap them");
    return std::make_unique<CountdownSource>(o, split, seed);
  }
  std::vector<std::string> known;
  for (const auto& s : EmbeddedDataSources()) known.push_back(s.name);
  throw Error("data", "there is no data set '" + name + "'",
              DidYouMean(base, known) + "; files end in .jsonl, .json, .parquet or .gz");
}

int64_t PromptOrder::At(int64_t position) {
  const int64_t epoch = position / size_;
  if (epoch != epoch_) {
    permutation_.resize(static_cast<size_t>(size_));
    for (int64_t i = 0; i < size_; ++i) permutation_[static_cast<size_t>(i)] = i;
    Random random(StreamKey(seed_, Stream::kShuffle)[static_cast<uint64_t>(epoch)]);
    random.Shuffle(permutation_);
    if (!family_.empty()) {
      std::map<int32_t, int64_t> first;  // of each family, its place
      for (int64_t i = 0; i < size_; ++i) first.emplace(FamilyAt(i), i);
      std::vector<std::pair<int64_t, int64_t>> order;  // place of the family, row
      for (int64_t i = 0; i < size_; ++i) {
        order.emplace_back(first.at(FamilyAt(i)), permutation_[static_cast<size_t>(i)]);
      }
      std::stable_sort(order.begin(), order.end(),
                       [](const auto& a, const auto& b) { return a.first < b.first; });
      for (size_t i = 0; i < order.size(); ++i) permutation_[i] = order[i].second;
    }
    epoch_ = epoch;
  }
  return permutation_[static_cast<size_t>(position % size_)];
}

}  // namespace rlvr
