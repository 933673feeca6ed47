#include <algorithm>

#include "base/error.h"
#include "text/jinja/interpreter.h"

namespace rlvr::jinja {

Value Interpreter::Evaluate(const Expression& node) {
  struct Deeper {
    int* depth;
    ~Deeper() { --*depth; }
  };
  if (++depth_ > 600) {
    --depth_;
    Fail(node.line, "calls are nested too deeply");
  }
  const Deeper deeper{&depth_};
  try {
    Spend(1);
    return EvaluateNode(node);
  } catch (const Failure& failure) {
    Fail(node.line, failure.what);
  }
}

Value Interpreter::EvaluateNode(const Expression& node) {
  const auto part = [&](size_t i) { return Evaluate(*node.parts[i]); };
  switch (node.kind) {
    case ExpressionKind::kConstant:
      return node.value;
    case ExpressionKind::kName: {
      const Value* value = scope_->Find(node.name);
      return value != nullptr ? *value : Value::MakeUndefined("'" + node.name + "' is undefined");
    }
    case ExpressionKind::kList:
    case ExpressionKind::kTuple: {
      std::vector<Value> items;
      for (const auto& p : node.parts) items.push_back(Evaluate(*p));
      return Value::MakeList(std::move(items), node.kind == ExpressionKind::kList
                                                   ? ListKind::kList
                                                   : ListKind::kTuple);
    }
    case ExpressionKind::kDict: {
      Dict dict;
      for (size_t i = 0; i < node.parts.size(); i += 2) {
        Value key = part(i);
        SpendOn(key);
        dict.Set(std::move(key), part(i + 1));
      }
      return Value::MakeDict(std::move(dict));
    }
    case ExpressionKind::kAttribute:
      return Attribute(part(0), node.name);
    case ExpressionKind::kItem: {
      const Value object = part(0);
      return Item(*this, object, part(1));
    }
    case ExpressionKind::kSlice:
      return EvaluateSlice(node);
    case ExpressionKind::kCall: {
      const Expression& callee = *node.parts[0];
      if (callee.kind == ExpressionKind::kAttribute) {
        const Value object = Evaluate(*callee.parts[0]);
        if (object.is_string() || object.is_dict() || object.is_list()) {
          const Value method = Attribute(object, callee.name);
          if (!method.is_undefined()) return Call(method, EvaluateArguments(node));
          throw Failure{method.undefined_what()};
        }
        return Call(Attribute(object, callee.name), EvaluateArguments(node));
      }
      const Value function = Evaluate(callee);
      return Call(function, EvaluateArguments(node));
    }
    case ExpressionKind::kFilter: {
      const Value value = part(0);
      return ApplyFilter(*this, node.name, value, EvaluateArguments(node));
    }
    case ExpressionKind::kTest: {
      const Value value = part(0);
      return Value(ApplyTest(*this, node.name, value, EvaluateArguments(node)));
    }
    case ExpressionKind::kNot:
      return Value(!IsTrue(part(0)));
    case ExpressionKind::kNegative:
      return Negative(part(0));
    case ExpressionKind::kPositive:
      return Arithmetic(*this, "+", Value(int64_t{0}), part(0));
    case ExpressionKind::kAnd: {
      Value left = part(0);
      return IsTrue(left) ? part(1) : left;
    }
    case ExpressionKind::kOr: {
      Value left = part(0);
      return IsTrue(left) ? left : part(1);
    }
    case ExpressionKind::kArithmetic: {
      const Value left = part(0);
      return Arithmetic(*this, node.name, left, part(1));
    }
    case ExpressionKind::kConcat:
      return EvaluateConcat(node);
    case ExpressionKind::kCompare:
      return EvaluateCompare(node);
    case ExpressionKind::kIf:
      if (IsTrue(part(0))) return part(1);
      if (node.parts[2] != nullptr) return part(2);
      return Value::MakeUndefined("an 'if' without 'else' gave nothing");
  }
  throw Failure{"an expression is not known"};
}

Value Interpreter::EvaluateSlice(const Expression& node) {
  const Value object = Evaluate(*node.parts[0]);
  const auto bound = [&](size_t i) -> std::optional<int64_t> {
    if (node.parts[i] == nullptr) return std::nullopt;
    const Value value = Evaluate(*node.parts[i]);
    if (value.is_none()) return std::nullopt;
    if (value.is_undefined()) throw Failure{value.undefined_what()};
    if (!value.is_int() && !value.is_bool()) throw Failure{"a slice's bounds are integers"};
    return value.integer();
  };
  const auto start = bound(1), stop = bound(2), stride = bound(3);
  if (object.is_undefined()) throw Failure{object.undefined_what()};
  const bool list =
      object.is_list() && !object.is_list(ListKind::kGenerator) && !object.is_list(ListKind::kView);
  if (!object.is_string() && !list)
    return Value::MakeUndefined(std::string("a ") + object.type_name() + " has no slices");
  std::vector<size_t> points;  // where each begins, and the end
  if (object.is_string()) {
    const std::string& bytes = object.text().bytes;
    Spend(static_cast<int64_t>(bytes.size() / 4));
    for (size_t i = 0; i < bytes.size(); i += PointLength(bytes, i)) points.push_back(i);
    points.push_back(bytes.size());
  }
  const auto n = static_cast<int64_t>(list ? object.list().items.size() : points.size() - 1);
  if (list) Spend(n);
  const int64_t step = stride.value_or(1);
  if (step == 0) throw Failure{"a slice's step is 0"};
  const int64_t lowest = step > 0 ? 0 : -1, highest = step > 0 ? n : n - 1;
  const auto clamp = [&](std::optional<int64_t> at, int64_t otherwise) {
    if (!at) return otherwise;
    return std::clamp(*at < 0 ? *at + n : *at, lowest, highest);
  };
  const int64_t first = clamp(start, step > 0 ? lowest : highest);
  const int64_t last = clamp(stop, step > 0 ? highest : lowest);
  if (!list && step == 1) {
    const auto begin = static_cast<size_t>(first), end = static_cast<size_t>(last);
    return Value(begin < end ? object.text().Sub(points[begin], points[end]) : Text());
  }
  std::vector<Value> items;
  Text text;
  for (int64_t i = first; step > 0 ? i < last : i > last;) {
    if (list) {
      items.push_back(object.list().items[static_cast<size_t>(i)]);
    } else {
      const auto at = static_cast<size_t>(i);
      text.Append(object.text().Sub(points[at], points[at + 1]));
    }
    if (step > n || step < -n) break;
    i += step;
  }
  if (list) return Value::MakeList(std::move(items), object.list().kind);
  text.safe = object.text().safe;
  return Value(std::move(text));
}

Value Interpreter::EvaluateCompare(const Expression& node) {
  Value left = Evaluate(*node.parts[0]);
  for (size_t i = 0; i < node.names.size(); ++i) {
    Value right = Evaluate(*node.parts[i + 1]);
    const std::string& op = node.names[i];
    bool holds = false;
    if (op == "in" || op == "not in") {
      if (right.is_dict()) {
        SpendOn(left);
      } else {
        SpendOn(right);
      }
      holds = Contains(right, left) == (op == "in");
    } else {
      Spend(std::min(left.weight(), right.weight()));
      if (op == "==" || op == "!=") {
        holds = Equal(left, right) == (op == "==");
      } else {
        const int order = Compare(left, right);
        holds = op == "<"    ? order < 0
                : op == "<=" ? order <= 0
                : op == ">"  ? order > 0
                             : order >= 0;
      }
    }
    if (!holds) return Value(false);
    left = std::move(right);
  }
  return Value(true);
}

Value Interpreter::EvaluateConcat(const Expression& node) {
  std::vector<Text> parts;
  size_t bytes = 0;
  for (const auto& p : node.parts) {
    const Value value = Evaluate(*p);
    SpendOn(value);
    parts.push_back(ToText(value));
    bytes += parts.back().size();
  }
  SpendOnBytes(bytes);
  return Value(Join(parts, Text()));
}

Arguments Interpreter::EvaluateArguments(const Expression& node) {
  Arguments arguments;
  for (const auto& a : node.arguments) arguments.positional.push_back(Evaluate(*a));
  if (node.more_arguments != nullptr) {
    for (Value& value : Walk(Evaluate(*node.more_arguments)))
      arguments.positional.push_back(std::move(value));
  }
  for (const auto& [name, a] : node.named) arguments.named.emplace_back(name, Evaluate(*a));
  if (node.more_named != nullptr) {
    const Value more = Evaluate(*node.more_named);
    if (!more.is_dict()) throw Failure{"what follows ** is no dict"};
    for (const auto& [key, value] : more.dict().items) {
      if (!key.is_string()) throw Failure{"an argument's name is no string"};
      arguments.named.emplace_back(key.text().bytes, value);
    }
  }
  Spend(static_cast<int64_t>(arguments.positional.size() + arguments.named.size()));
  return arguments;
}

Value Interpreter::FilterBlock(const Expression& chain, Value value) {
  if (chain.parts[0] != nullptr) value = FilterBlock(*chain.parts[0], std::move(value));
  try {
    return ApplyFilter(*this, chain.name, value, EvaluateArguments(chain));
  } catch (const Failure& failure) {
    Fail(chain.line, failure.what);
  }
}

Value Interpreter::Call(const Value& callee, const Arguments& arguments) {
  if (callee.is_undefined()) throw Failure{callee.undefined_what()};
  if (!callee.is_callable())
    throw Failure{std::string("a ") + callee.type_name() + " cannot be called"};
  return callee.callable().call(*this, arguments);
}

}  // namespace rlvr::jinja
