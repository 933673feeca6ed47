// Small random models and trees, and one pass over them, for the tests of this folder.
#ifndef RLVR_MODEL_TEST_MODELS_H_
#define RLVR_MODEL_TEST_MODELS_H_
#include <gtest/gtest.h>

#include <array>
#include <span>
#include <string>
#include <vector>

#include "base/random.h"
#include "model/head.h"
#include "model/model.h"
#include "model/pack_tree.h"

namespace rlvr {

inline ModelConfig TinyConfig(bool tied) {
  ModelConfig c;
  c.vocab_size = 37;
  c.hidden_size = 16;
  c.num_hidden_layers = 2;
  c.num_attention_heads = 4;
  c.num_key_value_heads = 2;
  c.head_dim = 8;
  c.intermediate_size = 24;
  c.max_position_embeddings = 64;
  c.tie_word_embeddings = tied;
  c.eos_token_ids = {36, 35};
  c.pad_token_id = 35;
  return c;
}

// Large enough that prefill and training run on all threads where decoding runs on one, with odd
// sizes.
inline ModelConfig SmallConfig(bool tied) {
  ModelConfig c = TinyConfig(tied);
  c.vocab_size = 1201;
  c.hidden_size = 70;
  c.head_dim = 18;
  c.intermediate_size = 99;
  c.max_position_embeddings = 256;
  return c;
}

// What the families differ in, on a model of the given sizes; every option of ModelConfig is in one.
inline const std::vector<std::string>& FamilyNames() {
  static const std::vector<std::string> names = {"qwen3",
                                                 "qwen3_untied",
                                                 "qwen2",
                                                 "llama3",
                                                 "mistral",
                                                 "llama_linear_bias",
                                                 "qwen2_yarn_window"};
  return names;
}
inline ModelConfig OfFamily(const std::string& name, ModelConfig c) {
  c.tie_word_embeddings = name != "qwen3_untied" && name != "mistral";
  if (name.starts_with("qwen3")) return c;
  c.qk_norm = false;
  c.model_type = name.substr(0, name.find('_'));
  const int64_t original = c.max_position_embeddings / 4;
  if (name == "llama3") {
    c.model_type = "llama";
    c.rope_scaling = {.rope_type = "llama3",
                      .factor = 4,
                      .original_max_position_embeddings = original,
                      .low_freq_factor = 1,
                      .high_freq_factor = 4};
  }
  if (name == "llama_linear_bias") {
    c.rope_scaling = {.rope_type = "linear", .factor = 2.5};
    c.qkv_bias = c.o_bias = true;
  }
  if (name == "mistral") c.sliding_window = 5;
  if (c.model_type == "qwen2") c.qkv_bias = true;
  if (name == "qwen2_yarn_window") {
    c.rope_scaling = {
        .rope_type = "yarn", .factor = 4, .original_max_position_embeddings = original};
    c.sliding_window = 4;
    c.sliding_layers = {false, true};
  }
  return c;
}
inline std::string NameOfFamily(const testing::TestParamInfo<std::string>& info) {
  return info.param;
}

// Every weight matters: norms differ from 1 and products are of order 1.
inline Model RandomModel(const ModelConfig& config, ComputeType compute, uint64_t seed,
                         double scale) {
  Model model(config, compute);
  for (size_t i = 0; i < model.layout().parameters.size(); ++i) {
    const Parameter& p = model.layout().parameters[i];
    Random random(RandomKey(seed)[i]);
    for (int64_t j = 0; j < p.size(); ++j)
      model.weights()[p.offset + j] =
          static_cast<float>(p.decay ? scale * random.Normal() : 1 + 0.3 * random.Normal());
  }
  model.WeightsChanged(true);
  return model;
}

// The same with adapters on some matrices, all of which matter.
inline Model RandomLoraModel(const ModelConfig& config, ComputeType compute, uint64_t seed,
                             double scale) {
  Model model = RandomModel(config, compute, seed, scale);
  model.AddAdapters({.rank = 3,
                     .alpha = 6,
                     .target_modules = {"q_proj", "v_proj", "o_proj", "up_proj", "down_proj"}});
  Random random{RandomKey(seed)[1000]};
  for (const Parameter& p : model.lora()->parameters()) {
    for (int64_t i = 0; i < p.size(); ++i)
      model.lora()->weights()[p.offset + i] = static_cast<float>(0.2 * random.Normal());
  }
  model.WeightsChanged(true);
  return model;
}

// A prompt with two responses; the first one is a conversation (its environment answers, then the
// policy again), the second one branches in mid-response. n scales the lengths.
inline Tree RandomTree(const ModelConfig& config, uint64_t seed, int64_t n) {
  Tree tree;
  tree.prompt_index = static_cast<int64_t>(seed);
  Random random{RandomKey(seed)};
  const auto add = [&](int32_t parent, Author author, int64_t length) {
    Segment s;
    s.parent = parent;
    s.author = author;
    for (int64_t i = 0; i < length; ++i)
      s.tokens.push_back(static_cast<int32_t>(random.Int(0, config.vocab_size - 1)));
    tree.segments.push_back(s);
  };
  add(-1, Author::kPrompt, 3 * n + 1);
  add(0, Author::kPolicy, 2 * n);
  add(0, Author::kPolicy, n + 1);
  add(1, Author::kEnvironment, n);
  add(3, Author::kPolicy, n + 2);
  add(2, Author::kPolicy, 1);
  add(2, Author::kPolicy, 3 * n);
  for (const int32_t leaf : {4, 5, 6}) tree.leaves.push_back({.segment = leaf});
  return tree;
}

inline constexpr std::array<Statistic, 3> kAllStatistics = {Statistic::kLogp, Statistic::kEntropy,
                                                            Statistic::kMaxProb};

// The coefficient of one statistic at one token, whatever batch it is in.
inline float Coefficient(const Tree& tree, const Prediction& p, size_t statistic) {
  const RandomKey key =
      RandomKey(5)[static_cast<uint64_t>(tree.prompt_index)][static_cast<uint64_t>(p.segment)]
                  [static_cast<uint64_t>(p.offset)];
  return static_cast<float>(key.Uniform(statistic) - 0.4);
}

struct TrainingPass {
  PackedTrees packed;
  std::vector<float> hidden;               // [T, D]
  std::vector<std::vector<float>> values;  // [3][predictions]
};

// Forward, head and backward of `trees` as one micro-batch; adds to gradient and tied_gradient.
inline TrainingPass Train(const Model& model, std::span<const Tree* const> trees, float temperature,
                          int64_t kept_layers, std::vector<float>* gradient,
                          std::vector<float>* tied_gradient) {
  TrainingPass pass;
  KvCache cache(model.config(), model.compute());
  pass.packed = PackTrees(trees, Author::kPolicy, &cache);
  const int64_t T = pass.packed.batch.size(), D = model.config().hidden_size;
  Workspace workspace;
  Activations activations;
  activations.kept_layers = kept_layers;
  pass.hidden.resize(T * D);
  const View<float> hidden(pass.hidden.data(), T, D);
  Forward(model, pass.packed.batch, cache, workspace, &activations, hidden);
  const size_t n = pass.packed.predictions.size();
  std::vector<int64_t> rows;
  std::vector<int32_t> targets;
  std::vector<std::vector<float>> coefficients(3, std::vector<float>(n));
  for (const Prediction& p : pass.packed.predictions) {
    for (size_t s = 0; s < 3; ++s) coefficients[s][rows.size()] = Coefficient(*trees[p.tree], p, s);
    rows.push_back(p.row);
    targets.push_back(p.target);
  }
  pass.values.assign(3, std::vector<float>(n));
  std::vector<float> dhidden(T * D);
  HeadBackward(model, hidden, rows, targets, temperature, kAllStatistics,
               {coefficients.begin(), coefficients.end()}, pass.packed.batch.unit_begin,
               {dhidden.data(), T, D}, gradient->data(), {pass.values.begin(), pass.values.end()},
               tied_gradient->data());
  Backward(model, pass.packed.batch, cache, workspace, activations, {dhidden.data(), T, D},
           gradient->data());
  return pass;
}

// The gradient of the whole mini-batch, micro-batches bounded by `bounds`.
inline std::vector<float> GradientOf(const Model& model, const std::vector<const Tree*>& trees,
                                     const std::vector<size_t>& bounds, float temperature,
                                     int64_t kept_layers) {
  std::vector<float> gradient(model.trainable().total, 0.0f);
  std::vector<float> tied(model.config().vocab_size * model.config().hidden_size, 0.0f);
  for (size_t i = 0; i + 1 < bounds.size(); ++i) {
    Train(model, std::span(trees).subspan(bounds[i], bounds[i + 1] - bounds[i]), temperature,
          kept_layers, &gradient, &tied);
  }
  AddTiedGradient(model, tied.data(), gradient.data());
  return gradient;
}

}  // namespace rlvr
#endif  // RLVR_MODEL_TEST_MODELS_H_
