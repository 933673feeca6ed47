#include <algorithm>
#include <charconv>

#include "text/jinja/filters.h"

namespace rlvr::jinja {
namespace {

// Paid for: what a filter does with each item costs as much.
std::vector<Value> Items(Interpreter& in, const Value& v) {
  in.SpendOn(v);
  std::vector<Value> items = Walk(v);
  in.Spend(2 * static_cast<int64_t>(items.size()));
  return items;
}

// "a.0.b" of an item, as Jinja's filters read an attribute.
Value Dotted(Interpreter& in, Value item, const Value& path) {
  if (path.is_int()) return Item(in, item, path);
  if (!path.is_string()) throw Failure{"an attribute's name is no string"};
  const std::string dot = ".";
  for (const Text& part : Split(path.text(), &dot, -1)) {
    int64_t index = 0;
    const char* end = part.bytes.data() + part.size();
    const auto read = std::from_chars(part.bytes.data(), end, index);
    const bool number = !part.empty() && read.ec == std::errc() && read.ptr == end;
    item = Item(in, item, number ? Value(index) : Value(part));
  }
  return item;
}

// What items are ordered or told apart by: without regard to case unless asked for.
Value KeyOf(Interpreter& in, const Value& item, const Value* attribute, bool case_sensitive) {
  Value key = attribute != nullptr && !attribute->is_none() ? Dotted(in, item, *attribute) : item;
  if (!case_sensitive && key.is_string()) key = Value(Lower(key.text()));
  return key;
}

void SortBy(std::vector<std::pair<Value, Value>>* keyed, bool reverse) {
  std::stable_sort(keyed->begin(), keyed->end(), [&](const auto& a, const auto& b) {
    return reverse ? Compare(b.first, a.first) < 0 : Compare(a.first, b.first) < 0;
  });
}

Value LengthFilter(Interpreter& in, const Value& v, const Arguments& a) {
  const Parameters p("length", a, {});
  if (v.is_string()) in.SpendOn(v);
  return Value(Length(v));
}

Value JoinFilter(Interpreter& in, const Value& v, const Arguments& a) {
  const Parameters p("join", a, {"d", "attribute"});
  const Text separator = p[0] != nullptr ? FilteredText(in, *p[0]) : Text();
  std::vector<Text> parts;
  size_t bytes = 0;
  for (const Value& item : Items(in, v)) {
    parts.push_back(ToText(p[1] != nullptr ? Dotted(in, item, *p[1]) : item));
    bytes += parts.back().size() + separator.size();
    if (bytes > 2 * kMaxBytes) throw Failure{"a string is too long"};
  }
  in.SpendOnBytes(bytes);
  return Value(Join(parts, separator));
}

Value FirstFilter(Interpreter& in, const Value& v, const Arguments& a) {
  const Parameters p("first", a, {});
  if (v.is_list(ListKind::kGenerator)) {
    const List& list = v.list();
    if (list.taken < list.items.size()) return list.items[list.taken++];
    return Value::MakeUndefined("the first of nothing");
  }
  const std::vector<Value> items = Items(in, v);
  return items.empty() ? Value::MakeUndefined("the first of nothing") : items.front();
}

Value LastFilter(Interpreter& in, const Value& v, const Arguments& a) {
  const Parameters p("last", a, {});
  if (v.is_list(ListKind::kGenerator)) throw Failure{"a generator has no last item"};
  const std::vector<Value> items = Items(in, v);
  return items.empty() ? Value::MakeUndefined("the last of nothing") : items.back();
}

Value ListFilter(Interpreter& in, const Value& v, const Arguments& a) {
  const Parameters p("list", a, {});
  return Value::MakeList(Items(in, v));
}

Value ReverseFilter(Interpreter& in, const Value& v, const Arguments& a) {
  const Parameters p("reverse", a, {});
  if (v.is_string()) {
    in.Spend(static_cast<int64_t>(v.text().size()));
    return Value(Reversed(v.text()));
  }
  std::vector<Value> items = Items(in, v);
  std::reverse(items.begin(), items.end());
  return Value::MakeList(std::move(items), ListKind::kGenerator);
}

Value ItemsFilter(Interpreter& in, const Value& v, const Arguments& a) {
  const Parameters p("items", a, {});
  std::vector<Value> items;
  if (!v.is_undefined()) {
    if (!v.is_dict()) throw Failure{std::string("items of a ") + v.type_name()};
    in.Spend(2 * static_cast<int64_t>(v.dict().items.size()));
    for (const auto& [key, value] : v.dict().items)
      items.push_back(Value::MakeList({key, value}, ListKind::kTuple));
  }
  return Value::MakeList(std::move(items), ListKind::kGenerator);
}

Value DictSortFilter(Interpreter& in, const Value& v, const Arguments& a) {
  const Parameters p("dictsort", a, {"case_sensitive", "by", "reverse"});
  const std::string by = p.String(1) ? p.String(1)->bytes : "key";
  if (by != "key" && by != "value") throw Failure{"dictsort is by key or by value"};
  if (!v.is_dict()) throw Failure{std::string("dictsort of a ") + v.type_name()};
  in.Spend(20 * v.weight());
  std::vector<std::pair<Value, Value>> keyed;
  for (const auto& [key, value] : v.dict().items)
    keyed.emplace_back(KeyOf(in, by == "key" ? key : value, nullptr, p.Boolean(0, false)),
                       Value::MakeList({key, value}, ListKind::kTuple));
  SortBy(&keyed, p.Boolean(2, false));
  std::vector<Value> items;
  for (auto& [key, item] : keyed) items.push_back(std::move(item));
  return Value::MakeList(std::move(items));
}

Value SortFilter(Interpreter& in, const Value& v, const Arguments& a) {
  const Parameters p("sort", a, {"reverse", "case_sensitive", "attribute"});
  in.Spend(20 * v.weight());
  std::vector<std::pair<Value, Value>> keyed;
  for (Value& item : Items(in, v)) {
    Value key = KeyOf(in, item, p[2], p.Boolean(1, false));
    keyed.emplace_back(std::move(key), std::move(item));
  }
  SortBy(&keyed, p.Boolean(0, false));
  std::vector<Value> items;
  for (auto& [key, item] : keyed) items.push_back(std::move(item));
  return Value::MakeList(std::move(items));
}

Value UniqueFilter(Interpreter& in, const Value& v, const Arguments& a) {
  const Parameters p("unique", a, {"case_sensitive", "attribute"});
  Dict seen;
  std::vector<Value> items;
  for (Value& item : Items(in, v)) {
    Value key = KeyOf(in, item, p[1], p.Boolean(0, false));
    if (seen.Find(key) != nullptr) continue;
    seen.Set(std::move(key), Value());
    items.push_back(std::move(item));
  }
  return Value::MakeList(std::move(items), ListKind::kGenerator);
}

template <bool kMax>
Value MostFilter(Interpreter& in, const Value& v, const Arguments& a) {
  const Parameters p(kMax ? "max" : "min", a, {"case_sensitive", "attribute"});
  const std::vector<Value> items = Items(in, v);
  if (items.empty()) return Value::MakeUndefined("the least or most of nothing");
  size_t best = 0;
  Value best_key = KeyOf(in, items[0], p[1], p.Boolean(0, false));
  for (size_t i = 1; i < items.size(); ++i) {
    Value key = KeyOf(in, items[i], p[1], p.Boolean(0, false));
    const int order = Compare(key, best_key);
    if (kMax ? order <= 0 : order >= 0) continue;
    best = i;
    best_key = std::move(key);
  }
  return items[best];
}

Value SumFilter(Interpreter& in, const Value& v, const Arguments& a) {
  const Parameters p("sum", a, {"attribute", "start"});
  Value sum = p[1] != nullptr ? *p[1] : Value(int64_t{0});
  if (sum.is_string()) throw Failure{"sum of strings: use join"};
  const bool by = p[0] != nullptr && !p[0]->is_none();
  for (const Value& item : Items(in, v))
    sum = Arithmetic(in, "+", sum, by ? Dotted(in, item, *p[0]) : item);
  return sum;
}

// Arguments from the first or second on, for the filter or test that is named before them.
Arguments Rest(const Arguments& a, size_t from) {
  Arguments rest;
  rest.positional.assign(a.positional.begin() + static_cast<int64_t>(from), a.positional.end());
  rest.named = a.named;
  return rest;
}

std::string NameAt(const Arguments& a, size_t i) {
  if (!a.positional[i].is_string()) throw Failure{"the name of a filter or test is no string"};
  return a.positional[i].text().bytes;
}

Value MapFilter(Interpreter& in, const Value& v, const Arguments& a) {
  std::vector<Value> items;
  if (a.positional.empty()) {
    const Parameters p("map", a, {"attribute", "default"}, 1);
    for (const Value& item : Items(in, v)) {
      Value mapped = Dotted(in, item, *p[0]);
      items.push_back(mapped.is_undefined() && p[1] != nullptr ? *p[1] : std::move(mapped));
    }
  } else {
    const std::string name = NameAt(a, 0);
    const Arguments rest = Rest(a, 1);
    for (const Value& item : Items(in, v)) items.push_back(ApplyFilter(in, name, item, rest));
  }
  return Value::MakeList(std::move(items), ListKind::kGenerator);
}

// select(test, ...), and with kAttribute selectattr(attribute, test, ...); kKeep: those that pass.
template <bool kAttribute, bool kKeep>
Value SelectFilter(Interpreter& in, const Value& v, const Arguments& a) {
  const size_t first = kAttribute ? 1 : 0;
  if (a.positional.size() < first) throw Failure{"selectattr and rejectattr need an attribute"};
  const bool tested = a.positional.size() > first;
  const std::string test = tested ? NameAt(a, first) : "";
  const Arguments rest = tested ? Rest(a, first + 1) : Arguments{};
  std::vector<Value> items;
  for (Value& item : Items(in, v)) {
    const Value asked = kAttribute ? Dotted(in, item, a.positional[0]) : item;
    if ((tested ? ApplyTest(in, test, asked, rest) : IsTrue(asked)) == kKeep)
      items.push_back(std::move(item));
  }
  return Value::MakeList(std::move(items), ListKind::kGenerator);
}

}  // namespace

const std::unordered_map<std::string, Filter>& ListFilters() {
  static const std::unordered_map<std::string, Filter> filters = {
      {"length", LengthFilter},
      {"count", LengthFilter},
      {"join", JoinFilter},
      {"first", FirstFilter},
      {"last", LastFilter},
      {"list", ListFilter},
      {"reverse", ReverseFilter},
      {"items", ItemsFilter},
      {"dictsort", DictSortFilter},
      {"sort", SortFilter},
      {"unique", UniqueFilter},
      {"min", MostFilter<false>},
      {"max", MostFilter<true>},
      {"sum", SumFilter},
      {"map", MapFilter},
      {"select", SelectFilter<false, true>},
      {"reject", SelectFilter<false, false>},
      {"selectattr", SelectFilter<true, true>},
      {"rejectattr", SelectFilter<true, false>}};
  return filters;
}

}  // namespace rlvr::jinja
