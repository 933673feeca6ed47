#include "train/activation_memory.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "base/size_text.h"

namespace rlvr {

ActivationBound BoundOf(const Recipe& recipe) {
  const std::string& text = recipe.update.activation_memory;
  return {.recompute = recipe.update.recompute,
          .bytes = text.empty() ? 0 : ParseSize(text).value()};
}

int64_t LongestTreeTokens(const Recipe& recipe) {
  const int64_t response = MostResponseTokens(recipe), prompt = recipe.data.max_prompt_tokens;
  return recipe.kind == "rl" ? prompt + recipe.rollout.group_size * response
                             : std::min(recipe.supervised.tokens_per_step, prompt + response);
}

void CheckFits(const ModelConfig& config, const ActivationBound& bound, int64_t tokens,
               const std::string& what) {
  if (bound.bytes == 0) return;
  const int64_t least = ActivationBytes(config, tokens, /*kept_layers=*/1);
  if (least <= bound.bytes) return;
  constexpr int64_t kMiB = 1 << 20;
  throw Error("update.activation_memory",
              fmt::format("{} do not hold {} of {} tokens, whatever is recomputed: that takes {}",
                          SizeText(bound.bytes), what, tokens, SizeText(least)),
              fmt::format("set it to {}MiB or more, or lower rollout.max_tokens, "
                          "rollout.group_size or data.max_prompt_tokens",
                          (least + kMiB - 1) / kMiB));
}

void CheckLongestTreeFits(const Recipe& recipe, const ModelConfig& config,
                          const std::string& model) {
  // How long the longest sample of supervised training is turns out when it is read.
  const int64_t tokens = recipe.kind == "rl" ? LongestTreeTokens(recipe) : 1;
  CheckFits(config, BoundOf(recipe), tokens, model + "'s longest tree");
}

}  // namespace rlvr
