// What every method shares: its name and source, its parameters read by one visitor for YAML,
// --help and docs; and the list of a stage's methods.
#ifndef RLVR_OBJECTIVE_METHOD_H_
#define RLVR_OBJECTIVE_METHOD_H_
#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/config.h"
#include "base/error.h"
#include "base/suggest.h"
#include "objective/objective.h"
#include "objective/reduce.h"
#include "objective/stage.h"
#include "objective/tape.h"

namespace rlvr {

struct MethodInfo {
  const char* name;
  const char* arxiv;
  const char* summary;
};

// Collects a method's parameters for --help and docs.
class ParamDescriber {
 public:
  explicit ParamDescriber(std::vector<ParamInfo>* out) : out_(out) {}
  void operator()(const char* name, double value, double low, double high) {
    out_->push_back({name, fmt::format("{}", value), fmt::format("[{}, {}]", low, high)});
  }
  void operator()(const char* name, int64_t value, int64_t low, int64_t high) {
    out_->push_back({name, fmt::format("{}", value), fmt::format("[{}, {}]", low, high)});
  }
  void operator()(const char* name, bool value) {
    out_->push_back({name, value ? "true" : "false", "true, false"});
  }
  void operator()(const char* name, const std::string& value) {
    out_->push_back({name, fmt::format("\"{}\"", value), "any text"});
  }
  void operator()(const char* name, const std::vector<std::string>& value) {
    out_->push_back({name, fmt::format("[{}]", fmt::join(value, ", ")), "a list of texts"});
  }
  void operator()(const char* name, const std::string& value,
                  const std::vector<std::string>& choices) {
    out_->push_back({name, value, fmt::format("{}", fmt::join(choices, ", "))});
  }

 private:
  std::vector<ParamInfo>* out_;
};

template <class Method>
Needs NeedsOf(const Method& method) {
  if constexpr (requires { method.needs(); }) {
    return method.needs();
  } else {
    return {};
  }
}

// The methods of one stage by name, behind the stage's interface.
template <class Interface>
class MethodList {
 public:
  explicit MethodList(std::string stage) : stage_(std::move(stage)) {}

  // Method: a struct with kInfo and Params(visitor); Wrap<Method> is the stage's interface around
  // one.
  template <class Method, template <class> class Wrap>
  void Add() {
    RLVR_CHECK(entries_.empty() ||
               std::string(entries_.back().info.name) < std::string(Method::kInfo.name))
        << Method::kInfo.name << ": a name is there twice or the list is not sorted";
    Entry entry;
    entry.info = Method::kInfo;
    entry.make = [](ConfigReader& reader) -> std::unique_ptr<Interface> {
      Method method;
      method.Params(reader);
      return std::make_unique<Wrap<Method>>(std::move(method));
    };
    entry.describe = [](MethodDescription* out) {
      Method method;
      ParamDescriber describer(&out->params);
      method.Params(describer);
      out->needs = NeedsOf(method);
    };
    entries_.push_back(std::move(entry));
  }
  // All of a list at once, sorted by name.
  template <template <class> class Wrap, class... Methods>
  void AddAll() {
    (Add<Methods, Wrap>(), ...);
  }

  // `name` of the map chooses; keys that the stage itself reads must have been read from `reader`
  // before.
  std::unique_ptr<Interface> Make(const std::string& name, const std::string& place,
                                  ConfigReader& reader) const {
    const Entry* entry = Find(name);
    if (!entry) {
      std::vector<std::string> names;
      for (const auto& e : entries_) names.emplace_back(e.info.name);
      throw Error(place, "there is no " + stage_ + " '" + name + "'", DidYouMean(name, names));
    }
    return entry->make(reader);
  }

  // From a map with `name`; null: the method `fallback`.
  std::unique_ptr<Interface> Make(const ConfigNode* node, std::string fallback) const {
    ConfigReader reader(node, stage_);
    reader("name", fallback);
    auto method = Make(fallback, node ? node->place : stage_, reader);
    reader.Done();
    return method;
  }

  // Calls body(node) for each map of a list, or for the one map; nothing for null. Every map has a
  // name, and no name comes twice.
  void ForEach(const ConfigNode* node, const std::function<void(const ConfigNode&)>& body) const {
    if (!node || node->kind == ConfigNode::Kind::kNull) return;
    const bool map = node->kind == ConfigNode::Kind::kMap;
    if (!map && node->kind != ConfigNode::Kind::kList) {
      throw Error(node->place, "'" + stage_ + "' must be a list",
                  fmt::format("write `{}: [{{name: {}}}]`", stage_, entries_.front().info.name));
    }
    std::vector<std::string> seen;
    for (const auto& item : map ? std::vector<ConfigNode>{*node} : node->items) {
      const ConfigNode* name = item.Find("name");
      if (!name) {
        throw Error(item.place, "an item of '" + stage_ + "' has no name",
                    fmt::format("write {{name: {}}}", entries_.front().info.name));
      }
      if (std::find(seen.begin(), seen.end(), name->scalar) != seen.end()) {
        throw Error(item.place, stage_ + " '" + name->scalar + "' is given twice",
                    "remove one of them");
      }
      seen.push_back(name->scalar);
      body(item);
    }
  }

  // shared: parameters that the stage itself reads, for every method.
  void Describe(std::vector<MethodDescription>* out,
                const std::vector<ParamInfo>& shared = {}) const {
    for (const auto& e : entries_) {
      MethodDescription d{stage_, e.info.name, e.info.arxiv, e.info.summary, {}, {}};
      e.describe(&d);
      d.params.insert(d.params.end(), shared.begin(), shared.end());
      out->push_back(std::move(d));
    }
  }

 private:
  struct Entry {
    MethodInfo info;
    std::function<std::unique_ptr<Interface>(ConfigReader&)> make;
    std::function<void(MethodDescription*)> describe;
  };
  const Entry* Find(const std::string& name) const {
    for (const auto& e : entries_) {
      if (name == e.info.name) return &e;
    }
    return nullptr;
  }
  std::string stage_;
  std::vector<Entry> entries_;
};

}  // namespace rlvr
#endif  // RLVR_OBJECTIVE_METHOD_H_
