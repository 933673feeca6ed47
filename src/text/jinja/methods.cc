// Methods of Python's str, list and dict.
#include <algorithm>
#include <array>
#include <functional>
#include <unordered_map>

#include <utf8proc.h>

#include "text/jinja/interpreter.h"

namespace rlvr::jinja {
namespace {

using StringMethod = Value (*)(Interpreter&, const Text&, const Arguments&);

Value OfTexts(std::vector<Text> texts) {
  std::vector<Value> items;
  for (Text& t : texts) items.emplace_back(std::move(t));
  return Value::MakeList(std::move(items));
}

template <bool kLeft, bool kRight>
Value StripMethod(Interpreter&, const Text& s, const Arguments& a) {
  const Parameters p("strip", a, {"chars"});
  const Text* chars = p.String(0);
  return Value(Strip(s, chars ? &chars->bytes : nullptr, kLeft, kRight));
}

template <bool kFromRight>
Value SplitMethod(Interpreter& in, const Text& s, const Arguments& a) {
  const Parameters p("split", a, {"sep", "maxsplit"});
  const Text* separator = p.String(0);
  if (separator != nullptr && separator->empty()) throw Failure{"split: the separator is empty"};
  const std::string* bytes = separator ? &separator->bytes : nullptr;
  in.Spend(static_cast<int64_t>(s.size() / 4));  // parts are small
  return OfTexts(kFromRight ? SplitFromRight(s, bytes, p.Integer(1, -1))
                            : Split(s, bytes, p.Integer(1, -1)));
}

Value SplitLinesMethod(Interpreter& in, const Text& s, const Arguments& a) {
  const Parameters p("splitlines", a, {"keepends"});
  in.Spend(static_cast<int64_t>(s.size() / 4));
  return OfTexts(SplitLines(s, p.Boolean(0, false)));
}

template <bool kFromRight>
Value PartitionMethod(Interpreter&, const Text& s, const Arguments& a) {
  const Parameters p("partition", a, {"sep"}, 1);
  const Text* sep = p.String(0);
  if (sep == nullptr || sep->empty()) throw Failure{"partition: the separator is empty"};
  const size_t at = kFromRight ? s.bytes.rfind(sep->bytes) : s.bytes.find(sep->bytes);
  std::vector<Value> parts;
  if (at == std::string::npos) {
    parts = {Value(kFromRight ? Text() : s), Value(Text()), Value(kFromRight ? s : Text())};
  } else {
    const size_t end = at + sep->size();
    parts = {Value(s.Sub(0, at)), Value(s.Sub(at, end)), Value(s.Sub(end, s.size()))};
  }
  return Value::MakeList(std::move(parts), ListKind::kTuple);
}

template <bool kEnd>
Value StartsWithMethod(Interpreter&, const Text& s, const Arguments& a) {
  const Parameters p(kEnd ? "endswith" : "startswith", a, {kEnd ? "suffix" : "prefix"}, 1);
  const auto fits = [&](const Value& v) {
    if (v.is_undefined()) throw Failure{v.undefined_what()};
    if (!v.is_string()) throw Failure{"startswith and endswith need strings"};
    return kEnd ? s.bytes.ends_with(v.text().bytes) : s.bytes.starts_with(v.text().bytes);
  };
  if (!p[0]->is_list(ListKind::kTuple)) return Value(fits(*p[0]));
  const auto& any = p[0]->list().items;
  return Value(std::any_of(any.begin(), any.end(), fits));
}

template <bool kEnd>
Value RemoveMethod(Interpreter&, const Text& s, const Arguments& a) {
  const Parameters p("removeprefix", a, {"affix"}, 1);
  const Text* affix = p.String(0);
  if (affix == nullptr) throw Failure{"removeprefix and removesuffix need a string"};
  const bool fits = kEnd ? s.bytes.ends_with(affix->bytes) : s.bytes.starts_with(affix->bytes);
  if (!fits) return Value(s);
  return Value(kEnd ? s.Sub(0, s.size() - affix->size()) : s.Sub(affix->size(), s.size()));
}

Value ReplaceMethod(Interpreter& in, const Text& s, const Arguments& a) {
  const Parameters p("replace", a, {"old", "new", "count"}, 2);
  const Text *from = p.String(0), *to = p.String(1);
  if (from == nullptr || to == nullptr) throw Failure{"replace needs two strings"};
  const Text with = s.safe && !to->safe ? Escape(*to) : *to;
  // At most as often as `from` fits.
  const size_t times = from->empty() ? s.size() + 1 : s.size() / from->size();
  size_t found = 0;
  if (with.size() > from->size()) {
    for (size_t at = 0; found < times && !from->empty(); at += from->size(), ++found) {
      if ((at = s.bytes.find(from->bytes, at)) == std::string::npos) break;
    }
    if (from->empty()) found = times;
    if (found > kMaxBytes / (with.size() + 1)) throw Failure{"a string is too long"};
  }
  in.SpendOnBytes(s.size() + found * with.size());
  return Value(Replace(s, from->bytes, with, p.Integer(2, -1)));
}

template <Text (*kChange)(const Text&)>
Value ChangeMethod(Interpreter& in, const Text& s, const Arguments& a) {
  const Parameters p("a method without parameters", a, {});
  in.Spend(static_cast<int64_t>(s.size() / 4));
  return Value(kChange(s));
}

Value JoinMethod(Interpreter& in, const Text& s, const Arguments& a) {
  const Parameters p("join", a, {"iterable"}, 1);
  std::vector<Text> parts;
  size_t bytes = 0;
  for (const Value& item : Walk(*p[0])) {
    if (!item.is_string())
      throw Failure{std::string("join needs strings, not a ") + item.type_name()};
    parts.push_back(s.safe && !item.text().safe ? Escape(item.text()) : item.text());
    bytes += parts.back().size() + s.size();
    if (bytes > 2 * kMaxBytes) throw Failure{"a string is too long"};
  }
  in.SpendOnBytes(bytes);
  return Value(Join(parts, s));
}

// Code points before a byte.
Value PointIndex(const Text& s, size_t byte) {
  return Value(NumPoints(std::string_view(s.bytes).substr(0, byte)));
}

template <bool kFromRight, bool kMustBe>
Value FindMethod(Interpreter& in, const Text& s, const Arguments& a) {
  const Parameters p("find", a, {"sub"}, 1);
  const Text* part = p.String(0);
  if (part == nullptr) throw Failure{"find needs a string"};
  in.SpendOnBytes(s.size());
  const size_t at = kFromRight ? s.bytes.rfind(part->bytes) : s.bytes.find(part->bytes);
  if (at != std::string::npos) return PointIndex(s, at);
  if (kMustBe) throw Failure{"index: the substring is not found"};
  return Value(int64_t{-1});
}

Value CountMethod(Interpreter& in, const Text& s, const Arguments& a) {
  const Parameters p("count", a, {"sub"}, 1);
  const Text* part = p.String(0);
  if (part == nullptr) throw Failure{"count needs a string"};
  in.SpendOnBytes(s.size());
  if (part->empty()) return Value(NumPoints(s.bytes) + 1);
  int64_t n = 0;
  for (size_t at = 0; (at = s.bytes.find(part->bytes, at)) != std::string::npos; at += part->size())
    ++n;
  return Value(n);
}

bool IsDigitPoint(int32_t p) { return p >= 0 && utf8proc_category(p) == UTF8PROC_CATEGORY_ND; }
bool IsLetterPoint(int32_t p) {
  if (p < 0) return false;
  const auto c = utf8proc_category(p);
  return c == UTF8PROC_CATEGORY_LU || c == UTF8PROC_CATEGORY_LL || c == UTF8PROC_CATEGORY_LT ||
         c == UTF8PROC_CATEGORY_LM || c == UTF8PROC_CATEGORY_LO;
}
bool IsLetterOrDigit(int32_t p) { return IsLetterPoint(p) || IsDigitPoint(p); }

template <bool (*kIs)(int32_t)>
Value AllMethod(Interpreter& in, const Text& s, const Arguments& a) {
  const Parameters p("a method without parameters", a, {});
  in.SpendOnBytes(s.size());
  for (size_t i = 0; i < s.size(); i += PointLength(s.bytes, i)) {
    if (!kIs(PointAt(s.bytes, i))) return Value(false);
  }
  return Value(!s.empty());
}

template <bool kUpper>
Value IsCaseMethod(Interpreter& in, const Text& s, const Arguments& a) {
  const Parameters p("a method without parameters", a, {});
  in.SpendOnBytes(s.size());
  const Text same = kUpper ? Upper(s) : Lower(s), other = kUpper ? Lower(s) : Upper(s);
  return Value(same.bytes == s.bytes && other.bytes != s.bytes);
}

Value ZfillMethod(Interpreter& in, const Text& s, const Arguments& a) {
  const Parameters p("zfill", a, {"width"}, 1);
  const int64_t missing = p.Integer(0, 0) - NumPoints(s.bytes);
  if (missing <= 0) return Value(s);
  in.SpendOnBytes(s.size() + static_cast<size_t>(missing));
  const size_t sign = !s.empty() && (s.bytes[0] == '-' || s.bytes[0] == '+') ? 1 : 0;
  Text out = s.Sub(0, sign);
  out.Append(std::string(static_cast<size_t>(missing), '0'), kFromTemplate);
  out.Append(s.Sub(sign, s.size()));
  return Value(std::move(out));
}

const std::unordered_map<std::string, StringMethod>& StringMethods() {
  static const std::unordered_map<std::string, StringMethod> methods = {
      {"strip", StripMethod<true, true>},
      {"lstrip", StripMethod<true, false>},
      {"rstrip", StripMethod<false, true>},
      {"split", SplitMethod<false>},
      {"rsplit", SplitMethod<true>},
      {"splitlines", SplitLinesMethod},
      {"partition", PartitionMethod<false>},
      {"rpartition", PartitionMethod<true>},
      {"startswith", StartsWithMethod<false>},
      {"endswith", StartsWithMethod<true>},
      {"removeprefix", RemoveMethod<false>},
      {"removesuffix", RemoveMethod<true>},
      {"replace", ReplaceMethod},
      {"upper", ChangeMethod<Upper>},
      {"lower", ChangeMethod<Lower>},
      {"title", ChangeMethod<TitleCase>},
      {"capitalize", ChangeMethod<Capitalize>},
      {"join", JoinMethod},
      {"find", FindMethod<false, false>},
      {"rfind", FindMethod<true, false>},
      {"index", FindMethod<false, true>},
      {"rindex", FindMethod<true, true>},
      {"count", CountMethod},
      {"isdigit", AllMethod<IsDigitPoint>},
      {"isdecimal", AllMethod<IsDigitPoint>},
      {"isalpha", AllMethod<IsLetterPoint>},
      {"isalnum", AllMethod<IsLetterOrDigit>},
      {"isspace", AllMethod<IsSpace>},
      {"isupper", IsCaseMethod<true>},
      {"islower", IsCaseMethod<false>},
      {"zfill", ZfillMethod}};
  return methods;
}

Value PairOf(const Value& a, const Value& b) { return Value::MakeList({a, b}, ListKind::kTuple); }

Value CallDictMethod(Interpreter& in, const Value& object, const std::string& name,
                     const Arguments& a) {
  const Dict& dict = object.dict();
  if (name == "get") {
    const Parameters p("get", a, {"key", "default"}, 1);
    in.SpendOn(*p[0]);
    if (const Value* found = dict.Find(*p[0])) return *found;
    return p[1] != nullptr ? *p[1] : Value();
  }
  const Parameters p(name, a, {});
  in.Spend(2 * static_cast<int64_t>(dict.items.size()));
  if (name == "copy") return object;
  std::vector<Value> items;
  for (const auto& [key, value] : dict.items)
    items.push_back(name == "items" ? PairOf(key, value) : name == "keys" ? key : value);
  return Value::MakeList(std::move(items), ListKind::kView);
}

Value CallListMethod(Interpreter& in, const Value& object, const std::string& name,
                     const Arguments& a) {
  in.SpendOn(object);
  const auto& items = object.list().items;
  if (name == "copy") return object;
  const Parameters p(name, a, {"value"}, 1);
  const auto is = [&](const Value& v) { return Equal(v, *p[0]); };
  if (name == "count")
    return Value(static_cast<int64_t>(std::count_if(items.begin(), items.end(), is)));
  const auto at = std::find_if(items.begin(), items.end(), is);
  if (at == items.end()) throw Failure{"index: the value is not in the list"};
  return Value(static_cast<int64_t>(at - items.begin()));
}

template <size_t N>
bool IsOneOf(const std::array<const char*, N>& names, const std::string& name) {
  return std::any_of(names.begin(), names.end(), [&](const char* n) { return name == n; });
}

constexpr std::array kOtherStringMethods = {"casefold",  "center",      "encode",   "expandtabs",
                                            "format",    "format_map",  "isascii",  "isidentifier",
                                            "isnumeric", "isprintable", "istitle",  "ljust",
                                            "maketrans", "rjust",       "swapcase", "translate"};
constexpr std::array kChangingListMethods = {"append", "clear",  "extend",  "insert",
                                             "pop",    "remove", "reverse", "sort"};
constexpr std::array kListMethods = {"count", "index", "copy"};
constexpr std::array kChangingDictMethods = {"clear", "pop", "popitem", "setdefault", "update"};
constexpr std::array kDictMethods = {"get", "items", "keys", "values", "copy"};

}  // namespace

Value CallMethod(Interpreter& in, const Value& object, const std::string& name,
                 const Arguments& arguments) {
  if (object.is_dict()) return CallDictMethod(in, object, name, arguments);
  if (object.is_list()) return CallListMethod(in, object, name, arguments);
  in.SpendOnBytes(object.text().size());
  return StringMethods().at(name)(in, object.text(), arguments);
}

Value Method(const Value& object, const std::string& name) {
  bool known = false, changes = false, other = false;
  if (object.is_string()) {
    known = StringMethods().contains(name);
    other = IsOneOf(kOtherStringMethods, name);
  } else if (object.is_dict()) {
    known = IsOneOf(kDictMethods, name);
    changes = IsOneOf(kChangingDictMethods, name);
    other = name == "fromkeys";
  } else if (object.is_list(ListKind::kList)) {
    known = IsOneOf(kListMethods, name);
    changes = IsOneOf(kChangingListMethods, name);
  } else if (object.is_list(ListKind::kTuple)) {
    known = name == "count" || name == "index";
  }
  if (changes)
    throw Failure{"." + name + " would change a " + object.type_name() +
                  ", which templates may not"};
  if (other)
    throw Failure{std::string("the method .") + name + " of " + object.type_name() +
                  " is not supported"};
  if (!known) return Value::MakeUndefined("");
  auto method = std::make_shared<Callable>();
  method->name = name;
  method->call = [object, name](Interpreter& in, const Arguments& arguments) {
    return CallMethod(in, object, name, arguments);
  };
  return Value(std::shared_ptr<const Callable>(std::move(method)));
}

}  // namespace rlvr::jinja
