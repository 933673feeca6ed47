#include "verify/verify.h"

#include <algorithm>
#include <functional>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/suggest.h"
#include "verify/math/graders.h"
#include "verify/verifier_settings.h"

namespace rlvr {
namespace {

// Two decimal numbers that are equal as numbers: 12 and 12.0, 1/2 and 2/4.
bool EqualNumbers(const std::string& a, const std::string& b) {
  const auto value = [](const std::string& s) -> std::optional<ExpressionValue> {
    const size_t dot = s.find('.');
    if (dot == std::string::npos) return EvaluateExpression(s);
    // 1.250 -> 1250/1000
    const std::string digits = s.substr(dot + 1);
    if (digits.empty() || digits.size() > 15 ||
        digits.find_first_not_of("0123456789") != std::string::npos)
      return std::nullopt;
    const std::string whole = s.substr(0, dot);
    if (whole.find_first_not_of("0123456789", whole.starts_with('-') ? 1 : 0) != std::string::npos)
      return std::nullopt;
    return EvaluateExpression(whole + digits + "/1" + std::string(digits.size(), '0'));
  };
  const auto x = value(a), y = value(b);
  return x && y && x->numerator == y->numerator && x->denominator == y->denominator;
}

class MathRule : public Verifier {
 public:
  Judgement Judge(std::string_view response, std::string_view ground_truth) const override {
    const auto answer = ExtractFinalAnswer(response);
    if (!answer) return {Verdict::kWrong, "", "no final answer"};
    const std::string got = NormalizeFinalAnswer(*answer),
                      want = NormalizeFinalAnswer(std::string(ground_truth));
    if (got == want || EqualNumbers(got, want)) return {Verdict::kRight, got, "equal to " + want};
    return {Verdict::kWrong, got, got + " is not " + want};
  }
};

class Countdown : public Verifier {
 public:
  Judgement Judge(std::string_view response, std::string_view ground_truth) const override {
    int64_t target = 0;
    std::vector<int64_t> numbers;
    const auto truth = nlohmann::json::parse(ground_truth, nullptr, false);
    if (!truth.is_object() || !truth.contains("target") || !truth["target"].is_number_integer() ||
        !truth.contains("numbers") || !truth["numbers"].is_array()) {
      return {Verdict::kBroken, "", "ground_truth is no {\"target\": n, \"numbers\": [...]}"};
    }
    target = truth["target"].get<int64_t>();
    for (const auto& n : truth["numbers"]) {
      if (!n.is_number_integer())
        return {Verdict::kBroken, "", "ground_truth has a number that is no integer"};
      numbers.push_back(n.get<int64_t>());
    }
    auto answer = ExtractFinalAnswer(response);
    if (!answer) return {Verdict::kWrong, "", "no final answer"};
    const std::string expression =
        answer->substr(0, answer->find('='));  // "(3+5)*2 = 16" is common
    const auto value = EvaluateExpression(expression);
    if (!value) return {Verdict::kWrong, *answer, "no arithmetic expression"};
    for (const int64_t n : value->numbers) {
      const auto it = std::find(numbers.begin(), numbers.end(), n);
      if (it == numbers.end())
        return {Verdict::kWrong, *answer, std::to_string(n) + " is not given, or used too often"};
      numbers.erase(it);
    }
    if (value->denominator != 1 || value->numerator != target)
      return {Verdict::kWrong, *answer, "does not make " + std::to_string(target)};
    return {Verdict::kRight, *answer, "makes " + std::to_string(target)};
  }
};

class LicMath : public Verifier {
 public:
  Judgement Judge(std::string_view response, std::string_view ground_truth) const override {
    const auto got = LicMathNumber(response);
    if (!got) return {Verdict::kWrong, "", "no number"};
    // After "#### " where the gold is a whole solution of GSM8K.
    const size_t mark = ground_truth.rfind("#### ");
    std::string want(mark == std::string_view::npos ? ground_truth : ground_truth.substr(mark + 5));
    std::erase_if(want, [](char c) { return c == ',' || c == '$'; });
    if (want.ends_with('.')) want.pop_back();
    if (*got == want) return {Verdict::kRight, *got, "equal to " + want};
    return {Verdict::kWrong, *got, *got + " is not " + want};
  }
};

}  // namespace

std::optional<std::string> LicMathNumber(std::string_view answer) {
  const auto digit = [&](size_t i) {
    return i < answer.size() && answer[i] >= '0' && answer[i] <= '9';
  };
  const auto part = [&](size_t i) {
    return digit(i) ||
           (i < answer.size() && std::string_view("$.,").find(answer[i]) != std::string_view::npos);
  };
  // The last match of (-?[$0-9.,]{2,})|(-?[0-9]+).
  std::string number;
  for (size_t i = 0; i < answer.size();) {
    const size_t begin = i + (answer[i] == '-' ? 1 : 0);
    size_t end = begin;
    while (part(end)) ++end;
    if (end - begin < 2 && !(end - begin == 1 && digit(begin))) {
      ++i;
      continue;
    }
    number = answer.substr(i, end - i);
    i = end;
  }
  if (number.empty()) return std::nullopt;
  if (number.find('$') != std::string::npos && number.ends_with(".00"))
    number.erase(number.find_last_not_of(".0") + 1);
  std::erase_if(number, [](char c) { return c == ',' || c == '$'; });
  if (number.ends_with('.')) number.pop_back();
  return number;
}

namespace {

// A grader of mathematical answers as a verifier. One that has done as much work as a check may do has
// timed out, on every machine alike.
class AnswerVerifier : public Verifier {
 public:
  AnswerVerifier(const math::Grader& grader, AnswerOptions options)
      : grader_(grader), options_(std::move(options)) {}
  Judgement Judge(std::string_view response, std::string_view ground_truth) const override {
    return Explain(response, ground_truth, nullptr);
  }
  Judgement Explain(std::string_view response, std::string_view ground_truth,
                    std::vector<std::string>* steps) const override {
    math::Work work;
    try {
      math::Grading g = grader_.grade(ground_truth, response, options_, &work, steps);
      return {g.right ? Verdict::kRight : Verdict::kWrong, std::move(g.answer),
              std::move(g.reason)};
    } catch (const math::OutOfWork&) {
      return {Verdict::kTimedOut, "", "the check took too much work"};
    }
  }

