// Exact algebra: trees as quotients of polynomials with rational coefficients (FLINT's fmpq_mpoly) in
// their variables and in what polynomials do not look into (roots, sin(x), pi ...).
#ifndef RLVR_VERIFY_MATH_ALGEBRA_H_
#define RLVR_VERIFY_MATH_ALGEBRA_H_
#include "verify/math/limits.h"
#include "verify/math/node.h"

namespace rlvr::math {

// True is a proof that the trees are equal wherever both are defined. False says nothing: the
// polynomials may be too large, or roots may obey laws that polynomials do not know.
bool EqualByAlgebra(const Node& a, const Node& b, Work* work);
// True is a proof that a = 0 and b = 0 have the same solutions: the numerators are multiples of each
// other by a number.
bool SameZeros(const Node& a, const Node& b, Work* work);

}  // namespace rlvr::math
#endif  // RLVR_VERIFY_MATH_ALGEBRA_H_
