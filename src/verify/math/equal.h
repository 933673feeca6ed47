// Whether a parsed answer equals a parsed gold, by the conventions of Math-Verify.
#ifndef RLVR_VERIFY_MATH_EQUAL_H_
#define RLVR_VERIFY_MATH_EQUAL_H_
#include <string>

#include "verify/math/limits.h"
#include "verify/math/node.h"

namespace rlvr::math {

struct EqualityOptions {
  int rounding = 6;           // decimals after which two numbers count as equal if one has a point
  bool strict = true;         // false: variables may have other names
  bool set_relation = false;  // an answer that is an inequality may equal a gold that is a set
};

// `why` (may be null) gets the rule that decided. Not symmetric: the form of the gold counts.
bool Equal(const Node& gold, const Node& answer, const EqualityOptions& options, Work* work,
           std::string* why);

// Two expressions without relations and sets.
bool EqualExpressions(const Node& a, const Node& b, int rounding, Work* work, std::string* why);
// Two trees as sets of real numbers; false also where one is none, or is not bounded by numbers.
bool EqualAsRealSets(const Node& a, const Node& b, Work* work);
// The tree with sums, products, powers and determinants of matrices carried out.
Node WithMatricesComputed(const Node& node, Work* work);

}  // namespace rlvr::math
#endif  // RLVR_VERIFY_MATH_EQUAL_H_
