// The comparison of Qwen2.5-Math's evaluation: text, choices, numbers within 1e-4 (also as percentages),
// element by element, matrices, equations, then mathematics.
#include <fmt/format.h>

#include <cmath>

#include "verify/math/characters.h"
#include "verify/math/graders.h"
#include "verify/math/parser.h"
#include "verify/math/value.h"

namespace rlvr::math {
namespace {

using std::string_view;

constexpr int kMaxNesting = 8;

std::vector<std::string> SplitAt(string_view s, char at) {
  std::vector<std::string> parts;
  while (true) {
    const size_t i = s.find(at);
    parts.emplace_back(Trimmed(s.substr(0, i)));
    if (i == string_view::npos) return parts;
    s.remove_prefix(i + 1);
  }
}

// Digits with commas, a sign and maybe a percent sign.
std::optional<Rational> Digits(string_view text) {
  std::string s(Trimmed(text));
  std::erase(s, ',');
  bool percent = false;
  if (s.ends_with('%')) {
    s.pop_back();
    if (s.ends_with('\\')) s.pop_back();
    percent = true;
  }
  auto value = PlainNumber(s);
  if (value && percent) value = *value * Rational(100).Inverse();
  return value;
}

bool Close(const Rational& want, const Rational& got) {
  const Rational difference = (want - got).Absolute();
  const Rational larger = want.Absolute() < got.Absolute() ? got.Absolute() : want.Absolute();
  const Rational bound = larger * Rational(10000).Inverse();
  return !(bound < difference);
}

bool Within(string_view s, string_view open, string_view close) {
  return s.size() >= 2 && open.find(s.front()) != string_view::npos &&
         close.find(s.back()) != string_view::npos;
}

std::string Unbracketed(string_view s) {
  std::string r;
  for (const char c : s)
    if (string_view("{}()").find(c) == string_view::npos) r += c;
  return LowerCase(r);
}

class Qwen {
 public:
  explicit Qwen(Work* work) : work_(work) {}

  bool MathEqual(std::string got, std::string want, int depth) {
    work_->Spend(static_cast<int64_t>(got.size() + want.size()) + 20);
    if (depth > kMaxNesting || got.size() > kMaxLatex || want.size() > kMaxLatex)
      return got == want;
    got = Trimmed(got);
    want = Trimmed(want);
    if (LowerCase(got) == LowerCase(want)) return Decide("the same text", true);
    if (want.size() == 1 && want[0] >= 'A' && want[0] <= 'E') {
      std::string letter;
      for (const char c : got)
        if (c >= 'A' && c <= 'E') letter = c;
      if (letter == want) return Decide("the same choice", true);
    }
    const auto x = Digits(want), y = Digits(got);
    if (x && y) {
      const Rational hundred(100);
      for (const Rational& value : {*x * hundred.Inverse(), *x, *x * hundred})
        if (Close(value, *y))
          return Decide("the same number within 1e-4, maybe as a percentage", true);
      return Decide("different numbers", false);
    }
    if (got.empty()) return Decide("no answer", false);
    // Brackets that only one of them has.
    std::string a = got, b = want;
    if ((Within(got, "[", "]") && !Within(want, "(", ")")) ||
        (Within(got, "(", ")") && !Within(want, "[", "]"))) {
      a = a.substr(1, a.size() - 2);
      if (Within(b, "([", ")]")) b = b.substr(1, b.size() - 2);
    }
    if (Unbracketed(a) == Unbracketed(b)) return Decide("the same text without brackets", true);
    const bool tuples = Within(got, "([", ")]") && Within(want, "([", ")]");
    if (tuples && got.find("\\begin") == std::string::npos &&
        want.find("\\begin") == std::string::npos) {
      const auto g = SplitAt(string_view(got).substr(1, got.size() - 2), ','),
                 w = SplitAt(string_view(want).substr(1, want.size() - 2), ',');
      if (g.size() == w.size() && g.size() > 1 && g.size() <= kMaxElements) {
        bool all = true;
        for (size_t i = 0; i < g.size() && all; ++i) all = MathEqual(g[i], w[i], depth + 1);
        if (all) return Decide("equal element by element", true);
      }
    }
    const auto g = SplitAt(got, '='), w = SplitAt(want, '=');
    if (g.size() == 2 && w.size() == 2) return Symbolic(got, want);
    if (g.size() == 2 && g[0].size() <= 2 && w.size() == 1) return MathEqual(g[1], want, depth + 1);
    if (w.size() == 2 && w[0].size() <= 2 && g.size() == 1) return MathEqual(got, w[1], depth + 1);
    return Symbolic(got, want);
  }

  std::string reason;

 private:
  bool Decide(const char* why, bool result) {
    reason = why;
    return result;
  }

  bool Symbolic(const std::string& got, const std::string& want) {
    // A comma in braces is nothing that this grader's parsers read.
    if (got.find("{,}") != std::string::npos || want.find("{,}") != std::string::npos)
      return Decide("does not parse", false);
    const auto a = Parse(want), b = Parse(got);
    if (!a || !b) return Decide("does not parse", false);
    if (Equal(*a, *b, {}, work_, &reason)) return true;
    const auto x = RealValue(*a, work_), y = RealValue(*b, work_);
    if (x && y && Close(*x, *y)) return Decide("the same number within 1e-4", true);
    return false;
  }

  Work* work_;
};

}  // namespace

Grading QwenMathEqual(string_view gold, string_view response, const AnswerOptions&, Work* work,
                      Steps* steps) {
  Qwen qwen(work);
  Say(steps, fmt::format("gold: \"{}\"", gold));
  Say(steps, fmt::format("answer: \"{}\"", response));
  Grading g;
  g.right = qwen.MathEqual(std::string(response), std::string(gold), 0);
  g.answer = Trimmed(response);
  g.reason = qwen.reason;
  return g;
}

}  // namespace rlvr::math
