// Rubrics: what a response should say, as weighted checks by rules alone. In a prompt's extra_info:
//
//   "rubric": [
//     {"check": "numeric",  "value": 12, "tolerance": 0, "weight": 3, "kind": "factual"},
//     {"check": "contains", "value": "7+5=12", "ignore_case": true, "kind": "process"},
//     {"check": "regex",    "value": "^Answer: \\d+$"},
//     {"check": "format",   "parts": ["<think>", "</think>", "Answer:"]},
//     {"check": "length",   "min": 5, "max": 64, "weight": 0.5}]
//
// Every item may have a weight (above 0, else 1), a kind ("factual" or "process", else factual) and
// "not": true, which turns the check round. A satisfied item means:
//   numeric   the final answer (ExtractFinalAnswer) is a decimal number within tolerance of value;
//             with "anywhere": true any number of the response
//   contains  the text occurs
//   regex     the PCRE2 expression matches somewhere (^ and $ at lines); one that takes more than
//             a million steps does not match
//   format    every part occurs once, in this order
//   length    the number of tokens is in [min, max]
#ifndef RLVR_VERIFY_RUBRIC_H_
#define RLVR_VERIFY_RUBRIC_H_
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace rlvr {

std::string Lower(std::string_view text);  // ASCII letters

struct RubricItem {
  std::string check, value;
  std::vector<std::string> parts;
  double number = 0, tolerance = 0, weight = 1;
  int64_t min = 0, max = int64_t{1} << 40;
  bool process = false, negate = false, ignore_case = false, anywhere = false;
};

// extra_info: JSON text. place: of the prompt, for the Error where it has no good rubric.
std::vector<RubricItem> ParseRubric(std::string_view extra_info, const std::string& place);

bool Satisfied(const RubricItem& item, std::string_view response, int64_t num_tokens);

// Parts occur once each, in this order.
bool HasPartsInOrder(std::string_view text, const std::vector<std::string>& parts);

}  // namespace rlvr
#endif  // RLVR_VERIFY_RUBRIC_H_
