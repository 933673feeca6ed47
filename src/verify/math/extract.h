// Finding the final answer in a response, with the priorities of Math-Verify: "final answer is ... I
// hope", "final answer is", \boxed, "answer:", "answer", then any formula or number; of one priority
// the one that ends last, and of those the longest.
#ifndef RLVR_VERIFY_MATH_EXTRACT_H_
#define RLVR_VERIFY_MATH_EXTRACT_H_
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "verify/math/limits.h"
#include "verify/math/node.h"

namespace rlvr::math {

struct ExtractionOptions {
  bool latex = true;                 // formulas: $..$, \(..\), \[..\], \boxed
  bool expression = true;            // numbers and arithmetic in plain text
  bool anchors_only = false;         // LaTeX only behind "answer" or in a box
  bool boxed_first = false;          // \boxed before everything else
  bool first_match = false;          // nothing else if the best match does not parse
  std::string language = "english";  // of the word for "answer"
};

struct Extraction {
  std::optional<Node> value;  // parsed
  std::string text;           // what the best match held, normalised; empty: there was none
  std::string parsed;         // what the value was parsed from
};

Extraction Extract(std::string_view response, const ExtractionOptions& options, Work* work);

// One match of a pattern: bytes [begin, end) of the response.
struct Match {
  size_t begin = 0, end = 0;
  bool latex = false;
  bool loose_box = false;  // from "\boxed{" to the last "}" of the response
  struct Formula {
    std::string text;
    bool percent = false;
  };
  std::vector<Formula> formulas;  // or one number or expression
  bool number = false;            // of a plain-text match: digits only, in formulas[0]
};

// extract_latex.cc: a formula, or up to six joined by commas, "and", "or", that begins at `at`.
class LatexFinder {
 public:
  LatexFinder(std::string_view text, Work* work) : s_(text), work_(work) {}
  std::optional<Match> At(size_t at, bool boxed);
  std::vector<Match> All(bool boxed);

 private:
  struct Environment {
    size_t begin, end;
    Match::Formula formula;
  };
  std::optional<Environment> One(size_t at, bool boxed);
  std::optional<size_t> Close(size_t from, std::string_view close, bool one_line, int kind);
  std::string_view s_;
  Work* work_;
  size_t hopeless_[4][2] = {};  // [from, to): no closing sign was found there
};

// extract_plain.cc: a number or expression whose anchor (the start, a space or "=") is at `at`.
class PlainFinder {
 public:
  PlainFinder(std::string_view text, bool any_script, Work* work);
  std::optional<Match> At(size_t at);
  std::optional<Match> Expression(size_t at);
  std::optional<Match> NumberMatch(size_t at);
  std::vector<Match> All();

 private:
  std::optional<size_t> Anchor(size_t at) const;
  std::string_view s_;
  bool any_script_;
  Work* work_;
  // For each byte: where the digits and operators from there on end; the next operator.
  std::vector<uint32_t> run_end_, next_operator_;
};

// extract_box.cc: the contents of \boxed and \fbox. All of them joined by commas, or the last with those that stand
// close before it; nullopt where there is none.
std::optional<std::string> BoxedContents(std::string_view text, bool all);
// A form for comparison as text: without spaces, formatting and dollars.
std::string PlainForm(std::string_view latex);

}  // namespace rlvr::math
#endif  // RLVR_VERIFY_MATH_EXTRACT_H_
