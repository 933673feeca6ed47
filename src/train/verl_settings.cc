// verl's keys and values from a command line, a script or YAML.
#include <fmt/format.h>

#include <algorithm>

#include "base/config.h"
#include "base/error.h"
#include "train/import_verl.h"
#include "train/shell_words.h"

namespace rlvr {

VerlSettings ParseVerlCommandLine(const std::string& text) {
  VerlSettings settings;
  for (const std::string& word : ShellWords(text)) {
    const size_t equals = word.find('=');
    if (equals == std::string::npos || word[0] == '-') continue;
    const size_t begin = word.find_first_not_of('+');  // Hydra's + and ++ add keys
    const std::string key = word.substr(begin, equals - begin);
    if (key.find('.') == std::string::npos) continue;  // VARIABLE=1 before the program
    settings.emplace_back(key, word.substr(equals + 1));
  }
  if (settings.empty()) {
    throw Error("import verl", "no setting like data.train_batch_size=512 is there",
                "give a YAML file, or a command line in quotes");
  }
  return settings;
}

VerlSettings ParseVerlYaml(const std::string& text, const std::string& path) {
  const ConfigNode root = ParseConfig(text, path);
  VerlSettings settings;
  // Lists whole, as on a command line.
  const auto flatten = [&](const auto& self, const ConfigNode& node,
                           const std::string& key) -> void {
    if (node.kind == ConfigNode::Kind::kMap) {
      for (size_t i = 0; i < node.keys.size(); ++i)
        self(self, node.items[i], key.empty() ? node.keys[i] : key + "." + node.keys[i]);
    } else if (node.kind == ConfigNode::Kind::kList) {
      std::vector<std::string> items;
      for (const auto& item : node.items) items.push_back(item.scalar);
      settings.emplace_back(key, fmt::format("[{}]", fmt::join(items, ", ")));
    } else if (node.kind == ConfigNode::Kind::kScalar) {
      settings.emplace_back(key, node.scalar);
    }
  };
  flatten(flatten, root, "");
  for (auto& [key, value] : settings) {
    for (int depth = 0; depth < 8 && value.starts_with("${") && value.ends_with("}"); ++depth) {
      const std::string name = value.substr(2, value.size() - 3);
      const auto other = std::find_if(settings.begin(), settings.end(),
                                      [&](const auto& s) { return s.first == name; });
      value = other == settings.end() ? "" : other->second;
    }
  }
  return settings;
}

}  // namespace rlvr
