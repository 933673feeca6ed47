#include "train/recipe_fields.h"

#include "base/error.h"
#include "objective/aggregate.h"
#include "objective/objective.h"

namespace rlvr {
namespace {

// A stage's node as given, and the defaults of the parameters that it leaves out.
ConfigNode WithDefaults(const std::string& stage, ConfigNode node) {
  if (node.kind == ConfigNode::Kind::kList) {
    for (auto& item : node.items) item = WithDefaults(stage, std::move(item));
    return node;
  }
  if (node.Find("name") == nullptr) return node;
  const std::string name = node.Find("name")->scalar;  // a copy: Set below moves the items
  for (const auto& method : DescribeMethods()) {
    if (method.stage != stage || method.name != name) continue;
    for (const auto& param : method.params) {
      if (node.Find(param.name) == nullptr)
        node.Set(param.name, ParseConfig(param.default_value, stage));
    }
  }
  return node;
}

}  // namespace

ConfigNode ScalarNode(std::string text) {
  ConfigNode node;
  node.kind = ConfigNode::Kind::kScalar;
  node.scalar = std::move(text);
  return node;
}

void FieldReader::Free(const char* key, std::map<std::string, std::string>& values) {
  const ConfigNode* node = reader_.Child(key);
  if (node == nullptr || node->kind == ConfigNode::Kind::kNull) return;
  if (node->kind != ConfigNode::Kind::kMap)
    throw Error(node->place, std::string(key) + " is no map", "write {name: value, ...}");
  for (size_t i = 0; i < node->keys.size(); ++i) {
    if (node->items[i].kind != ConfigNode::Kind::kScalar)
      throw Error(node->items[i].place, node->keys[i] + " is no single value",
                  "write {name: value, ...}");
    values[node->keys[i]] = node->items[i].scalar;
  }
}

void FieldWriter::Free(const char* key, const std::map<std::string, std::string>& values) {
  ConfigNode map;
  map.kind = ConfigNode::Kind::kMap;
  for (const auto& [name, value] : values) map.Set(name, ScalarNode(value));
  out_->Set(key, std::move(map));
}

void FieldWriter::Stage(const char* key, const char* default_name) {
  const ConfigNode* given = given_ == nullptr ? nullptr : given_->Find(key);
  ConfigNode node = given == nullptr ? ConfigNode{} : *given;
  if (node.kind == ConfigNode::Kind::kNull) {
    node.kind = *default_name ? ConfigNode::Kind::kMap : ConfigNode::Kind::kList;
  }
  if (node.kind == ConfigNode::Kind::kMap && node.Find("name") == nullptr) {
    node.Set("name", ScalarNode(default_name));
  }
  node = WithDefaults(key, std::move(node));
  if (std::string(key) == "policy_loss" && node.Find("aggregate") == nullptr) {
    node.Set("aggregate", ScalarNode(Aggregate().mode));
  }
  out_->Set(key, std::move(node));
}

}  // namespace rlvr
