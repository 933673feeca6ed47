#include "base/config.h"

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <set>

#include "base/error.h"
#include "base/file.h"
#include "base/suggest.h"

namespace rlvr {
namespace {

ConfigNode FromYaml(const YAML::Node& yaml, const std::string& file) {
  ConfigNode node;
  node.place = yaml.Mark().line >= 0 ? fmt::format("{}:{}", file, yaml.Mark().line + 1) : file;
  if (yaml.IsMap()) {
    node.kind = ConfigNode::Kind::kMap;
    for (const auto& entry : yaml) {
      const std::string key = entry.first.as<std::string>();
      if (node.Find(key)) {
        throw Error(fmt::format("{}:{}", file, entry.first.Mark().line + 1),
                    "'" + key + "' is given twice", "remove one of them");
      }
      ConfigNode value = FromYaml(entry.second, file);
      // The key's line is where a person looks, also for nested and empty values.
      value.place = fmt::format("{}:{}", file, entry.first.Mark().line + 1);
      node.Set(key, std::move(value));
    }
  } else if (yaml.IsSequence()) {
    node.kind = ConfigNode::Kind::kList;
    for (const auto& item : yaml) node.items.push_back(FromYaml(item, file));
  } else if (yaml.IsScalar()) {
    node.kind = ConfigNode::Kind::kScalar;
    node.scalar = yaml.Scalar();
  }
  return node;
}

// What a map is, as far as its keys depend on it: the method of a section that holds one, the rule
// of a coefficient that changes over a run. Empty: nothing in particular.
std::string WhatItIs(const ConfigNode& map, const std::string* default_method) {
  if (default_method != nullptr) {
    const ConfigNode* name = map.Find("name");
    return name != nullptr ? name->scalar : *default_method;
  }
  for (const char* rule : {"schedule", "controller"}) {
    if (const ConfigNode* value = map.Find(rule)) return std::string(rule) + " " + value->scalar;
  }
  return "";
}

// `over` on top of `base`, the nodes at `path`: maps merge key by key, but a map that is another
// thing than the base's replaces it. in_method: somewhere below a section that holds a method.
ConfigNode Merge(ConfigNode base, const ConfigNode& over, const std::string& path, bool in_method,
                 const MethodSections& methods) {
  if (base.kind != ConfigNode::Kind::kMap || over.kind != ConfigNode::Kind::kMap) return over;
  const auto section = methods.find(path);
  const std::string* default_method = section == methods.end() ? nullptr : &section->second;
  if (default_method != nullptr ? over.Find("name") != nullptr : in_method) {
    const std::string what = WhatItIs(over, default_method);
    if (!what.empty() && what != WhatItIs(base, default_method)) return over;
  }
  for (size_t i = 0; i < over.keys.size(); ++i) {
    const std::string& key = over.keys[i];
    const ConfigNode* old = base.Find(key);
    base.Set(key, old == nullptr ? over.items[i]
                                 : Merge(*old, over.items[i], path.empty() ? key : path + "." + key,
                                         in_method || default_method != nullptr, methods));
  }
  return base;
}

void Remove(const std::string& key, ConfigNode* map) {
  const auto it = std::find(map->keys.begin(), map->keys.end(), key);
  if (it == map->keys.end()) return;
  map->items.erase(map->items.begin() + (it - map->keys.begin()));
  map->keys.erase(it);
}

ConfigNode LoadChain(const std::string& path, const MethodSections& methods,
                     std::vector<std::string>& chain) {
  std::error_code ignored;
  const std::string canonical = std::filesystem::weakly_canonical(path, ignored).string();
  if (std::find(chain.begin(), chain.end(), canonical) != chain.end()) {
    throw Error(path, "extends itself through " + fmt::format("{}", fmt::join(chain, " -> ")),
                "remove one `extends`");
  }
  chain.push_back(canonical);
  ConfigNode node = ParseConfig(ReadFile(path), path);
  if (node.kind == ConfigNode::Kind::kNull) node.kind = ConfigNode::Kind::kMap;
  if (node.kind != ConfigNode::Kind::kMap)
    throw Error(path, "is no map of keys", "write `key: value` lines");
  const ConfigNode* extends = node.Find("extends");
  if (!extends) return node;
  const std::string base = (std::filesystem::path(path).parent_path() / extends->scalar).string();
  if (!std::filesystem::exists(base)) {
    throw Error(extends->place, "extends '" + extends->scalar + "', which is not at " + base,
                "check the name");
  }
  Remove("extends", &node);
  ConfigNode below = LoadChain(base, methods, chain);
  Remove("name", &below);
  return Merge(std::move(below), node, "", false, methods);
}

// Adds "update.lr=1e-5" to `overrides`, which will be merged over `root`.
void AddOverride(const ConfigNode& root, const std::string& text, const MethodSections& methods,
                 ConfigNode* overrides) {
  const size_t equals = text.find('=');
  const std::string place = "command line";
  if (equals == std::string::npos || equals == 0) {
    throw Error(place, "'" + text + "' is no key=value", "write it like update.lr=1e-5");
  }
  const std::string path = text.substr(0, equals);
  ConfigNode value = ParseConfig(text.substr(equals + 1), place + ": " + path);
  value.place = place + ": " + path;
  const ConfigNode* below = &root;  // what the recipe has at the same path; null: nothing
  ConfigNode* node = overrides;
  size_t begin = 0;
  for (;;) {
    const size_t dot = path.find('.', begin);
    const std::string key = path.substr(begin, dot == std::string::npos ? dot : dot - begin);
    const ConfigNode* old = node->Find(key);
    if (dot == std::string::npos) {
      node->Set(key, old ? Merge(*old, value, path, false, methods) : value);
      return;
    }
    if (below != nullptr) below = below->Find(key);
    const ConfigNode* known = old != nullptr ? old : below;
    if (known != nullptr && known->kind == ConfigNode::Kind::kList) {
      throw Error(place, "'" + path + "': '" + key + "' is a list",
                  "give it as a whole: " + key + "=[{...}, ...]");
    }
    if (known != nullptr && known->kind == ConfigNode::Kind::kScalar) {
      throw Error(place, "'" + path + "': '" + key + "' has no keys below it", "check the key");
    }
    if (old == nullptr || old->kind != ConfigNode::Kind::kMap) {
      ConfigNode map;
      map.kind = ConfigNode::Kind::kMap;
      map.place = value.place;
      node->Set(key, map);
    }
    node = node->FindMutable(key);
    begin = dot + 1;
  }
}

void Emit(const ConfigNode& node, YAML::Emitter& out) {
  switch (node.kind) {
    case ConfigNode::Kind::kNull:
      out << YAML::Null;
      break;
    case ConfigNode::Kind::kScalar:
      out << node.scalar;
      break;
    case ConfigNode::Kind::kList:
      out << YAML::BeginSeq;
      for (const auto& item : node.items) Emit(item, out);
      out << YAML::EndSeq;
      break;
    case ConfigNode::Kind::kMap:
      out << YAML::BeginMap;
      for (size_t i = 0; i < node.keys.size(); ++i) {
        out << YAML::Key << node.keys[i] << YAML::Value;
        Emit(node.items[i], out);
      }
      out << YAML::EndMap;
      break;
  }
}

}  // namespace

const ConfigNode* ConfigNode::Find(const std::string& key) const {
  for (size_t i = 0; i < keys.size(); ++i) {
    if (keys[i] == key) return &items[i];
  }
  return nullptr;
}

ConfigNode* ConfigNode::FindMutable(const std::string& key) {
  return const_cast<ConfigNode*>(Find(key));
}

void ConfigNode::Set(const std::string& key, ConfigNode value) {
  if (ConfigNode* old = FindMutable(key)) {
    *old = std::move(value);
    return;
  }
  keys.push_back(key);
  items.push_back(std::move(value));
}

ConfigNode ParseConfig(const std::string& text, const std::string& place) {
  try {
    return FromYaml(YAML::Load(text), place);
  } catch (const YAML::Exception& e) {
    throw Error(fmt::format("{}:{}", place, e.mark.line + 1), "is not YAML: " + e.msg,
                "check the indentation and brackets");
  }
}

ConfigNode LoadConfig(const std::string& path, const std::vector<std::string>& overrides,
                      const MethodSections& methods) {
  std::vector<std::string> chain;
  ConfigNode root = LoadChain(path, methods, chain);
  ConfigNode command_line;
  command_line.kind = ConfigNode::Kind::kMap;
  for (const auto& text : overrides) AddOverride(root, text, methods, &command_line);
  return Merge(std::move(root), command_line, "", false, methods);
}

std::string ToYaml(const ConfigNode& node) {
  YAML::Emitter out;
  Emit(node, out);
  return std::string(out.c_str()) + "\n";
}

ConfigReader::ConfigReader(const ConfigNode* node, std::string where)
    : node_(node), where_(std::move(where)) {
  if (node_ && node_->kind == ConfigNode::Kind::kNull) node_ = nullptr;
  if (node_ && node_->kind != ConfigNode::Kind::kMap) {
    throw Error(node_->place, "'" + where_ + "' must be a map of keys",
                "write `" + where_ + ": {key: value}`");
  }
}

const ConfigNode* ConfigReader::Take(const char* key) {
  known_.emplace_back(key);
  const ConfigNode* value = node_ ? node_->Find(key) : nullptr;
  return value && value->kind != ConfigNode::Kind::kNull ? value : nullptr;
}

namespace {

std::string Dotted(const std::string& where, const char* key) {
  return where.empty() ? key : where + "." + key;
}

const std::string& Scalar(const ConfigNode& node, const std::string& name) {
  if (node.kind != ConfigNode::Kind::kScalar)
    throw Error(node.place, "'" + name + "' must be a single value", "");
  return node.scalar;
}

[[noreturn]] void OutOfRange(const ConfigNode& node, const std::string& name, double low,
                             double high) {
  throw Error(node.place, fmt::format("'{}' is {}", name, node.scalar),
              fmt::format("it must be in [{}, {}]", low, high));
}

double ReadDouble(const ConfigNode& node, const std::string& name, double low, double high) {
  const std::string& text = Scalar(node, name);
  char* end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  if (text.empty() || *end != '\0' || std::isnan(value)) {
    throw Error(node.place, "'" + name + "' is '" + text + "'", "a number is needed");
  }
  if (value < low || value > high) OutOfRange(node, name, low, high);
  return value;
}

int64_t ReadInt(const ConfigNode& node, const std::string& name, int64_t low, int64_t high) {
  // Digits are read as they are: a double would round a seed above 2^53.
  const std::string& text = Scalar(node, name);
  int64_t whole = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), whole);
  if (error == std::errc() && end == text.data() + text.size()) {
    if (whole < low || whole > high)
      OutOfRange(node, name, static_cast<double>(low), static_cast<double>(high));
    return whole;
  }
  constexpr double kExact = 9007199254740992;  // 2^53
  const double value = ReadDouble(node, name, std::max(static_cast<double>(low), -kExact),
                                  std::min(static_cast<double>(high), kExact));  // "1e6"
  if (value != std::floor(value))
    throw Error(node.place, "'" + name + "' is " + node.scalar, "a whole number is needed");
  return static_cast<int64_t>(value);
}

}  // namespace

