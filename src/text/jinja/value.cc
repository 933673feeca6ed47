#include "text/jinja/value.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

namespace rlvr::jinja {
namespace {

// Equal keys, equal strings: True == 1 == 1.0.
std::string IndexKey(const Value& key) {
  if (key.is_string()) return "s" + key.text().bytes;
  if (key.is_none()) return "n";
  if (key.is_int() || key.is_bool()) return "i" + std::to_string(key.integer());
  if (key.is_float()) {
    const double d = key.real();
    if (d == std::floor(d) && std::abs(d) < 9e18)
      return "i" + std::to_string(static_cast<int64_t>(d));
    return "f" + std::to_string(d) + Repr(key).bytes;
  }
  if (key.is_list(ListKind::kTuple)) {
    std::string all = "t";
    for (const Value& v : key.list().items) {
      const std::string one = IndexKey(v);
      all += std::to_string(one.size()) + ":" + one;
    }
    return all;
  }
  throw Failure{std::string("a ") + key.type_name() + " cannot be a key of a dict"};
}

bool IsName(const std::string& role) {
  return !role.empty() && role.size() <= 64 && std::all_of(role.begin(), role.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
  });
}

Value OfJson(const nlohmann::ordered_json& json, Origin origin, int depth) {
  if (depth > kMaxNesting) throw Failure{"JSON is nested too deeply"};
  switch (json.type()) {
    case nlohmann::json::value_t::boolean:
      return Value(json.get<bool>());
    case nlohmann::json::value_t::number_integer:
      return Value(json.get<int64_t>());
    case nlohmann::json::value_t::number_unsigned:
      if (json.get<uint64_t>() > static_cast<uint64_t>(INT64_MAX))
        throw Failure{"the integer " + json.dump() + " is too large"};
      return Value(json.get<int64_t>());
    case nlohmann::json::value_t::number_float:
      return Value(json.get<double>());
    case nlohmann::json::value_t::string:
      return Value(Text(json.get_ref<const std::string&>(), origin));
    case nlohmann::json::value_t::array: {
      std::vector<Value> items;
      for (const auto& item : json) items.push_back(OfJson(item, origin, depth + 1));
      return Value::MakeList(std::move(items));
    }
    case nlohmann::json::value_t::object: {
      Dict dict;
      for (const auto& [key, item] : json.items()) {
        const bool marker = depth == 1 && key == "role" && item.is_string() &&
                            IsName(item.get_ref<const std::string&>());
        dict.Set(Value(Text(key, origin)),
                 OfJson(item, marker ? kFromTemplate : origin, depth + 1));
      }
      return Value::MakeDict(std::move(dict));
    }
    default:
      return Value();
  }
}

}  // namespace

const Value* Dict::Find(const Value& key) const {
  const auto at = index_.find(IndexKey(key));
  return at == index_.end() ? nullptr : &items[at->second].second;
}

const Value* Dict::Find(const std::string& key) const {
  const auto at = index_.find("s" + key);
  return at == index_.end() ? nullptr : &items[at->second].second;
}

void Dict::Set(Value key, Value value) {
  depth = std::max({depth, value.depth() + 1, key.depth() + 1});
  weight += value.weight() + key.weight();
  const auto [at, added] = index_.try_emplace(IndexKey(key), items.size());
  if (added) {
    items.emplace_back(std::move(key), std::move(value));
  } else {
    items[at->second].second = std::move(value);
  }
}

Value Value::MakeUndefined(std::string what) {
  Value value;
  value.v_ = Undefined{std::make_shared<const std::string>(std::move(what))};
  return value;
}

Value Value::MakeList(std::vector<Value> items, ListKind kind) {
  auto list = std::make_shared<List>();
  list->kind = kind;
  for (const Value& item : items) {
    list->depth = std::max(list->depth, item.depth() + 1);
    list->weight += item.weight();
  }
  if (list->depth > kMaxNesting) throw Failure{"lists are nested too deeply"};
  if (list->weight > kMaxWeight) throw Failure{"a list is too large"};
  list->items = std::move(items);
  Value value;
  value.v_ = ListPointer(std::move(list));
  return value;
}

Value Value::MakeDict(Dict dict) {
  if (dict.depth > kMaxNesting) throw Failure{"dicts are nested too deeply"};
  if (dict.weight > kMaxWeight) throw Failure{"a dict is too large"};
  Value value;
  value.v_ = DictPointer(std::make_shared<const Dict>(std::move(dict)));
  return value;
}

int64_t Value::integer() const {
  return is_bool() ? static_cast<int64_t>(boolean()) : std::get<int64_t>(v_);
}

double Value::real() const {
  return is_float() ? std::get<double>(v_) : static_cast<double>(integer());
}

bool Value::same_object(const Value& other) const {
  if (v_.index() != other.v_.index()) return false;
  return std::visit(
      [&](const auto& mine) {
        using T = std::decay_t<decltype(mine)>;
        const T& theirs = std::get<T>(other.v_);
        if constexpr (std::is_same_v<T, Undefined> || std::is_same_v<T, None>)
          return true;
        else
          return mine == theirs;
      },
      v_);
}

int Value::depth() const { return is_list() ? list().depth : is_dict() ? dict().depth : 0; }

int64_t Value::weight() const {
  if (is_string()) return 1 + static_cast<int64_t>(text().size() / 32);
  return is_list() ? list().weight : is_dict() ? dict().weight : 1;
}

