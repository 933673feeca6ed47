#include "train/recipe_prompts.h"

#include <fmt/format.h>

#include "base/error.h"
#include "data/shard_orders.h"
#include "data/underspecified.h"
#include "eval/eval.h"

namespace rlvr {
namespace {

class ChosenPrompts : public PromptSource {
 public:
  ChosenPrompts(std::unique_ptr<PromptSource> prompts, std::vector<int64_t> rows)
      : prompts_(std::move(prompts)), rows_(std::move(rows)) {}
  int64_t size() const override { return static_cast<int64_t>(rows_.size()); }
  Prompt Get(int64_t index) const override {
    return prompts_->Get(rows_.at(static_cast<size_t>(index)));
  }
  std::string name() const override { return prompts_->name(); }
  std::string layout() const override { return prompts_->layout(); }

 private:
  std::unique_ptr<PromptSource> prompts_;
  std::vector<int64_t> rows_;
};

std::unique_ptr<PromptSource> WithoutOverlong(const Recipe& recipe, const Tokenizer& tokenizer,
                                              std::unique_ptr<PromptSource> prompts) {
  std::vector<int64_t> rows;
  for (int64_t i = 0; i < prompts->size(); ++i) {
    const auto length = static_cast<int64_t>(EncodePrompt(tokenizer, prompts->Get(i)).size());
    if (length <= recipe.data.max_prompt_tokens) rows.push_back(i);
  }
  const int64_t size = prompts->size(), left_out = size - static_cast<int64_t>(rows.size());
  fmt::print(stderr,
             "data: {} of {} prompts are longer than data.max_prompt_tokens ({}): left out\n",
             left_out, size, recipe.data.max_prompt_tokens);
  if (rows.empty())
    throw Error(prompts->name(), "every prompt is longer than data.max_prompt_tokens", "raise it");
  if (left_out == 0) return prompts;
  return std::make_unique<ChosenPrompts>(std::move(prompts), std::move(rows));
}

}  // namespace

std::unique_ptr<PromptSource> OpenTrainPrompts(const Recipe& recipe, const Tokenizer* tokenizer) {
  auto prompts = OpenPrompts(recipe.data.train, Split::kTrain, recipe.seed, recipe.data.files);
  if (tokenizer != nullptr && !prompts->layout().empty())
    fmt::print(stderr, "data: {}: {} prompts, {}\n", prompts->name(), prompts->size(),
               prompts->layout());
  prompts = Underspecify(InOrders(std::move(prompts), recipe.data.orders, recipe.seed),
                         recipe.data.underspecified, recipe.seed);
  if (tokenizer == nullptr || !recipe.data.filter_overlong_prompts) return prompts;
  return WithoutOverlong(recipe, *tokenizer, std::move(prompts));
}

std::unique_ptr<PromptSource> OpenValidationPrompts(const Recipe& recipe) {
  // Seed 0: runs of all seeds are judged on the same prompts.
  return OpenPrompts(recipe.data.validation, Split::kValidation, 0, recipe.data.files);
}

bool TruncatePrompt(int64_t max_tokens, const std::string& truncation,
                    std::vector<int32_t>* tokens) {
  const auto size = static_cast<int64_t>(tokens->size());
  if (size <= max_tokens) return false;
  const int64_t head = truncation == "left"    ? 0
                       : truncation == "right" ? max_tokens
                                               : max_tokens / 2;
  tokens->erase(tokens->begin() + head, tokens->begin() + head + (size - max_tokens));
  return true;
}

}  // namespace rlvr
