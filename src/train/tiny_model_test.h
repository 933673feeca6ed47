// What the tests of this folder share: a small random model, trees, folders that go away, files as
// text.
#ifndef RLVR_TRAIN_TINY_MODEL_TEST_H_
#define RLVR_TRAIN_TINY_MODEL_TEST_H_
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "base/file.h"
#include "base/random.h"
#include "model/hf_folder.h"
#include "model/model.h"
#include "text/bpe_trainer.h"
#include "text/chat.h"
#include "train/metrics.h"
#include "tree/tree.h"

namespace rlvr {

// metrics.jsonl without what may differ between equal runs.
inline std::string StableMetrics(const std::string& run) {
  std::ifstream file(run + "/metrics.jsonl");
  std::string out;
  for (std::string line; std::getline(file, line);) {
    nlohmann::json stable;
    const auto whole = nlohmann::json::parse(line);
    for (const auto& [name, value] : whole.items()) {
      if (!IsVolatileMetric(name)) stable[name] = value;
    }
    out += stable.dump() + "\n";
  }
  return out;
}

class TempFolder {
 public:
  TempFolder() {
    static int count = 0;
    path_ = (std::filesystem::temp_directory_path() /
             ("rlvr_train_test_" + std::to_string(getpid()) + "_" + std::to_string(count++)))
                .string();
    std::filesystem::remove_all(path_);
    std::filesystem::create_directories(path_);
  }
  ~TempFolder() {
    std::error_code error;
    std::filesystem::remove_all(path_, error);
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

inline ModelConfig TinyConfig(int64_t vocab) {
  ModelConfig c;
  c.vocab_size = vocab;
  c.hidden_size = 32;
  c.num_hidden_layers = 2;
  c.num_attention_heads = 2;
  c.num_key_value_heads = 1;
  c.head_dim = 16;
  c.intermediate_size = 48;
  c.max_position_embeddings = 512;
  c.initializer_range = 0.1;
  c.eos_token_ids = {1};
  return c;
}

inline std::unique_ptr<Model> TinyModel(const ModelConfig& config, ComputeType compute,
                                        uint64_t seed) {
  auto model = std::make_unique<Model>(config, compute);
  InitializeParameters(config, model->layout(), RandomKey(seed), model->weights());
  model->WeightsChanged(true);
  return model;
}

// A Hugging Face folder with a tokenizer of bytes and few merges.
inline void WriteTinyModelFolder(const std::string& folder, int64_t context = 512) {
  std::filesystem::create_directories(folder);
  const std::vector<std::string> texts = {"Tom has 3 apples. Answer: 12",
                                          "Ann buys 4 more pens. Answer: 7"};
  const Tokenizer tokenizer =
      TrainBpe(texts, {.vocab_size = 270,
                       .special_tokens = {"<|endoftext|>", "<|im_start|>", "<|im_end|>"},
                       .pattern = {}});
  ModelConfig config = TinyConfig(tokenizer.vocab_size());
  config.eos_token_ids = {tokenizer.TokenId("<|im_end|>")};
  config.max_position_embeddings = context;
  SaveModel(folder, *TinyModel(config, ComputeType::kFp32, 5), DType::kF32);
  tokenizer.Save(folder, ChatMlTemplate());
}

// A segment of random tokens, with the log-probability `logp` each, behind segment `parent` of the
// tree.
inline void AddSegment(int32_t parent, Author author, int64_t length, float logp, Random* random,
                       Tree* tree) {
  Segment s;
  s.parent = parent;
  s.author = author;
  for (int64_t t = 0; t < length; ++t)
    s.tokens.push_back(static_cast<int32_t>(random->Int(0, 200)));
  s.logp.assign(s.tokens.size(), logp);
  s.entropy.assign(s.tokens.size(), 1);
  tree->segments.push_back(std::move(s));
}

// A prompt of 5 + g tokens with three responses: of 4, and of 7 and then 3 or 2 tokens.
inline Tree ForkedTree(int64_t g, float logp, Random* random) {
  Tree tree;
  tree.prompt_index = g;
  AddSegment(-1, Author::kPrompt, 5 + g, logp, random, &tree);
  AddSegment(0, Author::kPolicy, 4, logp, random, &tree);
  AddSegment(0, Author::kPolicy, 7, logp, random, &tree);
  AddSegment(2, Author::kPolicy, 3, logp, random, &tree);
  AddSegment(2, Author::kPolicy, 2, logp, random, &tree);
  tree.leaves = {{.segment = 1}, {.segment = 3}, {.segment = 4}};
  return tree;
}

inline bool SameBytes(const AlignedBuffer<float>& a, const AlignedBuffer<float>& b) {
  return a.size() == b.size() &&
         std::memcmp(a.data(), b.data(), static_cast<size_t>(a.size()) * sizeof(float)) == 0;
}

}  // namespace rlvr
#endif  // RLVR_TRAIN_TINY_MODEL_TEST_H_
