// What follows an operand: attributes, items, calls, filters and tests.
#include "text/jinja/parser.h"

namespace rlvr::jinja {
namespace {

std::vector<ExpressionPointer> Operand(ExpressionPointer a) {
  std::vector<ExpressionPointer> parts;
  parts.push_back(std::move(a));
  return parts;
}

}  // namespace

ExpressionPointer Parser::Postfix(ExpressionPointer node) {
  while (true) {
    const int line = Now().line;
    if (TakeOperator(".")) {
      node = New(ExpressionKind::kAttribute, line, Operand(std::move(node)));
      if (Now().kind == TokenKind::kInteger) {
        node->kind = ExpressionKind::kItem;
        node->parts.push_back(Primary());
      } else {
        node->name = Name("an attribute");
      }
    } else if (TakeOperator("[")) {
      node = Subscript(std::move(node));
    } else if (IsOperator("(")) {
      node = New(ExpressionKind::kCall, line, Operand(std::move(node)));
      CallArguments(node.get());
    } else {
      return node;
    }
  }
}

ExpressionPointer Parser::Subscript(ExpressionPointer node) {
  const int line = Now().line;
  std::vector<ExpressionPointer> parts = Operand(std::move(node));
  bool slice = false;
  while (!IsOperator("]")) {
    if (TakeOperator(":")) {
      if (parts.size() < 2 || (slice && parts.size() < 3)) parts.push_back(nullptr);
      slice = true;
      if (parts.size() > 3) Fail("a slice has more than three parts");
      continue;
    }
    parts.push_back(Expr());
    if (!IsOperator(":") && !IsOperator("]")) Unexpected("']'");
  }
  ++at_;
  if (parts.size() < 2) Fail("a subscript is empty");
  if (slice) parts.resize(4);
  return New(slice ? ExpressionKind::kSlice : ExpressionKind::kItem, line, std::move(parts));
}

void Parser::CallArguments(Expression* call) {
  ExpectOperator("(");
  bool first = true;
  while (!IsOperator(")")) {
    if (!first) ExpectOperator(",");
    if (IsOperator(")")) break;
    first = false;
    if (TakeOperator("**")) {
      Deepen(call, call->more_named = Expr());
    } else if (TakeOperator("*")) {
      Deepen(call, call->more_arguments = Expr());
    } else if (Now().kind == TokenKind::kName && Ahead().Is(TokenKind::kOperator, "=")) {
      std::string name = Now().text;
      at_ += 2;
      call->named.emplace_back(std::move(name), Expr());
      Deepen(call, call->named.back().second);
    } else {
      if (!call->named.empty() || call->more_named || call->more_arguments)
        Fail("an argument without name follows one with a name");
      call->arguments.push_back(Expr());
      Deepen(call, call->arguments.back());
    }
  }
  ++at_;
}

ExpressionPointer Parser::Filters(ExpressionPointer node) {
  while (true) {
    if (IsOperator("|")) {
      node = FilterChain(std::move(node), /*first_without_bar=*/false);
    } else if (IsName("is")) {
      node = Test(std::move(node));
    } else if (IsOperator("(")) {
      const int line = Now().line;
      node = New(ExpressionKind::kCall, line, Operand(std::move(node)));
      CallArguments(node.get());
    } else {
      return node;
    }
  }
}

ExpressionPointer Parser::FilterChain(ExpressionPointer node, bool first_without_bar) {
  while (first_without_bar || TakeOperator("|")) {
    first_without_bar = false;
    const int line = Now().line;
    node = New(ExpressionKind::kFilter, line, Operand(std::move(node)));
    node->name = Name("a filter");
    if (IsOperator("(")) CallArguments(node.get());
  }
  return node;
}

ExpressionPointer Parser::Test(ExpressionPointer node) {
  const int line = Now().line;
  ++at_;  // is
  const bool negated = TakeName("not");
  node = New(ExpressionKind::kTest, line, Operand(std::move(node)));
  node->name = Name("a test");
  const TokenKind kind = Now().kind;
  if (IsOperator("(")) {
    CallArguments(node.get());
  } else if ((kind == TokenKind::kName || kind == TokenKind::kString ||
              kind == TokenKind::kInteger || kind == TokenKind::kFloat || IsOperator("[") ||
              IsOperator("{")) &&
             !IsName("else") && !IsName("or") && !IsName("and")) {
    if (IsName("is")) Fail("two tests follow each other");
    node->arguments.push_back(Postfix(Primary()));
    Deepen(node.get(), node->arguments.back());
  }
  if (negated) node = New(ExpressionKind::kNot, line, Operand(std::move(node)));
  return node;
}

}  // namespace rlvr::jinja
