// Values of trees: exact fractions where there is one, else balls of Arb that are certain to hold the
// value, at points where every variable is a fixed pseudo-random fraction.
#ifndef RLVR_VERIFY_MATH_VALUE_H_
#define RLVR_VERIFY_MATH_VALUE_H_
#include <acb.h>

#include <optional>
#include <string>

#include "verify/math/limits.h"
#include "verify/math/node.h"

namespace rlvr::math {

// The value of a tree without variables if it is a fraction that can be had exactly.
std::optional<Rational> ExactValue(const Node& node, Work* work);

class Ball {
 public:
  Ball() { acb_init(z_); }
  Ball(const Ball& other) : Ball() { acb_set(z_, other.z_); }
  Ball(Ball&& other) noexcept : Ball() { acb_swap(z_, other.z_); }
  Ball& operator=(Ball other) noexcept {
    acb_swap(z_, other.z_);
    return *this;
  }
  ~Ball() { acb_clear(z_); }
  acb_ptr get() { return z_; }
  acb_srcptr get() const { return z_; }

 private:
  acb_t z_;
};

inline constexpr int64_t kPrecision = 256;  // bits
inline constexpr int kNumPoints = 5;        // at the first every variable is positive

// The value at a point; nullopt where it is not defined, not known, too large or too uncertain.
std::optional<Ball> ValueAt(const Node& node, int point, Work* work);
// The real value of a tree without variables, to about 30 digits; nullopt: none, or not real.
std::optional<Rational> RealValue(const Node& node, Work* work);
bool HasVariables(const Node& node);

}  // namespace rlvr::math
#endif  // RLVR_VERIFY_MATH_VALUE_H_