const char* Value::type_name() const {
  if (is_undefined()) return "Undefined";
  if (is_none()) return "NoneType";
  if (is_bool()) return "bool";
  if (is_int()) return "int";
  if (is_float()) return "float";
  if (is_string()) return "str";
  if (is_dict()) return "dict";
  if (name_space()) return "Namespace";
  if (loop()) return "LoopContext";
  if (is_callable()) return "function";
  switch (list().kind) {
    case ListKind::kList:
      return "list";
    case ListKind::kTuple:
      return "tuple";
    case ListKind::kRange:
      return "range";
    case ListKind::kView:
      return "view of a dict";
    default:
      return "generator";
  }
}

bool IsTrue(const Value& v) {
  if (v.is_undefined() || v.is_none()) return false;
  if (v.is_bool()) return v.boolean();
  if (v.is_int()) return v.integer() != 0;
  if (v.is_float()) return v.real() != 0;
  if (v.is_string()) return !v.text().empty();
  if (v.is_list()) return v.is_list(ListKind::kGenerator) || !v.list().items.empty();
  if (v.is_dict()) return !v.dict().items.empty();
  return true;
}

bool Equal(const Value& a, const Value& b) {
  if (a.is_number() && b.is_number()) {
    if (a.is_float() || b.is_float()) return a.real() == b.real();
    return a.integer() == b.integer();
  }
  if (a.is_string() && b.is_string()) return a.text().bytes == b.text().bytes;
  if (a.is_list() && b.is_list()) {
    const List &x = a.list(), &y = b.list();
    if (&x == &y) return true;
    if (x.kind != y.kind || x.kind == ListKind::kGenerator) return false;
    return std::equal(x.items.begin(), x.items.end(), y.items.begin(), y.items.end(), Equal);
  }
  if (a.is_dict() && b.is_dict()) {
    const Dict &x = a.dict(), &y = b.dict();
    if (x.items.size() != y.items.size()) return false;
    return std::all_of(x.items.begin(), x.items.end(), [&](const auto& item) {
      const Value* other = y.Find(item.first);
      return other != nullptr && Equal(item.second, *other);
    });
  }
  return a.same_object(b);
}

int Compare(const Value& a, const Value& b) {
  const auto order = [](const auto& x, const auto& y) { return x < y ? -1 : y < x ? 1 : 0; };
  if (a.is_undefined()) throw Failure{a.undefined_what()};
  if (b.is_undefined()) throw Failure{b.undefined_what()};
  if (a.is_number() && b.is_number()) {
    if (a.is_float() || b.is_float()) return order(a.real(), b.real());
    return order(a.integer(), b.integer());
  }
  if (a.is_string() && b.is_string()) return order(a.text().bytes, b.text().bytes);
  const bool lists = (a.is_list(ListKind::kList) && b.is_list(ListKind::kList)) ||
                     (a.is_list(ListKind::kTuple) && b.is_list(ListKind::kTuple));
  if (!lists)
    throw Failure{std::string("no order between ") + a.type_name() + " and " + b.type_name()};
  const auto &x = a.list().items, &y = b.list().items;
  for (size_t i = 0; i < std::min(x.size(), y.size()); ++i) {
    if (!Equal(x[i], y[i])) return Compare(x[i], y[i]);
  }
  return order(x.size(), y.size());
}

bool Contains(const Value& container, const Value& item) {
  if (container.is_dict()) return container.dict().Find(item) != nullptr;
  if (container.is_string()) {
    if (item.is_undefined()) throw Failure{item.undefined_what()};
    if (!item.is_string())
      throw Failure{std::string("'in' a string needs a string, not ") + item.type_name()};
    return container.text().bytes.find(item.text().bytes) != std::string::npos;
  }
  if (container.is_list(ListKind::kGenerator)) {
    const List& list = container.list();
    while (list.taken < list.items.size()) {
      if (Equal(list.items[list.taken++], item)) return true;
    }
    return false;
  }
  const std::vector<Value> items = Walk(container);
  return std::any_of(items.begin(), items.end(), [&](const Value& v) { return Equal(v, item); });
}

std::vector<Value> Walk(const Value& value) {
  if (value.is_undefined()) return {};
  if (value.is_list()) {
    const List& list = value.list();
    if (list.kind != ListKind::kGenerator) return list.items;
    std::vector<Value> rest(list.items.begin() + static_cast<int64_t>(list.taken),
                            list.items.end());
    list.taken = list.items.size();
    return rest;
  }
  std::vector<Value> items;
  if (value.is_dict()) {
    for (const auto& [key, unused] : value.dict().items) items.push_back(key);
  } else if (value.is_string()) {
    if (value.text().size() > (1u << 20)) throw Failure{"a string is too long to be walked"};
    for (Text& point : Points(value.text())) items.emplace_back(std::move(point));
  } else {
    throw Failure{std::string("a ") + value.type_name() + " cannot be walked"};
  }
  return items;
}

int64_t Length(const Value& value) {
  if (value.is_undefined()) return 0;
  if (value.is_string()) return NumPoints(value.text().bytes);
  if (value.is_dict()) return static_cast<int64_t>(value.dict().items.size());
  if (value.is_list() && !value.is_list(ListKind::kGenerator))
    return static_cast<int64_t>(value.list().items.size());
  if (const Loop* loop = value.loop()) return static_cast<int64_t>(loop->items.size());
  throw Failure{std::string("a ") + value.type_name() + " has no length"};
}

Value ParseJson(const std::string& json, Origin origin) {
  try {
    return OfJson(nlohmann::ordered_json::parse(json), origin, 0);
  } catch (const nlohmann::json::exception& e) {
    throw Failure{std::string("no JSON: ") + e.what()};
  }
}

}  // namespace rlvr::jinja
