// Arithmetic, attributes and items, functions, and how calls bind their arguments.
#include <algorithm>
#include <cmath>
#include <ctime>

#include "text/jinja/interpreter.h"

namespace rlvr::jinja {
namespace {

[[noreturn]] void NoOperation(const std::string& name, const Value& a, const Value& b) {
  for (const Value* v : {&a, &b}) {
    if (v->is_undefined()) throw Failure{v->undefined_what()};
  }
  throw Failure{"'" + name + "' is not supported between " + a.type_name() + " and " +
                b.type_name()};
}

Value Whole(bool overflow, int64_t result) {
  if (overflow) throw Failure{"an integer is too large"};
  return Value(result);
}

// Towards minus infinity, as Python rounds.
Value Floor(const std::string& name, int64_t a, int64_t b) {
  if (b == 0) throw Failure{"division by zero"};
  if (b == -1)
    return name == "%" ? Value(int64_t{0}) : Whole(a == INT64_MIN, a == INT64_MIN ? 0 : -a);
  const int64_t rest = a % b;
  const bool down = rest != 0 && (rest < 0) != (b < 0);
  if (name == "%") return Value(down ? rest + b : rest);
  return Value(a / b - (down ? 1 : 0));
}

Value Power(int64_t a, int64_t b) {
  if (b < 0) {
    if (a == 0) throw Failure{"division by zero"};
    return Value(std::pow(static_cast<double>(a), static_cast<double>(b)));
  }
  if (a == 0 || a == 1) return Value(b == 0 ? int64_t{1} : a);
  if (a == -1) return Value(int64_t{b % 2 == 0 ? 1 : -1});
  if (b > 64) throw Failure{"an integer is too large"};
  int64_t result = 1;
  for (; b > 0; --b) {
    if (__builtin_mul_overflow(result, a, &result)) throw Failure{"an integer is too large"};
  }
  return Value(result);
}

Value OfIntegers(const std::string& name, int64_t a, int64_t b) {
  int64_t result = 0;
  if (name == "+") return Whole(__builtin_add_overflow(a, b, &result), result);
  if (name == "-") return Whole(__builtin_sub_overflow(a, b, &result), result);
  if (name == "*") return Whole(__builtin_mul_overflow(a, b, &result), result);
  if (name == "**") return Power(a, b);
  if (name != "/") return Floor(name, a, b);
  if (b == 0) throw Failure{"division by zero"};
  return Value(static_cast<double>(a) / static_cast<double>(b));
}

Value OfReals(const std::string& name, double a, double b) {
  if (name == "+") return Value(a + b);
  if (name == "-") return Value(a - b);
  if (name == "*") return Value(a * b);
  if (name == "**") return Value(std::pow(a, b));
  if (b == 0) throw Failure{"division by zero"};
  if (name == "/") return Value(a / b);
  double rest = std::fmod(a, b);
  if (rest != 0 && (rest < 0) != (b < 0)) rest += b;
  if (name == "%") return Value(rest);
  return Value(std::floor((a - rest) / b + 0.5));
}

Value Repeated(Interpreter& in, const Value& value, int64_t times) {
  times = std::max<int64_t>(times, 0);
  if (value.is_string()) {
    const size_t size = value.text().size();
    if (size > 0 && static_cast<uint64_t>(times) > kMaxBytes / size)
      throw Failure{"a string is too long"};
    in.SpendOnBytes(size * static_cast<size_t>(times));
    Text text;
    for (int64_t i = 0; size > 0 && i < times; ++i) text.Append(value.text());
    return Value(std::move(text));
  }
  const auto& items = value.list().items;
  const auto size = static_cast<int64_t>(items.size());
  if (size > 0 && times > kMaxWeight / size) throw Failure{"a list is too large"};
  in.Spend(2 * size * times);
  std::vector<Value> all;
  for (int64_t i = 0; size > 0 && i < times; ++i) all.insert(all.end(), items.begin(), items.end());
  return Value::MakeList(std::move(all), value.list().kind);
}

bool IsSequence(const Value& v) {
  return v.is_string() || v.is_list(ListKind::kList) || v.is_list(ListKind::kTuple);
}

Value Sum(Interpreter& in, const Value& a, const Value& b) {
  if (a.is_string() && b.is_string()) {
    const Text &x = a.text(), &y = b.text();
    in.SpendOnBytes(x.size() + y.size());
    if (x.safe == y.safe) {
      Text text = x;
      text.Append(y);
      return Value(std::move(text));
    }
    Text text = x.safe ? x : Escape(x);
    text.Append(y.safe ? y : Escape(y));
    return Value(std::move(text));
  }
  if (a.is_list() && b.is_list() && a.list().kind == b.list().kind && IsSequence(a)) {
    std::vector<Value> items = a.list().items;
    const auto& more = b.list().items;
    in.Spend(2 * static_cast<int64_t>(items.size() + more.size()));
    items.insert(items.end(), more.begin(), more.end());
    return Value::MakeList(std::move(items), a.list().kind);
  }
  NoOperation("+", a, b);
}

Value LoopAttribute(const Value& value, const std::string& name) {
  Loop& loop = *value.loop();
  const auto at = static_cast<int64_t>(loop.at), n = static_cast<int64_t>(loop.items.size());
  if (name == "index") return Value(at + 1);
  if (name == "index0") return Value(at);
  if (name == "revindex") return Value(n - at);
  if (name == "revindex0") return Value(n - at - 1);
  if (name == "first") return Value(at == 0);
  if (name == "last") return Value(at + 1 == n);
  if (name == "length") return Value(n);
  if (name == "depth") return Value(loop.depth);
  if (name == "depth0") return Value(loop.depth - 1);
  if (name == "previtem")
    return at > 0 ? loop.items[loop.at - 1] : Value::MakeUndefined("there is no previous item");
  if (name == "nextitem")
    return at + 1 < n ? loop.items[loop.at + 1] : Value::MakeUndefined("there is no next item");
  if (name == "changed") throw Failure{"loop.changed is not supported"};
  if (name != "cycle") return Value::MakeUndefined("'loop' has no '" + name + "'");
  auto method = std::make_shared<Callable>();
  method->name = name;
  method->call = [value](Interpreter&, const Arguments& arguments) {
    const auto& given = arguments.positional;
    if (given.empty()) throw Failure{"loop.cycle needs something to cycle through"};
    return given[value.loop()->at % given.size()];
  };
  return Value(std::shared_ptr<const Callable>(std::move(method)));
}

std::string NoAttribute(const Value& object, const std::string& name) {
  return std::string("a ") + object.type_name() + " has no attribute '" + name + "'";
}

}  // namespace

Value Arithmetic(Interpreter& in, const std::string& name, const Value& a, const Value& b) {
  if (a.is_number() && b.is_number()) {
    if (a.is_float() || b.is_float()) return OfReals(name, a.real(), b.real());
    return OfIntegers(name, a.integer(), b.integer());
  }
  if (name == "+") return Sum(in, a, b);
  const auto whole = [](const Value& v) { return v.is_int() || v.is_bool(); };
  if (name == "*" && IsSequence(a) && whole(b)) return Repeated(in, a, b.integer());
  if (name == "*" && whole(a) && IsSequence(b)) return Repeated(in, b, a.integer());
  NoOperation(name, a, b);
}

Value Negative(const Value& value) {
  if (value.is_undefined()) throw Failure{value.undefined_what()};
  if (value.is_float()) return Value(-value.real());
  if (!value.is_number()) throw Failure{std::string("'-' of a ") + value.type_name()};
  return Whole(value.integer() == INT64_MIN, value.integer() == INT64_MIN ? 0 : -value.integer());
}

Value Attribute(const Value& object, const std::string& name) {
  if (object.is_undefined()) throw Failure{object.undefined_what()};
  if (name.starts_with("__")) throw Failure{"attribute '" + name + "' is not for templates"};
  if (object.loop() != nullptr) return LoopAttribute(object, name);
  if (const Namespace* space = object.name_space()) {
    for (const auto& [key, value] : space->attributes) {
      if (key == name) return value;
    }
    return Value::MakeUndefined("the namespace has no '" + name + "'");
  }
  Value method = Method(object, name);
  if (!method.is_undefined()) return method;
  if (object.is_dict()) {
    if (const Value* value = object.dict().Find(name)) return *value;
  }
  if (object.is_callable() && name == "name") return Value::MakeString(object.callable().name);
  return Value::MakeUndefined(NoAttribute(object, name));
}

Value Item(Interpreter& in, const Value& object, const Value& key) {
  if (object.is_undefined()) throw Failure{object.undefined_what()};
  if (object.is_dict()) {
    in.SpendOn(key);
    const bool hashable = !key.is_dict() && !key.is_list(ListKind::kList) && !key.is_undefined();
    if (hashable) {
      if (const Value* value = object.dict().Find(key)) return *value;
    }
  } else if ((key.is_int() || key.is_bool()) && (object.is_string() || object.is_list()) &&
             !object.is_list(ListKind::kView) && !object.is_list(ListKind::kGenerator)) {
    if (object.is_string()) in.SpendOnBytes(object.text().size());
    const int64_t n = Length(object);
    const int64_t at = key.integer() < 0 ? key.integer() + n : key.integer();
    if (at < 0 || at >= n)
      return Value::MakeUndefined(std::string("a ") + object.type_name() + " has no item " +
                                  std::to_string(key.integer()));
    if (object.is_list()) return object.list().items[static_cast<size_t>(at)];
    size_t byte = 0;
    for (int64_t i = 0; i < at; ++i) byte += PointLength(object.text().bytes, byte);
    return Value(object.text().Sub(byte, byte + PointLength(object.text().bytes, byte)));
  }
  if (key.is_string()) return Attribute(object, key.text().bytes);
  if (key.is_undefined())
    return Value::MakeUndefined("an item of a " + std::string(object.type_name()) +
                                " by something undefined");
  return Value::MakeUndefined(NoAttribute(object, Repr(key).bytes));
}

Parameters::Parameters(const std::string& of, const Arguments& arguments,
                       std::initializer_list<const char*> names, size_t required)
    : of_(of), values_(names.size(), nullptr) {
  if (arguments.positional.size() > names.size())
    throw Failure{of + " takes at most " + std::to_string(names.size()) + " arguments"};
  for (size_t i = 0; i < arguments.positional.size(); ++i) values_[i] = &arguments.positional[i];
  for (const auto& [name, value] : arguments.named) {
    const auto* at =
        std::find_if(names.begin(), names.end(), [&](const char* n) { return name == n; });
    if (at == names.end()) throw Failure{of + " has no parameter '" + name + "'"};
    const auto i = static_cast<size_t>(at - names.begin());
    if (values_[i] != nullptr) throw Failure{of + " is given '" + name + "' twice"};
    values_[i] = &value;
  }
  for (size_t i = 0; i < required; ++i) {
    if (values_[i] == nullptr) throw Failure{of + " needs '" + names.begin()[i] + "'"};
  }
}

int64_t Parameters::Integer(size_t i, int64_t otherwise) const {
  if (values_[i] == nullptr) return otherwise;
  if (!values_[i]->is_int() && !values_[i]->is_bool())
    throw Failure{of_ + " needs an integer, not a " + values_[i]->type_name()};
  return values_[i]->integer();
}

const Text* Parameters::String(size_t i) const {
  if (values_[i] == nullptr || values_[i]->is_none()) return nullptr;
  if (values_[i]->is_undefined()) throw Failure{values_[i]->undefined_what()};
  if (!values_[i]->is_string())
    throw Failure{of_ + " needs a string, not a " + values_[i]->type_name()};
  return &values_[i]->text();
}

}  // namespace rlvr::jinja
