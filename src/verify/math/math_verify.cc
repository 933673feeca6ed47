// Math-Verify's way: extract, parse, compare as mathematics.
#include <fmt/format.h>

#include <algorithm>

#include "verify/math/characters.h"
#include "verify/math/graders.h"
#include "verify/math/parser.h"

namespace rlvr::math {
namespace {

using std::string_view;

std::string Shown(string_view s) {
  constexpr size_t kShown = 200;
  return s.size() > kShown ? std::string(s.substr(0, kShown)) + "..." : std::string(s);
}

void SayExtraction(const char* whose, const Extraction& e, Steps* steps) {
  if (steps == nullptr) return;
  if (e.value) {
    Say(steps, fmt::format("{}: extracted \"{}\"", whose, Shown(e.parsed)));
    Say(steps, fmt::format("{}: parsed as {}", whose, Shown(ToString(*e.value))));
  } else if (!e.text.empty()) {
    Say(steps, fmt::format("{}: extracted \"{}\", which does not parse", whose, Shown(e.text)));
  } else {
    Say(steps, fmt::format("{}: nothing found", whose));
  }
}

Grading Compare(const Extraction& gold, const Extraction& answer, const AnswerOptions& options,
                Work* work, Steps* steps) {
  SayExtraction("gold", gold, steps);
  SayExtraction("answer", answer, steps);
  Grading g;
  g.answer = answer.value ? answer.parsed : answer.text;
  if (!answer.value && answer.text.empty()) {
    g.reason = "no final answer";
    return g;
  }
  if (!gold.value && gold.text.empty()) {
    g.reason = "no answer in the ground truth";
    return g;
  }
  std::string why;
  if (gold.value && answer.value) {
    const EqualityOptions equality{.rounding = options.precision,
                                   .strict = options.strict,
                                   .set_relation = options.allow_set_relation_comp};
    g.right = Equal(*gold.value, *answer.value, equality, work, &why);
    g.reason = why;
  }
  // What does not parse may still be the same text.
  if (!g.right && gold.text == answer.text && !gold.text.empty()) {
    g.right = true;
    g.reason = "the same text";
  }
  if (g.reason.empty())
    g.reason = gold.value ? "the answer does not parse" : "the gold does not parse";
  return g;
}

ExtractionOptions For(const AnswerOptions& options) {
  ExtractionOptions e;
  e.latex = options.latex;
  e.expression = options.expression;
  e.language = options.language;
  return e;
}

// A ground truth is often a bare formula: 2\sqrt{3}, of which no part may be taken for the whole.
Extraction ReadGold(string_view gold, const ExtractionOptions& options, Work* work) {
  const auto has = [&](string_view sign) { return gold.find(sign) != string_view::npos; };
  const bool marked = has("$") || has("\\boxed") || has("\\(") || has("\\[") || has("####");
  size_t letters = 0, longest = 0;  // a run of three letters is a word
  for (const char c : gold) {
    letters = IsLetter(c) ? letters + 1 : 0;
    longest = std::max(longest, letters);
  }
  const auto whole = [&]() -> Extraction {
    work->Spend(static_cast<int64_t>(gold.size()) * Work::kParsed);
    return {Parse(gold), PlainForm(gold), std::string(Trimmed(gold))};
  };
  if (!marked && (longest < 3 || gold.find_first_of("\\^{") != string_view::npos)) {
    const bool plain = gold.find_first_not_of("0123456789.,-+/% \n") == string_view::npos;
    if (!plain) {
      if (Extraction e = whole(); e.value) return e;
    }
  }
  Extraction e = Extract(gold, options, work);
  if (!e.value && !marked && e.text.empty() && !gold.empty()) e = whole();
  return e;
}

// Behind the last </think>, where there is one.
std::optional<string_view> BehindThinking(string_view response) {
  const size_t end = response.rfind("</think>");
  if (end == string_view::npos) return std::nullopt;
  return response.substr(end + 8);
}

}  // namespace

Grading MathVerify(string_view gold, string_view response, const AnswerOptions& options, Work* work,
                   Steps* steps) {
  if (options.letters) return MultipleChoice(gold, response, options, work, steps);
  ExtractionOptions extraction = For(options);
  const Extraction want = ReadGold(gold, extraction, work);
  return Compare(want, Extract(response, extraction, work), options, work, steps);
}

Grading TrlAccuracy(string_view gold, string_view response, const AnswerOptions& options,
                    Work* work, Steps* steps) {
  ExtractionOptions latex;
  latex.expression = false;
  latex.anchors_only = latex.boxed_first = latex.first_match = true;
  const Extraction want = ReadGold(gold, For(options), work);
  return Compare(want, Extract(response, latex, work), options, work, steps);
}

Grading TrlReasoningAccuracy(string_view gold, string_view response, const AnswerOptions& options,
                             Work* work, Steps* steps) {
  const auto answer = BehindThinking(response);
  if (!answer) return Wrong("", "no </think>");
  return TrlAccuracy(gold, *answer, options, work, steps);
}

Grading NemoRlMath(string_view gold, string_view response, const AnswerOptions& options, Work* work,
                   Steps* steps) {
  const std::string boxed = gold.find("\\boxed") == string_view::npos
                                ? "\\boxed{" + std::string(gold) + "}"
                                : std::string(gold);
  ExtractionOptions latex = For(options);
  latex.expression = false;
  const Extraction want = Extract(boxed, latex, work);
  return Compare(want, Extract(response, For(options), work), options, work, steps);
}

// The last [...] of the response holds the answer; without one the whole response does.
Grading ArealGeometry3k(string_view gold, string_view response, const AnswerOptions& options,
                        Work* work, Steps* steps) {
  const size_t close = response.rfind(']');
  const size_t open = close == string_view::npos ? close : response.rfind('[', close);
  if (open != string_view::npos) {
    response = Trimmed(response.substr(open + 1, close - open - 1));
    Say(steps, "answer: inside the last [ ]");
  }
  return MathVerify(gold, response, options, work, steps);
}

}  // namespace rlvr::math