 private:
  const math::Grader& grader_;
  AnswerOptions options_;
};

template <class T>
std::unique_ptr<Verifier> Plain(const AnswerOptions&) {
  return std::make_unique<T>();
}

// The one list of verifiers.
struct Entry {
  VerifierInfo info;
  std::function<std::unique_ptr<Verifier>(const AnswerOptions&)> make;
};

const std::vector<Entry>& Entries() {
  static const std::vector<Entry> entries = [] {
    std::vector<Entry> list = {
        {{"countdown",
          "an expression of the given numbers that makes the target, each used at most once", ""},
         Plain<Countdown>},
        {{"lic_math",
          "the last number of the response, equal as the protocol of Lost in Conversation compares",
          "arXiv:2505.06120"},
         Plain<LicMath>},
        {{"math_rule", "the final answer in \\boxed{} or after Answer:, equal after normalisation",
          "arXiv:2503.14476"},
         Plain<MathRule>},
    };
    for (const math::Grader& grader : math::Graders()) {
      list.push_back({{grader.name, grader.description, grader.source},
                      [&grader](const AnswerOptions& options) {
                        return std::make_unique<AnswerVerifier>(grader, options);
                      }});
    }
    for (const VerifierInfo& further : FurtherVerifiers()) {
      list.push_back({further, [name = further.name](const AnswerOptions&) {
                        return MakeFurtherVerifier(name);
                      }});
    }
    std::sort(list.begin(), list.end(),
              [](const Entry& a, const Entry& b) { return a.info.name < b.info.name; });
    return list;
  }();
  return entries;
}

}  // namespace

Judgement Verifier::Explain(std::string_view response, std::string_view ground_truth,
                            std::vector<std::string>* steps) const {
  Judgement j = Judge(response, ground_truth);
  if (steps != nullptr) {
    steps->push_back("gold: " + std::string(ground_truth));
    steps->push_back("answer: extracted \"" + j.answer + "\"");
  }
  return j;
}

const std::vector<VerifierInfo>& Verifiers() {
  static const std::vector<VerifierInfo> list = [] {
    std::vector<VerifierInfo> infos;
    for (const Entry& e : Entries()) infos.push_back(e.info);
    return infos;
  }();
  return list;
}

std::unique_ptr<Verifier> MakeVerifier(const std::string& name, const AnswerOptions& options) {
  std::vector<std::string> names;
  for (const Entry& e : Entries()) {
    if (e.info.name == name) return e.make(options);
    names.push_back(e.info.name);
  }
  throw Error("reward", "there is no verifier '" + name + "'", DidYouMean(name, names));
}

std::string VerifierForDataSource(const std::string& data_source) {
  if (std::string name = FurtherVerifierForDataSource(data_source); !name.empty()) return name;
  struct Known {
    std::string_view begins, verifier;
  };
  static constexpr Known kKnown[] = {
      {"countdown", "countdown"},
      {"lic_math", "lic_math"},
      {"openai/gsm8k", "gsm8k"},
      {"lighteval/MATH", "verl_boxed"},
      {"DigitalLearningGmbH/MATH-lighteval", "verl_boxed"},
      {"HuggingFaceH4/MATH-500", "verl_boxed"},
      {"math_dapo", "dapo_minerva"},
      {"aime", "dapo_minerva"},
      {"numina_", "math_verify"},
  };
  for (const Known& k : kKnown)
    if (data_source.starts_with(k.begins)) return std::string(k.verifier);
  return "math_rule";
}

double SoftOverlongPunishment(int64_t length, int64_t max_length, int64_t buffer,
                              double penalty_factor) {
  RLVR_CHECK(buffer > 0 && buffer <= max_length) << buffer << " " << max_length;
  const int64_t expected = max_length - buffer;
  if (length <= expected) return 0;
  if (length > max_length) return -penalty_factor;
  return static_cast<double>(expected - length) / static_cast<double>(buffer) * penalty_factor;
}

}  // namespace rlvr
