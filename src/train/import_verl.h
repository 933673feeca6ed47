// A configuration of verl (Python, https://github.com/volcengine/verl) as a recipe.
#ifndef RLVR_TRAIN_IMPORT_VERL_H_
#define RLVR_TRAIN_IMPORT_VERL_H_
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace rlvr {

// Keys and values of verl's trainer in the order given: {"data.train_batch_size", "512"}.
using VerlSettings = std::vector<std::pair<std::string, std::string>>;

// The overrides of a command line or a shell script (shell_words.h); words that are no override
// (python3 -m ..., --flag) are passed over. No override at all is an Error.
VerlSettings ParseVerlCommandLine(const std::string& text);
// A YAML configuration; null values are as if not given. `${key}` stands for another key's value.
VerlSettings ParseVerlYaml(const std::string& text, const std::string& path);

struct ImportedRecipe {
  std::string yaml;                   // a recipe; every value's comment names its key of verl
  std::vector<std::string> not_here;  // keys with no counterpart, "key=value  # why"
  std::vector<std::string> unknown;   // keys that the table (key_map.h) does not have, "key=value"
};
// What the settings leave out has verl's default where that differs from a recipe's, and a comment
// that says so. Both lists stand at the recipe's end too, and before them the keys whose values are
// so here without any. A method that this program lacks keeps verl's name, so that the recipe is
// refused there and not run as something else.
ImportedRecipe ImportVerl(const VerlSettings& settings);

}  // namespace rlvr
#endif  // RLVR_TRAIN_IMPORT_VERL_H_
