// A small random model with a byte tokenizer, for the tests of this folder.
#ifndef RLVR_EVAL_TINY_POLICY_TEST_H_
#define RLVR_EVAL_TINY_POLICY_TEST_H_
#include <string>
#include <vector>

#include "base/random.h"
#include "model/model.h"
#include "text/bpe_trainer.h"

namespace rlvr {

struct TinyPolicy {
  Tokenizer tokenizer = TrainBpe(
      std::vector<std::string>{"Tom has 7 apples. How many"},
      {.vocab_size = 264, .special_tokens = {"<|endoftext|>", "<|im_start|>", "<|im_end|>"}});
  Model model;
  explicit TinyPolicy(ComputeType compute, int64_t context = 600)
      : model(Config(context), compute) {
    InitializeParameters(model.config(), model.layout(), RandomKey(3), model.weights());
    model.WeightsChanged(true);
  }
  static ModelConfig Config(int64_t context) {
    ModelConfig c;
    c.vocab_size = 264;
    c.hidden_size = 32;
    c.num_hidden_layers = 2;
    c.num_attention_heads = 4;
    c.num_key_value_heads = 2;
    c.head_dim = 12;
    c.intermediate_size = 48;
    c.max_position_embeddings = context;
    c.initializer_range = 0.3;
    c.eos_token_ids = {263};
    return c;
  }
};

}  // namespace rlvr
#endif  // RLVR_EVAL_TINY_POLICY_TEST_H_
