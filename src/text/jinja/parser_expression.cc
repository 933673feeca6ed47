#include <algorithm>
#include <charconv>

#include "text/jinja/parser.h"

namespace rlvr::jinja {

void Parser::Deepen(Expression* node, const ExpressionPointer& part) const {
  if (part == nullptr) return;
  node->depth = std::max(node->depth, part->depth + 1);
  if (node->depth > kMaxTreeDepth) Fail("an expression is nested too deeply");
}

ExpressionPointer Parser::New(ExpressionKind kind, int line, std::vector<ExpressionPointer> parts) {
  auto node = std::make_unique<Expression>();
  node->kind = kind;
  node->line = line;
  for (const auto& part : parts) Deepen(node.get(), part);
  node->parts = std::move(parts);
  return node;
}

namespace {

std::vector<ExpressionPointer> Pair(ExpressionPointer a, ExpressionPointer b) {
  std::vector<ExpressionPointer> parts;
  parts.push_back(std::move(a));
  parts.push_back(std::move(b));
  return parts;
}

std::vector<ExpressionPointer> Single(ExpressionPointer a) {
  std::vector<ExpressionPointer> parts;
  parts.push_back(std::move(a));
  return parts;
}

}  // namespace

ExpressionPointer Parser::Tuple(bool conditional, bool parenthesised) {
  const int line = Now().line;
  std::vector<ExpressionPointer> items;
  bool tuple = false;
  const auto ends = [&] {
    return Now().kind == TokenKind::kBlockEnd || Now().kind == TokenKind::kPrintEnd ||
           IsOperator(")");
  };
  while (!ends()) {
    items.push_back(Expr(conditional));
    if (!TakeOperator(",")) break;
    tuple = true;
  }
  if (!tuple && items.empty() && !parenthesised) Unexpected("an expression");
  if (!tuple && !items.empty()) return std::move(items[0]);
  return New(ExpressionKind::kTuple, line, std::move(items));
}

ExpressionPointer Parser::Expr(bool conditional) {
  if (++nesting_ > kMaxTreeDepth) Fail("an expression is nested too deeply");
  ExpressionPointer node = Or();
  while (conditional && IsName("if")) {
    const int line = Now().line;
    ++at_;
    ExpressionPointer condition = Or();
    ExpressionPointer otherwise = TakeName("else") ? Expr() : nullptr;
    auto parts = Pair(std::move(condition), std::move(node));
    parts.push_back(std::move(otherwise));
    node = New(ExpressionKind::kIf, line, std::move(parts));
  }
  --nesting_;
  return node;
}

ExpressionPointer Parser::Or() {
  ExpressionPointer node = And();
  while (IsName("or")) {
    const int line = Now().line;
    ++at_;
    node = New(ExpressionKind::kOr, line, Pair(std::move(node), And()));
  }
  return node;
}

ExpressionPointer Parser::And() {
  ExpressionPointer node = Not();
  while (IsName("and")) {
    const int line = Now().line;
    ++at_;
    node = New(ExpressionKind::kAnd, line, Pair(std::move(node), Not()));
  }
  return node;
}

ExpressionPointer Parser::Not() {
  if (!IsName("not")) return Comparison();
  const int line = Now().line;
  ++at_;
  if (++nesting_ > kMaxTreeDepth) Fail("an expression is nested too deeply");
  ExpressionPointer node = New(ExpressionKind::kNot, line, Single(Not()));
  --nesting_;
  return node;
}

ExpressionPointer Parser::Comparison() {
  const int line = Now().line;
  std::vector<ExpressionPointer> parts = Single(Sum());
  std::vector<std::string> names;
  while (true) {
    if (Now().kind == TokenKind::kOperator &&
        (IsOperator("==") || IsOperator("!=") || IsOperator("<") || IsOperator("<=") ||
         IsOperator(">") || IsOperator(">="))) {
      names.push_back(Now().text);
      ++at_;
    } else if (IsName("in")) {
      names.emplace_back("in");
      ++at_;
    } else if (IsName("not") && Ahead().Is(TokenKind::kName, "in")) {
      names.emplace_back("not in");
      at_ += 2;
    } else {
      break;
    }
    parts.push_back(Sum());
  }
  if (names.empty()) return std::move(parts[0]);
  ExpressionPointer node = New(ExpressionKind::kCompare, line, std::move(parts));
  node->names = std::move(names);
  return node;
}

ExpressionPointer Parser::Infix(ExpressionPointer (Parser::*side)(),
                                std::initializer_list<const char*> operators) {
  ExpressionPointer node = (this->*side)();
  while (true) {
    const auto* op = std::find_if(operators.begin(), operators.end(),
                                  [&](const char* o) { return IsOperator(o); });
    if (op == operators.end()) return node;
    const int line = Now().line;
    ++at_;
    node = New(ExpressionKind::kArithmetic, line, Pair(std::move(node), (this->*side)()));
    node->name = *op;
  }
}

ExpressionPointer Parser::Sum() { return Infix(&Parser::Concat, {"+", "-"}); }

ExpressionPointer Parser::Concat() {
  const int line = Now().line;
  std::vector<ExpressionPointer> parts = Single(Product());
  while (TakeOperator("~")) parts.push_back(Product());
  if (parts.size() == 1) return std::move(parts[0]);
  return New(ExpressionKind::kConcat, line, std::move(parts));
}

ExpressionPointer Parser::Product() { return Infix(&Parser::Power, {"*", "/", "//", "%"}); }

ExpressionPointer Parser::Power() {
  ExpressionPointer node = Unary();
  while (IsOperator("**")) {
    const int line = Now().line;
    ++at_;
    node = New(ExpressionKind::kArithmetic, line, Pair(std::move(node), Unary()));
    node->name = "**";
  }
  return node;
}

ExpressionPointer Parser::Unary(bool filters) {
  const int line = Now().line;
  ExpressionPointer node;
  if (IsOperator("-") || IsOperator("+")) {
    const auto kind = IsOperator("-") ? ExpressionKind::kNegative : ExpressionKind::kPositive;
    ++at_;
    if (++nesting_ > kMaxTreeDepth) Fail("an expression is nested too deeply");
    node = New(kind, line, Single(Unary(false)));
    --nesting_;
  } else {
    node = Primary();
  }
  node = Postfix(std::move(node));
  return filters ? Filters(std::move(node)) : std::move(node);
}

ExpressionPointer Parser::Primary() {
  const Token& t = Now();
  ExpressionPointer node = New(ExpressionKind::kConstant, t.line);
  if (t.kind == TokenKind::kName) {
    ++at_;
    if (t.text == "true" || t.text == "True") {
      node->value = Value(true);
    } else if (t.text == "false" || t.text == "False") {
      node->value = Value(false);
    } else if (t.text != "none" && t.text != "None") {
      node->kind = ExpressionKind::kName;
      node->name = t.text;
    }
    return node;
  }
  if (t.kind == TokenKind::kString) {
    std::string text;
    while (Now().kind == TokenKind::kString) text += tokens_[at_++].text;
    node->value = Value::MakeString(text);
    return node;
  }
  if (t.kind == TokenKind::kInteger || t.kind == TokenKind::kFloat) {
    const char *begin = t.text.data(), *end = begin + t.text.size();
    if (t.kind == TokenKind::kFloat) {
      double d = 0;
      std::from_chars(begin, end, d);
      node->value = Value(d);
    } else {
      int64_t i = 0;
      if (std::from_chars(begin, end, i).ec != std::errc()) Fail("a number is too large");
      node->value = Value(i);
    }
    ++at_;
    return node;
  }
  if (TakeOperator("(")) {
    if (++nesting_ > kMaxTreeDepth) Fail("an expression is nested too deeply");
    node = Tuple(/*conditional=*/true, /*parenthesised=*/true);
    --nesting_;
    ExpectOperator(")");
    return node;
  }
  const bool list = IsOperator("["), dict = IsOperator("{");
  if (!list && !dict) Unexpected("an expression");
  ++at_;
  node->kind = list ? ExpressionKind::kList : ExpressionKind::kDict;
  const char* close = list ? "]" : "}";
  while (!IsOperator(close)) {
    if (!node->parts.empty()) ExpectOperator(",");
    if (IsOperator(close)) break;
    node->parts.push_back(Expr());
    Deepen(node.get(), node->parts.back());
    if (list) continue;
    ExpectOperator(":");
    node->parts.push_back(Expr());
    Deepen(node.get(), node->parts.back());
  }
  ++at_;
  return node;
}

ExpressionPointer Parser::Postfix(ExpressionPointer node) {
  while (true) {
    const int line = Now().line;
    if (TakeOperator(".")) {
      node = New(ExpressionKind::kAttribute, line, Single(std::move(node)));
      if (Now().kind == TokenKind::kInteger) {
        node->kind = ExpressionKind::kItem;
        node->parts.push_back(Primary());
      } else {
        node->name = Name("an attribute");
      }
    } else if (TakeOperator("[")) {
      node = Subscript(std::move(node));
    } else if (IsOperator("(")) {
      node = New(ExpressionKind::kCall, line, Single(std::move(node)));
      CallArguments(node.get());
    } else {
      return node;
    }
  }
}

ExpressionPointer Parser::Subscript(ExpressionPointer node) {
  const int line = Now().line;
  std::vector<ExpressionPointer> parts = Single(std::move(node));
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
      node = New(ExpressionKind::kCall, line, Single(std::move(node)));
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
    node = New(ExpressionKind::kFilter, line, Single(std::move(node)));
    node->name = Name("a filter");
    if (IsOperator("(")) CallArguments(node.get());
  }
  return node;
}

ExpressionPointer Parser::Test(ExpressionPointer node) {
  const int line = Now().line;
  ++at_;  // is
  const bool negated = TakeName("not");
  node = New(ExpressionKind::kTest, line, Single(std::move(node)));
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
  if (negated) node = New(ExpressionKind::kNot, line, Single(std::move(node)));
  return node;
}

}  // namespace rlvr::jinja
