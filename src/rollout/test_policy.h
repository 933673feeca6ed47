// A small random model with a byte tokenizer, and requests for it, for the tests of this folder.
#ifndef RLVR_ROLLOUT_TEST_POLICY_H_
#define RLVR_ROLLOUT_TEST_POLICY_H_
#include <string>
#include <utility>
#include <vector>

#include "base/random.h"
#include "rollout/rollout.h"
#include "text/bpe_trainer.h"

namespace rlvr {

struct TinyPolicy {
  static constexpr int32_t kEos = 299;
  Tokenizer tokenizer = TrainBpe(
      std::vector<std::string>{"one two three one two three one two three, and so on and so on"},
      {.vocab_size = 300, .special_tokens = {"<|endoftext|>"}});
  Model model;

  explicit TinyPolicy(ComputeType compute, int64_t context = 400)
      : model(Config(context), compute) {
    for (size_t i = 0; i < model.layout().parameters.size(); ++i) {
      const Parameter& p = model.layout().parameters[i];
      Random random(RandomKey(3)[i]);
      for (int64_t j = 0; j < p.size(); ++j) {
        model.weights()[p.offset + j] =
            static_cast<float>(p.decay ? 0.25 * random.Normal() : 1 + 0.3 * random.Normal());
      }
    }
    model.WeightsChanged(true);
  }

  static ModelConfig Config(int64_t context) {
    ModelConfig c;
    c.vocab_size = 300;
    c.hidden_size = 32;
    c.num_hidden_layers = 2;
    c.num_attention_heads = 4;
    c.num_key_value_heads = 2;
    c.head_dim = 12;
    c.intermediate_size = 48;
    c.max_position_embeddings = context;
    c.eos_token_ids = {kEos};
    return c;
  }
};

// n groups of 5, 1, 2, 3, 4, 5, ... samples; prompts of 3 to 60 tokens, some longer than a page.
inline std::vector<RolloutRequest> Requests(int n) {
  std::vector<RolloutRequest> requests;
  for (int i = 0; i < n; ++i) {
    RolloutRequest r;
    r.tree.prompt_index = i;
    Random random(RandomKey(11)[static_cast<uint64_t>(i)]);
    Segment prompt;
    for (int64_t t = random.Int(3, 60); t > 0; --t)
      prompt.tokens.push_back(static_cast<int32_t>(random.Int(0, 298)));
    r.tree.segments.push_back(std::move(prompt));
    r.num_samples = 1 + (i + 4) % 5;
    r.key = RandomKey(5)[static_cast<uint64_t>(i)];
    requests.push_back(std::move(r));
  }
  return requests;
}

}  // namespace rlvr
#endif  // RLVR_ROLLOUT_TEST_POLICY_H_
