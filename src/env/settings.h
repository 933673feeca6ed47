// Settings of environments: structs whose Params visits each key once, for reading and for writing.
#ifndef RLVR_ENV_SETTINGS_H_
#define RLVR_ENV_SETTINGS_H_
#include <fmt/format.h>

#include <cstdint>
#include <string>
#include <type_traits>
#include <vector>

#include "base/config.h"

namespace rlvr {

// Writes the keys that the node lacks, with the values that the settings hold.
class SettingsWriter {
 public:
  explicit SettingsWriter(ConfigNode* out) : out_(out) { out_->kind = ConfigNode::Kind::kMap; }
  template <class Value, class... Range>
  void operator()(const char* key, const Value& value, Range&&...) {
    if (out_->Find(key) != nullptr) return;
    if constexpr (std::is_same_v<Value, std::vector<std::string>>) {
      ConfigNode list;
      list.kind = ConfigNode::Kind::kList;
      for (const std::string& item : value) list.items.push_back(Scalar(item));
      out_->Set(key, std::move(list));
    } else {
      out_->Set(key, Scalar(fmt::format("{}", value)));
    }
  }
  template <class Settings>
  void Section(const char* key, Settings& settings) {
    const ConfigNode* given = out_->Find(key);
    ConfigNode child = given == nullptr ? ConfigNode{} : *given;
    SettingsWriter writer(&child);
    settings.Params(writer);
    out_->Set(key, std::move(child));
  }

 private:
  static ConfigNode Scalar(std::string text) {
    ConfigNode node;
    node.kind = ConfigNode::Kind::kScalar;
    node.scalar = std::move(text);
    return node;
  }
  ConfigNode* out_;
};

// ConfigReader with sections.
class SettingsReader {
 public:
  SettingsReader(const ConfigNode* node, std::string where)
      : where_(std::move(where)), reader_(node, where_) {}
  template <class Value, class... Range>
  void operator()(const char* key, Value& value, Range&&... range) {
    reader_(key, value, std::forward<Range>(range)...);
  }
  template <class Settings>
  void Section(const char* key, Settings& settings) {
    SettingsReader child(reader_.Child(key), where_ + "." + key);
    settings.Params(child);
    child.Done();
  }
  void Done() const { reader_.Done(); }

 private:
  std::string where_;
  ConfigReader reader_;
};

}  // namespace rlvr
#endif  // RLVR_ENV_SETTINGS_H_
