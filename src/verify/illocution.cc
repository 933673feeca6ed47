#include "verify/illocution.h"

#include <algorithm>
#include <cctype>
#include <nlohmann/json.hpp>
#include <set>

#include "base/error.h"

namespace rlvr {
namespace {

// Lower case, in the singular, without function words.
std::set<std::string> ContentWords(std::string_view text) {
  static const std::set<std::string> kFunctionWords = {
      "all",  "also", "and",  "any",  "are",   "but",   "can",  "did",   "does", "each", "every",
      "for",  "from", "get",  "got",  "had",   "has",   "have", "her",   "him",  "his",  "how",
      "its",  "many", "much", "not",  "now",   "one",   "only", "our",   "out",  "per",  "she",
      "some", "than", "that", "the",  "their", "them",  "then", "there", "they", "this", "two",
      "was",  "were", "what", "when", "where", "which", "who",  "will",  "with", "you",  "your"};
  std::set<std::string> words;
  std::string word;
  const auto finish = [&] {
    const bool function = kFunctionWords.contains(word);
    if (word.size() > 3 && word.back() == 's') word.pop_back();
    if (word.size() >= 3 && !function) words.insert(word);
    word.clear();
  };
  for (const char c : text) {
    const auto u = static_cast<unsigned char>(c);
    if (std::isalpha(u) || u >= 0x80) {
      word += static_cast<char>(std::tolower(u));
    } else {
      finish();
    }
  }
  finish();
  return words;
}

bool Asks(TurnStrategy strategy) {
  return strategy == TurnStrategy::kClarification || strategy == TurnStrategy::kInterrogation;
}

}  // namespace

double IllocutionReward(const IllocutionSettings& settings, Illocution illocution,
                        TurnStrategy strategy, bool right, bool names_missing) {
  if (illocution != Illocution::kUnderspecified) {
    if (right) return settings.correct;
    if (strategy == TurnStrategy::kAnswerAttempt) return settings.wrong;
    if (strategy == TurnStrategy::kMissing && settings.format) return 0;
    return settings.wrong - settings.penalty_needless;
  }
  if (Asks(strategy)) return settings.clarify_requires_missing && !names_missing ? 0 : 1;
  switch (strategy) {
    case TurnStrategy::kAnswerAttempt:
      return -settings.penalty_confident;
    case TurnStrategy::kHedge:
      return settings.r_hedge;
    case TurnStrategy::kDiscussion:
      return settings.r_discussion;
    case TurnStrategy::kRefuse:
      return settings.r_refuse;
    default:
      return 0;
  }
}

bool MeetsIllocution(const IllocutionSettings& settings, Illocution illocution,
                     TurnStrategy strategy, bool right, bool names_missing) {
  if (illocution != Illocution::kUnderspecified) return right;
  return IllocutionReward(settings, illocution, strategy, right, names_missing) > 0;
}

bool NamesMissing(std::string_view text, const std::vector<std::string>& missing, double tau) {
  const std::set<std::string> said = ContentWords(text);
  return std::any_of(missing.begin(), missing.end(), [&](const std::string& condition) {
    const std::set<std::string> words = ContentWords(condition);
    const auto named = std::count_if(words.begin(), words.end(),
                                     [&](const std::string& w) { return said.contains(w); });
    return !words.empty() && static_cast<double>(named) >= tau * static_cast<double>(words.size());
  });
}

PromptIllocution IllocutionOf(std::string_view extra_info, const std::string& place) {
  PromptIllocution p;
  const auto info = nlohmann::json::parse(extra_info, nullptr, false);
  if (!info.is_object() || !info.contains("illocution")) return p;
  p.given = true;
  const auto& label = info["illocution"];
  if (label == ToString(Illocution::kUnderspecified)) {
    p.illocution = Illocution::kUnderspecified;
  } else if (label != ToString(Illocution::kSpecified)) {
    throw Error(place, "extra_info.illocution is " + label.dump(),
                "write \"specified\" or \"underspecified\"");
  }
  const auto missing = info.value("missing", nlohmann::json::array());
  if (!missing.is_array() ||
      !std::all_of(missing.begin(), missing.end(), [](const auto& m) { return m.is_string(); }))
    throw Error(place, "extra_info.missing is " + missing.dump(),
                "write a list of the conditions that were removed, as texts");
  p.missing = missing.get<std::vector<std::string>>();
  return p;
}

}  // namespace rlvr
