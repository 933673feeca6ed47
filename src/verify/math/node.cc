#include "verify/math/node.h"

#include <algorithm>

namespace rlvr::math {

Node Number(Rational value) {
  Node n;
  n.value = std::move(value);
  return n;
}

Node Number(int64_t value) { return Number(Rational(value)); }

Node Symbol(std::string name) {
  Node n;
  n.kind = Kind::kSymbol;
  n.name = std::move(name);
  return n;
}

Node Make(Kind kind, std::vector<Node> kids) {
  Node n;
  n.kind = kind;
  n.kids = std::move(kids);
  return n;
}

Node Call(std::string name, std::vector<Node> kids) {
  Node n = Make(Kind::kCall, std::move(kids));
  n.name = std::move(name);
  return n;
}

namespace {

std::vector<Node> Pair(Node a, Node b) {
  std::vector<Node> kids;
  kids.reserve(2);
  kids.push_back(std::move(a));
  kids.push_back(std::move(b));
  return kids;
}

}  // namespace

Node Relation(std::string name, Node left, Node right) {
  Node n = Make(Kind::kRelation, Pair(std::move(left), std::move(right)));
  n.name = std::move(name);
  return n;
}

Node Negated(Node a) {
  if (a.Is(Kind::kNumber)) {
    a.value = -a.value;
    return a;
  }
  if (a.Is(Kind::kPercent)) {
    a.kids[0] = Negated(std::move(a.kids[0]));
    return a;
  }
  return Make(Kind::kMul, Pair(Number(-1), std::move(a)));
}

Node Sum(Node a, Node b) { return Make(Kind::kAdd, Pair(std::move(a), std::move(b))); }

Node Difference(Node a, Node b) { return Sum(std::move(a), Negated(std::move(b))); }

Node Quotient(Node a, Node b) {
  if (a.Is(Kind::kNumber) && b.Is(Kind::kNumber) && a.value.IsInteger() && b.value.IsInteger() &&
      !b.value.IsZero() && !a.decimal && !b.decimal)
    return Number(a.value * b.value.Inverse());
  return Make(Kind::kMul, Pair(std::move(a), Power(std::move(b), Number(-1))));
}

Node Power(Node base, Node exponent) {
  return Make(Kind::kPow, Pair(std::move(base), std::move(exponent)));
}

std::string ToString(const Node& n) {
  std::vector<std::string> kids;
  kids.reserve(n.kids.size());
  for (const Node& kid : n.kids) kids.push_back(ToString(kid));
  const auto joined = [&](const char* sign) {
    std::string s;
    for (size_t i = 0; i < kids.size(); ++i) s += (i > 0 ? sign : "") + kids[i];
    return s;
  };
  switch (n.kind) {
    case Kind::kNumber:
      return n.value.ToString() + (n.base != 0 ? "_" + std::to_string(n.base) : "");
    case Kind::kSymbol:
      return n.name == kBoundName ? "_" : n.name;
    case Kind::kPi:
      return "pi";
    case Kind::kE:
      return "e";
    case Kind::kImaginary:
      return "i";
    case Kind::kInfinity:
      return "infinity";
    case Kind::kAdd:
      return "(" + joined(" + ") + ")";
    case Kind::kMul:
      return joined("*");
    case Kind::kPow:
      return "(" + kids[0] + ")^(" + kids[1] + ")";
    case Kind::kPercent:
      return kids[0] + "%";
    case Kind::kCall:
    case Kind::kBinder:
      return n.name + "(" + joined(", ") + ")";
    case Kind::kPlusMinus:
      return "(" + kids[0] + " +- " + kids[1] + ")";
    case Kind::kTuple:
      return "(" + joined(", ") + ")";
    case Kind::kSet:
      return "{" + joined(", ") + "}";
    case Kind::kInterval:
      return std::string(n.open_left ? "(" : "[") + joined(", ") + (n.open_right ? ")" : "]");
    case Kind::kUnion:
      return joined(" union ");
    case Kind::kIntersection:
      return joined(" intersection ");
    case Kind::kDifference:
      return joined(" without ");
    case Kind::kNamedSet:
      return n.name;
    case Kind::kMatrix: {
      std::string s = "[";
      const size_t cols = n.rows > 0 ? kids.size() / static_cast<size_t>(n.rows) : 0;
      for (size_t i = 0; i < kids.size(); ++i)
        s += (i == 0 ? "" : i % cols == 0 ? "; " : ", ") + kids[i];
      return s + "]";
    }
    case Kind::kRelation:
      return kids[0] + " " + n.name + " " + kids[1];
    case Kind::kChain:
      return joined(" and ");
  }
  return "";
}

bool IsSet(const Node& n) {
  switch (n.kind) {
    case Kind::kSet:
    case Kind::kInterval:
    case Kind::kUnion:
    case Kind::kIntersection:
    case Kind::kDifference:
    case Kind::kNamedSet:
      return true;
    default:
      return false;
  }
}

bool IsRelation(const Node& n) { return n.Is(Kind::kRelation) || n.Is(Kind::kChain); }

bool IsEquation(const Node& n) {
  if (n.Is(Kind::kRelation)) return n.name == "=";
  return n.Is(Kind::kChain) && std::all_of(n.kids.begin(), n.kids.end(), IsEquation);
}

bool OnlySymbols(const Node& n) {
  if (n.Is(Kind::kSymbol)) return true;
  // A:B is A times B^-1.
  if (n.Is(Kind::kPow) && n.kids[1].Is(Kind::kNumber) && n.kids[1].value == Rational(-1))
    return OnlySymbols(n.kids[0]);
  return !n.kids.empty() && !IsRelation(n) &&
         std::all_of(n.kids.begin(), n.kids.end(), OnlySymbols);
}

bool IsAssignment(const Node& n) {
  if (!IsEquation(n)) return false;
  const Node& first = n.Is(Kind::kChain) ? n.kids[0] : n;
  return OnlySymbols(first.kids[0]);
}

}  // namespace rlvr::math
