#include "data/shard_orders.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "data/shards.h"

namespace rlvr {

ShardOrders::ShardOrders(std::unique_ptr<PromptSource> prompts, const ShardOrdersSettings& settings,
                         uint64_t seed)
    : prompts_(std::move(prompts)),
      settings_(settings),
      key_(StreamKey(seed, Stream::kGenerate)[0x6f7264657273ull]) {
  RLVR_CHECK(settings.count >= 1) << settings.count;
}

Prompt ShardOrders::Get(int64_t index) const {
  RLVR_CHECK(index >= 0 && index < size()) << index;
  const int64_t problem = index / settings_.count, order = index % settings_.count;
  Prompt prompt = prompts_->Get(problem);
  auto text = ReadShards(prompt);
  if (!text) {
    throw Error(fmt::format("{}: row {}", prompts_->name(), problem),
                "has no shards to put in order",
                "use prompts with shards (gsm_micro:shards=true, or a JSONL with shards)");
  }
  if (order > 0) {
    Random random(key_[static_cast<uint64_t>(problem)][static_cast<uint64_t>(order)]);
    std::vector<Shard> rest(text->shards.begin() + 1, text->shards.end());
    random.Shuffle(rest);
    std::move(rest.begin(), rest.end(), text->shards.begin() + 1);
    for (Shard& shard : text->shards) {
      const auto words = random.Int(0, static_cast<int64_t>(shard.paraphrases.size()));
      if (settings_.paraphrase && words > 0)
        shard.text = shard.paraphrases[static_cast<size_t>(words) - 1];
    }
  }
  auto info = nlohmann::ordered_json::parse(prompt.extra_info);
  info.update(nlohmann::ordered_json::parse("{" + ShardsJson(*text) + "}"));
  info["problem"] = problem;
  info["order"] = order;
  prompt.extra_info = info.dump();
  prompt.messages.back().second = ConcatText(TextsOf(text->shards));
  prompt.index = index;
  return prompt;
}

std::string ShardOrders::name() const {
  return fmt::format("{}, each in {} orders of its shards", prompts_->name(), settings_.count);
}

std::unique_ptr<PromptSource> InOrders(std::unique_ptr<PromptSource> prompts,
                                       const ShardOrdersSettings& settings, uint64_t seed) {
  if (settings.count == 1) return prompts;
  return std::make_unique<ShardOrders>(std::move(prompts), settings, seed);
}

}  // namespace rlvr
