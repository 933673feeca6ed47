// Where configurations differ, key by key: what a comparison shows, and what a changed recipe is
// told by.
#ifndef RLVR_BASE_CONFIG_DIFFERENCE_H_
#define RLVR_BASE_CONFIG_DIFFERENCE_H_
#include <string>
#include <utility>
#include <vector>

#include "base/config.h"

namespace rlvr {

// One row per scalar in the node's order: "policy_loss.eps_high", "0.28"; items of a list by their
// number; an empty list, map or value is "none".
std::vector<std::pair<std::string, std::string>> FlattenConfig(const ConfigNode& node);

struct ConfigDifference {
  std::string key;
  std::vector<std::string> values;  // one per configuration; "" where it lacks the key
};
// Keys whose values are not the same in all, by section in the order in which they first occur.
// Numbers are compared by value: 1e-4 is 0.0001.
std::vector<ConfigDifference> DifferentKeys(const std::vector<ConfigNode>& configs);

}  // namespace rlvr
#endif  // RLVR_BASE_CONFIG_DIFFERENCE_H_
