// A small random model with a byte tokenizer, and requests for it, for the tests of this folder.
#ifndef RLVR_ROLLOUT_TEST_POLICY_H_
#define RLVR_ROLLOUT_TEST_POLICY_H_
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <string>
#include <utility>
#include <vector>

#include "base/random.h"
#include "model/head.h"
#include "model/pack_tree.h"
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

inline std::vector<uint32_t> Bits(const std::vector<float>& v) {
  std::vector<uint32_t> bits;
  for (const float x : v) bits.push_back(std::bit_cast<uint32_t>(x));
  return bits;
}

inline void ExpectSameTree(const Tree& a, const Tree& b) {
  EXPECT_EQ(a.prompt_index, b.prompt_index);
  ASSERT_EQ(a.segments.size(), b.segments.size());
  for (size_t s = 0; s < a.segments.size(); ++s) {
    EXPECT_EQ(a.segments[s].parent, b.segments[s].parent);
    EXPECT_EQ(a.segments[s].sample, b.segments[s].sample);
    EXPECT_EQ(a.segments[s].tokens, b.segments[s].tokens);
    EXPECT_EQ(Bits(a.segments[s].logp), Bits(b.segments[s].logp));
    EXPECT_EQ(Bits(a.segments[s].entropy), Bits(b.segments[s].entropy));
    EXPECT_EQ(Bits(a.segments[s].sampler_logp), Bits(b.segments[s].sampler_logp));
    EXPECT_EQ(a.segments[s].value, b.segments[s].value);
    EXPECT_EQ(a.segments[s].author, b.segments[s].author);
    EXPECT_EQ(a.segments[s].outcome.reward, b.segments[s].outcome.reward);
    EXPECT_EQ(a.segments[s].outcome.strategy, b.segments[s].outcome.strategy);
  }
  ASSERT_EQ(a.leaves.size(), b.leaves.size());
  for (size_t l = 0; l < a.leaves.size(); ++l) {
    EXPECT_EQ(a.leaves[l].segment, b.leaves[l].segment);
    EXPECT_EQ(a.leaves[l].finish, b.leaves[l].finish);
    EXPECT_EQ(a.leaves[l].prefix, b.leaves[l].prefix);
    EXPECT_EQ(a.leaves[l].verdict, b.leaves[l].verdict);
    EXPECT_EQ(a.leaves[l].answer, b.leaves[l].answer);
    EXPECT_EQ(a.leaves[l].reward, b.leaves[l].reward);
  }
}

// What sampling recorded are the bits of the packed training forward. Returns the tokens compared.
inline int64_t ExpectTrainingBits(const Model& model, const std::vector<Tree>& trees,
                                  float temperature) {
  std::vector<const Tree*> pointers;
  for (const Tree& t : trees) pointers.push_back(&t);
  KvCache cache(model.config(), model.compute());
  const PackedTrees packed = PackTrees(pointers, Author::kPolicy, &cache);
  const int64_t T = packed.batch.size(), D = model.config().hidden_size;
  AlignedBuffer<float> hidden(T * D);
  Workspace workspace;
  Activations saved;
  Forward(model, packed.batch, cache, workspace, &saved, {hidden.data(), T, D});
  const auto n = static_cast<int64_t>(packed.predictions.size());
  AlignedBuffer<float> rows(n * D);
  std::vector<int32_t> targets;
  for (int64_t i = 0; i < n; ++i) {
    const Prediction& q = packed.predictions[static_cast<size_t>(i)];
    std::copy_n(hidden.data() + q.row * D, D, rows.data() + i * D);
    targets.push_back(q.target);
  }
  std::vector<float> logp(static_cast<size_t>(n)), entropy(static_cast<size_t>(n));
  const Statistic wanted[] = {Statistic::kLogp, Statistic::kEntropy};
  HeadForward(model, {rows.data(), n, D}, targets, temperature, wanted, {logp, entropy});
  std::vector<float> sampled_logp, sampled_entropy;
  for (const Prediction& q : packed.predictions) {
    const Segment& s = trees[static_cast<size_t>(q.tree)].segments[static_cast<size_t>(q.segment)];
    sampled_logp.push_back(s.logp[static_cast<size_t>(q.offset)]);
    sampled_entropy.push_back(s.entropy[static_cast<size_t>(q.offset)]);
  }
  EXPECT_EQ(Bits(sampled_logp), Bits(logp));
  EXPECT_EQ(Bits(sampled_entropy), Bits(entropy));
  return n;
}

}  // namespace rlvr
#endif  // RLVR_ROLLOUT_TEST_POLICY_H_
