// Numbers, names, brackets.
#include <algorithm>
#include <array>
#include <cctype>

#include "verify/math/characters.h"
#include "verify/math/limits.h"
#include "verify/math/parser.h"

namespace rlvr::math {
namespace {

using std::string_view;

constexpr std::array<string_view, 50> kSymbols = {
    "alpha", "beta",     "gamma",  "delta", "epsilon", "varepsilon", "zeta",      "eta",
    "theta", "vartheta", "iota",   "kappa", "lambda",  "mu",         "nu",        "xi",
    "rho",   "varrho",   "sigma",  "tau",   "upsilon", "phi",        "varphi",    "chi",
    "psi",   "omega",    "Gamma",  "Delta", "Theta",   "Lambda",     "Xi",        "Pi",
    "Sigma", "Phi",      "Psi",    "Omega", "angle",   "triangle",   "ell",       "hbar",
    "star",  "diamond",  "square", "Box",   "bullet",  "clubsuit",   "spadesuit", "checkmark",
    "aleph", "nabla"};
constexpr std::array<string_view, 18> kAccents = {
    "overline", "bar",       "vec",     "overrightarrow", "hat",       "widehat",
    "tilde",    "widetilde", "dot",     "ddot",           "underline", "overleftrightarrow",
    "overarc",  "wideparen", "overset", "check",          "acute",     "mathring"};

// \text{(A)}, \text{Evelyn }: letters in lower case, without spaces, brackets and points.
std::string TextName(string_view s) {
  std::string r;
  for (const char c : LowerCase(s))
    if (string_view(" ().{}\\~,'").find(c) == string_view::npos) r += c;
  return r.empty() ? std::string(s) : r;
}

}  // namespace

Node Parser::Atom() {
  const Deeper deeper(this);
  switch (Now().token) {
    case Token::kNumber:
      return NumberAtom();
    case Token::kLetter:
      return LetterAtom();
    case Token::kText: {
      Node n = Symbol(TextName(Now().text));
      n.text = true;
      Advance();
      return WithSubscript(std::move(n));
    }
    case Token::kCommand:
      return CommandAtom();
    case Token::kSign:
      if (AtSign("(") || AtSign("[")) return Bracketed();
      if (AtSign("{") || AtSign("\\{")) return Braces();
      if (AtSign("|") || AtSign("\\|")) {
        const std::string bar = Now().text;
        Advance();
        return Absolute(bar);
      }
      throw ParseFailure();
    case Token::kEnd:
      throw ParseFailure();
  }
  throw ParseFailure();
}

Node Parser::NumberAtom() {
  std::string text = Now().text;
  Advance();
  const auto value = Rational::FromDecimal(text);
  if (!value) throw ParseFailure();
  Node n = Number(*value);
  n.decimal = text.find_first_of(".eE") != std::string::npos;
  // 0.1\overline{36} repeats: the digits over 99, behind those that stand before.
  const bool point = AtSign(".") && After().token == Token::kCommand && After().text == "overline";
  if ((n.decimal && AtCommand("overline")) || point) {
    if (point) Advance();
    Advance();
    const std::string repeated = RawArgument();
    if (repeated.empty() || repeated.size() > 32 ||
        repeated.find_first_not_of("0123456789") != std::string::npos)
      throw ParseFailure();
    const size_t dot = text.find('.');
    const int64_t places =
        dot == std::string::npos ? 0 : static_cast<int64_t>(text.size() - dot - 1);
    const Rational ten(10);
    const auto scale = ten.Power(Rational(places), kMaxBits);
    const auto nines = ten.Power(Rational(static_cast<int64_t>(repeated.size())), kMaxBits);
    const auto digits = Rational::FromDecimal(repeated);
    if (!scale || !nines || !digits) throw ParseFailure();
    n.value = n.value + *digits * (*scale * (*nines - Rational(1))).Inverse();
    n.decimal = false;
  }
  if (AtSign("_")) {  // 1012_3
    Advance();
    const std::string base = RawArgument();
    n.base = base.size() <= 2 && !base.empty() &&
                     base.find_first_not_of("0123456789") == std::string::npos
                 ? std::atoi(base.c_str())
                 : 0;
  }
  return n;
}

Node Parser::LetterAtom() {
  const std::string letter = Now().text;
  Advance();
  if (letter == "e" && !AtSign("_")) return Make(Kind::kE, {});
  if (letter == "i" && !AtSign("_")) return Make(Kind::kImaginary, {});
  const bool function = letter == "f" || letter == "g" || letter == "h";
  Node n = WithSubscript(Symbol(LowerCase(letter)));
  if (function && (AtSign("(") || (AtSign("'") && After().text == "("))) {
    TakeSign("'");
    Node arguments = Bracketed();
    std::vector<Node> kids;
    if (arguments.Is(Kind::kTuple) || arguments.Is(Kind::kInterval)) {
      kids = std::move(arguments.kids);
    } else {
      kids.push_back(std::move(arguments));
    }
    return Call(n.name, std::move(kids));
  }
  return n;
}

Node Parser::WithSubscript(Node symbol) {
  while (TakeSign("'") || TakeCommand("prime")) {
  }
  if (!AtSign("_")) return symbol;
  Advance();
  symbol.name += "_" + LowerCase(RawArgument());
  return symbol;
}

// The next argument as it is written, without spaces and outer braces.
std::string Parser::RawArgument() {
  std::string raw;
  if (!AtSign("{")) {
    raw = Now().text;
    if (Now().token == Token::kEnd ||
        (Now().token == Token::kSign && raw != "*" && raw != "+" && raw != "-"))
      throw ParseFailure();
    Advance();
    return raw;
  }
  int depth = 0;
  do {
    if (Now().token == Token::kEnd) throw ParseFailure();
    depth += AtSign("{") ? 1 : AtSign("}") ? -1 : 0;
    raw += Now().text;
    Advance();
  } while (depth > 0);
  return raw.substr(1, raw.size() - 2);
}

// {...} or one atom; of a number its first digit alone where LaTeX takes no more: \frac12.
Node Parser::Argument(bool one_digit) {
  const Deeper deeper(this);
  if (AtSign("{")) return Braces();
  if (Now().token == Token::kNumber && one_digit && Now().text.size() > 1 && Now().text[0] != '.') {
    Node n = Number(Now().text[0] - '0');
    t_[at_].text.erase(0, 1);
    if (t_[at_].text[0] == '.') throw ParseFailure();
    t_[at_].space_before = false;
    return n;
  }
  if (Now().token == Token::kNumber) return NumberAtom();
  return Atom();
}

Node Parser::Fraction() {
  Node top = Argument(true);
  Node bottom = Argument(false);
  return Quotient(std::move(top), std::move(bottom));
}

Node Parser::CommandAtom() {
  const std::string name = Now().text;
  if (StartsFunction()) {
    Advance();
    return Function(name);
  }
  Advance();
  if (name == "frac") return Fraction();
  if (name == "sqrt") return Root();
  if (name == "pi") return Make(Kind::kPi, {});
  if (name == "infty") return Make(Kind::kInfinity, {});
  if (name == "imath") return Make(Kind::kImaginary, {});
  if (name == "boxed" || name == "fbox" || name == "ensuremath" || name == "mathstrut")
    return Argument(false);
  if (name == "begin") return Environment();
  if (name == "sum" || name == "prod" || name == "int" || name == "lim") return Binder(name);
  if (name == "lfloor" || name == "lceil") {
    std::vector<Node> kids;
    kids.push_back(Additive());
    if (!TakeCommand(name == "lfloor" ? "rfloor" : "rceil")) throw ParseFailure();
    return Call(name == "lfloor" ? "floor" : "ceil", std::move(kids));
  }
  if (name == "lvert" || name == "vert") return Absolute(name);
  if (name == "langle") {
    Groups groups = List();
    if (!TakeCommand("rangle") || groups.size() != 1) throw ParseFailure();
    return Make(Kind::kTuple, std::move(groups[0]));
  }
  if (name == "lbrace") {
    Groups groups = List();
    if (!TakeCommand("rbrace") || groups.size() != 1) throw ParseFailure();
    return Make(Kind::kSet, std::move(groups[0]));
  }
  if (name == "binom") {
    std::vector<Node> kids;
    kids.push_back(Argument(true));
    kids.push_back(Argument(true));
    return Call("binomial", std::move(kids));
  }
  if (name.starts_with("vulgar")) return Quotient(Number(name[6] - '0'), Number(name[8] - '0'));
  if (name == "reals" || name == "integers" || name == "rationals" || name == "naturals" ||
      name == "complexes" || name == "emptyset" || name == "varnothing") {
    Node n = Make(Kind::kNamedSet, {});
    n.name = name == "emptyset" || name == "varnothing" ? "empty" : name;
    return n;
  }
  if (In(name, kAccents)) {
    if (name == "overset") RawArgument();
    std::string accent = name == "overline" ? "bar" : name == "overrightarrow" ? "vec" : name;
    return WithSubscript(Symbol(accent + "{" + LowerCase(RawArgument()) + "}"));
  }
  if (In(name, kSymbols)) {
    std::string plain = name;
    if (plain.starts_with("var")) plain.erase(0, 3);
    return WithSubscript(Symbol(plain));
  }
  throw ParseFailure();
}

// (a), (a, b), [a, b), (a; b; c) ...
Node Parser::Bracketed() {
  const Deeper deeper(this);
  const bool open_left = AtSign("(");
  Advance();
  const int bars = std::exchange(bars_, 0);
  Groups groups = List();
  bars_ = bars;
  const bool open_right = AtSign(")");
  if (!open_right && !AtSign("]")) throw ParseFailure();
  Advance();
  std::vector<Node> all;
  for (auto& group : groups)
    for (Node& n : group) all.push_back(std::move(n));
  if (all.empty()) throw ParseFailure();
  if (all.size() == 1) {
    if (open_left != open_right) throw ParseFailure();
    return std::move(all[0]);
  }
  const bool ends = all.size() == 2 && groups.size() == 1 && !IsRelation(all[0]) &&
                    !IsRelation(all[1]) && !all[0].Is(Kind::kInterval) &&
                    !all[0].Is(Kind::kTuple) && !all[0].Is(Kind::kSet);
  if (ends) {
    // (2, 1) is a point: no interval ends before it begins.
    const bool numbers = all[0].Is(Kind::kNumber) && all[1].Is(Kind::kNumber);
    const bool backwards = numbers && (all[1].value < all[0].value ||
                                       (open_left && open_right && all[1].value == all[0].value));
    if (!backwards) {
      Node n = Make(Kind::kInterval, std::move(all));
      n.open_left = open_left;
      n.open_right = open_right;
      return n;
    }
  }
  if (open_left != open_right) throw ParseFailure();
  return Make(Kind::kTuple, std::move(all));
}

// {a} groups, {a, b} and \{a\} are sets.
Node Parser::Braces() {
  const Deeper deeper(this);
  const bool set = AtSign("\\{");
  Advance();
  const int bars = std::exchange(bars_, 0);
  Groups groups = List();
  bars_ = bars;
  Expect(set ? "\\}" : "}");
  std::vector<Node> all;
  for (auto& group : groups)
    for (Node& n : group) all.push_back(std::move(n));
  if (all.empty()) {
    if (!set) throw ParseFailure();
    Node n = Make(Kind::kNamedSet, {});
    n.name = "empty";
    return n;
  }
  if (all.size() == 1 && !set) return std::move(all[0]);
  return Make(Kind::kSet, std::move(all));
}

Node Parser::Absolute(const std::string& close) {
  const Deeper deeper(this);
  ++bars_;
  std::vector<Node> kids;
  kids.push_back(Additive());
  --bars_;
  const bool closed = close == "lvert"  ? TakeCommand("rvert")
                      : close == "vert" ? TakeCommand("vert")
                                        : TakeSign(close);
  if (!closed) throw ParseFailure();
  if (kids[0].Is(Kind::kMatrix)) return Call("det", std::move(kids));
  return Call("abs", std::move(kids));
}

}  // namespace rlvr::math
