// GSM8K and multiple choice.
#include <fmt/format.h>

#include <algorithm>

#include "verify/math/characters.h"
#include "verify/math/graders.h"

namespace rlvr::math {
namespace {

using std::string_view;

bool NumberByte(char c) { return IsDigit(c) || c == '.' || c == ','; }

std::string WithoutCommas(string_view s) {
  std::string r;
  for (const char c : s)
    if (c != ',' && c != '$') r += c;
  return r;
}

// The gold of GSM8K's files is a whole solution that ends in "#### 18".
string_view GoldNumber(string_view gold) {
  const size_t mark = gold.rfind("####");
  return Trimmed(mark == string_view::npos ? gold : gold.substr(mark + 4));
}

Grading ByNumber(string_view gold, string_view text, Steps* steps) {
  std::string got = WithoutCommas(text);
  while (got.ends_with('.')) got.pop_back();
  std::string want = WithoutCommas(GoldNumber(gold));
  while (want.ends_with('.')) want.pop_back();
  Say(steps, fmt::format("gold: {}", want));
  Say(steps, fmt::format("answer: {}", got));
  if (got == want) return {true, got, "equal to " + want};
  const auto x = PlainNumber(want), y = PlainNumber(got);
  if (x && y && *x == *y) return {true, got, "the same number as " + want};
  std::string reason = got + " is not " + want;
  return {false, std::move(got), std::move(reason)};
}

}  // namespace

std::optional<Rational> PlainNumber(string_view text) {
  const bool negative = text.starts_with('-');
  auto value = Rational::FromDecimal(WithoutCommas(text.substr(negative ? 1 : 0)));
  if (value && negative) value = -*value;
  return value;
}

Grading Gsm8k(string_view gold, string_view response, const AnswerOptions&, Work*, Steps* steps) {
  const size_t mark = response.rfind("####");
  if (mark == string_view::npos) return Wrong("", "no ####");
  size_t at = mark + 4;
  while (at < response.size() && (response[at] == ' ' || response[at] == '$')) ++at;
  const size_t from = at;
  if (at < response.size() && response[at] == '-') ++at;
  while (at < response.size() && (NumberByte(response[at]) || response[at] == '$')) ++at;
  if (at == from) return Wrong("", "no number behind ####");
  return ByNumber(gold, response.substr(from, at - from), steps);
}

Grading Gsm8kFlexible(string_view gold, string_view response, const AnswerOptions&, Work* work,
                      Steps* steps) {
  if (response.size() > kMaxResponse) response.remove_prefix(response.size() - kMaxResponse);
  // The last run of digits, points and commas that holds a digit.
  for (size_t end = response.size(); end > 0;) {
    work->Spend(1);
    if (!NumberByte(response[end - 1])) {
      --end;
      continue;
    }
    size_t begin = end;
    while (begin > 0 && NumberByte(response[begin - 1])) --begin;
    string_view run = response.substr(begin, end - begin);
    if (std::none_of(run.begin(), run.end(), IsDigit)) {
      end = begin;
      continue;
    }
    while (run.starts_with(',')) run.remove_prefix(1), ++begin;
    // A minus sign belongs to the number where nothing but a space or a dollar stands before it.
    size_t sign = begin;
    if (sign > 0 && response[sign - 1] == '$') --sign;
    const bool minus = sign > 0 && response[sign - 1] == '-' &&
                       (sign == 1 || !(IsDigit(response[sign - 2]) ||
                                       IsLetter(response[sign - 2]) || response[sign - 2] == ')'));
    return ByNumber(gold, (minus ? "-" : "") + std::string(run), steps);
  }
  return Wrong("", "no number");
}

Grading MultipleChoice(string_view gold, string_view response, const AnswerOptions& options,
                       Work* work, Steps* steps) {
  const std::string want = ChosenLetter(gold, options.language, work);
  std::string got = ChosenLetter(response, options.language, work);
  Say(steps, fmt::format("gold: choice {}", want.empty() ? "(none)" : want));
  Say(steps, fmt::format("answer: choice {}", got.empty() ? "(none)" : got));
  if (got.empty()) return Wrong("", "no choice named");
  const bool right = got == want;
  std::string reason = right ? "the same choice" : got + " is not " + want;
  return {right, std::move(got), std::move(reason)};
}

}  // namespace rlvr::math
