#include "text/jinja/interpreter.h"

#include <algorithm>

#include "base/error.h"

namespace rlvr::jinja {
namespace {

constexpr int64_t kMaxWork = 20'000'000;
// Of statements, expressions and macro calls in one another: each takes stack.
constexpr int kMaxDepth = 600;

// Counts as long as it lives, exceptions or not.
class Level {
 public:
  explicit Level(int* depth) : depth_(depth) {
    if (++*depth_ > kMaxDepth) {
      --*depth_;
      throw Failure{"calls are nested too deeply"};
    }
  }
  ~Level() { --*depth_; }
  Level(const Level&) = delete;
  Level& operator=(const Level&) = delete;

 private:
  int* depth_;
};

}  // namespace

const Value* Scope::Find(const std::string& name) const {
  for (const Scope* scope = this; scope != nullptr; scope = scope->parent) {
    for (const auto& [key, value] : scope->variables) {
      if (key == name) return &value;
    }
  }
  return nullptr;
}

void Scope::Set(const std::string& name, Value value) {
  for (auto& [key, old] : variables) {
    if (key == name) {
      old = std::move(value);
      return;
    }
  }
  variables.emplace_back(name, std::move(value));
}

// A scope that ends with its block, or with the render where a macro looks into it.
class Interpreter::InScope {
 public:
  explicit InScope(Interpreter* in, Scope* parent = nullptr)
      : in_(in), outer_(in->scope_), scope_(std::make_unique<Scope>()) {
    scope_->parent = parent != nullptr ? parent : outer_;
    in_->scope_ = scope_.get();
  }
  ~InScope() {
    in_->scope_ = outer_;
    if (scope_->kept) in_->kept_.push_back(std::move(scope_));
  }
  InScope(const InScope&) = delete;
  InScope& operator=(const InScope&) = delete;

