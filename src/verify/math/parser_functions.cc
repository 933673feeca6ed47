// Named functions, roots, sums and integrals, environments.
#include "verify/math/limits.h"
#include "verify/math/parser.h"

namespace rlvr::math {
namespace {

// The name in the tree of what LaTeX writes.
std::string Canonical(const std::string& name) {
  if (name == "tg") return "tan";
  if (name == "ctg") return "cot";
  if (name == "asin") return "arcsin";
  if (name == "acos") return "arccos";
  if (name == "atan") return "arctan";
  if (name == "arcctg") return "arccot";
  return name;
}

// The bound variable of a sum or an integral has no name of its own.
void Bind(Node* n, const std::string& variable) {
  if (n->Is(Kind::kSymbol)) {
    if (n->name == variable) {
      n->name = kBoundName;
    } else if (const size_t at = n->name.find('_'); at != std::string::npos) {  // F_{n-k-1}
      for (size_t i = at + 1; i < n->name.size(); ++i)
        if (n->name.compare(i, variable.size(), variable) == 0) {
          n->name.replace(i, variable.size(), kBoundName);
        }
    }
  } else if (variable == "i" && n->Is(Kind::kImaginary)) {
    *n = Symbol(kBoundName);
  }
  for (Node& kid : n->kids) Bind(&kid, variable);
}

std::string NameOf(const Node& n) {
  if (n.Is(Kind::kImaginary)) return "i";
  return n.Is(Kind::kSymbol) ? n.name : "";
}

}  // namespace

Node Parser::Function(const std::string& written) {
  const Deeper deeper(this);
  std::string name = Canonical(written);
  std::optional<Node> base, power;
  bool inverse = false;
  for (int i = 0; i < 2; ++i) {
    if (TakeSign("_")) {
      base = Argument(false);
    } else if (AtSign("^")) {
      Node p = Exponent(Number(1));
      power = p.Is(Kind::kPow) ? std::move(p.kids[1]) : Number(1);
      if (power->Is(Kind::kNumber) && power->value == Rational(-1)) {
        inverse = true;
        power.reset();
      }
    }
  }
  std::vector<Node> kids;
  if (AtSign("(") || AtSign("[") || AtSign("{")) {
    Node arguments = AtSign("{") ? Braces() : Bracketed();
    const bool many =
        arguments.Is(Kind::kTuple) || arguments.Is(Kind::kInterval) || arguments.Is(Kind::kSet);
    if (many) {
      kids = std::move(arguments.kids);
    } else {
      kids.push_back(std::move(arguments));
    }
  } else {
    const bool negative = TakeSign("-");
    Node argument = Implicit(true);
    kids.push_back(negative ? Negated(std::move(argument)) : std::move(argument));
  }
  if (inverse) {
    if (name.starts_with("arc")) throw ParseFailure();
    name = "arc" + name;
  }
  if (name == "log" || name == "lg") {
    if (kids.size() != 1) throw ParseFailure();
    name = "log";
    kids.push_back(base ? std::move(*base) : Number(10));
    if (kids[1].Is(Kind::kE)) {
      kids.pop_back();
      name = "ln";
    }
  }
  Node call = name == "exp" && kids.size() == 1 ? Power(Make(Kind::kE, {}), std::move(kids[0]))
                                                : Call(name, std::move(kids));
  if (power) return Power(std::move(call), std::move(*power));
  return call;
}

Node Parser::Root() {
  std::vector<Node> index;
  if (TakeSign("[")) {
    index.push_back(Additive());
    Expect("]");
  }
  std::vector<Node> kids;
  if (AtSign("(")) {
    kids.push_back(Bracketed());
  } else {
    kids.push_back(Argument(true));
  }
  const bool square =
      index.empty() || (index[0].Is(Kind::kNumber) && index[0].value == Rational(2));
  if (square) return Call("sqrt", std::move(kids));
  kids.push_back(std::move(index[0]));
  return Call("root", std::move(kids));
}

// \sum_{k=1}^{n} body, \int_a^b body dx, \lim_{x \to a} body.
Node Parser::Binder(const std::string& name) {
  const Deeper deeper(this);
  std::vector<Node> kids(2);
  kids[0] = Symbol("none");
  kids[1] = Symbol("none");
  std::string variable;
  for (int i = 0; i < 2; ++i) {
    if (TakeSign("_")) {
      if (name == "int") {
        kids[0] = Argument(true);
        continue;
      }
      const bool braced = TakeSign("{");
      Node first = Additive();
      variable = NameOf(first);
      if (variable.empty()) throw ParseFailure();
      if (braced && TakeSign("=")) {
        kids[0] = Additive();
      } else if (braced && (TakeCommand("to") || TakeCommand("rightarrow"))) {
        kids[0] = Additive();
      }
      if (braced) Expect("}");
    } else if (TakeSign("^")) {
      kids[1] = Argument(true);
    }
  }
  if (name == "int") {
    ++integrals_;
    kids.push_back(Additive());
    --integrals_;
    if (!TakeLetter("d") || Now().token != Token::kLetter) throw ParseFailure();
    variable = Now().text;
    Advance();
  } else {
    kids.push_back(Term());
  }
  if (variable.empty()) throw ParseFailure();
  if (Any(kids[2], [](const Node& k) { return k.Is(Kind::kBinder); })) throw ParseFailure();
  Bind(&kids[2], variable);
  Node n = Make(Kind::kBinder, std::move(kids));
  n.name = name;
  return n;
}

Node Parser::Environment() {
  const Deeper deeper(this);
  const auto word = [&] {
    Expect("{");
    std::string s;
    while (!AtSign("}")) {
      if (Now().token == Token::kEnd) throw ParseFailure();
      s += Now().text;
      Advance();
    }
    Advance();
    return s;
  };
  const std::string name = word();
  if (name == "array") RawArgument();  // how its columns are set
  std::vector<std::vector<Node>> rows(1);
  while (!AtCommand("end")) {
    if (Now().token == Token::kEnd || rows.size() * rows[0].size() > kMaxMatrix)
      throw ParseFailure();
    if (TakeSign("\\\\") || TakeCommand("hline") || TakeCommand("cr")) {
      if (!rows.back().empty()) rows.emplace_back();
    } else if (!TakeSign("&") && !TakeSign(",") && !TakeSign(".")) {
      rows.back().push_back(Relations());
    }
  }
  Advance();
  if (word() != name) throw ParseFailure();
  if (rows.back().empty()) rows.pop_back();
  if (rows.empty()) throw ParseFailure();
  const bool matrix = name.ends_with("matrix") || name == "array";
  std::vector<Node> kids;
  for (auto& row : rows) {
    if (matrix) {
      if (row.size() != rows[0].size()) throw ParseFailure();
      for (Node& n : row) kids.push_back(std::move(n));
    } else {
      kids.push_back(row.size() == 1 ? std::move(row[0]) : Make(Kind::kTuple, std::move(row)));
    }
  }
  if (kids.size() > kMaxMatrix) throw ParseFailure();
  if (!matrix) {
    if (kids.size() == 1) return std::move(kids[0]);
    return Make(Kind::kSet, std::move(kids));
  }
  const int num_rows = static_cast<int>(rows.size());
  Node n = Make(Kind::kMatrix, std::move(kids));
  n.rows = num_rows;
  if (name == "vmatrix") {
    std::vector<Node> one;
    one.push_back(std::move(n));
    return Call("det", std::move(one));
  }
  return n;
}

}  // namespace rlvr::math
