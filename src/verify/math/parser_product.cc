// Products without signs, mixed numbers, units, powers and what stands behind an atom.
#include <algorithm>
#include <array>
#include <string_view>

#include "verify/math/characters.h"
#include "verify/math/limits.h"
#include "verify/math/parser.h"

namespace rlvr::math {
namespace {

using std::string_view;

// Commands that begin no atom: signs, relations, separators.
constexpr std::array<string_view, 62> kNoAtom = {"times",       "cdot",
                                                 "ast",         "div",
                                                 "over",        "bmod",
                                                 "pmod",        "mod",
                                                 "pm",          "mp",
                                                 "cup",         "cap",
                                                 "bigcup",      "bigcap",
                                                 "setminus",    "backslash",
                                                 "lt",          "gt",
                                                 "le",          "ge",
                                                 "leq",         "geq",
                                                 "leqslant",    "geqslant",
                                                 "leqq",        "geqq",
                                                 "ne",          "neq",
                                                 "in",          "notin",
                                                 "equiv",       "approx",
                                                 "simeq",       "sim",
                                                 "cong",        "coloneqq",
                                                 "doteq",       "approxeq",
                                                 "thickapprox", "nleq",
                                                 "ngeq",        "eq",
                                                 "mid",         "rangle",
                                                 "rfloor",      "rceil",
                                                 "rvert",       "rbrace",
                                                 "rbrack",      "end",
                                                 "to",          "rightarrow",
                                                 "Rightarrow",  "implies",
                                                 "iff",         "circ",
                                                 "prime",       "degree",
                                                 "rVert",       "limits",
                                                 "mapsto",      "Longrightarrow"};

constexpr std::array<string_view, 32> kFunctions = {
    "sin",  "cos",  "tan", "cot", "sec",  "csc",  "arcsin", "arccos", "arctan", "arccot", "sinh",
    "cosh", "tanh", "log", "ln",  "lg",   "exp",  "max",    "min",    "gcd",    "lcm",    "det",
    "Re",   "Im",   "arg", "deg", "asin", "acos", "atan",   "arcctg", "tg",     "ctg"};

// Units written as plain letters behind a number. In \text{...} any word is one.
constexpr std::array<string_view, 66> kUnits = {
    "cm",     "mm",      "km",    "dm",    "kg",     "mg",      "gm",      "lb",      "lbs",
    "oz",     "ft",      "yd",    "mi",    "hr",     "hrs",     "min",     "mins",    "sec",
    "secs",   "mph",     "kmh",   "kph",   "ml",     "mL",      "feet",    "foot",    "inch",
    "inches", "yard",    "yards", "mile",  "miles",  "meter",   "meters",  "metre",   "metres",
    "day",    "days",    "hour",  "hours", "minute", "minutes", "second",  "seconds", "week",
    "weeks",  "year",    "years", "cent",  "cents",  "dollar",  "dollars", "unit",    "units",
    "degree", "degrees", "deg",   "way",   "ways",   "gram",    "grams",   "liter",   "liters",
    "pound",  "pounds",  "points"};

}  // namespace

bool Parser::StartsFunction() const {
  return Now().token == Token::kCommand && In(Now().text, kFunctions);
}

bool Parser::StartsAtom() const {
  const Lexeme& now = Now();
  switch (now.token) {
    case Token::kEnd:
      return false;
    case Token::kNumber:
    case Token::kText:
      return true;
    case Token::kLetter:
      // The d of an integral's dx.
      return !(integrals_ > 0 && now.text == "d" && After().token == Token::kLetter);
    case Token::kCommand:
      return !In(now.text, kNoAtom);
    case Token::kSign:
      if (now.text == "|" || now.text == "\\|") return bars_ == 0;
      return now.text == "(" || now.text == "[" || now.text == "{" || now.text == "\\{";
  }
  return false;
}

// A unit in plain letters behind a number, with a power: 15 cm^2.
bool Parser::SkipUnit() {
  if (Now().token != Token::kLetter) return false;
  std::string word = Now().text;
  size_t n = 1;
  while (After(n).token == Token::kLetter && !After(n).space_before &&
         After(n).begin == Now().begin + n) {
    word += After(n).text;
    ++n;
  }
  const bool space = Now().space_before;
  bool unit = In(word, kUnits);
  if (word.size() == 1) unit = space && string_view("mgsLlh").find(word[0]) != string_view::npos;
  if (word.size() >= 5) unit = word.find_first_of("aeiou") != std::string::npos && space;
  if (!unit) return false;
  size_t end = n;
  if (After(end).token == Token::kSign && After(end).text == "^") {
    ++end;
    if (After(end).text == "{") {
      end += 3;
    } else {
      ++end;
    }
  }
  const Lexeme& behind = After(end);
  const bool last =
      behind.token == Token::kEnd || (behind.token == Token::kSign &&
                                      string_view(",;)}.]").find(behind.text) != string_view::npos);
  if (!last && word.size() < 3) return false;
  for (size_t i = 0; i < end; ++i) Advance();
  return true;
}

Node Parser::Implicit(bool as_argument) {
  const Deeper deeper(this);
  std::vector<Node> factors;
  const bool integer =
      Now().token == Token::kNumber && Now().text.find_first_of(".eE") == std::string::npos;
  factors.push_back(Postfix());
  if (integer && factors[0].Is(Kind::kNumber) && factors[0].value.IsInteger()) {
    if (Now().token == Token::kNumber) {
      const bool whole = Now().text.find_first_not_of("0123456789") == std::string::npos;
      if (whole && After().token == Token::kSign && After().text == "/" &&
          After(2).token == Token::kNumber) {
        Node top = NumberAtom();  // 2 1/2
        Advance();
        const Node part = Quotient(std::move(top), NumberAtom());
        if (!part.Is(Kind::kNumber)) throw ParseFailure();
        factors[0].value = factors[0].value + part.value;
      } else if (whole && Now().text.size() == 3) {  // 1 000 000
        while (Now().token == Token::kNumber && Now().text.size() == 3) {
          const Node group = NumberAtom();
          factors[0].value = factors[0].value * Rational(1000) + group.value;
        }
      }
    } else if (AtCommand("frac") ||
               (Now().token == Token::kCommand && Now().text.starts_with("vulgar"))) {
      Node part = Atom();  // 2\frac{1}{3}
      if (part.Is(Kind::kNumber) && part.value.Sign() > 0 && !AtSign("^")) {
        factors[0].value = factors[0].value + part.value;
      } else {
        factors.push_back(AtSign("^") ? Exponent(std::move(part)) : std::move(part));
      }
    }
  }
  while (StartsAtom()) {
    if (as_argument && StartsFunction()) break;
    if (Now().token == Token::kText) {  // a unit, or words that say what it is
      Advance();
      if (AtSign("^")) Exponent(Number(1));
      continue;
    }
    const bool number =
        factors.size() == 1 && (factors[0].Is(Kind::kNumber) || factors[0].Is(Kind::kPercent));
    if (number && SkipUnit()) continue;
    if (Now().token == Token::kNumber && factors.back().Is(Kind::kNumber)) throw ParseFailure();
    factors.push_back(Postfix());
  }
  if (factors.size() == 1) return std::move(factors[0]);
  Node product = Make(Kind::kMul, std::move(factors));
  product.implicit = std::all_of(product.kids.begin(), product.kids.end(), [](const Node& k) {
    return k.Is(Kind::kSymbol) || k.Is(Kind::kE) || k.Is(Kind::kImaginary);
  });
  return product;
}

Node Parser::Postfix() {
  const Deeper deeper(this);
  Node n = Atom();
  while (true) {
    if (AtSign("^")) {
      n = Exponent(std::move(n));
    } else if (TakeSign("!")) {
      std::vector<Node> kids;
      kids.push_back(std::move(n));
      n = Call("factorial", std::move(kids));
    } else if (TakeSign("%")) {
      std::vector<Node> kids;
      kids.push_back(std::move(n));
      n = Make(Kind::kPercent, std::move(kids));
    } else if (!(TakeSign("'") || TakeCommand("prime") || TakeCommand("degree") ||
                 TakeCommand("circ"))) {
      return n;
    }
  }
}

// Behind "^". A degree sign and a prime leave the base as it is.
Node Parser::Exponent(Node base) {
  const Deeper deeper(this);
  Expect("^");
  const bool braced = AtSign("{");
  const size_t inside = braced ? 1 : 0;
  const Lexeme& first = After(inside);
  if (first.token == Token::kCommand &&
      (first.text == "circ" || first.text == "prime" || first.text == "degree")) {
    for (size_t i = 0; i <= inside; ++i) Advance();
    if (braced) Expect("}");
    return base;
  }
  if (braced && first.token == Token::kText && After(2).text == "}") {  // 5^{\text{th}}
    for (int i = 0; i < 3; ++i) Advance();
    return base;
  }
  if (base.Is(Kind::kMatrix) && first.token == Token::kLetter && first.text == "T" &&
      (!braced || After(2).text == "}")) {
    for (size_t i = 0; i < 1 + 2 * inside; ++i) Advance();
    std::vector<Node> kids;
    kids.push_back(std::move(base));
    return Call("transpose", std::move(kids));
  }
  Node exponent;
  if (!braced && (AtSign("-") || AtSign("+"))) {
    const bool negative = AtSign("-");
    Advance();
    exponent = Argument(false);
    if (negative) exponent = Negated(std::move(exponent));
  } else {
    exponent = Argument(false);
  }
  if (AtSign("^")) exponent = Exponent(std::move(exponent));  // right to left
  return Power(std::move(base), std::move(exponent));
}

}  // namespace rlvr::math
