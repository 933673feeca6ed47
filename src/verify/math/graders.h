// Graders of mathematical answers: each keeps the conventions of one public grader, which differ on
// purpose (docs/answers.md).
#ifndef RLVR_VERIFY_MATH_GRADERS_H_
#define RLVR_VERIFY_MATH_GRADERS_H_
#include <string>
#include <string_view>
#include <vector>

#include "verify/math/equal.h"
#include "verify/math/extract.h"
#include "verify/verify.h"

namespace rlvr::math {

// What one check found out; `steps` is filled where it was asked for.
struct Grading {
  bool right = false;
  std::string answer;  // extracted
  std::string reason;
};
using Steps = std::vector<std::string>;  // may be passed as null

using GradeFunction = Grading (*)(std::string_view gold, std::string_view response,
                                  const AnswerOptions& options, Work* work, Steps* steps);

struct Grader {
  const char* name;
  const char* description;
  const char* source;
  GradeFunction grade;
};
const std::vector<Grader>& Graders();

// math_verify.cc
Grading MathVerify(std::string_view gold, std::string_view response, const AnswerOptions& options,
                   Work* work, Steps* steps);
Grading TrlAccuracy(std::string_view gold, std::string_view response, const AnswerOptions& options,
                    Work* work, Steps* steps);
Grading TrlReasoningAccuracy(std::string_view gold, std::string_view response,
                             const AnswerOptions& options, Work* work, Steps* steps);
Grading NemoRlMath(std::string_view gold, std::string_view response, const AnswerOptions& options,
                   Work* work, Steps* steps);
Grading ArealGeometry3k(std::string_view gold, std::string_view response,
                        const AnswerOptions& options, Work* work, Steps* steps);
// string_graders.cc
Grading HendrycksIsEquiv(std::string_view gold, std::string_view response,
                         const AnswerOptions& options, Work* work, Steps* steps);
Grading VerlBoxed(std::string_view gold, std::string_view response, const AnswerOptions& options,
                  Work* work, Steps* steps);
Grading DapoStrictBox(std::string_view gold, std::string_view response,
                      const AnswerOptions& options, Work* work, Steps* steps);
Grading DapoMinerva(std::string_view gold, std::string_view response, const AnswerOptions& options,
                    Work* work, Steps* steps);
Grading Mathd(std::string_view gold, std::string_view response, const AnswerOptions& options,
              Work* work, Steps* steps);
Grading Prm800kSympy(std::string_view gold, std::string_view response, const AnswerOptions& options,
                     Work* work, Steps* steps);
Grading Deepscaler(std::string_view gold, std::string_view response, const AnswerOptions& options,
                   Work* work, Steps* steps);
// plain_graders.cc
Grading Gsm8k(std::string_view gold, std::string_view response, const AnswerOptions& options,
              Work* work, Steps* steps);
Grading Gsm8kFlexible(std::string_view gold, std::string_view response,
                      const AnswerOptions& options, Work* work, Steps* steps);
Grading MultipleChoice(std::string_view gold, std::string_view response,
                       const AnswerOptions& options, Work* work, Steps* steps);
// qwen.cc
Grading QwenMathEqual(std::string_view gold, std::string_view response,
                      const AnswerOptions& options, Work* work, Steps* steps);
// letter.cc: the choice that a response names, in upper case; empty: none.
std::string ChosenLetter(std::string_view response, std::string_view language, Work* work);

// A number of a plain decimal string with thousands separators and a sign; nullopt: it is none.
std::optional<Rational> PlainNumber(std::string_view text);

inline void Say(Steps* steps, std::string line) {
  if (steps != nullptr) steps->push_back(std::move(line));
}
inline Grading Wrong(std::string answer, std::string reason) {
  return {false, std::move(answer), std::move(reason)};
}

}  // namespace rlvr::math
#endif  // RLVR_VERIFY_MATH_GRADERS_H_
