#include "verify/illocution.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "base/error.h"
#include "verify/turn_text.h"

namespace rlvr {
namespace {

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
  const std::set<std::string> said = TopicWords(text);
  return std::any_of(missing.begin(), missing.end(), [&](const std::string& condition) {
    const std::set<std::string> words = TopicWords(condition);
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
