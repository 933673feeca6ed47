#include "verify/format/format_verifiers.h"

#include "verify/format/bounded_pattern.h"
#include "verify/format/json_schema.h"

namespace rlvr {
namespace {

std::string WithoutBlanks(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\n\v\f";
  const size_t begin = text.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return "";
  return std::string(text.substr(begin, text.find_last_not_of(kBlanks) + 1 - begin));
}

class ExactVerifier : public Verifier {
 public:
  Judgement Judge(std::string_view response, std::string_view ground_truth) const override {
    const auto answer = ExtractFinalAnswer(response);
    const std::string got = WithoutBlanks(answer ? std::string_view(*answer) : response),
                      want = WithoutBlanks(ground_truth);
    if (got == want || WithoutBlanks(response) == want) return {Verdict::kRight, want, "the same"};
    return {Verdict::kWrong, got.substr(0, 200), "not the same"};
  }
};

class RegexVerifier : public Verifier {
 public:
  Judgement Judge(std::string_view response, std::string_view ground_truth) const override {
    const BoundedPattern pattern(std::string(ground_truth), {.multiline = true});
    if (!pattern.error().empty())
      return {Verdict::kBroken, "", "the ground truth's expression: " + pattern.error()};
    switch (pattern.Search(response)) {
      case BoundedPattern::Outcome::kMatch:
        return {Verdict::kRight, "", "matches"};
      case BoundedPattern::Outcome::kNone:
        return {Verdict::kWrong, "", "does not match"};
      case BoundedPattern::Outcome::kTooMuchWork:
        break;
    }
    return {Verdict::kTimedOut, "", "matching takes more than a million steps"};
  }
};

class JsonSchemaVerifier : public Verifier {
 public:
  Judgement Judge(std::string_view response, std::string_view ground_truth) const override {
    const std::string_view json = JsonIn(response);
    const SchemaResult result = CheckJsonSchema(ground_truth, json);
    switch (result.outcome) {
      case SchemaResult::Outcome::kValid:
        return {Verdict::kRight, WithoutBlanks(json).substr(0, 4096), result.reason};
      case SchemaResult::Outcome::kInvalid:
        return {Verdict::kWrong, "", result.reason};
      case SchemaResult::Outcome::kBadSchema:
        break;
    }
    return {Verdict::kBroken, "", result.reason};
  }
};

}  // namespace

std::unique_ptr<Verifier> MakeExactVerifier() { return std::make_unique<ExactVerifier>(); }
std::unique_ptr<Verifier> MakeRegexVerifier() { return std::make_unique<RegexVerifier>(); }
std::unique_ptr<Verifier> MakeJsonSchemaVerifier() {
  return std::make_unique<JsonSchemaVerifier>();
}

}  // namespace rlvr
