// Sets of real numbers: intervals, unions, inequalities in one variable. Two are equal when they agree
// on every number that bounds either of them and between any two of those.
#include <algorithm>

#include "verify/math/equal.h"
#include "verify/math/value.h"

namespace rlvr::math {
namespace {

struct NotReal {};

struct RealSet {
  enum class Kind { kInterval, kPoints, kUnion, kIntersection, kDifference } kind = Kind::kPoints;
  bool open_low = true, open_high = true;
  std::optional<Rational> low, high;  // nullopt: infinite
  std::vector<Rational> points;
  std::vector<RealSet> kids;

  bool Contains(const Rational& x) const {
    switch (kind) {
      case Kind::kInterval:
        if (low && (x < *low || (open_low && x == *low))) return false;
        return !(high && (*high < x || (open_high && x == *high)));
      case Kind::kPoints:
        return std::find(points.begin(), points.end(), x) != points.end();
      case Kind::kUnion:
        return std::any_of(kids.begin(), kids.end(),
                           [&](const RealSet& k) { return k.Contains(x); });
      case Kind::kIntersection:
        return std::all_of(kids.begin(), kids.end(),
                           [&](const RealSet& k) { return k.Contains(x); });
      case Kind::kDifference:
        return kids[0].Contains(x) && !kids[1].Contains(x);
    }
    return false;
  }
  void Bounds(std::vector<Rational>* all) const {
    if (low) all->push_back(*low);
    if (high) all->push_back(*high);
    all->insert(all->end(), points.begin(), points.end());
    for (const RealSet& k : kids) k.Bounds(all);
  }
};

// 1 for infinity, -1 for its negative, else 0.
int Infinite(const Node& n) {
  if (n.Is(Kind::kInfinity)) return 1;
  if (n.Is(Kind::kMul) && n.kids.size() == 2 && n.kids[1].Is(Kind::kInfinity) &&
      n.kids[0].Is(Kind::kNumber))
    return n.kids[0].value.Sign();
  return 0;
}

Rational Value(const Node& n, Work* work) {
  auto value = RealValue(n, work);
  if (!value) throw NotReal();
  return std::move(*value);
}

bool IsUnknown(const Node& n) {
  if (n.Is(Kind::kSymbol)) return true;
  return n.Is(Kind::kCall) && HasVariables(n);
}

RealSet Between(std::optional<Rational> low, bool open_low, std::optional<Rational> high,
                bool open_high) {
  RealSet s;
  s.kind = RealSet::Kind::kInterval;
  s.open_low = open_low;
  s.open_high = open_high;
  s.low = std::move(low);
  s.high = std::move(high);
  return s;
}

RealSet FromRelation(const Node& n, const std::string& unknown, Work* work) {
  std::string name = n.name;
  const bool flipped = IsUnknown(n.kids[1]);
  const Node& x = n.kids[flipped ? 1 : 0];
  const Node& bound = n.kids[flipped ? 0 : 1];
  if (!IsUnknown(x) || ToString(x) != unknown) throw NotReal();
  if (flipped && name[0] == '<') {
    name[0] = '>';
  } else if (flipped && name[0] == '>') {
    name[0] = '<';
  }
  if (Infinite(bound) != 0) return Between(std::nullopt, true, std::nullopt, true);
  const Rational value = Value(bound, work);
  RealSet point;
  point.points.push_back(value);
  if (name == "=") return point;
  if (name == "<" || name == "<=") return Between(std::nullopt, true, value, name == "<");
  if (name == ">" || name == ">=") return Between(value, name == ">", std::nullopt, true);
  RealSet rest;
  rest.kind = RealSet::Kind::kDifference;
  rest.kids.push_back(Between(std::nullopt, true, std::nullopt, true));
  rest.kids.push_back(std::move(point));
  return rest;
}

RealSet From(const Node& n, Work* work) {
  work->Spend(10);
  RealSet s;
  switch (n.kind) {
    case Kind::kInterval: {
      const int left = Infinite(n.kids[0]), right = Infinite(n.kids[1]);
      if (left > 0 || right < 0) throw NotReal();
      std::optional<Rational> low, high;
      if (left == 0) low = Value(n.kids[0], work);
      if (right == 0) high = Value(n.kids[1], work);
      return Between(std::move(low), n.open_left, std::move(high), n.open_right);
    }
    case Kind::kNamedSet:
      if (n.name == "empty") return s;
      if (n.name == "reals") return Between(std::nullopt, true, std::nullopt, true);
      throw NotReal();
    case Kind::kUnion:
    case Kind::kIntersection:
    case Kind::kDifference:
      s.kind = n.Is(Kind::kUnion)          ? RealSet::Kind::kUnion
               : n.Is(Kind::kIntersection) ? RealSet::Kind::kIntersection
                                           : RealSet::Kind::kDifference;
      for (const Node& kid : n.kids) s.kids.push_back(From(kid, work));
      return s;
    case Kind::kSet: {
      // Inequalities side by side are alternatives: x < 1 or x > 3.
      const bool relations = std::all_of(n.kids.begin(), n.kids.end(), IsRelation);
      for (const Node& kid : n.kids) {
        if (relations) {
          s.kids.push_back(From(kid, work));
        } else {
          s.points.push_back(Value(kid, work));
        }
      }
      if (relations) s.kind = RealSet::Kind::kUnion;
      return s;
    }
    case Kind::kTuple:
      for (const Node& kid : n.kids) s.points.push_back(Value(kid, work));
      return s;
    case Kind::kRelation: {
      if (n.name == "=" && IsSet(n.kids[1])) return From(n.kids[1], work);
      const Node& x = IsUnknown(n.kids[0]) ? n.kids[0] : n.kids[1];
      return FromRelation(n, ToString(x), work);
    }
    case Kind::kChain: {
      s.kind = RealSet::Kind::kIntersection;
      const Node& middle = n.kids[0].kids[1];
      const Node& x = IsUnknown(middle) ? middle : n.kids[0].kids[0];
      for (const Node& kid : n.kids) s.kids.push_back(FromRelation(kid, ToString(x), work));
      return s;
    }
    default:
      s.points.push_back(Value(n, work));
      return s;
  }
}

}  // namespace

bool EqualAsRealSets(const Node& a, const Node& b, Work* work) {
  try {
    const RealSet x = From(a, work), y = From(b, work);
    std::vector<Rational> bounds;
    x.Bounds(&bounds);
    y.Bounds(&bounds);
    std::sort(bounds.begin(), bounds.end());
    std::vector<Rational> probes = bounds;
    if (bounds.empty()) {
      probes.emplace_back(0);
    } else {
      probes.push_back(bounds.front() - Rational(1));
      probes.push_back(bounds.back() + Rational(1));
    }
    const Rational half = Rational(2).Inverse();
    for (size_t i = 1; i < bounds.size(); ++i) probes.push_back((bounds[i - 1] + bounds[i]) * half);
    work->Spend(static_cast<int64_t>(probes.size() * probes.size()));
    return std::all_of(probes.begin(), probes.end(),
                       [&](const Rational& p) { return x.Contains(p) == y.Contains(p); });
  } catch (const NotReal&) {
    return false;
  }
}

}  // namespace rlvr::math
