// Bounds that make a check short and deterministic whatever the strings are: they count work, never
// time, so that a verdict is the same on every machine.
#ifndef RLVR_VERIFY_MATH_LIMITS_H_
#define RLVR_VERIFY_MATH_LIMITS_H_
#include <cstddef>
#include <cstdint>

namespace rlvr::math {

inline constexpr size_t kMaxResponse = 65536;  // bytes at the end of a response that are looked at
inline constexpr size_t kMaxLatex = 4096;      // bytes of one expression
inline constexpr int kMaxDepth =
    240;  // of the parser's functions; about 40 brackets within each other
inline constexpr int kMaxTreeDepth = 200;    // of a parsed tree
inline constexpr size_t kMaxNodes = 2048;    // of one expression
inline constexpr int64_t kMaxBits = 16384;   // of an exact fraction
inline constexpr int64_t kMaxLog2 = 100000;  // of a number in interval arithmetic
inline constexpr size_t kMaxMatrix = 64;     // entries
inline constexpr size_t kMaxElements = 64;   // of a set whose order is free

// Thrown when a check has done as much as it may; the verdict is then "timed out".
struct OutOfWork {};

class Work {
 public:
  explicit Work(int64_t units = 4000000) : left_(units) {}
  // 1 unit is about a byte looked at; an operation on intervals is kNumeric.
  void Spend(int64_t units) {
    left_ -= units;
    if (left_ < 0) throw OutOfWork{};
  }
  static constexpr int64_t kParsed = 50;      // a byte of a formula
  static constexpr int64_t kNumeric = 200;    // an operation on balls
  static constexpr int64_t kFunction = 2000;  // sin, log, a power

 private:
  int64_t left_;
};

}  // namespace rlvr::math
#endif  // RLVR_VERIFY_MATH_LIMITS_H_
