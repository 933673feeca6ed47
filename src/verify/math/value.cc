#include "verify/math/value.h"

#include <acb_hypgeom.h>
#include <xxhash.h>

#include <cstdlib>

namespace rlvr::math {
namespace {

constexpr int64_t kMaxTerms = 200;  // of a sum or product that is written out

uint64_t Hash(std::string_view s, uint64_t seed) { return XXH64(s.data(), s.size(), seed); }

// A fraction of size 0.4 to 2.6 that is nobody's root.
void SetVariable(const std::string& name, int point, acb_ptr out) {
  const uint64_t h = Hash(name, static_cast<uint64_t>(point) + 1);
  const int64_t numerator = 4001 + static_cast<int64_t>(h % 22000);
  fmpq_t q;
  fmpq_init(q);
  fmpq_set_si(q, point > 0 && (h >> 40) % 2 == 0 ? -numerator : numerator, 10007);
  arb_set_fmpq(acb_realref(out), q, kPrecision);
  arb_zero(acb_imagref(out));
  fmpq_clear(q);
}

// What stands for the value of a function that is not known: equal for equal arguments.
void SetUnknown(const std::string& name, const std::vector<Ball>& arguments, acb_ptr out) {
  std::string key = name;
  for (const Ball& a : arguments) {
    for (const arb_srcptr part : {acb_realref(a.get()), acb_imagref(a.get())}) {
      char* text = arb_get_str(part, 25, ARB_STR_NO_RADIUS);
      key += std::string("|") + (arb_contains_zero(part) ? "0" : text);
      flint_free(text);
    }
  }
  SetVariable(key, 0, out);
}

class Evaluator {
 public:
  Evaluator(int point, Work* work) : point_(point), work_(work) {}

  bool Eval(const Node& n, acb_ptr out) {
    work_->Spend(Work::kNumeric);
    if (!Raw(n, out)) return false;
    return acb_is_finite(out) && Size(out) <= kMaxLog2;
  }

 private:
  // log2 of the size, about.
  static int64_t Size(acb_srcptr z) {
    mag_t m;
    mag_init(m);
    acb_get_mag(m, z);
    const int64_t size = mag_is_zero(m) ? 0
                         : mag_is_inf(m) || COEFF_IS_MPZ(MAG_EXP(m))
                             ? INT64_MAX
                             : std::abs(static_cast<int64_t>(MAG_EXP(m)));
    mag_clear(m);
    return size;
  }

  bool Raw(const Node& n, acb_ptr out) {
    switch (n.kind) {
      case Kind::kNumber:
        acb_set_fmpq(out, const_cast<fmpq*>(n.value.get()), kPrecision);
        return true;
      case Kind::kSymbol:
        if (n.name == kBoundName && bound_) {
          acb_set_fmpq(out, bound_->get(), kPrecision);
        } else {
          SetVariable(n.name, point_, out);
        }
        return true;
      case Kind::kPi:
        acb_const_pi(out, kPrecision);
        return true;
      case Kind::kE:
        acb_one(out);
        acb_exp(out, out, kPrecision);
        return true;
      case Kind::kImaginary:
        acb_onei(out);
        return true;
      case Kind::kAdd:
      case Kind::kMul: {
        const bool add = n.Is(Kind::kAdd);
        Ball kid;
        acb_set_si(out, add ? 0 : 1);
        for (const Node& k : n.kids) {
          if (!Eval(k, kid.get())) return false;
          if (add) {
            acb_add(out, out, kid.get(), kPrecision);
          } else {
            acb_mul(out, out, kid.get(), kPrecision);
          }
          if (Size(out) > kMaxLog2) return false;
        }
        return true;
      }
      case Kind::kPercent:
        if (!Eval(n.kids[0], out)) return false;
        acb_div_si(out, out, 100, kPrecision);
        return true;
      case Kind::kPow:
        return PowerValue(n, out);
      case Kind::kCall:
        return CallValue(n, out);
      case Kind::kBinder:
        return BinderValue(n, out);
      default:
        return false;
    }
  }

  bool PowerValue(const Node& n, acb_ptr out) {
    work_->Spend(Work::kFunction);
    Ball base, exponent;
    if (!Eval(n.kids[0], base.get()) || !Eval(n.kids[1], exponent.get())) return false;
    if (acb_is_zero(base.get())) {
      if (!arb_is_positive(acb_realref(exponent.get()))) return false;
      acb_zero(out);
      return true;
    }
    // |base^exponent| is about 2^(log2 |base| * |exponent|).
    const int64_t exponent_size = Size(exponent.get());
    mag_t m;
    mag_init(m);
    acb_get_mag(m, exponent.get());
    const double size = mag_get_d(m);
    mag_clear(m);
    if (exponent_size > 64 && size > 1) return false;
    if (size * (static_cast<double>(Size(base.get())) + 1) > static_cast<double>(kMaxLog2))
      return false;
    if (acb_is_int(exponent.get()) && size < 1e6) {
      fmpz_t e;
      fmpz_init(e);
      arb_get_unique_fmpz(e, acb_realref(exponent.get()));
      acb_pow_fmpz(out, base.get(), e, kPrecision);
      fmpz_clear(e);
    } else {
      acb_pow(out, base.get(), exponent.get(), kPrecision);
    }
    return true;
  }