void ConfigReader::operator()(const char* key, double& value, double low, double high) {
  if (const ConfigNode* n = Take(key)) value = ReadDouble(*n, Dotted(where_, key), low, high);
}
void ConfigReader::operator()(const char* key, float& value, double low, double high) {
  if (const ConfigNode* n = Take(key))
    value = static_cast<float>(ReadDouble(*n, Dotted(where_, key), low, high));
}
void ConfigReader::operator()(const char* key, int64_t& value, int64_t low, int64_t high) {
  if (const ConfigNode* n = Take(key)) value = ReadInt(*n, Dotted(where_, key), low, high);
}
void ConfigReader::operator()(const char* key, int& value, int64_t low, int64_t high) {
  if (const ConfigNode* n = Take(key))
    value = static_cast<int>(ReadInt(*n, Dotted(where_, key), low, high));
}
void ConfigReader::operator()(const char* key, bool& value) {
  const ConfigNode* n = Take(key);
  if (!n) return;
  const std::string& text = Scalar(*n, Dotted(where_, key));
  if (text != "true" && text != "false") {
    throw Error(n->place, "'" + Dotted(where_, key) + "' is '" + text + "'",
                "true or false is needed");
  }
  value = text == "true";
}
void ConfigReader::operator()(const char* key, std::string& value) {
  if (const ConfigNode* n = Take(key)) value = Scalar(*n, Dotted(where_, key));
}
void ConfigReader::operator()(const char* key, std::string& value,
                              const std::vector<std::string>& choices) {
  const ConfigNode* n = Take(key);
  if (!n) return;
  value = Scalar(*n, Dotted(where_, key));
  if (std::find(choices.begin(), choices.end(), value) == choices.end()) {
    throw Error(n->place, "'" + Dotted(where_, key) + "' is '" + value + "'",
                DidYouMean(value, choices));
  }
}
void ConfigReader::operator()(const char* key, std::vector<std::string>& value) {
  const ConfigNode* n = Take(key);
  if (!n) return;
  value.clear();
  if (n->kind == ConfigNode::Kind::kScalar) {
    value.push_back(n->scalar);
    return;
  }
  if (n->kind != ConfigNode::Kind::kList)
    throw Error(n->place, "'" + Dotted(where_, key) + "' must be a list", "");
  for (const auto& item : n->items) value.push_back(Scalar(item, Dotted(where_, key)));
}

const ConfigNode* ConfigReader::Child(const char* key) { return Take(key); }
bool ConfigReader::Has(const char* key) const { return node_ && node_->Find(key); }
void ConfigReader::Known(const char* key) { known_.emplace_back(key); }

void ConfigReader::Done() const {
  if (!node_) return;
  for (size_t i = 0; i < node_->keys.size(); ++i) {
    const std::string& key = node_->keys[i];
    if (std::find(known_.begin(), known_.end(), key) != known_.end()) continue;
    throw Error(node_->items[i].place, "unknown key '" + Dotted(where_, key.c_str()) + "'",
                DidYouMean(key, known_));
  }
}

}  // namespace rlvr
