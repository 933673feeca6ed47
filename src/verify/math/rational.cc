#include "verify/math/rational.h"

#include <algorithm>
#include <cstdlib>

namespace rlvr::math {
namespace {

constexpr size_t kMaxDigits = 1000;
constexpr int64_t kMaxScale = 1000;  // of an exponent of ten as written

// FLINT keeps big numbers in a pool of each thread, which it does not free by itself.
struct ThreadCache {
  ~ThreadCache() { flint_cleanup(); }
};

}  // namespace

std::optional<Rational> Rational::FromDecimal(std::string_view text) {
  thread_local ThreadCache cache;
  (void)cache;
  std::string digits;
  int64_t scale = 0;  // the value is digits * 10^scale
  size_t i = 0;
  bool point = false;
  for (; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '.') {
      if (point) return std::nullopt;
      point = true;
    } else if (c >= '0' && c <= '9') {
      digits += c;
      scale -= point;
    } else {
      break;
    }
  }
  if (digits.empty() || digits.size() > kMaxDigits) return std::nullopt;
  if (i < text.size()) {
    if (text[i] != 'e' && text[i] != 'E') return std::nullopt;
    std::string exponent(text.substr(i + 1));
    if (exponent.starts_with('+')) exponent.erase(0, 1);
    const size_t sign = exponent.starts_with('-') ? 1 : 0;
    if (exponent.size() == sign || exponent.size() > 5 ||
        exponent.find_first_not_of("0123456789", sign) != std::string::npos)
      return std::nullopt;
    scale += std::atoll(exponent.c_str());
  }
  if (std::abs(scale) > kMaxScale) return std::nullopt;
  Rational r;
  if (digits.size() <= 18) {
    fmpz_set_si(fmpq_numref(r.q_), std::atoll(digits.c_str()));
  } else if (fmpz_set_str(fmpq_numref(r.q_), digits.c_str(), 10) != 0) {
    return std::nullopt;
  }
  if (scale != 0) {
    fmpz_t ten;
    fmpz_init(ten);
    fmpz_set_ui(ten, 10);
    fmpz_pow_ui(ten, ten, static_cast<ulong>(std::abs(scale)));
    if (scale > 0) {
      fmpq_mul_fmpz(r.q_, r.q_, ten);
    } else {
      fmpq_div_fmpz(r.q_, r.q_, ten);
    }
    fmpz_clear(ten);
  }
  return r;
}

int64_t Rational::Bits() const {
  return static_cast<int64_t>(std::max(fmpz_bits(fmpq_numref(q_)), fmpz_bits(fmpq_denref(q_))));
}

std::optional<int64_t> Rational::SmallInteger(int64_t limit) const {
  if (!IsInteger() || fmpz_cmpabs(fmpq_numref(q_), fmpq_numref(Rational(limit).q_)) > 0)
    return std::nullopt;
  return fmpz_get_si(fmpq_numref(q_));
}

Rational Rational::RoundedTimesTenTo(int digits) const {
  Rational r = *this;
  fmpz_t ten;
  fmpz_init(ten);
  fmpz_set_ui(ten, 10);
  fmpz_pow_ui(ten, ten, static_cast<ulong>(digits));
  fmpq_mul_fmpz(r.q_, r.q_, ten);
  // floor(|x| + 1/2) with the sign of x
  const bool negative = r.Sign() < 0;
  if (negative) fmpq_neg(r.q_, r.q_);
  fmpz_mul_ui(fmpq_numref(r.q_), fmpq_numref(r.q_), 2);
  fmpz_add(fmpq_numref(r.q_), fmpq_numref(r.q_), fmpq_denref(r.q_));
  fmpz_mul_ui(fmpq_denref(r.q_), fmpq_denref(r.q_), 2);
  fmpz_fdiv_q(fmpq_numref(r.q_), fmpq_numref(r.q_), fmpq_denref(r.q_));
  fmpz_one(fmpq_denref(r.q_));
  if (negative) fmpq_neg(r.q_, r.q_);
  fmpz_clear(ten);
  return r;
}

std::string Rational::ToString() const {
  char* text = fmpq_get_str(nullptr, 10, q_);
  std::string s(text);
  flint_free(text);
  return s;
}

Rational Rational::Inverse() const {
  Rational r;
  fmpq_inv(r.q_, q_);
  return r;
}

std::optional<Rational> Rational::Power(const Rational& exponent, int64_t max_bits) const {
  const auto n = exponent.SmallInteger(max_bits);
  if (!n) {
    // 0 and 1 to any power; else a root that may exist.
    const auto root = Rational(0);
    if (exponent.IsInteger() && *this == Rational(1)) return *this;
    if (exponent.IsInteger() && exponent.Sign() > 0 && IsZero()) return root;
    const fmpz* d = fmpq_denref(exponent.q_);
    if (!exponent.IsInteger() && fmpz_cmp_si(d, 64) <= 0 && Sign() >= 0) {
      const auto base = Root(fmpz_get_si(d));
      Rational whole;
      fmpz_set(fmpq_numref(whole.q_), fmpq_numref(exponent.q_));
      if (base) return base->Power(whole, max_bits);
    }
    return std::nullopt;
  }
  if (IsZero() && *n < 0) return std::nullopt;
  if (Bits() > 1 && Bits() * std::abs(*n) > max_bits) return std::nullopt;
  Rational r;
  fmpq_pow_si(r.q_, q_, *n);
  return r;
}

std::optional<Rational> Rational::Root(int64_t n) const {
  if (n < 1 || (Sign() < 0 && n % 2 == 0)) return std::nullopt;
  Rational r;
  if (!fmpz_root(fmpq_numref(r.q_), fmpq_numref(q_), n)) return std::nullopt;
  if (!fmpz_root(fmpq_denref(r.q_), fmpq_denref(q_), n)) return std::nullopt;
  return r;
}

}  // namespace rlvr::math
