// YAML recipes: `extends`, key=value overrides, and a reader that knows where each value came from,
// so that every error names file, line and remedy, and no key is silently ignored.
#ifndef RLVR_BASE_CONFIG_H_
#define RLVR_BASE_CONFIG_H_
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace rlvr {

// A tree of maps, lists and scalars with the place ("recipes/dapo.yaml:12", "command line:
// update.lr") of every node. Maps keep the order of the file.
struct ConfigNode {
  enum class Kind : uint8_t { kNull, kScalar, kList, kMap } kind = Kind::kNull;
  std::string place;
  std::string scalar;
  std::vector<ConfigNode> items;                         // list, or values of a map
  std::vector<std::string> keys;                         // of a map
  const ConfigNode* Find(const std::string& key) const;  // nullptr if absent
  ConfigNode* FindMutable(const std::string& key);
  void Set(const std::string& key, ConfigNode value);  // replaces or appends
};

// Sections that hold one method, by dotted path ("policy_loss"), with the method that they hold
// where no `name` is given ("" for none).
using MethodSections = std::map<std::string, std::string>;

// Reads a YAML file; `extends: other.yaml` (relative to the file) is merged below it, and all
// overrides together above it: "update.lr=1e-5", "policy_loss={name: ppo_clip, eps: 0.1}" (values
// are YAML). Maps merge key by key; scalars and lists replace. Keys that belong to something else
// do not stay: in a section of `methods` a map with another `name` replaces the whole map, and so
// does, below such a section, a map with another `schedule` or `controller`. The root's `name` is
// not inherited. Missing files, loops and bad YAML throw Error.
ConfigNode LoadConfig(const std::string& path, const std::vector<std::string>& overrides,
                      const MethodSections& methods);
ConfigNode ParseConfig(const std::string& text, const std::string& place);
std::string ToYaml(const ConfigNode& node);

// Reads one map into a struct, once per parameter; then Done() throws on unknown keys, naming the
// nearest known one. The same Visitor interface (operator()) serves docs: see DescribeParams in the
// implementation of lists.
class ConfigReader {
 public:
  // where: the key path of this map, "policy_loss", for messages. node may be null or absent: all
  // defaults.
  ConfigReader(const ConfigNode* node, std::string where);
  void operator()(const char* key, double& value, double low, double high);
  void operator()(const char* key, float& value, double low, double high);
  void operator()(const char* key, int64_t& value, int64_t low, int64_t high);
  void operator()(const char* key, int& value, int64_t low, int64_t high);
  void operator()(const char* key, bool& value);
  void operator()(const char* key, std::string& value);
  void operator()(const char* key, std::string& value, const std::vector<std::string>& choices);
  void operator()(const char* key, std::vector<std::string>& value);
  // A sub-map or sub-list (null if absent); marks the key as known.
  const ConfigNode* Child(const char* key);
  bool Has(const char* key) const;
  void Known(const char* key);  // read elsewhere, such as `name`
  void Done() const;

 private:
  const ConfigNode* Take(const char* key);
  const ConfigNode* node_;
  std::string where_;
  std::vector<std::string> known_;
};

}  // namespace rlvr
#endif  // RLVR_BASE_CONFIG_H_
