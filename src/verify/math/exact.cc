#include <algorithm>
#include <cstdlib>

#include "verify/math/value.h"

namespace rlvr::math {
namespace {

constexpr int64_t kMaxFactorial = 500;

std::optional<Rational> Bounded(Rational r) {
  if (r.Bits() > kMaxBits) return std::nullopt;
  return r;
}

Rational Floor(const Rational& a) {
  Rational r;
  fmpz_fdiv_q(fmpq_numref(r.get()), fmpq_numref(a.get()), fmpq_denref(a.get()));
  return r;
}

std::optional<Rational> CallValue(const Node& n, Work* work) {
  std::vector<Rational> a;
  for (const Node& kid : n.kids) {
    auto value = ExactValue(kid, work);
    if (!value) return std::nullopt;
    a.push_back(std::move(*value));
  }
  const std::string& f = n.name;
  if (a.empty()) return std::nullopt;
  if (f == "sqrt" && a.size() == 1) return a[0].Root(2);
  if (f == "root" && a.size() == 2) {
    const auto index = a[1].SmallInteger(64);
    if (!index || *index < 1) return std::nullopt;
    return a[0].Root(*index);
  }
  if (f == "abs" && a.size() == 1) return a[0].Absolute();
  if (f == "floor" && a.size() == 1) return Floor(a[0]);
  if (f == "ceil" && a.size() == 1) return -Floor(-a[0]);
  if (f == "mod" && a.size() == 2 && !a[1].IsZero())
    return a[0] - a[1] * Floor(a[0] * a[1].Inverse());
  if (f == "factorial" && a.size() == 1) {
    const auto k = a[0].SmallInteger(kMaxFactorial);
    if (!k || *k < 0) return std::nullopt;
    work->Spend(*k);
    Rational r;
    fmpz_fac_ui(fmpq_numref(r.get()), static_cast<ulong>(*k));
    return r;
  }
  if (f == "binomial" && a.size() == 2) {
    const auto k = a[0].SmallInteger(kMaxFactorial), m = a[1].SmallInteger(kMaxFactorial);
    if (!k || !m || *k < 0 || *m < 0) return std::nullopt;
    work->Spend(*k);
    Rational r;
    fmpz_bin_uiui(fmpq_numref(r.get()), static_cast<ulong>(*k), static_cast<ulong>(*m));
    return r;
  }
  if (f == "max") return *std::max_element(a.begin(), a.end());
  if (f == "min") return *std::min_element(a.begin(), a.end());
  if (f == "gcd" || f == "lcm") {
    Rational r = a[0];
    for (const Rational& x : a) {
      if (!x.IsInteger()) return std::nullopt;
      (f == "gcd" ? fmpz_gcd : fmpz_lcm)(fmpq_numref(r.get()), fmpq_numref(r.get()),
                                         fmpq_numref(x.get()));
    }
    return r;
  }
  return std::nullopt;
}

}  // namespace

std::optional<Rational> ExactValue(const Node& n, Work* work) {
  work->Spend(1 + n.value.Bits() / 64);
  switch (n.kind) {
    case Kind::kNumber:
      return n.value;
    case Kind::kPercent: {
      auto a = ExactValue(n.kids[0], work);
      if (a) a = *a * Rational(100).Inverse();
      return a;
    }
    case Kind::kAdd:
    case Kind::kMul: {
      const bool add = n.Is(Kind::kAdd);
      Rational total(add ? 0 : 1);
      for (const Node& kid : n.kids) {
        const auto a = ExactValue(kid, work);
        if (!a) return std::nullopt;
        auto next = Bounded(add ? total + *a : total * *a);
        if (!next) return std::nullopt;
        total = std::move(*next);
      }
      return total;
    }
    case Kind::kPow: {
      const auto base = ExactValue(n.kids[0], work), exponent = ExactValue(n.kids[1], work);
      if (!base || !exponent) return std::nullopt;
      work->Spend(50);
      return base->Power(*exponent, kMaxBits);
    }
    case Kind::kCall:
      return CallValue(n, work);
    default:
      return std::nullopt;
  }
}

bool HasVariables(const Node& node) {
  return Any(node, [](const Node& n) { return n.Is(Kind::kSymbol) && n.name != kBoundName; });
}

std::optional<Rational> RealValue(const Node& node, Work* work) {
  if (auto exact = ExactValue(node, work)) return exact;
  if (HasVariables(node)) return std::nullopt;
  const auto value = ValueAt(node, 0, work);
  if (!value || !arb_contains_zero(acb_imagref(value->get()))) return std::nullopt;
  if (mag_cmp_2exp_si(arb_radref(acb_realref(value->get())), -100) > 0) return std::nullopt;
  // On a grid of 2^-100, so that one value reached by two ways is one number.
  Rational r;
  arf_t scaled;
  arf_init(scaled);
  arf_mul_2exp_si(scaled, arb_midref(acb_realref(value->get())), 100);
  arf_get_fmpz(fmpq_numref(r.get()), scaled, ARF_RND_NEAR);
  arf_clear(scaled);
  Rational grid;
  fmpz_one_2exp(fmpq_numref(grid.get()), 100);
  return r * grid.Inverse();
}

}  // namespace rlvr::math
