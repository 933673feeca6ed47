#include "text/jinja/parser.h"

#include <algorithm>

#include "base/error.h"

namespace rlvr::jinja {
namespace {

// Counts as long as it lives.
struct Counted {
  explicit Counted(int* count) : count(count) { ++*count; }
  ~Counted() { --*count; }
  int* count;
};

}  // namespace

void Parser::Fail(const std::string& what) const {
  throw Error(place_ + ":" + std::to_string(Now().line), what,
              "docs/chat_templates.md lists what is supported");
}

void Parser::Unexpected(const std::string& wanted) const {
  const Token& t = Now();
  std::string found = "'" + t.text + "'";
  if (t.kind == TokenKind::kEnd) found = "the end of the template";
  if (t.kind == TokenKind::kBlockEnd) found = "the end of the tag";
  if (t.kind == TokenKind::kPrintEnd) found = "'}}'";
  Fail("expected " + wanted + ", found " + found);
}

bool Parser::TakeOperator(const char* text) {
  const bool is = IsOperator(text);
  at_ += is;
  return is;
}

bool Parser::TakeName(const char* text) {
  const bool is = IsName(text);
  at_ += is;
  return is;
}

void Parser::ExpectOperator(const char* text) {
  if (!TakeOperator(text)) Unexpected(std::string("'") + text + "'");
}

void Parser::ExpectName(const char* text) {
  if (!TakeName(text)) Unexpected(std::string("'") + text + "'");
}

void Parser::ExpectBlockEnd() {
  if (Now().kind != TokenKind::kBlockEnd) Unexpected("the end of the tag");
  ++at_;
}

std::string Parser::Name(const char* of) {
  if (Now().kind != TokenKind::kName) Unexpected(std::string("the name of ") + of);
  return tokens_[at_++].text;
}

std::unique_ptr<Statement> Parser::Make(StatementKind kind) const {
  auto statement = std::make_unique<Statement>();
  statement->kind = kind;
  statement->line = Now().line;
  return statement;
}

Block Parser::Template() { return Body({}, "the template"); }

Block Parser::Body(std::initializer_list<const char*> ends, const char* of) {
  const Counted deeper(&nesting_);
  if (nesting_ > kMaxTreeDepth) Fail("blocks are nested too deeply");
  const int line = Now().line;
  Block body;
  while (true) {
    const Token& t = Now();
    if (t.kind == TokenKind::kData) {
      body.push_back(Make(StatementKind::kText));
      body.back()->text = t.text;
      ++at_;
    } else if (t.kind == TokenKind::kPrintBegin) {
      body.push_back(Make(StatementKind::kPrint));
      ++at_;
      body.back()->value = Tuple(/*conditional=*/true);
      if (Now().kind != TokenKind::kPrintEnd) Unexpected("'}}'");
      ++at_;
    } else if (t.kind == TokenKind::kBlockBegin) {
      ++at_;
      for (const char* end : ends) {
        if (!TakeName(end)) continue;
        last_end_ = end;
        return body;
      }
      Tag(&body);
    } else if (ends.size() == 0) {
      return body;
    } else {
      Fail(std::string("'") + of + "' of line " + std::to_string(line) + " has no end");
    }
  }
}

void Parser::Tag(Block* out) {
  const std::string name = Name("a tag");
  if (name == "if") return out->push_back(If());
  if (name == "for") return out->push_back(For());
  if (name == "set") return out->push_back(Set());
  if (name == "macro") return out->push_back(Macro());
  if (name == "call") return out->push_back(CallBlock());
  if (name == "filter") return out->push_back(FilterBlock());
  if (name == "with") return out->push_back(With());
  if (name == "generation") {
    auto block = Make(StatementKind::kGeneration);
    ExpectBlockEnd();
    block->body = Body({"endgeneration"}, "generation");
    ExpectBlockEnd();
    return out->push_back(std::move(block));
  }
  if (name == "break" || name == "continue") {
    if (loops_ == 0) Fail("'" + name + "' stands outside of a loop");
    out->push_back(Make(name == "break" ? StatementKind::kBreak : StatementKind::kContinue));
    return ExpectBlockEnd();
  }
  --at_;
  Fail("the tag '" + name + "' is not supported");
}

std::unique_ptr<Statement> Parser::If() {
  auto statement = Make(StatementKind::kIf);
  do {
    ExpressionPointer condition = Tuple(/*conditional=*/false);
    ExpectBlockEnd();
    Block body = Body({"elif", "else", "endif"}, "if");
    statement->branches.emplace_back(std::move(condition), std::move(body));
  } while (last_end_ == "elif");
  if (last_end_ == "else") {
    ExpectBlockEnd();
    statement->branches.emplace_back(nullptr, Body({"endif"}, "else"));
  }
  ExpectBlockEnd();
  return statement;
}

std::unique_ptr<Statement> Parser::For() {
  auto statement = Make(StatementKind::kFor);
  statement->target = Target(/*tuples=*/true, /*attributes=*/false);
  ExpectName("in");
  statement->value = Tuple(/*conditional=*/false);
  if (TakeName("if")) statement->condition = Expr();
  if (IsName("recursive")) Fail("recursive loops are not supported");
  ExpectBlockEnd();
  {
    const Counted in_loop(&loops_);
    statement->body = Body({"else", "endfor"}, "for");
  }
  if (last_end_ == "else") {
    ExpectBlockEnd();
    statement->otherwise = Body({"endfor"}, "else");
  }
  ExpectBlockEnd();
  return statement;
}

std::unique_ptr<Statement> Parser::Set() {
  auto statement = Make(StatementKind::kSet);
  statement->target = Target(/*tuples=*/true, /*attributes=*/true);
  if (TakeOperator("=")) {
    statement->value = Tuple(/*conditional=*/true);
    ExpectBlockEnd();
    return statement;
  }
  statement->kind = StatementKind::kSetBlock;
  if (IsOperator("|")) statement->value = FilterChain(nullptr, /*first_without_bar=*/false);
  ExpectBlockEnd();
  statement->body = Body({"endset"}, "set");
  ExpectBlockEnd();
  return statement;
}

std::unique_ptr<Statement> Parser::Macro() {
  auto statement = Make(StatementKind::kMacro);
  statement->text = Name("a macro");
  Parameters(statement.get());
  ExpectBlockEnd();
  const int loops = std::exchange(loops_, 0);
  statement->body = Body({"endmacro"}, "macro");
  loops_ = loops;
  if (Now().kind == TokenKind::kName) ++at_;  // {% endmacro name %}
  ExpectBlockEnd();
  return statement;
}

std::unique_ptr<Statement> Parser::CallBlock() {
  auto statement = Make(StatementKind::kCallBlock);
  if (IsOperator("(")) Parameters(statement.get());
  statement->value = Expr();
  if (statement->value->kind != ExpressionKind::kCall) Unexpected("a call");
  ExpectBlockEnd();
  const int loops = std::exchange(loops_, 0);
  statement->body = Body({"endcall"}, "call");
  loops_ = loops;
  ExpectBlockEnd();
  return statement;
}

std::unique_ptr<Statement> Parser::FilterBlock() {
  auto statement = Make(StatementKind::kFilter);
  statement->value = FilterChain(nullptr, /*first_without_bar=*/true);
  ExpectBlockEnd();
  statement->body = Body({"endfilter"}, "filter");
  ExpectBlockEnd();
  return statement;
}

std::unique_ptr<Statement> Parser::With() {
  auto statement = Make(StatementKind::kWith);
  while (Now().kind != TokenKind::kBlockEnd) {
    if (!statement->targets.empty()) ExpectOperator(",");
    statement->targets.push_back(Target(/*tuples=*/false, /*attributes=*/false));
    ExpectOperator("=");
    statement->values.push_back(Expr());
  }
  ExpectBlockEnd();
  statement->body = Body({"endwith"}, "with");
  ExpectBlockEnd();
  return statement;
}

void Parser::Parameters(Statement* statement) {
  ExpectOperator("(");
  while (!IsOperator(")")) {
    if (!statement->parameters.empty()) ExpectOperator(",");
    if (IsOperator(")")) break;
    statement->parameters.emplace_back(Name("a parameter"), nullptr);
    if (TakeOperator("=")) {
      statement->parameters.back().second = Expr();
    } else if (statement->parameters.size() > 1 &&
               (statement->parameters.end() - 2)->second != nullptr) {
      Fail("a parameter without default follows one with a default");
    }
  }
  ++at_;
}

ExpressionPointer Parser::Target(bool tuples, bool attributes) {
  const Counted deeper(&nesting_);
  if (nesting_ > kMaxTreeDepth) Fail("targets are nested too deeply");
  const int line = Now().line;
  std::vector<ExpressionPointer> targets;
  bool tuple = false;
  do {
    if (tuples && TakeOperator("(")) {
      targets.push_back(Target(true, false));
      ExpectOperator(")");
      if (targets.back()->kind != ExpressionKind::kTuple) continue;
    } else if (tuple && Now().kind != TokenKind::kName) {
      break;  // a comma at the end
    } else {
      const std::string name = Name("a variable");
      if (name == "true" || name == "false" || name == "none" || name == "True" ||
          name == "False" || name == "None" || name == "loop")
        Fail("'" + name + "' cannot be set");
      targets.push_back(New(ExpressionKind::kName, line));
      targets.back()->name = name;
      if (attributes && TakeOperator(".")) {
        std::vector<ExpressionPointer> parts;
        parts.push_back(std::move(targets.back()));
        targets.back() = New(ExpressionKind::kAttribute, line, std::move(parts));
        targets.back()->name = Name("an attribute");
      }
    }
  } while (tuples && TakeOperator(",") && (tuple = true));
  if (!tuple) return std::move(targets[0]);
  return New(ExpressionKind::kTuple, line, std::move(targets));
}

Block ParseTemplate(const std::string& source, const std::string& place) {
  if (source.size() > (1u << 20))
    throw Error(place, "a template of more than 1 MiB", "is this a chat template?");
  return Parser(source, place).Template();
}

}  // namespace rlvr::jinja
