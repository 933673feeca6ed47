// The visitors of a recipe's keys (train/recipe_keys.h): one reads them, one writes them with every
// default, one finds which of them choose a method, one lists them for docs/recipes.md. Each has
// operator() for a key with its value and range, Map for a section, Method for a section that is one
// method chosen by its `name`, and Stage for a method of src/objective, which reads its own keys;
// both are given the name by default. Joined is a text that may be written as a list: its items with
// ';' between. Free is a map whose keys are the user's.
#ifndef RLVR_TRAIN_RECIPE_FIELDS_H_
#define RLVR_TRAIN_RECIPE_FIELDS_H_
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <limits>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/config.h"
#include "train/recipe.h"

namespace rlvr {

constexpr int64_t kManyOfAKey = int64_t{1} << 40;  // from here on a range counts as open

ConfigNode ScalarNode(std::string text);

class FieldReader {
 public:
  FieldReader(const ConfigNode* node, const std::string& where)
      : reader_(node, where), where_(where) {}
  template <class... Arguments>
  void operator()(const char* key, Arguments&&... arguments) {
    reader_(key, std::forward<Arguments>(arguments)...);
  }
  void Joined(const char* key, std::string& value) {
    std::vector<std::string> items = {value};
    reader_(key, items);
    value = fmt::format("{}", fmt::join(items, ";"));
  }
  void Free(const char* key, std::map<std::string, std::string>& values);
  template <class Body>
  void Map(const char* key, Body body) {
    FieldReader inner(reader_.Child(key), where_.empty() ? key : where_ + "." + key);
    body(inner);
    inner.Done();
  }
  template <class Body>
  void Method(const char* key, const char*, Body body) {
    Map(key, body);
  }
  void Stage(const char* key, const char*) { reader_.Known(key); }
  void Done() const { reader_.Done(); }

 private:
  ConfigReader reader_;
  std::string where_;
};

class FieldWriter {
 public:
  FieldWriter(ConfigNode* out, const ConfigNode* given) : out_(out), given_(given) {
    out_->kind = ConfigNode::Kind::kMap;
  }
  template <class Value, class... Range>
  void operator()(const char* key, const Value& value, Range&&...) {
    if constexpr (std::is_same_v<Value, std::vector<std::string>>) {
      ConfigNode list;
      list.kind = ConfigNode::Kind::kList;
      for (const auto& item : value) list.items.push_back(ScalarNode(item));
      out_->Set(key, std::move(list));
    } else {
      out_->Set(key, ScalarNode(fmt::format("{}", value)));
    }
  }
  void Joined(const char* key, const std::string& value) {
    std::vector<std::string> items;
    for (size_t begin = 0; begin <= value.size();) {
      const size_t end = std::min(value.find(';', begin), value.size());
      items.push_back(value.substr(begin, end - begin));
      begin = end + 1;
    }
    if (items.size() > 1) {
      (*this)(key, items);
    } else {
      (*this)(key, value);
    }
  }
  void Free(const char* key, const std::map<std::string, std::string>& values);
  template <class Body>
  void Map(const char* key, Body body) {
    ConfigNode map;
    FieldWriter inner(&map, given_ == nullptr ? nullptr : given_->Find(key));
    body(inner);
    out_->Set(key, std::move(map));
  }
  template <class Body>
  void Method(const char* key, const char*, Body body) {
    Map(key, body);
  }
  void Stage(const char* key, const char* default_name);

 private:
  ConfigNode* out_;
  const ConfigNode* given_;
};

// Which sections hold a method: of those, a recipe that names another one inherits nothing.
class MethodFinder {
 public:
  explicit MethodFinder(MethodSections* out, std::string where = "")
      : out_(out), where_(std::move(where)) {}
  template <class... Arguments>
  void operator()(const char*, Arguments&&...) {}
  void Joined(const char*, const std::string&) {}
  void Free(const char*, const std::map<std::string, std::string>&) {}
  template <class Body>
  void Map(const char* key, Body body) {
    MethodFinder inner(out_, where_ + key + ".");
    body(inner);
  }
  template <class Body>
  void Method(const char* key, const char* default_name, Body) {
    Stage(key, default_name);
  }
  void Stage(const char* key, const char* default_name) { (*out_)[where_ + key] = default_name; }

 private:
  MethodSections* out_;
  std::string where_;
};

// Every key with its default and range, for docs/recipes.md.
class KeyLister {
 public:
  explicit KeyLister(std::vector<RecipeKey>* out, std::string where = "")
      : out_(out), where_(std::move(where)) {}
  template <class Value, class Number>
  void operator()(const char* key, const Value& value, Number low, Number high) {
    const bool open = static_cast<double>(high) >= static_cast<double>(kManyOfAKey) ||
                      high == std::numeric_limits<Number>::max();
    Add(key, fmt::format("{}", value),
        open && static_cast<double>(low) <= -static_cast<double>(kManyOfAKey) ? "a number"
        : open ? fmt::format("from {}", low)
               : fmt::format("{} to {}", low, high));
  }
  void operator()(const char* key, const bool& value) {
    Add(key, value ? "true" : "false", "true, false");
  }
  void operator()(const char* key, const std::string& value) { Add(key, value, "text"); }
  void Joined(const char* key, const std::string& value) {
    Add(key, value, "text or list of texts");
  }
  void Free(const char* key, const std::map<std::string, std::string>&) {
    Add(key, "{}", "a map of your own");
  }
  void operator()(const char* key, const std::vector<std::string>&) {
    Add(key, "[]", "list of texts");
  }
  void operator()(const char* key, const std::string& value,
                  const std::vector<std::string>& choices) {
    Add(key, value, fmt::format("{}", fmt::join(choices, ", ")));
  }
  template <class Body>
  void Map(const char* key, Body body) {
    KeyLister inner(out_, where_ + key + ".");
    body(inner);
  }
  template <class Body>
  void Method(const char* key, const char*, Body body) {
    Map(key, body);
  }
  void Stage(const char* key, const char* default_name) { Add(key, default_name, "stage"); }

 private:
  void Add(const char* key, std::string value, std::string range) {
    out_->push_back({where_ + key, std::move(value), std::move(range)});
  }
  std::vector<RecipeKey>* out_;
  std::string where_;
};

}  // namespace rlvr
#endif  // RLVR_TRAIN_RECIPE_FIELDS_H_
