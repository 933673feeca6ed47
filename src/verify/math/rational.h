// Exact fractions of any size: FLINT's fmpq with C++ ownership. Small values need no allocation.
#ifndef RLVR_VERIFY_MATH_RATIONAL_H_
#define RLVR_VERIFY_MATH_RATIONAL_H_
#include <flint/fmpq.h>

#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace rlvr::math {

class Rational {
 public:
  Rational() { fmpq_init(q_); }
  explicit Rational(int64_t value) : Rational() { fmpq_set_si(q_, value, 1); }
  Rational(const Rational& other) : Rational() { fmpq_set(q_, other.q_); }
  Rational(Rational&& other) noexcept : Rational() { fmpq_swap(q_, other.q_); }
  Rational& operator=(const Rational& other) {
    fmpq_set(q_, other.q_);
    return *this;
  }
  Rational& operator=(Rational&& other) noexcept {
    fmpq_swap(q_, other.q_);
    return *this;
  }
  ~Rational() { fmpq_clear(q_); }

  // "12", "3.50", ".5", "1.5e-3" (no sign); nullopt where it is none of these or too long.
  static std::optional<Rational> FromDecimal(std::string_view text);

  fmpq* get() { return q_; }
  const fmpq* get() const { return q_; }
  bool IsZero() const { return fmpq_is_zero(q_); }
  bool IsInteger() const { return fmpz_is_one(fmpq_denref(q_)); }
  int Sign() const { return fmpq_sgn(q_); }
  // Bits of the larger of numerator and denominator.
  int64_t Bits() const;
  // The value if it is an integer in [-limit, limit].
  std::optional<int64_t> SmallInteger(int64_t limit) const;
  // The integer nearest to the value times 10^digits; halves away from zero.
  Rational RoundedTimesTenTo(int digits) const;
  std::string ToString() const;  // "7/3"

  friend bool operator==(const Rational& a, const Rational& b) { return fmpq_equal(a.q_, b.q_); }
  friend bool operator<(const Rational& a, const Rational& b) { return fmpq_cmp(a.q_, b.q_) < 0; }
  friend Rational operator+(const Rational& a, const Rational& b) {
    Rational r;
    fmpq_add(r.q_, a.q_, b.q_);
    return r;
  }
  friend Rational operator-(const Rational& a, const Rational& b) {
    Rational r;
    fmpq_sub(r.q_, a.q_, b.q_);
    return r;
  }
  friend Rational operator*(const Rational& a, const Rational& b) {
    Rational r;
    fmpq_mul(r.q_, a.q_, b.q_);
    return r;
  }
  Rational operator-() const {
    Rational r;
    fmpq_neg(r.q_, q_);
    return r;
  }
  Rational Absolute() const { return Sign() < 0 ? -*this : *this; }
  // Not of zero.
  Rational Inverse() const;
  // nullopt for 0 to a negative power and where the result would be longer than max_bits.
  std::optional<Rational> Power(const Rational& exponent, int64_t max_bits) const;
  // The n-th root where that is a fraction too; n >= 1, of a value >= 0 or an odd n.
  std::optional<Rational> Root(int64_t n) const;

 private:
  fmpq_t q_;
};

}  // namespace rlvr::math
#endif  // RLVR_VERIFY_MATH_RATIONAL_H_
