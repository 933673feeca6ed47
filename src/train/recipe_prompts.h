// The prompts of a recipe's data section: files or generators, then what `orders` and
// `underspecified` make of them, without those that are too long.
#ifndef RLVR_TRAIN_RECIPE_PROMPTS_H_
#define RLVR_TRAIN_RECIPE_PROMPTS_H_
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "data/data.h"
#include "text/text.h"
#include "train/recipe.h"

namespace rlvr {

// A file's layout and, with a tokenizer, how many prompts data.filter_overlong_prompts has left out
// are told on standard error. Without a tokenizer none is left out.
std::unique_ptr<PromptSource> OpenTrainPrompts(const Recipe& recipe, const Tokenizer* tokenizer);
std::unique_ptr<PromptSource> OpenValidationPrompts(const Recipe& recipe);

// data.truncation of a prompt above data.max_prompt_tokens, as verl does: left keeps its end, right its
// beginning, middle both ends. False: it is no longer than that.
bool TruncatePrompt(int64_t max_tokens, const std::string& truncation,
                    std::vector<int32_t>* tokens);

}  // namespace rlvr
#endif  // RLVR_TRAIN_RECIPE_PROMPTS_H_
