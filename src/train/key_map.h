// What verl's and TRL's configuration keys are called here: the one table behind docs/recipes.md
// and whatever reads a foreign configuration.
#ifndef RLVR_TRAIN_KEY_MAP_H_
#define RLVR_TRAIN_KEY_MAP_H_
#include <span>
#include <string>
#include <string_view>

namespace rlvr {

struct KeyMapping {
  std::string_view verl;  // dotted, of verl's trainer; "": it has none
  std::string_view trl;   // of GRPOConfig, with what it inherits from TrainingArguments; "": none
  // Dotted, of a recipe; "": nothing to set here. A parameter that belongs to one method of a stage
  // is stage[method].parameter: policy_loss[decoupled_clip].eps_low, regularizer[kl].beta.
  std::string_view ours;
  std::string_view how;  // "": the value as it is; else how it becomes ours, or why there is none
};

std::span<const KeyMapping> KeyMap();  // in the order of a recipe's sections
std::string KeyMapMarkdown();          // the table of docs/recipes.md

}  // namespace rlvr
#endif  // RLVR_TRAIN_KEY_MAP_H_
