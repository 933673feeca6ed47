#include "verify/math/parser.h"

#include <algorithm>
#include <array>

#include "verify/math/limits.h"

namespace rlvr::math {
namespace {

// Relations by sign and by command; "~" is an approximation.
struct RelationName {
  std::string_view written, name;
};
constexpr std::array<RelationName, 32> kRelations = {{
    {"=", "="},        {"!=", "!="},    {"<", "<"},         {"<=", "<="},         {">", ">"},
    {">=", ">="},      {"lt", "<"},     {"gt", ">"},        {"le", "<="},         {"ge", ">="},
    {"leq", "<="},     {"geq", ">="},   {"leqslant", "<="}, {"geqslant", ">="},   {"leqq", "<="},
    {"geqq", ">="},    {"ne", "!="},    {"neq", "!="},      {"in", "="},          {"notin", "!="},
    {"equiv", "="},    {"approx", "~"}, {"simeq", "~"},     {"sim", "~"},         {"cong", "="},
    {"coloneqq", "="}, {"doteq", "="},  {"approxeq", "~"},  {"thickapprox", "~"}, {"nleq", ">"},
    {"ngeq", "<"},     {"eq", "="},
}};

std::string_view RelationAt(const Lexeme& lexeme) {
  if (lexeme.token != Token::kSign && lexeme.token != Token::kCommand) return "";
  for (const auto& r : kRelations)
    if (r.written == lexeme.text) return r.name;
  return "";
}

// Fixes the sign of every +- in the tree.
void Resolve(Node* n, bool plus) {
  for (Node& kid : n->kids) Resolve(&kid, plus);
  if (!n->Is(Kind::kPlusMinus)) return;
  const bool take_plus = plus != n->open_left;  // open_left marks -+
  std::vector<Node> kids = std::move(n->kids);
  if (kids.size() == 1) {
    *n = take_plus ? std::move(kids[0]) : Negated(std::move(kids[0]));
  } else {
    *n = take_plus ? Sum(std::move(kids[0]), std::move(kids[1]))
                   : Difference(std::move(kids[0]), std::move(kids[1]));
  }
}

Node OneOrSet(std::vector<Node> nodes) {
  if (nodes.size() == 1) return std::move(nodes[0]);
  return Make(Kind::kSet, std::move(nodes));
}

}  // namespace

Parser::Deeper::Deeper(Parser* parser) : p(parser) {
  if (p->depth_ >= kMaxDepth) throw ParseFailure();
  ++p->depth_;
}

bool Parser::TakeSign(std::string_view sign) {
  if (!AtSign(sign)) return false;
  Advance();
  return true;
}

bool Parser::TakeCommand(std::string_view name) {
  if (!AtCommand(name)) return false;
  Advance();
  return true;
}

bool Parser::TakeLetter(std::string_view letter) {
  if (Now().token != Token::kLetter || Now().text != letter) return false;
  Advance();
  return true;
}

void Parser::Expect(std::string_view sign) {
  if (!TakeSign(sign)) throw ParseFailure();
}

// a = 4, -8, -10 says that a is one of three.
Node Parser::Top() {
  Groups groups = List();
  if (Now().token != Token::kEnd) throw ParseFailure();
  if (groups.empty()) throw ParseFailure();
  if (groups.size() > 1) {
    std::vector<Node> elements;
    for (auto& group : groups) {
      if (group.size() == 1) {
        elements.push_back(std::move(group[0]));
      } else {
        elements.push_back(Make(Kind::kTuple, std::move(group)));
      }
    }
    return Make(Kind::kSet, std::move(elements));
  }
  std::vector<Node>& all = groups[0];
  if (all.size() > 1 && IsAssignment(all[0]) && all[0].Is(Kind::kRelation) &&
      std::none_of(all.begin() + 1, all.end(), IsRelation)) {
    Node left = std::move(all[0].kids[0]);
    all[0] = Node(std::move(all[0].kids[1]));
    return Relation("=", std::move(left), OneOrSet(std::move(all)));
  }
  return OneOrSet(std::move(all));
}

Parser::Groups Parser::List() {
  Groups groups;
  std::vector<Node> group;
  while (true) {
    while (TakeSign(",") || TakeSign("&")) {
    }
    if (TakeSign(";")) {
      if (!group.empty()) groups.push_back(std::move(group));
      group.clear();
      continue;
    }
    if (AtSign(".") || AtSign("\\\\")) {  // the end of a sentence or of a line
      const Lexeme& next = After();
      const bool end = next.token == Token::kEnd ||
                       (next.token == Token::kSign &&
                        std::string_view(",;)]}.\\\\").find(next.text) != std::string_view::npos);
      if (!end) throw ParseFailure();
      Advance();
      continue;
    }
    if (!StartsAtom() && !AtSign("+") && !AtSign("-") && !AtCommand("pm") && !AtCommand("mp"))
      break;
    for (Node& n : Element()) group.push_back(std::move(n));
    if (!AtSign(",") && !AtSign(";") && !AtSign(".") && !AtSign("\\\\") && !AtSign("&")) break;
  }
  if (!group.empty()) groups.push_back(std::move(group));
  return groups;
}

std::vector<Node> Parser::Element() {
  Node n = Relations();
  std::vector<Node> result;
  if (!Any(n, [](const Node& k) { return k.Is(Kind::kPlusMinus); })) {
    result.push_back(std::move(n));
    return result;
  }
  Node plus = n, minus = n;
  Resolve(&plus, true);
  Resolve(&minus, false);
  if (IsAssignment(n) && n.Is(Kind::kRelation)) {  // x = +-3 is x = {3, -3}
    std::vector<Node> values;
    values.push_back(std::move(plus.kids[1]));
    values.push_back(std::move(minus.kids[1]));
    result.push_back(Relation("=", std::move(plus.kids[0]), Make(Kind::kSet, std::move(values))));
    return result;
  }
  result.push_back(std::move(plus));
  result.push_back(std::move(minus));
  return result;
}

Node Parser::Relations() {
  const Deeper deeper(this);
  std::vector<Node> parts;
  std::vector<std::string> names;
  parts.push_back(SetDifference());
  while (true) {
    TakeSign("&");
    const std::string_view name = RelationAt(Now());
    if (name.empty()) break;
    names.emplace_back(name);
    Advance();
    TakeSign("&");
    if (names.back() == "<" && TakeSign("=")) names.back() = "<=";
    if (names.back() == ">" && TakeSign("=")) names.back() = ">=";
    // A sequence of values with a sign: x = +3 needs none of this, x = , does not parse.
    parts.push_back(SetDifference());
  }
  // An approximation says less than what stands before it, unless that is a name: x ~ 3.14.
  for (size_t i = 0; i < names.size(); ++i) {
    if (names[i] != "~") continue;
    if (i == 0 && OnlySymbols(parts[0])) {
      names[i] = "=";
      continue;
    }
    names.resize(i);
    parts.resize(i + 1);
  }
  if (names.empty()) return std::move(parts[0]);
  std::vector<Node> relations;
  for (size_t i = 0; i < names.size(); ++i) {
    Node left = parts[i];
    relations.push_back(Relation(names[i], std::move(left), parts[i + 1]));
  }
  if (relations.size() == 1) return std::move(relations[0]);
  return Make(Kind::kChain, std::move(relations));
}

Node Parser::SetDifference() {
  Node a = SetUnion();
  while (TakeCommand("setminus") || TakeCommand("backslash") || (IsSet(a) && TakeSign("-"))) {
    std::vector<Node> kids;
    kids.push_back(std::move(a));
    kids.push_back(SetUnion());
    a = Make(Kind::kDifference, std::move(kids));
  }
  return a;
}

Node Parser::SetUnion() {
  Node a = SetIntersection();
  while (TakeCommand("cup") || TakeCommand("bigcup") || (IsSet(a) && TakeLetter("U"))) {
    std::vector<Node> kids;
    kids.push_back(std::move(a));
    kids.push_back(SetIntersection());
    a = Make(Kind::kUnion, std::move(kids));
  }
  return a;
}

Node Parser::SetIntersection() {
  Node a = Additive();
  while (TakeCommand("cap") || TakeCommand("bigcap")) {
    std::vector<Node> kids;
    kids.push_back(std::move(a));
    kids.push_back(Additive());
    a = Make(Kind::kIntersection, std::move(kids));
  }
  return a;
}

Node Parser::Additive() {
  const Deeper deeper(this);
  std::vector<Node> terms;
  const auto unary = [&](bool minus_plus) {
    std::vector<Node> kids;
    kids.push_back(Term());
    Node n = Make(Kind::kPlusMinus, std::move(kids));
    n.open_left = minus_plus;
    return n;
  };
  if (TakeCommand("pm")) {
    terms.push_back(unary(false));
  } else if (TakeCommand("mp")) {
    terms.push_back(unary(true));
  } else {
    terms.push_back(Term());
  }
  while (true) {
    if (AtSign("+") && After().token == Token::kEnd) break;
    if (AtSign("-") && IsSet(terms[0])) break;  // a difference of sets
    if (TakeSign("+")) {
      terms.push_back(Term());
    } else if (TakeSign("-")) {
      terms.push_back(Negated(Term()));
    } else if (AtCommand("pm") || AtCommand("mp")) {
      const bool minus_plus = AtCommand("mp");
      Advance();
      std::vector<Node> kids;
      kids.push_back(terms.size() == 1 ? std::move(terms[0]) : Make(Kind::kAdd, std::move(terms)));
      kids.push_back(Term());
      Node n = Make(Kind::kPlusMinus, std::move(kids));
      n.open_left = minus_plus;
      terms.clear();
      terms.push_back(std::move(n));
    } else {
      break;
    }
  }
  while (AtCommand("pmod") || AtCommand("mod")) {  // 5 (mod 11): the class, not the remainder
    Advance();
    Argument(false);
  }
  if (terms.size() == 1) return std::move(terms[0]);
  return Make(Kind::kAdd, std::move(terms));
}

Node Parser::Signed() {
  bool negative = false;
  while (AtSign("+") || AtSign("-")) {
    negative ^= AtSign("-");
    Advance();
  }
  Node n = Implicit(false);
  return negative ? Negated(std::move(n)) : n;
}

Node Parser::Term() {
  Node a = Signed();
  while (true) {
    if (TakeSign("*") || TakeCommand("times") || TakeCommand("cdot") || TakeCommand("ast")) {
      std::vector<Node> kids;
      if (a.Is(Kind::kMul)) {
        kids = std::move(a.kids);
      } else {
        kids.push_back(std::move(a));
      }
      kids.push_back(Signed());
      a = Make(Kind::kMul, std::move(kids));
    } else if (AtSign("/") || AtSign(":") || AtCommand("div") || AtCommand("over")) {
      Advance();
      if (Now().token == Token::kText) {  // 5 m/s
        Advance();
        if (AtSign("^")) Exponent(Number(1));
        continue;
      }
      a = Quotient(std::move(a), Signed());
    } else if (TakeCommand("bmod")) {
      std::vector<Node> kids;
      kids.push_back(std::move(a));
      kids.push_back(Signed());
      a = Call("mod", std::move(kids));
    } else {
      return a;
    }
  }
}

}  // namespace rlvr::math
