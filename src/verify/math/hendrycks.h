// Comparison of answers as strings, as the MATH data set's own grader does (arXiv:2103.03874), and the
// graders built on it.
#ifndef RLVR_VERIFY_MATH_HENDRYCKS_H_
#define RLVR_VERIFY_MATH_HENDRYCKS_H_
#include <optional>
#include <string>
#include <string_view>

namespace rlvr::math {

// The last \boxed{...} or \fbox{...} with its braces, or "\boxed x" to the next dollar; nullopt: none.
std::optional<std::string> LastBoxedString(std::string_view text);
// What is inside of it.
std::optional<std::string> InsideLastBox(std::string_view text);
// Spaces, units behind \text, degrees, percent and dollar signs go; fractions and roots get braces; 0.5
// and a/b become \frac{1}{2} and \frac{a}{b}.
std::string HendrycksForm(std::string_view answer);
bool HendrycksEqual(std::string_view gold, std::string_view answer);

// DAPO's normalisation (NormalizeFinalAnswer), without special tokens at the end of the answer.
std::string DapoForm(std::string_view answer);

}  // namespace rlvr::math
#endif  // RLVR_VERIFY_MATH_HENDRYCKS_H_