  bool CallValue(const Node& n, acb_ptr out) {
    work_->Spend(Work::kFunction);
    std::vector<Ball> a;
    for (const Node& kid : n.kids) {
      Ball value;
      if (!Eval(kid, value.get())) return false;
      a.push_back(std::move(value));
    }
    if (a.empty()) return false;
    const std::string& f = n.name;
    acb_ptr x = a[0].get();
    if (a.size() == 1 && Elementary(f, x, out)) return true;
    if (f == "log" && a.size() == 2) {
      if (acb_contains_zero(x) || acb_contains_zero(a[1].get())) return false;
      Ball base;
      acb_log(out, x, kPrecision);
      acb_log(base.get(), a[1].get(), kPrecision);
      acb_div(out, out, base.get(), kPrecision);
      return true;
    }
    if (f == "root" && a.size() == 2) {
      if (!acb_is_int(a[1].get()) || arf_sgn(arb_midref(acb_realref(a[1].get()))) <= 0 ||
          arf_cmp_si(arb_midref(acb_realref(a[1].get())), 1000) > 0)
        return false;
      const auto index =
          static_cast<ulong>(arf_get_si(arb_midref(acb_realref(a[1].get())), ARF_RND_NEAR));
      if (index % 2 == 1 && acb_is_real(x) && arb_is_negative(acb_realref(x))) {  // the real root
        acb_neg(x, x);
        acb_root_ui(out, x, index, kPrecision);
        acb_neg(out, out);
      } else {
        acb_root_ui(out, x, index, kPrecision);
      }
      return true;
    }
    if (const auto exact = ExactValue(n, work_)) {  // gcd, floor, binomial ... of numbers
      acb_set_fmpq(out, exact->get(), kPrecision);
      return true;
    }
    if (f == "factorial" || f == "binomial") {
      for (const Ball& b : a)
        if (Size(b.get()) > 12) return false;
    }
    if (f == "factorial") {
      work_->Spend(20 * Work::kFunction);
      acb_add_ui(out, x, 1, kPrecision);
      acb_gamma(out, out, kPrecision);
      return true;
    }
    SetUnknown(f, a, out);
    return true;
  }

  bool Elementary(const std::string& f, acb_srcptr x, acb_ptr out) {
    const bool trigonometric =
        f == "sin" || f == "cos" || f == "tan" || f == "cot" || f == "sec" || f == "csc";
    if (trigonometric && Size(x) > 128) return false;
    if (f == "sqrt") {
      acb_sqrt(out, x, kPrecision);
    } else if (f == "sin") {
      acb_sin(out, x, kPrecision);
    } else if (f == "cos") {
      acb_cos(out, x, kPrecision);
    } else if (f == "tan") {
      acb_tan(out, x, kPrecision);
    } else if (f == "cot") {
      acb_cot(out, x, kPrecision);
    } else if (f == "sec") {
      acb_sec(out, x, kPrecision);
    } else if (f == "csc") {
      acb_csc(out, x, kPrecision);
    } else if (f == "arcsin") {
      acb_asin(out, x, kPrecision);
    } else if (f == "arccos") {
      acb_acos(out, x, kPrecision);
    } else if (f == "arctan") {
      acb_atan(out, x, kPrecision);
    } else if (f == "sinh" || f == "cosh" || f == "tanh") {
      if (Size(x) > 12) return false;
      (f == "sinh" ? acb_sinh : f == "cosh" ? acb_cosh : acb_tanh)(out, x, kPrecision);
    } else if (f == "ln") {
      if (acb_contains_zero(x)) return false;
      acb_log(out, x, kPrecision);
    } else if (f == "abs") {
      acb_abs(acb_realref(out), x, kPrecision);
      arb_zero(acb_imagref(out));
    } else if (f == "Re") {
      arb_set(acb_realref(out), acb_realref(x));
      arb_zero(acb_imagref(out));
    } else if (f == "Im") {
      arb_set(acb_realref(out), acb_imagref(x));
      arb_zero(acb_imagref(out));
    } else {
      return false;
    }
    return true;
  }

  // A sum or product between numbers is computed; else equal parts give equal values.
  bool BinderValue(const Node& n, acb_ptr out) {
    if ((n.name == "sum" || n.name == "prod") && !bound_) {
      const auto from = ExactValue(n.kids[0], work_), to = ExactValue(n.kids[1], work_);
      if (from && to) {
        const auto first = from->SmallInteger(1 << 20), last = to->SmallInteger(1 << 20);
        if (!first || !last || *last - *first >= kMaxTerms) return false;
        const bool add = n.name == "sum";
        acb_set_si(out, add ? 0 : 1);
        Ball term;
        for (int64_t k = *first; k <= *last; ++k) {
          bound_ = Rational(k);
          const bool ok = Eval(n.kids[2], term.get());
          bound_.reset();
          if (!ok) return false;
          if (add) {
            acb_add(out, out, term.get(), kPrecision);
          } else {
            acb_mul(out, out, term.get(), kPrecision);
          }
          if (Size(out) > kMaxLog2) return false;
        }
        return true;
      }
    }
    std::vector<Ball> parts;
    std::string key = n.name;
    for (const Node& kid : n.kids) {
      Ball value;
      if (kid.Is(Kind::kInfinity) || (kid.Is(Kind::kMul) && kid.kids.back().Is(Kind::kInfinity))) {
        key += ToString(kid);
        continue;
      }
      if (!Eval(kid, value.get())) return false;
      parts.push_back(std::move(value));
    }
    SetUnknown(key, parts, out);
    return true;
  }

  int point_;
  Work* work_;
  std::optional<Rational> bound_;
};

}  // namespace

std::optional<Ball> ValueAt(const Node& node, int point, Work* work) {
  Ball value;
  if (!Evaluator(point, work).Eval(node, value.get())) return std::nullopt;
  if (acb_rel_accuracy_bits(value.get()) < 100 && !acb_contains_zero(value.get()))
    return std::nullopt;
  return value;
}

}  // namespace rlvr::math
