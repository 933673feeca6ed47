// What a template computes with: Python's values as far as templates see them. Values do not
// change, but for namespaces and generators (which end).
#ifndef RLVR_TEXT_JINJA_VALUE_H_
#define RLVR_TEXT_JINJA_VALUE_H_
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "text/jinja/text.h"

namespace rlvr::jinja {

class Value;
class Interpreter;

struct Undefined {
  std::shared_ptr<const std::string> what;  // "'x' is undefined"
};
struct None {};

enum class ListKind {
  kList,
  kTuple,
  kRange,
  kView,       // of a dict: can be walked and counted, not indexed
  kGenerator,  // of a filter: can be walked once
};

struct List {
  ListKind kind = ListKind::kList;
  std::vector<Value> items;
  mutable size_t taken = 0;  // of a generator
  int depth = 1;             // of lists and dicts in it
  int64_t weight = 1;        // what walking all of it costs
};

struct Dict {
  std::vector<std::pair<Value, Value>> items;
  int depth = 1;
  int64_t weight = 1;

  const Value* Find(const Value& key) const;  // null: none. Throws for keys that Python cannot hash
  const Value* Find(const std::string& key) const;
  void Set(Value key, Value value);

 private:
  std::unordered_map<std::string, size_t> index_;
};

// Its owner is the interpreter, so that one that holds itself ends with it.
struct Namespace {
  std::vector<std::pair<std::string, Value>> attributes;
};

struct Loop;  // the variable of a for loop

struct Arguments {
  std::vector<Value> positional;
  std::vector<std::pair<std::string, Value>> named;
};

struct Callable {
  std::string name;
  std::function<Value(Interpreter&, const Arguments&)> call;
};

// Lists may not be nested deeper: whatever walks them is recursive. Nor may they hold more, counting
// what they hold twice twice.
inline constexpr int kMaxNesting = 100;
inline constexpr int64_t kMaxWeight = int64_t{1} << 24;
inline constexpr size_t kMaxBytes = size_t{1} << 26;  // of a string

class Value {
 public:
  Value() : v_(None{}) {}
  Value(bool b) : v_(b) {}
  Value(int64_t i) : v_(i) {}
  Value(double d) : v_(d) {}
  Value(Text text) : v_(std::make_shared<const Text>(std::move(text))) {}
  Value(const char*) = delete;  // would be a bool
  Value(std::shared_ptr<const Callable> c) : v_(std::move(c)) {}
  Value(Namespace* n) : v_(n) {}
  Value(std::shared_ptr<Loop> l) : v_(std::move(l)) {}
  static Value MakeUndefined(std::string what);
  static Value MakeList(std::vector<Value> items, ListKind kind = ListKind::kList);
  static Value MakeDict(Dict dict);
  static Value MakeString(std::string_view text) { return Value(Text(text)); }

  bool is_undefined() const { return std::holds_alternative<Undefined>(v_); }
  bool is_none() const { return std::holds_alternative<None>(v_); }
  bool is_bool() const { return std::holds_alternative<bool>(v_); }
  bool is_int() const { return std::holds_alternative<int64_t>(v_); }
  bool is_float() const { return std::holds_alternative<double>(v_); }
  bool is_number() const { return is_int() || is_float() || is_bool(); }
  bool is_string() const { return std::holds_alternative<TextPointer>(v_); }
  bool is_list() const { return std::holds_alternative<ListPointer>(v_); }  // of any kind
  bool is_list(ListKind kind) const { return is_list() && list().kind == kind; }
  bool is_dict() const { return std::holds_alternative<DictPointer>(v_); }
  bool is_callable() const { return std::holds_alternative<CallablePointer>(v_); }

  bool boolean() const { return std::get<bool>(v_); }
  int64_t integer() const;  // of a bool too
  double real() const;      // of any number
  const Text& text() const { return *std::get<TextPointer>(v_); }
  const List& list() const { return *std::get<ListPointer>(v_); }
  const Dict& dict() const { return *std::get<DictPointer>(v_); }
  const std::string& undefined_what() const { return *std::get<Undefined>(v_).what; }
  Namespace* name_space() const {
    const auto* n = std::get_if<Namespace*>(&v_);
    return n ? *n : nullptr;
  }
  Loop* loop() const {
    const auto* l = std::get_if<std::shared_ptr<Loop>>(&v_);
    return l ? l->get() : nullptr;
  }
  const Callable& callable() const { return *std::get<CallablePointer>(v_); }
  bool same_object(const Value& other) const;

  int depth() const;
  int64_t weight() const;         // 1, more for long strings, lists and dicts
  const char* type_name() const;  // Python's

 private:
  using TextPointer = std::shared_ptr<const Text>;
  using ListPointer = std::shared_ptr<const List>;
  using DictPointer = std::shared_ptr<const Dict>;
  using CallablePointer = std::shared_ptr<const Callable>;

  std::variant<Undefined, None, bool, int64_t, double, TextPointer, ListPointer, DictPointer,
               Namespace*, std::shared_ptr<Loop>, CallablePointer>
      v_;
};

struct Loop {
  std::vector<Value> items;
  size_t at = 0;
  int64_t depth = 1;
};

// Thrown by everything in a template that goes wrong; the interpreter adds the line.
struct Failure {
  std::string what;
};

bool IsTrue(const Value& value);
bool Equal(const Value& a, const Value& b);
// < 0, 0, > 0. Throws for what Python does not order.
int Compare(const Value& a, const Value& b);
bool Contains(const Value& container, const Value& item);
// The items that a for loop sees. Throws for what cannot be walked.
std::vector<Value> Walk(const Value& value);
int64_t Length(const Value& value);

// str(value), repr(value).
Text ToText(const Value& value);
Text Repr(const Value& value);

struct JsonForm {
  bool ensure_ascii = false, sort_keys = false;
  std::optional<std::string> indent;
  std::string comma = ", ", colon = ": ";
};
Text ToJson(const Value& value, const JsonForm& form);

// JSON text. origin: of its strings; in a list of messages ("role": "user"), roles that are names
// are the template's, as some templates make markers of them. Throws Failure.
Value ParseJson(const std::string& json, Origin origin);

}  // namespace rlvr::jinja
#endif  // RLVR_TEXT_JINJA_VALUE_H_
