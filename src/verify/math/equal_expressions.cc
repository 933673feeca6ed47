// Two expressions: as exact fractions, then at random points with certain error bounds, then by algebra.
#include <fmt/format.h>

#include "verify/math/algebra.h"
#include "verify/math/equal.h"
#include "verify/math/value.h"

namespace rlvr::math {
namespace {

void Say(std::string* why, std::string text) {
  if (why != nullptr) *why = std::move(text);
}

bool IsDecimal(const Node& n) {
  if (n.Is(Kind::kPercent)) return IsDecimal(n.kids[0]);
  return n.Is(Kind::kNumber) && n.decimal;
}

// 28 and 28 % are the same answer, as are 1/3 and 1/3 %: which of the two was asked for is not known.
bool IsInteger(const Node& n) { return n.Is(Kind::kNumber) && n.value.IsInteger() && !n.decimal; }

bool EqualPercents(const Node& a, const Node& b) {
  if (a.Is(Kind::kPercent) && IsInteger(a.kids[0]) && IsInteger(b))
    return a.kids[0].value == b.value;
  if (b.Is(Kind::kPercent) && IsInteger(b.kids[0]) && IsInteger(a))
    return b.kids[0].value == a.value;
  return false;
}

bool EqualNumbers(const Node& a, const Node& b, const Rational& x, const Rational& y, int rounding,
                  std::string* why) {
  if (a.base != 0 && b.base != 0 && a.base != b.base) {
    Say(why, "numbers to different bases");
    return false;
  }
  if (x == y) {
    Say(why, "equal as exact numbers");
    return true;
  }
  if ((IsDecimal(a) || IsDecimal(b)) &&
      x.RoundedTimesTenTo(rounding) == y.RoundedTimesTenTo(rounding)) {
    Say(why, fmt::format("equal when rounded to {} decimals", rounding));
    return true;
  }
  return false;
}

}  // namespace

bool EqualExpressions(const Node& a, const Node& b, int rounding, Work* work, std::string* why) {
  if (EqualPercents(a, b)) {
    Say(why, "equal but for the percent sign");
    return true;
  }
  const auto x = ExactValue(a, work), y = ExactValue(b, work);
  if (x && y) {
    if (EqualNumbers(a, b, *x, *y, rounding, why)) return true;
    if (why != nullptr && why->empty()) *why = "different numbers";
    return false;
  }
  if (IsDecimal(a) || IsDecimal(b)) {
    const auto u = RealValue(a, work), v = RealValue(b, work);
    if (u && v && EqualNumbers(a, b, *u, *v, rounding, why)) return true;
  }
  int agreed = 0;
  const bool variables = HasVariables(a) || HasVariables(b);
  for (int point = 0; point < (variables ? kNumPoints : 1); ++point) {
    const auto u = ValueAt(a, point, work), v = ValueAt(b, point, work);
    if (!u && !v) continue;
    if (!u || !v) {
      Say(why, "one is defined where the other is not");
      return false;
    }
    if (!acb_overlaps(u->get(), v->get())) {
      Say(why, variables ? fmt::format("their values differ at random point {}", point + 1)
                         : "their values differ");
      return false;
    }
    ++agreed;
  }
  if (EqualByAlgebra(a, b, work)) {
    Say(why, "equal by exact algebra");
    return true;
  }
  Say(why, agreed > 0 ? fmt::format("equal at {} random point{} to {} bits", agreed,
                                    agreed == 1 ? "" : "s", kPrecision)
                      : "nothing shows that they are equal");
  return agreed > 0;
}

}  // namespace rlvr::math
