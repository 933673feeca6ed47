// LaTeX or plain-text mathematics -> tree.
#ifndef RLVR_VERIFY_MATH_PARSER_H_
#define RLVR_VERIFY_MATH_PARSER_H_
#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "verify/math/lexer.h"
#include "verify/math/node.h"

namespace rlvr::math {

// nullopt where the text is no mathematics that is known here, or is too long or too deep. What is
// left of a chain of equations that does not parse is its last part.
std::optional<Node> Parse(std::string_view latex);

struct ParseFailure {};  // inside of the parser only

// Recursive descent, one function per level of the grammar. Bounded in depth and in tokens.
class Parser {
 public:
  explicit Parser(std::vector<Lexeme> tokens) : t_(std::move(tokens)) {}
  Node Top();

 private:
  using Groups = std::vector<std::vector<Node>>;  // of a; b, c; d: by semicolons, then by commas

  // parser.cc
  Groups List();
  std::vector<Node> Element();
  Node Relations();
  Node SetDifference();
  Node SetUnion();
  Node SetIntersection();
  Node Additive();
  Node Term();
  Node Signed();

  // parser_product.cc
  Node Implicit(bool as_argument);
  Node Postfix();
  Node Exponent(Node base);

  // parser_atoms.cc
  Node Atom();
  Node NumberAtom();
  Node LetterAtom();
  Node CommandAtom();
  Node Fraction();
  Node Bracketed();
  Node Braces();
  Node Absolute(const std::string& close);
  Node Argument(bool one_digit);
  std::string RawArgument();
  Node WithSubscript(Node symbol);

  // parser_functions.cc
  Node Function(const std::string& name);
  Node Root();
  Node Binder(const std::string& name);
  Node Environment();

  const Lexeme& Now() const { return t_[at_]; }
  const Lexeme& After(size_t n = 1) const { return t_[std::min(at_ + n, t_.size() - 1)]; }
  void Advance() {
    if (at_ + 1 < t_.size()) ++at_;
  }
  bool AtSign(std::string_view sign) const {
    return Now().token == Token::kSign && Now().text == sign;
  }
  bool AtCommand(std::string_view name) const {
    return Now().token == Token::kCommand && Now().text == name;
  }
  bool TakeSign(std::string_view sign);
  bool TakeCommand(std::string_view name);
  bool TakeLetter(std::string_view letter);
  void Expect(std::string_view sign);
  bool StartsAtom() const;
  bool StartsFunction() const;
  bool SkipUnit();

  struct Deeper {
    explicit Deeper(Parser* parser);
    ~Deeper() { --p->depth_; }
    Parser* p;
  };

  std::vector<Lexeme> t_;
  size_t at_ = 0;
  int depth_ = 0, bars_ = 0, integrals_ = 0;
};

}  // namespace rlvr::math
#endif  // RLVR_VERIFY_MATH_PARSER_H_
