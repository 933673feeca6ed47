#include "base/config_difference.h"

#include <algorithm>
#include <cstdlib>
#include <map>

namespace rlvr {
namespace {

void Flatten(const ConfigNode& node, const std::string& path,
             std::vector<std::pair<std::string, std::string>>* rows) {
  if (node.kind == ConfigNode::Kind::kScalar) {
    rows->emplace_back(path, node.scalar);
    return;
  }
  if (node.items.empty()) rows->emplace_back(path, "none");
  for (size_t i = 0; i < node.items.size(); ++i) {
    const std::string key = node.kind == ConfigNode::Kind::kMap ? node.keys[i] : std::to_string(i);
    Flatten(node.items[i], path.empty() ? key : path + "." + key, rows);
  }
}

bool SameValue(const std::string& a, const std::string& b) {
  if (a == b) return true;
  if (a.empty() || b.empty()) return false;
  char *a_end = nullptr, *b_end = nullptr;
  const double x = std::strtod(a.c_str(), &a_end), y = std::strtod(b.c_str(), &b_end);
  return *a_end == '\0' && *b_end == '\0' && x == y;
}

// "update" of "update.lr"
std::string Section(const std::string& key) { return key.substr(0, key.find('.')); }

}  // namespace

std::vector<std::pair<std::string, std::string>> FlattenConfig(const ConfigNode& node) {
  std::vector<std::pair<std::string, std::string>> rows;
  Flatten(node, "", &rows);
  return rows;
}

std::vector<ConfigDifference> DifferentKeys(const std::vector<ConfigNode>& configs) {
  std::vector<ConfigDifference> all;
  std::map<std::string, size_t> row_of;
  for (size_t c = 0; c < configs.size(); ++c) {
    for (const auto& [key, value] : FlattenConfig(configs[c])) {
      const auto [row, is_new] = row_of.emplace(key, all.size());
      if (is_new) all.push_back({key, std::vector<std::string>(configs.size())});
      all[row->second].values[c] = value;
    }
  }
  std::vector<ConfigDifference> different;
  for (ConfigDifference& row : all) {
    for (const std::string& value : row.values) {
      if (SameValue(value, row.values[0])) continue;
      different.push_back(std::move(row));
      break;
    }
  }
  // A key that only a later configuration has stands with its section.
  std::map<std::string, size_t> rank;
  for (const ConfigDifference& row : different) rank.emplace(Section(row.key), rank.size());
  std::stable_sort(different.begin(), different.end(), [&](const auto& a, const auto& b) {
    return rank.at(Section(a.key)) < rank.at(Section(b.key));
  });
  return different;
}

}  // namespace rlvr
