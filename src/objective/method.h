// What every method shares: its name and source, its parameters read by one visitor for YAML,
// --help and docs.
#ifndef RLVR_OBJECTIVE_METHOD_H_
#define RLVR_OBJECTIVE_METHOD_H_
#include <fmt/format.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/config.h"
#include "base/error.h"
#include "base/suggest.h"
#include "objective/objective.h"
#include "objective/tape.h"

namespace rlvr {

struct MethodInfo {
  const char* name;
  const char* arxiv;
  const char* summary;
};

// The fields that a policy loss reads, over the T policy tokens of a batch.
struct TokenFields {
  Field logp, logp_old, logp_ref, entropy, adv;  // logp_ref only where the recipe has a reference
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
  void operator()(const char* name, const std::string& value,
                  const std::vector<std::string>& choices) {
    out_->push_back({name, value, fmt::format("{}", fmt::join(choices, ", "))});
  }

 private:
  std::vector<ParamInfo>* out_;
};

// The methods of one stage by name, behind the stage's interface.
template <class Interface>
class MethodList {
 public:
  explicit MethodList(std::string stage) : stage_(std::move(stage)) {}

  // Method: a struct with kInfo and Params(visitor); Wrap makes the interface of a configured one.
  template <class Method, class Wrap>
  void Add(Wrap wrap) {
    RLVR_CHECK(entries_.empty() ||
               std::string(entries_.back().info.name) < std::string(Method::kInfo.name))
        << Method::kInfo.name << ": a name is there twice or the list is not sorted";
    Entry entry;
    entry.info = Method::kInfo;
    entry.make = [wrap](ConfigReader& reader) -> std::unique_ptr<Interface> {
      Method method;
      method.Params(reader);
      return wrap(method);
    };
    entry.describe = [](std::vector<ParamInfo>* out) {
      Method method;
      ParamDescriber describer(out);
      method.Params(describer);
    };
    entries_.push_back(std::move(entry));
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

  // shared: parameters that the stage itself reads, for every method.
  void Describe(std::vector<MethodDescription>* out,
                const std::vector<ParamInfo>& shared = {}) const {
    for (const auto& e : entries_) {
      MethodDescription d{stage_, e.info.name, e.info.arxiv, e.info.summary, {}};
      e.describe(&d.params);
      d.params.insert(d.params.end(), shared.begin(), shared.end());
      out->push_back(std::move(d));
    }
  }

 private:
  struct Entry {
    MethodInfo info;
    std::function<std::unique_ptr<Interface>(ConfigReader&)> make;
    std::function<void(std::vector<ParamInfo>*)> describe;
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
