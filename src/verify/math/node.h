// The tree that LaTeX and plain-text mathematics are read into.
#ifndef RLVR_VERIFY_MATH_NODE_H_
#define RLVR_VERIFY_MATH_NODE_H_
#include <cstdint>
#include <string>
#include <vector>

#include "verify/math/rational.h"

namespace rlvr::math {

enum class Kind : uint8_t {
  kNumber,  // value
  kSymbol,  // name, in lower case: x, x_1, alpha, bar{ab}; text is one too
  kPi,
  kE,
  kImaginary,
  kInfinity,
  kAdd,        // kids
  kMul,        // kids, in the order written
  kPow,        // base, exponent
  kPercent,    // one kid, a hundredth of which is the value
  kCall,       // name(kids): sin, sqrt, f ...
  kBinder,     // sum, prod, int or lim: from, to, body; the bound variable has kBoundName
  kPlusMinus,  // kids a, b: a + b or a - b; removed by the parser before it hands out a tree
  kTuple,
  kSet,
  kInterval,  // left, right; open_left, open_right
  kUnion,
  kIntersection,
  kDifference,
  kNamedSet,  // reals, integers, rationals, naturals, complexes, empty
  kMatrix,    // kids row by row; rows
  kRelation,  // name is one of = != < <= > >=; left, right
  kChain,     // relations whose right and left sides meet: a < b < c
};

inline constexpr const char* kBoundName = "\x01";

struct Node {
  Kind kind = Kind::kNumber;
  bool decimal = false;   // of a number: written with a decimal point or as a percentage of one
  bool text = false;      // of a symbol: from \text{...}
  bool implicit = false;  // of a product: written without signs, xyz
  bool open_left = false, open_right = false;
  int base = 0;  // of a number with a subscript: 1012_3. The value is the digits read in ten
  int rows = 0;
  std::string name;
  Rational value;
  std::vector<Node> kids;

  bool Is(Kind k) const { return kind == k; }
};

Node Number(Rational value);
Node Number(int64_t value);
Node Symbol(std::string name);
Node Make(Kind kind, std::vector<Node> kids);
Node Call(std::string name, std::vector<Node> kids);
Node Relation(std::string name, Node left, Node right);
Node Negated(Node a);  // folds numbers
Node Sum(Node a, Node b);
Node Difference(Node a, Node b);
Node Quotient(Node a, Node b);  // folds a fraction of two integers
Node Power(Node base, Node exponent);

// For explanations and as a key of what algebra does not look into; not for reading back.
std::string ToString(const Node& node);
// Whether the tree holds a node for which f is true.
template <class F>
bool Any(const Node& node, const F& f) {
  if (f(node)) return true;
  for (const Node& kid : node.kids)
    if (Any(kid, f)) return true;
  return false;
}
bool IsSet(const Node& node);       // an interval, a finite set or made of such (no tuple)
bool IsRelation(const Node& node);  // a relation or a chain
bool IsEquation(const Node& node);  // all of its relations are =
// An equation whose first left side is made of symbols only: x = 1, AB = 4, f(x) = y.
bool IsAssignment(const Node& node);
bool OnlySymbols(const Node& node);

}  // namespace rlvr::math
#endif  // RLVR_VERIFY_MATH_NODE_H_
