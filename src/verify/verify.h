// (response, ground truth) -> verdict and score, by rules. A verdict is right, wrong, timed out or
// broken (tree.h).
#ifndef RLVR_VERIFY_VERIFY_H_
#define RLVR_VERIFY_VERIFY_H_
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tree/tree.h"

namespace rlvr {

struct Judgement {
  Verdict verdict = Verdict::kWrong;
  std::string answer;  // extracted; empty if none was found
  std::string reason;  // one short line for people: "no final answer", "12 is not 14"
  // Its own score, where it gives one; else the recipe's reward.correct or reward.wrong.
  std::optional<double> score = {};
  std::vector<std::pair<std::string, double>> metrics = {};  // "tests_passed": 0.75
};

// What a verifier may know of a prompt.
struct JudgedPrompt {
  std::vector<std::pair<std::string, std::string>> messages;  // role, content
  std::string data_source, ground_truth;
  std::string extra_info;  // JSON text
};

class Verifier {
 public:
  virtual ~Verifier() = default;
  virtual Judgement Judge(std::string_view response,
                          std::string_view ground_truth) const = 0;  // thread-safe
  // The same verdict, with a line for each step that led to it.
  virtual Judgement Explain(std::string_view response, std::string_view ground_truth,
                            std::vector<std::string>* steps) const;
  // For verifiers that read more than the ground truth.
  virtual Judgement JudgePrompt(const JudgedPrompt& prompt, std::string_view response) const {
    return Judge(response, prompt.ground_truth);
  }
  // Above 1: it waits for other processes, and so many responses should be judged at once.
  virtual int concurrency() const { return 1; }
};

// All responses, on as many threads as the verifier wants.
std::vector<Judgement> JudgeAll(const Verifier& verifier, const JudgedPrompt& prompt,
                                const std::vector<std::string>& responses);

inline const std::vector<std::string> kAnswerLanguages = {
    "english",    "french",  "german",   "spanish", "italian",
    "portuguese", "chinese", "japanese", "russian", "arabic"};

// Options of the graders of mathematical answers (docs/answers.md). Others take none.
struct AnswerOptions {                   // reward.answers
  bool latex = true, expression = true;  // what counts as an answer: formulas, plain numbers
  bool letters = false;                  // a multiple-choice letter instead of both
  int precision = 6;                     // decimals after which numbers with a point are equal
  bool strict = true;                    // false: variables may have other names
  bool allow_set_relation_comp = false;  // an inequality may equal a set
  std::string language = "english";      // of "the answer is"

  template <class Visitor>
  void Params(Visitor& p) {
    p("latex", latex);
    p("expression", expression);
    p("letters", letters);
    p("precision", precision, 0, 50);
    p("strict", strict);
    p("allow_set_relation_comp", allow_set_relation_comp);
    p("language", language, kAnswerLanguages);
  }
};

struct VerifierInfo {
  std::string name, description, source;
};
const std::vector<VerifierInfo>& Verifiers();  // sorted by name
// By a name of the list; throws Error.
std::unique_ptr<Verifier> MakeVerifier(const std::string& name, const AnswerOptions& options = {});
// What `reward.name: auto` uses: a data set that is known, by the beginning of its name, has the
// verifier that verl gives it; else math_rule.
std::string VerifierForDataSource(const std::string& data_source);

// The last \boxed{...} with balanced braces, else what follows the last "Answer:" to its line's
// end, trimmed.
std::optional<std::string> ExtractFinalAnswer(std::string_view response);
// The number that the protocol of "LLMs Get Lost In Multi-Turn Conversation" (arXiv:2505.06120)
// compares: the last of an extracted answer, without "$", "," and a final "."; nullopt: none. As its
// program has it, an amount in dollars that ends in ".00" loses every zero and point at its end:
// $34.00 is 34, but $300.00 is 3.
std::optional<std::string> LicMathNumber(std::string_view answer);
// DAPO's normalisation of a final answer (units, commas, \text, $ ...) for comparison as strings.
std::string NormalizeFinalAnswer(std::string answer);

// Soft overlong punishment, DAPO (arXiv:2503.14476) Eq. 13: 0 up to max_length - buffer, then falls
// linearly to -1 at max_length; -1 beyond. Scaled by penalty_factor.
double SoftOverlongPunishment(int64_t length, int64_t max_length, int64_t buffer,
                              double penalty_factor);

// Value of an arithmetic expression with exact rational arithmetic; the integers it used, in order.
// nullopt if malformed, if it divides by zero or overflows.
struct ExpressionValue {
  int64_t numerator = 0, denominator = 1;
  std::vector<int64_t> numbers;
};
std::optional<ExpressionValue> EvaluateExpression(std::string_view expression);

}  // namespace rlvr
#endif  // RLVR_VERIFY_VERIFY_H_
