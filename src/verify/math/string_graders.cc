// Graders that compare normalised strings, some of them with a little mathematics behind.
#include <fmt/format.h>

#include <algorithm>

#include "verify/math/characters.h"
#include "verify/math/graders.h"
#include "verify/math/hendrycks.h"
#include "verify/math/parser.h"

namespace rlvr::math {
namespace {

using std::string_view;

Grading ByText(std::string got, const std::string& want, Steps* steps) {
  Say(steps, fmt::format("gold: \"{}\"", want));
  Say(steps, fmt::format("answer: \"{}\"", got));
  const bool right = got == want;
  std::string reason = right ? "the same text" : fmt::format("{} is not {}", got, want);
  return {right, std::move(got), std::move(reason)};
}

// Without an enclosing \text{...}.
std::string MathdForm(string_view answer) {
  string_view s = Trimmed(answer);
  if (s.starts_with("\\text{") && s.ends_with('}') && s.find('}') == s.size() - 1)
    s = s.substr(6, s.size() - 7);
  return HendrycksForm(Trimmed(s));
}

// "(1, 2)" -> 1 and 2; anything else is one element.
std::vector<std::string> Elements(const std::string& s) {
  std::vector<std::string> elements;
  const bool tuple = s.size() > 2 && string_view("([").find(s.front()) != string_view::npos &&
                     string_view(")]").find(s.back()) != string_view::npos &&
                     s.substr(1, s.size() - 2).find_first_of("()[]") == std::string::npos;
  if (!tuple) return {s};
  std::string inside = s.substr(1, s.size() - 2);
  for (size_t comma; (comma = inside.find(',')) != std::string::npos; inside.erase(0, comma + 1))
    elements.emplace_back(Trimmed(string_view(inside).substr(0, comma)));
  elements.emplace_back(Trimmed(inside));
  return elements;
}

// prm800k's text form: words of units, dollars, percents and commas in numbers go.
std::string Prm800kForm(string_view answer) {
  std::string s(answer);
  if (s.size() > 4096) return s;
  const auto replace = [&](string_view from, string_view to) {
    for (size_t at = 0; (at = s.find(from, at)) != std::string::npos; at += to.size())
      s.replace(at, from.size(), to);
  };
  if (s.starts_with("\\text{") && s.ends_with('}')) s = s.substr(6, s.size() - 7);
  for (const string_view sign : {"\\%", "%", "\\$", "$"}) replace(sign, "");
  replace(" or ", " , ");
  replace(" and ", " , ");
  for (const string_view unit :
       {"degree", "cm", "centimeter", "meter", "mile", "second", "minute", "hour", "day", "week",
        "month", "year", "foot", "feet", "inch", "yard"}) {
    for (const string_view end : {"es", "s", ""}) replace(std::string(unit) + std::string(end), "");
  }
  replace("^\\circ", "");
  replace("^{\\circ}", "");
  for (const string_view sign : {"\\,", "\\!", "\\left", "\\right", "\\ "}) replace(sign, "");
  for (size_t i = 1; i + 3 < s.size(); ++i)  // 1,000
    if (s[i] == ',' && IsDigit(s[i - 1]) && IsDigit(s[i + 1]) && IsDigit(s[i + 2]) &&
        IsDigit(s[i + 3]))
      s.erase(i, 1);
  s.erase(std::remove(s.begin(), s.end(), ' '), s.end());
  s = LowerCase(s);
  if (s.starts_with('{') && s.ends_with('}')) s = s.substr(1, s.size() - 2);
  replace("dfrac", "frac");
  replace("tfrac", "frac");
  return s;
}

bool IsFraction(const std::string& s) {
  if (s.starts_with("\\frac{") || s.starts_with("-\\frac{")) {
    return s.find_first_not_of("0123456789{}-", s.find('{')) == std::string::npos;
  }
  const size_t slash = s.find('/');
  return slash != std::string::npos && s.find_first_not_of("0123456789/-") == std::string::npos;
}

bool Prm800kEqual(string_view gold, string_view answer, Work* work, std::string* why) {
  const std::string want = Prm800kForm(gold), got = Prm800kForm(answer);
  if (want == got) {
    *why = "the same text";
    return true;
  }
  if (got.empty()) return false;
  const auto a = Elements(want), b = Elements(got);
  if (a.size() != b.size() ||
      (a.size() > 1 && (want.front() != got.front() || want.back() != got.back())))
    return false;
  for (size_t i = 0; i < a.size(); ++i) {
    if (a[i] == b[i]) continue;
    if (IsFraction(a[i]) && IsFraction(b[i])) {
      *why = "an unreduced fraction counts as wrong";
      return false;
    }
    const auto x = Parse(a[i]), y = Parse(b[i]);
    if (!x || !y) {
      *why = "does not parse";
      return false;
    }
    // An integer is to be given as one.
    if (x->Is(Kind::kNumber) && !x->decimal && x->value.IsInteger() &&
        !(y->Is(Kind::kNumber) && y->value.IsInteger())) {
      *why = "the gold is an integer, the answer is not written as one";
      return false;
    }
    if (!Equal(*x, *y, {.rounding = 10}, work, why)) return false;
  }
  return true;
}

string_view Tail(string_view s, size_t n) { return s.size() > n ? s.substr(s.size() - n) : s; }

}  // namespace

Grading HendrycksIsEquiv(string_view gold, string_view response, const AnswerOptions&, Work*,
                         Steps* steps) {
  return ByText(HendrycksForm(response), HendrycksForm(gold), steps);
}

Grading VerlBoxed(string_view gold, string_view response, const AnswerOptions&, Work*,
                  Steps* steps) {
  const auto box = InsideLastBox(response);
  if (!box) return Wrong("", "no \\boxed");
  return ByText(HendrycksForm(*box), HendrycksForm(gold), steps);
}

Grading DapoStrictBox(string_view gold, string_view response, const AnswerOptions&, Work*,
                      Steps* steps) {
  auto box = InsideLastBox(Tail(Tail(response, 300), 100));
  if (!box) return Wrong("", "no \\boxed in the last 100 characters");
  return ByText(std::move(*box), std::string(gold), steps);
}

Grading DapoMinerva(string_view gold, string_view response, const AnswerOptions&, Work*,
                    Steps* steps) {
  response = Tail(response, 300);
  const std::string lower = LowerCase(response);
  std::optional<string_view> answer;
  for (size_t at = 0; (at = lower.find("answer", at)) != std::string::npos;) {
    at += 6;
    size_t p = at;
    while (p < lower.size() && IsSpace(lower[p])) ++p;
    if (p >= lower.size() || lower[p] != ':') continue;
    ++p;
    while (p < lower.size() && IsSpace(lower[p])) ++p;
    const size_t end = std::min(lower.find('\n', p), lower.size());
    if (end > p) answer = response.substr(p, end - p);
    at = end;
  }
  if (!answer) return Wrong("", "no \"Answer:\" in the last 300 characters");
  return ByText(DapoForm(*answer), DapoForm(gold), steps);
}

Grading Mathd(string_view gold, string_view response, const AnswerOptions&, Work*, Steps* steps) {
  return ByText(MathdForm(response), MathdForm(gold), steps);
}

Grading Prm800kSympy(string_view gold, string_view response, const AnswerOptions&, Work* work,
                     Steps* steps) {
  std::string why = "not equal";
  const bool right = Prm800kEqual(gold, response, work, &why);
  Say(steps, fmt::format("gold: \"{}\"", Prm800kForm(gold)));
  Say(steps, fmt::format("answer: \"{}\"", Prm800kForm(response)));
  return {right, std::string(response), why};
}

Grading Deepscaler(string_view gold, string_view response, const AnswerOptions&, Work* work,
                   Steps* steps) {
  const size_t think = response.find("</think>"), mark = response.find("###Response");
  if (think == string_view::npos && mark == string_view::npos) return Wrong("", "no </think>");
  response = response.substr(think != string_view::npos ? think + 8 : mark + 11);
  const auto answer = InsideLastBox(response);
  if (!answer) return Wrong("", "no \\boxed behind </think>");
  std::string want(gold);
  if (gold.find("\\boxed") != string_view::npos) want = InsideLastBox(gold).value_or("");
  if (want.empty()) return Wrong(*answer, "no answer in the ground truth");
  Say(steps, fmt::format("gold: \"{}\"", want));
  Say(steps, fmt::format("answer: \"{}\"", *answer));
  std::string why = "the same text after normalisation";
  const bool right =
      MathdForm(want) == MathdForm(*answer) || Prm800kEqual(want, *answer, work, &why);
  return {right, *answer, right ? why : fmt::format("{} is not {}", *answer, want)};
}

}  // namespace rlvr::math
