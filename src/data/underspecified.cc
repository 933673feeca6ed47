#include "data/underspecified.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "data/shards.h"

namespace rlvr {
namespace {

using InfoJson = nlohmann::ordered_json;

constexpr int kDraws = 16;                  // of what to take away, before a row counts as left out
constexpr uint64_t kForm = 16;              // child of a row's key; those before it are the draws
constexpr uint64_t kComplete = 1ull << 40;  // child of the source's key; those before it are rows

struct Remainder {
  std::vector<std::string> shards;  // or a text of one piece
  std::vector<std::string> missing;
};

bool ToldInTurns(const UnderspecifiedSettings& settings, RandomKey row) {
  if (settings.form == "mixed") return row[kForm].Uniform(0) < 0.5;
  return settings.form == "turns";
}

// In the place of the prompt's last message.
void Tell(const std::vector<std::string>& shards, const UnderspecifiedSettings& settings,
          RandomKey row, Prompt* prompt) {
  prompt->messages.pop_back();
  if (!ToldInTurns(settings, row)) {
    prompt->messages.emplace_back("user", ConcatText(shards));
    return;
  }
  for (const std::string& shard : shards) {
    if (&shard != &shards.front() && !settings.reply.empty())
      prompt->messages.emplace_back("assistant", settings.reply);
    prompt->messages.emplace_back("user", shard);
  }
}

// How many of n to take away, so that every subset of an allowed size is equally likely. 0: none is
// allowed.
int64_t DrawNumMissing(int64_t n, const UnderspecifiedSettings& settings, Random& random) {
  const int64_t high = settings.max_missing == 0 ? n : std::min(n, settings.max_missing);
  std::vector<double> weight;  // binomial coefficients
  double total = 0;
  for (int64_t m = settings.min_missing; m <= high; ++m) {
    double ways = 1;
    for (int64_t i = 0; i < m; ++i)
      ways = ways * static_cast<double>(n - i) / static_cast<double>(i + 1);
    weight.push_back(ways);
    total += ways;
  }
  double u = random.Uniform() * total;
  for (size_t i = 0; i < weight.size(); ++i) {
    u -= weight[i];
    if (u < 0 || i + 1 == weight.size()) return settings.min_missing + static_cast<int64_t>(i);
  }
  return 0;
}

// Flags [n], m of them set, any m with equal chance.
std::vector<bool> DrawSubset(int64_t n, int64_t m, Random& random) {
  std::vector<bool> flags(static_cast<size_t>(n));
  for (int64_t i = 0; i < m; ++i) flags[static_cast<size_t>(i)] = true;
  for (int64_t i = n - 1; i > 0; --i) {
    const auto j = static_cast<size_t>(random.Int(0, i));
    const bool kept = flags[j];
    flags[j] = flags[static_cast<size_t>(i)];
    flags[static_cast<size_t>(i)] = kept;
  }
  return flags;
}

std::optional<Remainder> ShardedPrefix(const ShardedText& text,
                                       const UnderspecifiedSettings& settings, Random& random) {
  const auto num_required = std::count_if(text.shards.begin() + 1, text.shards.end(),
                                          [](const Shard& s) { return s.required; });
  const int64_t num_missing = DrawNumMissing(num_required, settings, random);
  if (num_missing == 0) return std::nullopt;
  const std::vector<bool> gone = DrawSubset(num_required, num_missing, random);
  Remainder left{.shards = {text.shards.front().text}};
  size_t required = 0;
  for (size_t i = 1; i < text.shards.size(); ++i) {
    const Shard& shard = text.shards[i];
    if (!shard.required) {
      if (random.Uniform() < 0.5) left.shards.push_back(shard.text);
    } else if (gone[required++]) {
      left.missing.push_back(shard.text);
    } else {
      left.shards.push_back(shard.text);
    }
  }
  return left;
}

Remainder IntentOnly(const ShardedText& text) {
  Remainder left{.shards = {text.shards.front().text}};
  for (size_t i = 1; i < text.shards.size(); ++i) {
    if (text.shards[i].required) left.missing.push_back(text.shards[i].text);
  }
  return left;
}

// Sentences with their end marks; a mark ends one where white space or nothing follows.
std::vector<std::string> Sentences(const std::string& text) {
  std::vector<std::string> sentences;
  size_t begin = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool mark = text[i] == '.' || text[i] == '!' || text[i] == '?' || text[i] == '\n';
    const bool last = i + 1 == text.size();
    if (!last && !(mark && (text[i] == '\n' || text[i + 1] == ' ' || text[i + 1] == '\n')))
      continue;
    const size_t first = text.find_first_not_of(" \n", begin);
    if (first != std::string::npos && first <= i)
      sentences.push_back(text.substr(first, i + 1 - first));
    begin = i + 1;
  }
  return sentences;
}

bool IsCondition(const std::string& sentence, const std::optional<ShardedText>& shards) {
  if (sentence.find('?') != std::string::npos) return false;
  if (shards.has_value()) {  // where a shard is the sentence, it knows
    for (const Shard& s : shards->shards) {
      if (s.text == sentence) return s.required;
    }
  }
  return !NumbersIn(sentence).empty();
}

std::optional<Remainder> WithoutACondition(const std::string& question,
                                           const std::optional<ShardedText>& shards,
                                           const UnderspecifiedSettings& settings, Random& random) {
  const std::vector<std::string> sentences = Sentences(question);
  const auto num_conditions =
      std::count_if(sentences.begin(), sentences.end(),
                    [&](const std::string& s) { return IsCondition(s, shards); });
  const int64_t num_missing = DrawNumMissing(num_conditions, settings, random);
  Remainder left;
  if (num_missing == 0) {
    if (num_conditions > 0) return std::nullopt;
    const std::vector<std::string> numbers = NumbersIn(question);
    if (numbers.empty()) return std::nullopt;
    const std::string& number = random.Choice(numbers);
    const size_t at = question.find(number);
    if (at == std::string::npos) return std::nullopt;  // written with commas
    left.shards = {question.substr(0, at) + "some" + question.substr(at + number.size())};
    left.missing = {number};
    return left;
  }
  const std::vector<bool> gone = DrawSubset(num_conditions, num_missing, random);
  std::string text;
  size_t condition = 0;
  for (const auto& sentence : sentences) {
    if (IsCondition(sentence, shards) && gone[condition++]) {
      left.missing.push_back(sentence);
    } else {
      text += (text.empty() ? "" : " ") + sentence;
    }
  }
  left.shards = {text};
  return left;
}

InfoJson InfoOf(const Prompt& prompt) {
  InfoJson info = InfoJson::parse(prompt.extra_info, nullptr, /*allow_exceptions=*/false);
  return info.is_object() ? info : InfoJson::object();
}

Prompt Labelled(Prompt prompt, const char* illocution, const std::vector<std::string>& missing) {
  InfoJson info = InfoOf(prompt);
  info["illocution"] = illocution;
  info["missing"] = missing;
  prompt.extra_info = info.dump();
  return prompt;
}

bool UsesShards(const ShardedText& text) {
  return text.complete && !text.intent_leaks && text.shards.size() > 1;
}

}  // namespace

