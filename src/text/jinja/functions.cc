// The functions that transformers gives to chat templates.
#include <ctime>

#include "text/jinja/interpreter.h"

namespace rlvr::jinja {
namespace {

Value Range(Interpreter& in, const Arguments& arguments) {
  const Parameters p("range", arguments, {"start", "stop", "step"}, 1);
  const int64_t first = p.Integer(0, 0);
  const int64_t start = p[1] != nullptr ? first : 0,
                stop = p[1] != nullptr ? p.Integer(1, 0) : first;
  const int64_t step = p.Integer(2, 1);
  if (step == 0) throw Failure{"range: the step is 0"};
  std::vector<Value> items;
  for (int64_t i = start; step > 0 ? i < stop : i > stop;) {
    if (items.size() >= 100'000) throw Failure{"a range of more than 100000"};  // Jinja's sandbox
    items.emplace_back(i);
    if (__builtin_add_overflow(i, step, &i)) break;
  }
  in.Spend(2 * static_cast<int64_t>(items.size()));
  return Value::MakeList(std::move(items), ListKind::kRange);
}

// dict(other, a=1) or dict([(key, value), ...]).
Dict MakeDictOf(Interpreter& in, const Arguments& arguments) {
  Dict dict;
  if (arguments.positional.size() > 1) throw Failure{"dict takes one argument, and named ones"};
  if (!arguments.positional.empty()) {
    const Value& from = arguments.positional[0];
    in.SpendOn(from);
    if (from.is_dict()) {
      for (const auto& [key, value] : from.dict().items) dict.Set(key, value);
    } else {
      for (const Value& item : Walk(from)) {
        const std::vector<Value> pair = Walk(item);
        if (pair.size() != 2) throw Failure{"dict: an item is no pair"};
        dict.Set(pair[0], pair[1]);
      }
    }
  }
  for (const auto& [name, value] : arguments.named) dict.Set(Value::MakeString(name), value);
  return dict;
}

Value MakeNamespace(Interpreter& in, const Arguments& arguments) {
  const Dict dict = MakeDictOf(in, arguments);
  Namespace* space = in.NewNamespace();
  for (const auto& [key, value] : dict.items) {
    if (!key.is_string() || key.text().bytes.starts_with('_'))
      throw Failure{"a namespace's attributes are names that do not begin with _"};
    space->attributes.emplace_back(key.text().bytes, value);
  }
  return Value(space);
}

Value RaiseException(Interpreter&, const Arguments& arguments) {
  const Parameters p("raise_exception", arguments, {"message"}, 1);
  throw Failure{"the template refuses: " + ToText(*p[0]).bytes};
}

Value StrftimeNow(Interpreter& in, const Arguments& arguments) {
  const Parameters p("strftime_now", arguments, {"format"}, 1);
  const Text* format = p.String(0);
  if (format == nullptr || format->size() > 1000)
    throw Failure{"strftime_now needs a short format"};
  const auto now = static_cast<std::time_t>(in.now() >= 0 ? in.now() : std::time(nullptr));
  std::tm local{};
  localtime_r(&now, &local);
  char buffer[4096];
  const size_t n = std::strftime(buffer, sizeof buffer, format->bytes.c_str(), &local);
  return Value(Text(std::string_view(buffer, n)));
}

}  // namespace

std::vector<std::pair<std::string, Value>> GlobalFunctions() {
  std::vector<std::pair<std::string, Value>> functions;
  const auto add = [&](const char* name, Value (*call)(Interpreter&, const Arguments&)) {
    auto function = std::make_shared<Callable>();
    function->name = name;
    function->call = call;
    functions.emplace_back(name, Value(std::shared_ptr<const Callable>(std::move(function))));
  };
  add("range", Range);
  add("dict",
      [](Interpreter& in, const Arguments& a) { return Value::MakeDict(MakeDictOf(in, a)); });
  add("namespace", MakeNamespace);
  add("raise_exception", RaiseException);
  add("strftime_now", StrftimeNow);
  return functions;
}

}  // namespace rlvr::jinja
