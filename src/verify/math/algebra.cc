#include "verify/math/algebra.h"

#include <flint/fmpq_mpoly.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <optional>
#include <string>

namespace rlvr::math {
namespace {

constexpr size_t kMaxGenerators = 12;
constexpr int64_t kMaxPolynomial = 400;  // terms
constexpr int64_t kMaxExponent = 40;

bool IsPolynomialStep(const Node& n) {
  switch (n.kind) {
    case Kind::kNumber:
    case Kind::kAdd:
    case Kind::kMul:
    case Kind::kPercent:
      return true;
    case Kind::kPow:
      return n.kids[1].Is(Kind::kNumber) && n.kids[1].value.SmallInteger(kMaxExponent).has_value();
    default:
      return false;
  }
}

// x^(y+1) and the like are taken apart no further: their text is their name.
void Collect(const Node& n, std::map<std::string, slong>* names) {
  if (!IsPolynomialStep(n)) {
    const std::string key = ToString(n);
    const slong next = static_cast<slong>(names->size());
    names->try_emplace(key, next);
    return;
  }
  const size_t kids = n.Is(Kind::kPow) ? 1 : n.kids.size();
  for (size_t i = 0; i < kids; ++i) Collect(n.kids[i], names);
}

struct TooLarge {};

class Polynomial {
 public:
  explicit Polynomial(const fmpq_mpoly_ctx_struct* ctx) : ctx_(ctx) { fmpq_mpoly_init(p_, ctx_); }
  Polynomial(const Polynomial& other) : Polynomial(other.ctx_) {
    fmpq_mpoly_set(p_, other.p_, ctx_);
  }
  Polynomial& operator=(const Polynomial& other) {
    fmpq_mpoly_set(p_, other.p_, ctx_);
    return *this;
  }
  ~Polynomial() { fmpq_mpoly_clear(p_, ctx_); }
  fmpq_mpoly_struct* get() { return p_; }
  const fmpq_mpoly_struct* get() const { return p_; }
  int64_t Terms() const { return fmpq_mpoly_length(p_, ctx_); }

  Polynomial Times(const Polynomial& other, Work* work) const {
    const int64_t terms = Terms() * other.Terms();
    if (terms > kMaxPolynomial * 10) throw TooLarge();
    work->Spend(Work::kNumeric + terms * 10);
    Polynomial r(ctx_);
    fmpq_mpoly_mul(r.p_, p_, other.p_, ctx_);
    r.Check();
    return r;
  }
  Polynomial Plus(const Polynomial& other) const {
    Polynomial r(ctx_);
    fmpq_mpoly_add(r.p_, p_, other.p_, ctx_);
    r.Check();
    return r;
  }
  bool IsZero() const { return fmpq_mpoly_is_zero(p_, ctx_); }
  void MakeMonic() { fmpq_mpoly_make_monic(p_, p_, ctx_); }
  bool Equals(const Polynomial& other) const { return fmpq_mpoly_equal(p_, other.p_, ctx_); }

 private:
  void Check() const {
    if (Terms() > kMaxPolynomial ||
        fmpz_bits(fmpq_numref(p_->content)) > static_cast<ulong>(kMaxBits) ||
        fmpz_bits(fmpq_denref(p_->content)) > static_cast<ulong>(kMaxBits))
      throw TooLarge();
  }
  const fmpq_mpoly_ctx_struct* ctx_;
  fmpq_mpoly_t p_;
};

struct Quotient2 {
  Polynomial top, bottom;
};

class Converter {
 public:
  Converter(const Node& a, const Node& b, Work* work) : work_(work) {
    Collect(a, &names_);
    Collect(b, &names_);
    if (names_.size() > kMaxGenerators) throw TooLarge();
    fmpq_mpoly_ctx_init(ctx_, std::max<slong>(1, static_cast<slong>(names_.size())), ORD_DEGREVLEX);
  }
  ~Converter() { fmpq_mpoly_ctx_clear(ctx_); }
  Converter(const Converter&) = delete;
  Converter& operator=(const Converter&) = delete;

  Quotient2 Convert(const Node& n) {
    work_->Spend(Work::kNumeric);
    Quotient2 r{Constant(Rational(0)), Constant(Rational(1))};
    if (!IsPolynomialStep(n)) {
      fmpq_mpoly_gen(r.top.get(), names_.at(ToString(n)), ctx_);
      return r;
    }
    switch (n.kind) {
      case Kind::kNumber:
        r.top = Constant(n.value);
        break;
      case Kind::kPercent:
        r = Convert(n.kids[0]);
        r.bottom = r.bottom.Times(Constant(Rational(100)), work_);
        break;
      case Kind::kAdd:
        for (const Node& kid : n.kids) {
          const Quotient2 k = Convert(kid);
          if (r.bottom.Equals(k.bottom)) {
            r.top = r.top.Plus(k.top);
          } else {
            r.top = r.top.Times(k.bottom, work_).Plus(k.top.Times(r.bottom, work_));
            r.bottom = r.bottom.Times(k.bottom, work_);
          }
        }
        break;
      case Kind::kMul:
        r.top = Constant(Rational(1));
        for (const Node& kid : n.kids) {
          const Quotient2 k = Convert(kid);
          r.top = r.top.Times(k.top, work_);
          r.bottom = r.bottom.Times(k.bottom, work_);
        }
        break;
      default: {  // a power
        const int64_t exponent = *n.kids[1].value.SmallInteger(kMaxExponent);
        const Quotient2 base = Convert(n.kids[0]);
        if (exponent < 0 && base.top.IsZero()) throw TooLarge();
        r.top = Constant(Rational(1));
        for (int64_t i = 0; i < std::abs(exponent); ++i) {
          r.top = r.top.Times(exponent > 0 ? base.top : base.bottom, work_);
          r.bottom = r.bottom.Times(exponent > 0 ? base.bottom : base.top, work_);
        }
      }
    }
    return r;
  }

 private:
  Polynomial Constant(const Rational& value) {
    Polynomial p(ctx_);
    fmpq_mpoly_set_fmpq(p.get(), value.get(), ctx_);
    return p;
  }

  std::map<std::string, slong> names_;
  fmpq_mpoly_ctx_t ctx_;
  Work* work_;
};

}  // namespace

bool EqualByAlgebra(const Node& a, const Node& b, Work* work) {
  try {
    Converter converter(a, b, work);
    const Quotient2 x = converter.Convert(a), y = converter.Convert(b);
    return x.top.Times(y.bottom, work).Equals(y.top.Times(x.bottom, work));
  } catch (const TooLarge&) {
    return false;
  }
}

bool SameZeros(const Node& a, const Node& b, Work* work) {
  try {
    Converter converter(a, b, work);
    Quotient2 x = converter.Convert(a), y = converter.Convert(b);
    if (x.top.IsZero() || y.top.IsZero()) return x.top.IsZero() && y.top.IsZero();
    x.top.MakeMonic();
    y.top.MakeMonic();
    return x.top.Equals(y.top);
  } catch (const TooLarge&) {
    return false;
  }
}

}  // namespace rlvr::math