const std::vector<std::string>& UnderspecifiedMethods() {
  static const std::vector<std::string> methods = {"sharded_prefix", "condition_removal",
                                                   "intent_only", "mixed"};
  return methods;
}

const std::vector<std::string>& UnderspecifiedForms() {
  static const std::vector<std::string> forms = {"concat", "turns", "mixed"};
  return forms;
}

std::optional<Prompt> TakeAway(const Prompt& prompt, const UnderspecifiedSettings& settings,
                               RandomKey key) {
  RLVR_CHECK(!prompt.messages.empty());
  const std::string& original = prompt.messages.back().second;
  const std::optional<ShardedText> shards = ReadShards(prompt);
  for (uint64_t draw = 0; draw < kDraws; ++draw) {
    Random random(key[draw]);
    const std::string& method = settings.method == "mixed"
                                    ? UnderspecifiedMethods()[static_cast<size_t>(random.Int(0, 2))]
                                    : settings.method;
    std::optional<Remainder> left;
    if (method == "condition_removal") {
      if (!shards.has_value() && prompt.data_source == "gsm_micro") {
        throw Error("data.underspecified", "gsm_micro does not say which sentences are required",
                    "write gsm_micro:shards=true");
      }
      left = WithoutACondition(original, shards, settings, random);
    } else if (shards.has_value() && UsesShards(*shards)) {
      left =
          method == "intent_only" ? IntentOnly(*shards) : ShardedPrefix(*shards, settings, random);
    }
    if (!left.has_value() || left->missing.empty()) continue;
    if (HoldsAllNumbers(fmt::format("{}", fmt::join(left->shards, "\n")),
                        shards.has_value() ? shards->question : original))
      continue;
    Prompt made = Labelled(prompt, "underspecified", left->missing);
    if (method == "sharded_prefix") {
      Tell(left->shards, settings, key, &made);
    } else {
      made.messages.back().second = left->shards.front();
    }
    made.target.clear();  // an expert's response to another request
    return made;
  }
  return std::nullopt;
}

