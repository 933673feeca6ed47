#include "verify/illocution.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "base/error.h"
#include "verify/content_words.h"

namespace rlvr {
namespace {

using Words = std::set<std::string>;

// A word before a number is one word with it; other numbers are left out.
Words Subjects(const std::string& sentence) {
  const std::vector<std::string> words = ContentWords(sentence);
  Words subjects;
  for (size_t i = 0; i < words.size(); ++i) {
    if (IsNumberWord(words[i])) continue;
    const bool labels = i + 1 < words.size() && IsNumberWord(words[i + 1]);
    subjects.insert(labels ? words[i] + " " + words[i + 1] : words[i]);
  }
  return subjects;
}

// Of a condition: the words that label numbers stand alone, too.
Words WordsOf(const std::string& condition) {
  Words words = Subjects(condition);
  for (const std::string& word : ContentWords(condition))
    if (!IsNumberWord(word)) words.insert(word);
  return words;
}

double ShareIn(const Words& subjects, const Words& condition) {
  const auto shared = std::count_if(subjects.begin(), subjects.end(),
                                    [&](const std::string& w) { return condition.contains(w); });
  return static_cast<double>(shared) / static_cast<double>(subjects.size());
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
  if (strategy == TurnStrategy::kAnswerAttempt) return -settings.penalty_confident;
  if (settings.clarify_requires_missing && !names_missing) return 0;
  switch (strategy) {
    case TurnStrategy::kClarification:
    case TurnStrategy::kInterrogation:
      return 1;
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

bool NamesMissing(std::string_view turn, const std::vector<std::string>& told,
                  const std::vector<std::string>& missing, double tau) {
  std::vector<Words> missing_words, told_words;
  for (const std::string& condition : missing) {
    Words words = WordsOf(condition);
    if (!words.empty()) missing_words.push_back(std::move(words));
  }
  if (missing_words.empty()) return !missing.empty();
  for (const std::string& text : told) {
    for (const std::string& sentence : SentencesIn(text)) told_words.push_back(WordsOf(sentence));
  }
  std::vector<std::string> sentences = QuestionsIn(turn);
  if (sentences.empty()) {
    sentences = SentencesIn(turn);
    std::erase_if(sentences, [](const std::string& s) { return s.find('=') != std::string::npos; });
  }
  return std::any_of(sentences.begin(), sentences.end(), [&](const std::string& sentence) {
    const Words subjects = Subjects(sentence);
    if (subjects.empty()) return false;
    double known = 0, named = 0;
    for (const Words& words : told_words) known = std::max(known, ShareIn(subjects, words));
    for (const Words& words : missing_words) named = std::max(named, ShareIn(subjects, words));
    return named >= tau && named > known;
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
