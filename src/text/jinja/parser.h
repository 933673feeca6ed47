// Tokens -> the tree of a template. Jinja's grammar without inheritance, inclusion and translation.
#ifndef RLVR_TEXT_JINJA_PARSER_H_
#define RLVR_TEXT_JINJA_PARSER_H_
#include <functional>
#include <initializer_list>
#include <string>
#include <vector>

#include "text/jinja/ast.h"
#include "text/jinja/lexer.h"

namespace rlvr::jinja {

// Throws Error: place:LINE.
Block ParseTemplate(const std::string& source, const std::string& place);

class Parser {
 public:
  Parser(const std::string& source, const std::string& place)
      : place_(place), tokens_(Lex(source, place)) {}

  Block Template();

 private:
  // Statements (parser.cc). Up to a tag with one of the names, whose name is taken (last_end_).
  Block Body(std::initializer_list<const char*> ends, const char* of);
  void Tag(Block* out);
  std::unique_ptr<Statement> Make(StatementKind kind) const;
  std::unique_ptr<Statement> If();
  std::unique_ptr<Statement> For();
  std::unique_ptr<Statement> Set();
  std::unique_ptr<Statement> Macro();
  std::unique_ptr<Statement> CallBlock();
  std::unique_ptr<Statement> FilterBlock();
  std::unique_ptr<Statement> With();
  void Parameters(Statement* statement);
  ExpressionPointer Target(bool tuples, bool attributes);

  // Expressions (parser_expression.cc).
  ExpressionPointer Tuple(bool conditional, bool parenthesised = false);
  ExpressionPointer Expr(bool conditional = true);
  ExpressionPointer Or();
  ExpressionPointer And();
  ExpressionPointer Not();
  ExpressionPointer Comparison();
  ExpressionPointer Sum();
  ExpressionPointer Concat();
  ExpressionPointer Product();
  ExpressionPointer Power();
  ExpressionPointer Unary(bool filters = true);
  ExpressionPointer Primary();
  ExpressionPointer Postfix(ExpressionPointer node);
  ExpressionPointer Filters(ExpressionPointer node);
  ExpressionPointer FilterChain(ExpressionPointer node, bool first_without_bar);
  ExpressionPointer Test(ExpressionPointer node);
  ExpressionPointer Subscript(ExpressionPointer node);
  ExpressionPointer Infix(ExpressionPointer (Parser::*side)(),
                          std::initializer_list<const char*> operators);
  void CallArguments(Expression* call);

  // The tree's depth is bounded here: a node is one deeper than its parts.
  ExpressionPointer New(ExpressionKind kind, int line, std::vector<ExpressionPointer> parts = {});
  void Deepen(Expression* node, const ExpressionPointer& part) const;

  const Token& Now() const { return tokens_[at_]; }
  const Token& Ahead() const { return tokens_[std::min(at_ + 1, tokens_.size() - 1)]; }
  bool IsOperator(const char* text) const { return Now().Is(TokenKind::kOperator, text); }
  bool IsName(const char* text) const { return Now().Is(TokenKind::kName, text); }
  bool TakeOperator(const char* text);
  bool TakeName(const char* text);
  void ExpectOperator(const char* text);
  void ExpectName(const char* text);
  void ExpectBlockEnd();
  std::string Name(const char* of);
  [[noreturn]] void Fail(const std::string& what) const;
  [[noreturn]] void Unexpected(const std::string& wanted) const;

  const std::string place_;
  const std::vector<Token> tokens_;
  size_t at_ = 0;
  std::string last_end_;
  int nesting_ = 0, loops_ = 0;
};

}  // namespace rlvr::jinja
#endif  // RLVR_TEXT_JINJA_PARSER_H_
