#include "verify/rubric.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/error.h"
#include "base/suggest.h"
#include "verify/verify.h"

namespace rlvr {

std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return lower;
}

namespace {

using Json = nlohmann::json;

constexpr uint32_t kMatchLimit = 1000000;

struct Expression {
  explicit Expression(const std::string& text, bool ignore_case) {
    int number = 0;
    PCRE2_SIZE offset = 0;
    code = pcre2_compile(
        reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(),
        PCRE2_UTF | PCRE2_MULTILINE | PCRE2_MATCH_INVALID_UTF | (ignore_case ? PCRE2_CASELESS : 0),
        &number, &offset, nullptr);
    if (code == nullptr) {
      PCRE2_UCHAR message[256];
      pcre2_get_error_message(number, message, sizeof(message));
      error = reinterpret_cast<const char*>(message);
    }
  }
  ~Expression() { pcre2_code_free(code); }
  Expression(const Expression&) = delete;
  Expression& operator=(const Expression&) = delete;

  bool Matches(std::string_view text) const {
    const std::unique_ptr<pcre2_match_data, decltype(&pcre2_match_data_free)> data(
        pcre2_match_data_create_from_pattern(code, nullptr), &pcre2_match_data_free);
    const std::unique_ptr<pcre2_match_context, decltype(&pcre2_match_context_free)> context(
        pcre2_match_context_create(nullptr), &pcre2_match_context_free);
    pcre2_set_match_limit(context.get(), kMatchLimit);
    return pcre2_match(code, reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), 0, 0,
                       data.get(), context.get()) >= 0;
  }

  pcre2_code* code = nullptr;
  std::string error;
};

// A decimal number that starts at text[at]; its end in *end.
std::optional<double> NumberAt(std::string_view text, size_t at, size_t* end) {
  double value = 0;
  const auto result =
      std::from_chars(text.data() + at, text.data() + text.size(), value, std::chars_format::fixed);
  if (result.ec != std::errc()) return std::nullopt;
  *end = static_cast<size_t>(result.ptr - text.data());
  return value;
}

bool NumberIsNear(const RubricItem& item, std::string_view response) {
  const auto near = [&](double x) { return std::abs(x - item.number) <= item.tolerance; };
  size_t end = 0;
  if (!item.anywhere) {
    const auto answer = ExtractFinalAnswer(response);
    if (!answer) return false;
    const std::string text = NormalizeFinalAnswer(*answer);
    const auto number = NumberAt(text, 0, &end);
    return number && end == text.size() && near(*number);
  }
  for (size_t at = 0; at < response.size();) {
    const auto is_digit = [&](size_t i) {
      return i < response.size() && std::isdigit(static_cast<unsigned char>(response[i]));
    };
    // "7-5": the minus is an operation, not a sign.
    const bool sign = response[at] == '-' && is_digit(at + 1) && (at == 0 || !is_digit(at - 1));
    if (!sign && !is_digit(at)) {
      ++at;
      continue;
    }
    const auto number = NumberAt(response, at, &end);
    if (number && near(*number)) return true;
    at = number ? end : at + 1;
  }
  return false;
}

RubricItem ParseItem(const Json& j, const std::string& place) {
  static const std::vector<std::string> kKeys = {"check", "value", "tolerance", "weight",
                                                 "kind",  "not",   "parts",     "ignore_case",
                                                 "min",   "max",   "anywhere"};
  static const std::vector<std::string> kChecks = {"contains", "format", "length", "numeric",
                                                   "regex"};
  if (!j.is_object())
    throw Error(place, "has a rubric item that is no object", "see docs/rewards.md");
  for (const auto& [key, value] : j.items()) {
    if (std::find(kKeys.begin(), kKeys.end(), key) == kKeys.end())
      throw Error(place, "its rubric has no key '" + key + "'", DidYouMean(key, kKeys));
  }
  RubricItem item;
  item.check = j.at("check").get<std::string>();
  if (std::find(kChecks.begin(), kChecks.end(), item.check) == kChecks.end())
    throw Error(place, "there is no check '" + item.check + "'", DidYouMean(item.check, kChecks));
  item.weight = j.value("weight", 1.0);
  item.negate = j.value("not", false);
  item.ignore_case = j.value("ignore_case", false);
  item.anywhere = j.value("anywhere", false);
  const std::string kind = j.value("kind", std::string("factual"));
  if (kind != "factual" && kind != "process")
    throw Error(place, "its rubric has the kind '" + kind + "'",
                DidYouMean(kind, {"factual", "process"}));
  item.process = kind == "process";
  if (!(item.weight > 0))
    throw Error(place, "its rubric has a weight that is not above 0", "leave the item out");
  if (item.check == "numeric") {
    item.number = j.at("value").get<double>();
    item.tolerance = j.value("tolerance", 0.0);
  } else if (item.check == "format") {
    item.parts = j.at("parts").get<std::vector<std::string>>();
  } else if (item.check == "length") {
    item.min = j.value("min", item.min);
    item.max = j.value("max", item.max);
  } else {
    item.value = j.at("value").get<std::string>();
  }
  if (item.check == "regex") {
    const Expression expression(item.value, item.ignore_case);
    if (expression.code == nullptr)
      throw Error(place, "its rubric's expression " + item.value + ": " + expression.error,
                  "mend the expression");
  }
  return item;
}

}  // namespace

std::vector<RubricItem> ParseRubric(std::string_view extra_info, const std::string& place) {
  const Json info = Json::parse(extra_info, nullptr, false);
  if (!info.is_object() || !info.contains("rubric") || !info["rubric"].is_array() ||
      info["rubric"].empty()) {
    throw Error(place, "extra_info has no rubric",
                "add \"rubric\": [{\"check\": ...}], or leave the rubric reward out");
  }
  std::vector<RubricItem> items;
  try {
    for (const Json& j : info["rubric"]) items.push_back(ParseItem(j, place));
  } catch (const Json::exception& e) {
    throw Error(place, std::string("its rubric: ") + e.what(), "see docs/rewards.md");
  }
  return items;
}

bool HasPartsInOrder(std::string_view text, const std::vector<std::string>& parts) {
  size_t from = 0;
  for (const std::string& part : parts) {
    const size_t at = text.find(part);
    if (at == std::string_view::npos || at < from || text.rfind(part) != at) return false;
    from = at + part.size();
  }
  return true;
}

bool Satisfied(const RubricItem& item, std::string_view response, int64_t num_tokens) {
  bool met = false;
  if (item.check == "contains") {
    met = item.ignore_case ? Lower(response).find(Lower(item.value)) != std::string::npos
                           : response.find(item.value) != std::string_view::npos;
  } else if (item.check == "regex") {
    met = Expression(item.value, item.ignore_case).Matches(response);
  } else if (item.check == "numeric") {
    met = NumberIsNear(item, response);
  } else if (item.check == "format") {
    met = HasPartsInOrder(response, item.parts);
  } else {
    met = num_tokens >= item.min && num_tokens <= item.max;
  }
  return met != item.negate;
}

}  // namespace rlvr