 private:
  Interpreter* in_;
  Scope* outer_;
  std::unique_ptr<Scope> scope_;
};

Interpreter::~Interpreter() {
  // Namespaces may hold macros, and macros' scopes namespaces: nobody looks at any of them now.
  for (Namespace& n : namespaces_) n.attributes.clear();
}

void Interpreter::Fail(int line, const std::string& what) const {
  throw Error(place_ + ":" + std::to_string(line), what,
              "the chat template cannot render this conversation");
}

void Interpreter::Spend(int64_t work) {
  work_ += work;
  if (work_ > kMaxWork) throw Failure{"the template does too much work"};
}

void Interpreter::SpendOnBytes(size_t bytes) {
  if (bytes > kMaxBytes) throw Failure{"a string is too long"};
  Spend(1 + static_cast<int64_t>(bytes / 32));
}

Namespace* Interpreter::NewNamespace() {
  Spend(4);
  namespaces_.emplace_back();
  return &namespaces_.back();
}

void Interpreter::Run(const Block& block, std::vector<std::pair<std::string, Value>> variables) {
  InScope globals(this);
  scope_->variables = GlobalFunctions();
  InScope scope(this);
  scope_->variables = std::move(variables);
  Execute(block);
}

Interpreter::Flow Interpreter::Execute(const Block& block) {
  for (const auto& statement : block) {
    Flow flow = Flow::kOn;
    try {
      const Level level(&depth_);
      Spend(1);
      flow = ExecuteOne(*statement);
    } catch (const Failure& failure) {
      Fail(statement->line, failure.what);
    }
    if (flow != Flow::kOn) return flow;
  }
  return Flow::kOn;
}

Interpreter::Flow Interpreter::ExecuteOne(const Statement& s) {
  switch (s.kind) {
    case StatementKind::kText:
      Write(Text(s.text));
      break;
    case StatementKind::kPrint: {
      const Value value = Evaluate(*s.value);
      SpendOn(value);
      Write(ToText(value));
      break;
    }
    case StatementKind::kIf:
      return ExecuteIf(s);
    case StatementKind::kFor:
      return ExecuteFor(s);
    case StatementKind::kSet:
      Assign(*s.target, Evaluate(*s.value));
      break;
    case StatementKind::kSetBlock: {
      Value value(Captured(s.body));
      Assign(*s.target, s.value == nullptr ? value : FilterBlock(*s.value, value));
      break;
    }
    case StatementKind::kMacro:
      DefineMacro(s);
      break;
    case StatementKind::kCallBlock:
      ExecuteCallBlock(s);
      break;
    case StatementKind::kFilter:
      Write(ToText(FilterBlock(*s.value, Value(Captured(s.body)))));
      break;
    case StatementKind::kWith: {
      std::vector<Value> values;
      for (const auto& value : s.values) values.push_back(Evaluate(*value));
      const InScope scope(this);
      for (size_t i = 0; i < values.size(); ++i) Assign(*s.targets[i], values[i]);
      return Execute(s.body);
    }
    case StatementKind::kGeneration: {
      const size_t begin = out_->size();
      const InScope scope(this);
      if (Execute(s.body) != Flow::kOn) throw Failure{"a loop may not be left out of 'generation'"};
      if (out_ == &output_) generated_.emplace_back(begin, out_->size());
      break;
    }
    case StatementKind::kBreak:
      return Flow::kBreak;
    case StatementKind::kContinue:
      return Flow::kContinue;
  }
  return Flow::kOn;
}

Interpreter::Flow Interpreter::ExecuteIf(const Statement& s) {
  for (const auto& [condition, body] : s.branches) {
    if (condition == nullptr || IsTrue(Evaluate(*condition))) return Execute(body);
  }
  return Flow::kOn;
}

Interpreter::Flow Interpreter::ExecuteFor(const Statement& s) {
  const Value walked = Evaluate(*s.value);
  auto loop = std::make_shared<Loop>();
  loop->items = Walk(walked);
  Spend(2 * static_cast<int64_t>(loop->items.size()));
  if (s.condition != nullptr) {
    std::vector<Value> wanted;
    for (Value& item : loop->items) {
      const InScope scope(this);
      Assign(*s.target, item);
      if (IsTrue(Evaluate(*s.condition))) wanted.push_back(std::move(item));
    }
    loop->items = std::move(wanted);
  }
  if (loop->items.empty()) {
    const InScope scope(this);
    return Execute(s.otherwise);
  }
  for (const Scope* scope = scope_; scope != nullptr; scope = scope->parent) {
    const auto is_loop = [](const auto& v) { return v.first == "loop" && v.second.loop(); };
    const auto outer = std::find_if(scope->variables.begin(), scope->variables.end(), is_loop);
    if (outer == scope->variables.end()) continue;
    loop->depth = outer->second.loop()->depth + 1;
    break;
  }
  for (loop->at = 0; loop->at < loop->items.size(); ++loop->at) {
    Spend(1);
    const InScope scope(this);
    scope_->variables.emplace_back("loop", Value(loop));
    Assign(*s.target, loop->items[loop->at]);
    if (Execute(s.body) == Flow::kBreak) break;
  }
  return Flow::kOn;
}

void Interpreter::KeepScopes() {
  for (Scope* scope = scope_; scope != nullptr && !scope->kept; scope = scope->parent)
    scope->kept = true;
}

void Interpreter::DefineMacro(const Statement& s) {
  KeepScopes();
  auto macro = std::make_shared<Callable>();
  macro->name = s.text;
  macro->call = [&s, scope = scope_](Interpreter& in, const Arguments& arguments) {
    return in.CallMacro(s, scope, arguments);
  };
  scope_->Set(s.text, Value(std::shared_ptr<const Callable>(std::move(macro))));
}

Value Interpreter::CallMacro(const Statement& macro, Scope* defined_in,
                             const Arguments& arguments) {
  const Level level(&depth_);
  const std::string name = macro.text.empty() ? "caller" : "macro '" + macro.text + "'";
  if (arguments.positional.size() > macro.parameters.size())
    throw Failure{name + " takes " + std::to_string(macro.parameters.size()) +
                  " arguments (varargs are not supported)"};
  const InScope scope(this, defined_in);
  // Names around a loop's macro are seen, its loop is not.
  for (size_t i = 0; i < macro.parameters.size(); ++i) {
    const std::string& parameter = macro.parameters[i].first;
    const auto named = std::find_if(arguments.named.begin(), arguments.named.end(),
                                    [&](const auto& a) { return a.first == parameter; });
    if (named != arguments.named.end() && i < arguments.positional.size())
      throw Failure{name + " is given '" + parameter + "' twice"};
    Value value = Value::MakeUndefined("parameter '" + parameter + "' was not provided");
    if (i < arguments.positional.size()) {
      value = arguments.positional[i];
    } else if (named != arguments.named.end()) {
      value = named->second;
    } else if (macro.parameters[i].second != nullptr) {
      value = Evaluate(*macro.parameters[i].second);
    }
    scope_->variables.emplace_back(parameter, std::move(value));
  }
  Value caller = Value::MakeUndefined("no caller is defined");
  for (const auto& [parameter, value] : arguments.named) {
    if (parameter == "caller") {
      caller = value;
      continue;
    }
    const bool known = std::any_of(macro.parameters.begin(), macro.parameters.end(),
                                   [&](const auto& p) { return p.first == parameter; });
    if (!known) throw Failure{name + " has no parameter '" + parameter + "'"};
  }
  if (!macro.text.empty()) scope_->Set("caller", caller);
  return Value(Captured(macro.body));
}

void Interpreter::ExecuteCallBlock(const Statement& s) {
  KeepScopes();
  auto caller = std::make_shared<Callable>();
  caller->name = "caller";
  caller->call = [&s, scope = scope_](Interpreter& in, const Arguments& arguments) {
    return in.CallMacro(s, scope, arguments);
  };
  const Value callee = Evaluate(*s.value->parts[0]);
  Arguments arguments = EvaluateArguments(*s.value);
  arguments.named.emplace_back("caller", Value(std::shared_ptr<const Callable>(std::move(caller))));
  Write(ToText(Call(callee, arguments)));
}

void Interpreter::Assign(const Expression& target, const Value& value) {
  if (target.kind == ExpressionKind::kName) return scope_->Set(target.name, value);
  if (target.kind == ExpressionKind::kTuple) {
    const std::vector<Value> items = Walk(value);
    if (items.size() != target.parts.size())
      throw Failure{std::to_string(items.size()) + " values for " +
                    std::to_string(target.parts.size()) + " variables"};
    for (size_t i = 0; i < items.size(); ++i) Assign(*target.parts[i], items[i]);
    return;
  }
  const std::string& name = target.parts[0]->name;
  const Value* object = scope_->Find(name);
  Namespace* space = object != nullptr ? object->name_space() : nullptr;
  if (space == nullptr)
    throw Failure{"'" + name + "' is no namespace: its attributes cannot be set"};
  if (target.name[0] == '_') throw Failure{"a namespace has no attributes that begin with _"};
  for (auto& [key, old] : space->attributes) {
    if (key == target.name) {
      old = value;
      return;
    }
  }
  space->attributes.emplace_back(target.name, value);
}

void Interpreter::Write(const Text& text) {
  SpendOnBytes(text.size());
  if (out_->size() + text.size() > kMaxBytes) throw Failure{"the text is too long"};
  out_->Append(text);
}

Text Interpreter::Captured(const Block& block) {
  Text text;
  Text* const outer = std::exchange(out_, &text);
  try {
    const InScope scope(this);
    if (Execute(block) != Flow::kOn) throw Failure{"a loop may not be left out of this block"};
  } catch (...) {
    out_ = outer;
    throw;
  }
  out_ = outer;
  return text;
}

}  // namespace rlvr::jinja
