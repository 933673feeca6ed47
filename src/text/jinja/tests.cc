// What may follow `is`.
#include <unordered_map>

#include "text/jinja/filters.h"

namespace rlvr::jinja {
namespace {

using Test = bool (*)(const Value&);

bool IsSequenceTest(const Value& v) {
  return v.is_undefined() || v.is_string() || v.is_dict() || v.is_list(ListKind::kList) ||
         v.is_list(ListKind::kTuple) || v.is_list(ListKind::kRange);
}

bool IsIterableTest(const Value& v) {
  return v.is_undefined() || v.is_string() || v.is_dict() || v.is_list() || v.loop() != nullptr;
}

bool IsOdd(const Value& v) {
  if (!v.is_int() && !v.is_bool()) throw Failure{"odd and even are of integers"};
  return v.integer() % 2 != 0;
}

const std::unordered_map<std::string, Test>& PlainTests() {
  static const std::unordered_map<std::string, Test> tests = {
      {"defined", [](const Value& v) { return !v.is_undefined(); }},
      {"undefined", [](const Value& v) { return v.is_undefined(); }},
      {"none", [](const Value& v) { return v.is_none(); }},
      {"string", [](const Value& v) { return v.is_string(); }},
      {"mapping", [](const Value& v) { return v.is_dict(); }},
      {"sequence", IsSequenceTest},
      {"iterable", IsIterableTest},
      {"number", [](const Value& v) { return v.is_number(); }},
      {"integer", [](const Value& v) { return v.is_int(); }},
      {"float", [](const Value& v) { return v.is_float(); }},
      {"boolean", [](const Value& v) { return v.is_bool(); }},
      {"true", [](const Value& v) { return v.is_bool() && v.boolean(); }},
      {"false", [](const Value& v) { return v.is_bool() && !v.boolean(); }},
      {"callable", [](const Value& v) { return v.is_callable(); }},
      {"escaped", [](const Value& v) { return v.is_string() && v.text().safe; }},
      {"odd", IsOdd},
      {"even", [](const Value& v) { return !IsOdd(v); }}};
  return tests;
}

using Order = bool (*)(const Value&, const Value&);

const std::unordered_map<std::string, Order>& OrderTests() {
  constexpr Order kEqual = [](const Value& a, const Value& b) { return Equal(a, b); };
  constexpr Order kUnequal = [](const Value& a, const Value& b) { return !Equal(a, b); };
  constexpr Order kLess = [](const Value& a, const Value& b) { return Compare(a, b) < 0; };
  constexpr Order kAtMost = [](const Value& a, const Value& b) { return Compare(a, b) <= 0; };
  constexpr Order kMore = [](const Value& a, const Value& b) { return Compare(a, b) > 0; };
  constexpr Order kAtLeast = [](const Value& a, const Value& b) { return Compare(a, b) >= 0; };
  static const std::unordered_map<std::string, Order> tests = {
      {"eq", kEqual},
      {"equalto", kEqual},
      {"==", kEqual},
      {"ne", kUnequal},
      {"!=", kUnequal},
      {"lt", kLess},
      {"lessthan", kLess},
      {"<", kLess},
      {"le", kAtMost},
      {"<=", kAtMost},
      {"gt", kMore},
      {"greaterthan", kMore},
      {">", kMore},
      {"ge", kAtLeast},
      {">=", kAtLeast},
      {"in", [](const Value& a, const Value& b) { return Contains(b, a); }},
      {"sameas", [](const Value& a, const Value& b) { return a.same_object(b); }}};
  return tests;
}

}  // namespace

bool ApplyTest(Interpreter& in, const std::string& name, const Value& value,
               const Arguments& arguments) {
  if (const auto test = PlainTests().find(name); test != PlainTests().end()) {
    const Parameters p("the test '" + name + "'", arguments, {});
    return test->second(value);
  }
  if (const auto test = OrderTests().find(name); test != OrderTests().end()) {
    const Parameters p("the test '" + name + "'", arguments, {"other"}, 1);
    in.SpendOn(*p[0]);
    return test->second(value, *p[0]);
  }
  if (name == "divisibleby") {
    const Parameters p("divisibleby", arguments, {"num"}, 1);
    return Equal(Arithmetic(in, "%", value, *p[0]), Value(int64_t{0}));
  }
  if (name == "upper" || name == "lower") {
    const Parameters p("the test '" + name + "'", arguments, {});
    return CallMethod(in, Value(FilteredText(in, value)), "is" + name, {}).boolean();
  }
  if (name == "filter" || name == "test") {
    const Parameters p("the test '" + name + "'", arguments, {});
    if (!value.is_string()) return false;
    const std::string& asked = value.text().bytes;
    if (name == "filter") return TextFilters().contains(asked) || ListFilters().contains(asked);
    return PlainTests().contains(asked) || OrderTests().contains(asked);
  }
  throw Failure{"the test '" + name + "' is not supported"};
}

}  // namespace rlvr::jinja
