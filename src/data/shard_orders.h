// One problem in several orders of its shards, for methods that ask for the same answer to all of
// them (DGAO, arXiv:2605.11974; information-consistent GRPO, arXiv:2512.12858): a family of prompts.
// What comes first, the intent, stays first; order does not matter to the others (data/shards.h).
#ifndef RLVR_DATA_SHARD_ORDERS_H_
#define RLVR_DATA_SHARD_ORDERS_H_
#include <cstdint>
#include <memory>

#include "base/random.h"
#include "data/data.h"

namespace rlvr {

struct ShardOrdersSettings {
  int64_t count = 1;        // prompts of each problem; 1: the data as it is
  bool paraphrase = false;  // each shard in one of its own words or paraphrases, drawn at random
};

// Row r is problem r / count in its order r % count: as CONCAT (the shards as bullets), and the shards
// of extra_info likewise, for conversations that reveal them. Order 0 is the data's, in its own words;
// the others are drawn, and may be the same where there are few shards. extra_info gets "problem" and
// "order": `data: {group_key: problem, group_order: together}` makes a problem's prompts a family. A
// row is a function of (prompts, settings, seed, row). Prompts without shards are an Error.
class ShardOrders : public PromptSource {
 public:
  ShardOrders(std::unique_ptr<PromptSource> prompts, const ShardOrdersSettings& settings,
              uint64_t seed);
  int64_t size() const override { return prompts_->size() * settings_.count; }
  Prompt Get(int64_t index) const override;
  std::string name() const override;

 private:
  std::unique_ptr<PromptSource> prompts_;
  ShardOrdersSettings settings_;
  RandomKey key_;
};

// prompts itself where count is 1.
std::unique_ptr<PromptSource> InOrders(std::unique_ptr<PromptSource> prompts,
                                       const ShardOrdersSettings& settings, uint64_t seed);

}  // namespace rlvr
#endif  // RLVR_DATA_SHARD_ORDERS_H_
