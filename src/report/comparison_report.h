// A comparison as text for the terminal, as compare.json and as compare.html (self-contained).
#ifndef RLVR_REPORT_COMPARISON_REPORT_H_
#define RLVR_REPORT_COMPARISON_REPORT_H_
#include <string>

#include "report/comparison_data.h"

namespace rlvr {

// A table with one row a recipe, the differences in words, then the warnings.
std::string ComparisonText(const ComparisonResult& result);
// Every number: what the table shows, the curves of every seed, the differences of the recipes.
std::string ComparisonJson(const ComparisonResult& result);
std::string ComparisonPage(const ComparisonResult& result);

// Writes FOLDER/compare.json and FOLDER/compare.html atomically and returns the page's path.
std::string WriteComparison(const ComparisonResult& result);

// The baseline's held-out accuracy at step 0, mean over seeds; NaN if it was not measured.
double BeforeTraining(const ComparisonResult& result);

// "grpo is 2.1 points below dapo: 95 % interval -3.9 to -0.3", or that they cannot be told apart.
std::string DifferenceInWords(const ComparisonResult& result, const RecipeResult& recipe);

}  // namespace rlvr
#endif  // RLVR_REPORT_COMPARISON_REPORT_H_