UnderspecifiedPrompts::UnderspecifiedPrompts(std::unique_ptr<PromptSource> prompts,
                                             const UnderspecifiedSettings& settings, uint64_t seed)
    : prompts_(std::move(prompts)),
      settings_(settings),
      key_(StreamKey(seed, Stream::kGenerate)[0x756e646572ull]),
      originals_(prompts_->size()) {
  const double rest = 1 - settings.ratio - settings.complete;
  if (rest <= 0)
    throw Error("data.underspecified", "ratio and complete leave no room for the original rows",
                "their sum must be below 1");
  if (settings.max_missing != 0 && settings.max_missing < settings.min_missing)
    throw Error("data.underspecified", "max_missing is less than min_missing", "swap them");
  const auto count = [&](double share) {
    return static_cast<int64_t>(std::llround(static_cast<double>(originals_) * share / rest));
  };
  PromptOrder order(originals_, seed ^ 0x756e646572ull);
  // Rows in a random order, again and again; `usable` tells whether one does.
  const auto fill = [&](int64_t wanted, std::vector<int64_t>* rows, auto usable) {
    int64_t in_vain = 0;  // one after the other
    for (int64_t position = 0; static_cast<int64_t>(rows->size()) < wanted; ++position) {
      const int64_t row = order.At(position);
      if (usable(row, static_cast<uint64_t>(rows->size()))) {
        rows->push_back(row);
        in_vain = 0;
        continue;
      }
      if (position < originals_) ++left_out_;
      if (++in_vain >= originals_) {
        throw Error("data.underspecified",
                    prompts_->name() + " has no row of which something required can be taken away",
                    "use prompts with shards (gsm_micro:shards=true, or a JSONL with shards), or "
                    "method: condition_removal");
      }
    }
  };
  fill(count(settings.complete), &complete_, [&](int64_t row, uint64_t) {
    const auto shards = ReadShards(prompts_->Get(row));
    return shards.has_value() && UsesShards(*shards);
  });
  left_out_ = 0;
  fill(count(settings.ratio), &underspecified_, [&](int64_t row, uint64_t at) {
    return TakeAway(prompts_->Get(row), settings_, key_[at]).has_value();
  });
}

Prompt UnderspecifiedPrompts::Get(int64_t index) const {
  RLVR_CHECK(index >= 0 && index < size()) << index;
  Prompt prompt;
  const auto num_complete = static_cast<int64_t>(complete_.size());
  if (index < originals_) {
    prompt = Labelled(prompts_->Get(index), "specified", {});
  } else if (index < originals_ + num_complete) {
    const auto at = static_cast<uint64_t>(index - originals_);
    prompt = prompts_->Get(complete_[at]);
    Tell(TextsOf(ReadShards(prompt)->shards), settings_, key_[kComplete][at], &prompt);
    prompt = Labelled(std::move(prompt), "specified", {});
  } else {
    const auto at = static_cast<size_t>(index - originals_ - num_complete);
    auto made = TakeAway(prompts_->Get(underspecified_[at]), settings_, key_[at]);
    RLVR_CHECK(made.has_value()) << index;
    prompt = *std::move(made);
  }
  prompt.index = index;
  return prompt;
}

std::string UnderspecifiedPrompts::name() const {
  return fmt::format("{}, {} rows, {} more in shards, {} underspecified ({} rows left out)",
                     prompts_->name(), originals_, complete_.size(), underspecified_.size(),
                     left_out_);
}

std::unique_ptr<PromptSource> Underspecify(std::unique_ptr<PromptSource> prompts,
                                           const UnderspecifiedSettings& settings, uint64_t seed) {
  if (settings.ratio == 0 && settings.complete == 0) return prompts;
  return std::make_unique<UnderspecifiedPrompts>(std::move(prompts), settings, seed);
}

}  // namespace rlvr
