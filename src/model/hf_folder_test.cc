#include "model/hf_folder.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <functional>

#include "base/error.h"
#include "base/file.h"
#include "model/test_models.h"

namespace rlvr {
namespace {

std::string MessageOf(const std::function<void()>& body) {
  try {
    body();
  } catch (const Error& e) {
    return e.what();
  }
  return "";
}

class HfFolder : public testing::Test {
 protected:
  HfFolder() : folder_(testing::TempDir() + "hf_folder_test") {
    std::filesystem::remove_all(folder_);
  }
  ~HfFolder() override { std::filesystem::remove_all(folder_); }
  std::string folder_;
};

TEST_F(HfFolder, RoundTripInFp32AndBf16) {
  for (const bool tied : {true, false}) {
    const Model model = RandomModel(TinyConfig(tied), ComputeType::kFp32, 1, 0.1);
    SaveModel(folder_, model, DType::kF32);
    const ModelConfig config = LoadConfig(folder_);
    std::string written = config.ToJson();
    const std::string dtype = ",\n  \"torch_dtype\": \"float32\"";
    ASSERT_NE(written.find(dtype), std::string::npos);
    written.erase(written.find(dtype), dtype.size());
    EXPECT_EQ(written, model.config().ToJson());
    Model back(config, ComputeType::kFp32);
    LoadWeights(folder_, &back);
    const size_t bytes = model.layout().total * sizeof(float);
    EXPECT_EQ(std::memcmp(back.weights(), model.weights(), bytes), 0);

    SaveModel(folder_ + "/bf16", model, DType::kBf16);
    Model rounded(LoadConfig(folder_ + "/bf16"), ComputeType::kFp32);
    LoadWeights(folder_ + "/bf16", &rounded);
    for (const Parameter& p : model.layout().parameters) {
      for (int64_t i = p.offset; i < p.offset + p.size(); ++i)
        ASSERT_EQ(rounded.weights()[i], ToFloat(ToBf16(model.weights()[i]))) << p.name;
    }
    const std::string first = ReadFile(folder_ + "/model.safetensors");
    SaveModel(folder_, back, DType::kF32);
    EXPECT_EQ(ReadFile(folder_ + "/model.safetensors"), first);
    const SafetensorsFile file(folder_ + "/model.safetensors");
    EXPECT_EQ(file.tensors().contains("lm_head.weight"), !tied);
    EXPECT_EQ(file.tensors().at("model.layers.1.self_attn.k_proj.weight").shape,
              (std::vector<int64_t>{16, 16}));
    EXPECT_EQ(file.metadata().at("format"), "pt");
  }
}

TEST_F(HfFolder, ShardsByIndex) {
  const Model model = RandomModel(TinyConfig(true), ComputeType::kFp32, 1, 0.1);
  SaveModel(folder_, model, DType::kF32);
  std::vector<TensorToWrite> shards[2];
  std::string map;
  for (size_t i = 0; i < model.layout().parameters.size(); ++i) {
    const Parameter& p = model.layout().parameters[i];
    shards[i % 2].push_back({p.name,
                             DType::kF32,
                             p.shape,
                             {reinterpret_cast<const char*>(model.weights() + p.offset),
                              static_cast<size_t>(p.size()) * 4}});
    map += (i ? ",\"" : "\"") + p.name + "\":\"shard-" + std::to_string(i % 2) + "\"";
  }
  for (int i : {0, 1}) WriteSafetensors(folder_ + "/shard-" + std::to_string(i), shards[i], {});
  std::filesystem::remove(folder_ + "/model.safetensors");
  const std::string index = folder_ + "/model.safetensors.index.json";
  WriteFileAtomically(index, "{\"weight_map\":{" + map + "}}");
  Model back(LoadConfig(folder_), ComputeType::kFp32);
  LoadWeights(folder_, &back);
  EXPECT_EQ(std::memcmp(back.weights(), model.weights(), model.layout().total * 4), 0);

  WriteFileAtomically(index, "{\"weight_map\":[1]}");
  EXPECT_NE(MessageOf([&] { LoadWeights(folder_, &back); }).find("index.json"), std::string::npos);
  WriteFileAtomically(index, "{");
  EXPECT_NE(MessageOf([&] { LoadWeights(folder_, &back); }).find("index.json"), std::string::npos);
}

TEST_F(HfFolder, SavesShardsAboveASize) {
  const Model model = RandomModel(TinyConfig(false), ComputeType::kFp32, 1, 0.1);
  SaveModel(folder_, model, DType::kF32);
  EXPECT_TRUE(std::filesystem::exists(folder_ + "/model.safetensors"));
  SaveModel(folder_, model, DType::kF32, 6000);
  EXPECT_FALSE(std::filesystem::exists(folder_ + "/model.safetensors"));  // would be read instead
  int64_t shards = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder_)) {
    const std::string name = entry.path().filename();
    if (!name.starts_with("model-")) continue;
    ++shards;
    EXPECT_EQ(name.size(), std::string("model-00001-of-00004.safetensors").size()) << name;
    int64_t bytes = 0;
    const SafetensorsFile shard(entry.path());
    for (const auto& [tensor, info] : shard.tensors()) bytes += info.end - info.begin;
    EXPECT_LE(bytes, 6000) << name;
  }
  EXPECT_GT(shards, 2);
  Model back(LoadConfig(folder_), ComputeType::kFp32);
  LoadWeights(folder_, &back);
  EXPECT_EQ(std::memcmp(back.weights(), model.weights(), model.layout().total * 4), 0);
  SaveModel(folder_, model, DType::kF32);
  EXPECT_FALSE(std::filesystem::exists(folder_ + "/model.safetensors.index.json"));
}

TEST_F(HfFolder, MismatchesNameTheTensor) {
  SaveModel(folder_, RandomModel(TinyConfig(true), ComputeType::kFp32, 1, 0.1), DType::kF32);
  const auto load_as = [&](const ModelConfig& config) {
    Model model(config, ComputeType::kFp32);
    return MessageOf([&] { LoadWeights(folder_, &model); });
  };
  EXPECT_EQ(load_as(TinyConfig(true)), "");
  EXPECT_NE(load_as(TinyConfig(false)).find("no tensor 'lm_head.weight'"), std::string::npos);
  ModelConfig other = TinyConfig(true);
  other.num_hidden_layers = 1;
  EXPECT_NE(load_as(other).find("'model.layers.1."), std::string::npos);
  other = TinyConfig(true);
  other.intermediate_size = 32;
  EXPECT_NE(load_as(other).find("shape [24,16], config.json says [32,16]"), std::string::npos);
  std::filesystem::remove(folder_ + "/model.safetensors");
  EXPECT_NE(load_as(TinyConfig(true)).find("model.safetensors"), std::string::npos);
  EXPECT_NE(MessageOf([&] { LoadConfig(folder_ + "/nowhere"); }).find("nowhere/config.json"),
            std::string::npos);
}

const char kQwen[] = R"({"architectures":["Qwen3ForCausalLM"],"attention_bias":false,
 "attention_dropout":0.0,"bos_token_id":151643,"eos_token_id":151645,"head_dim":128,
 "hidden_act":"silu","hidden_size":1024,"initializer_range":0.02,"intermediate_size":3072,
 "max_position_embeddings":40960,"max_window_layers":28,"model_type":"qwen3",
 "num_attention_heads":16,"num_hidden_layers":28,"num_key_value_heads":8,"rms_norm_eps":1e-06,
 "rope_scaling":null,"rope_theta":1000000,"sliding_window":null,"tie_word_embeddings":true,
 "torch_dtype":"bfloat16","use_cache":true,"use_sliding_window":false,"vocab_size":151936)";

TEST(ModelConfig, ReadsAPublishedFile) {
  const ModelConfig c = ModelConfig::FromJson(std::string(kQwen) + "}", "config.json");
  EXPECT_EQ(c.vocab_size, 151936);
  EXPECT_EQ(c.head_dim, 128);
  EXPECT_EQ(c.rope_theta, 1e6);
  EXPECT_EQ(c.rms_norm_eps, 1e-6);
  EXPECT_TRUE(c.tie_word_embeddings);
  EXPECT_EQ(c.eos_token_ids, std::vector<int32_t>{151645});
  EXPECT_EQ(c.NumParameters(), 596049920);  // what the model's page calls 0.6B
  int64_t total = 0;
  for (const Parameter& p : ParameterLayout(c).parameters) total += p.size();
  EXPECT_EQ(total, c.NumParameters());
  const ModelConfig again = ModelConfig::FromJson(c.ToJson(), "config.json");
  EXPECT_EQ(again.ToJson(), c.ToJson());
}

TEST(ModelConfig, LaterKeysWin) {  // JSON: the last of two equal keys counts
  const auto with = [](const std::string& more) {
    return ModelConfig::FromJson(std::string(kQwen) + "," + more + "}", "config.json");
  };
  EXPECT_EQ(with(R"("eos_token_id":[3,4])").eos_token_ids, (std::vector<int32_t>{3, 4}));
  EXPECT_EQ(with(R"("eos_token_id":null)").eos_token_ids, std::vector<int32_t>{});
  EXPECT_EQ(with(R"("rope_parameters":{"rope_theta":5e5,"rope_type":"default"})").rope_theta, 5e5);
  EXPECT_EQ(with(R"("head_dim":null)").head_dim, 128);
  EXPECT_EQ(with(R"("layer_types":["full_attention"])").num_hidden_layers, 28);
}

TEST(ModelConfig, ReadsOtherFamilies) {
  const auto read = [](const std::string& type, const std::string& architecture,
                       const std::string& more) {
    return ModelConfig::FromJson(R"({"model_type":")" + type + R"(","architectures":[")" +
                                     architecture + R"("],"hidden_size":896,
 "intermediate_size":4864,"num_attention_heads":14,"num_hidden_layers":24,"num_key_value_heads":2,
 "vocab_size":151936,"max_position_embeddings":32768,"rope_theta":1000000.0)" +
                                     more + "}",
                                 "config.json");
  };
  const ModelConfig qwen2 = read("qwen2", "Qwen2ForCausalLM",
                                 R"(,"tie_word_embeddings":true,"use_sliding_window":false,
 "sliding_window":32768,"max_window_layers":21)");
  EXPECT_EQ(qwen2.NumParameters(), 494032768);  // Qwen2.5-0.5B
  EXPECT_EQ(qwen2.head_dim, 64);
  EXPECT_TRUE(qwen2.qkv_bias && !qwen2.o_bias && !qwen2.qk_norm);
  EXPECT_EQ(qwen2.attention(23).window, 0);
  const ModelConfig window = read("qwen2", "Qwen2ForCausalLM",
                                  R"(,"use_sliding_window":true,"sliding_window":4096,
 "max_window_layers":21)");
  EXPECT_EQ(window.attention(20).window, 0);
  EXPECT_EQ(window.attention(21).window, 4096);
  // YaRN as its page says to switch it on; the older files' "type".
  const ModelConfig yarn = read("qwen2", "Qwen2ForCausalLM",
                                R"(,"rope_scaling":{"type":"yarn","factor":4.0,
 "original_max_position_embeddings":32768})");
  EXPECT_EQ(yarn.context_length(), 131072);
  EXPECT_EQ(yarn.rope_scaling.beta_fast, 32);
  const ModelConfig llama = read("llama", "LlamaForCausalLM",
                                 R"(,"attention_bias":true,"rope_scaling":{"rope_type":"llama3",
 "factor":32.0,"low_freq_factor":1.0,"high_freq_factor":4.0,
 "original_max_position_embeddings":8192})");
  EXPECT_TRUE(llama.qkv_bias && llama.o_bias);
  EXPECT_EQ(llama.context_length(), 32768);
  const ModelConfig mistral =
      read("mistral", "MistralForCausalLM", R"(,"head_dim":128,"sliding_window":4096)");
  EXPECT_EQ(mistral.head_dim, 128);
  EXPECT_EQ(mistral.attention(0).window, 4096);
  EXPECT_EQ(read("mistral", "MistralForCausalLM", R"(,"sliding_window":null)").sliding_window, 0);
  for (const ModelConfig& c : {qwen2, window, yarn, llama, mistral}) {
    int64_t total = 0;
    for (const Parameter& p : ParameterLayout(c).parameters) total += p.size();
    EXPECT_EQ(total, c.NumParameters());
  }
}

TEST(ModelConfig, SavingKeepsWhatIsNotKnownHere) {
  ModelConfig c = ModelConfig::FromJson(
      std::string(kQwen) + R"(,"transformers_version":"4.51.0","pad_token_id":null})",
      "config.json");
  EXPECT_NE(c.ToJson().find("\"transformers_version\": \"4.51.0\""), std::string::npos);
  EXPECT_NE(c.ToJson().find("\"max_window_layers\": 28"), std::string::npos);
  c.ReadGenerationConfig(R"({"eos_token_id":[151645,151643],"temperature":0.6,"top_p":null})", "g");
  EXPECT_EQ(c.eos_token_ids, (std::vector<int32_t>{151645, 151643}));
  EXPECT_NE(c.GenerationConfigJson().find("\"temperature\": 0.6"), std::string::npos);
  EXPECT_NE(c.ToJson().find("\"eos_token_id\": 151645,"), std::string::npos);  // the file's own
  EXPECT_NE(MessageOf([&] {
              c.ReadGenerationConfig(R"({"eos_token_id":"x"})", "g.json");
            }).find("g.json"),
            std::string::npos);
  EXPECT_NE(MessageOf([&] {
              c.ReadGenerationConfig(R"({"eos_token_id":200000})", "g.json");
            }).find("'eos_token_id'"),
            std::string::npos);
}

TEST(ModelConfig, ErrorsNameTheField) {
  const std::pair<const char*, const char*> cases[] = {
      {R"("model_type":"gemma2")", "'model_type' is \"gemma2\""},
      {R"("model_type":"llama")", "'architectures' is [\"Qwen3ForCausalLM\"]"},
      {R"("model_type":3)", "config.json"},
      {R"("architectures":["Qwen3ForSequenceClassification"])", "'architectures'"},
      {R"("rope_scaling":{"rope_type":"dynamic","factor":4.0})", "'rope_scaling'"},
      {R"("rope_scaling":{"rope_type":"llama3","factor":4.0})", "no 'low_freq_factor'"},
      {R"("rope_scaling":{"rope_type":"linear","factor":0.5})", "'rope_scaling'"},
      {R"("rope_parameters":{"rope_type":"yarn"})", "'rope_parameters' has no 'factor'"},
      {R"("rope_scaling":{"rope_type":"yarn","factor":1e5})", "'rope_scaling' is 4096000000"},
      {R"("layer_types":["full_attention","sliding_attention"])", "'layer_types'"},
      {R"("use_sliding_window":true,"sliding_window":8,"layer_types":["sliding_attention"])",
       "'layer_types'"},
      {R"("use_sliding_window":true,"sliding_window":-1)", "'sliding_window'"},
      {R"("partial_rotary_factor":0.5)", "'partial_rotary_factor'"},
      {R"("quantization_config":{"bits":4})", "'quantization_config'"},
      {R"("hidden_act":"gelu")", "'hidden_act'"},
      {R"("hidden_size":0)", "'hidden_size' is 0"},
      {R"("hidden_size":9223372036854775807)", "'hidden_size'"},
      {R"("hidden_size":10.5)", "'hidden_size' is 10.5"},
      {R"("vocab_size":null)", "no 'vocab_size'"},
      {R"("num_key_value_heads":5)", "'num_key_value_heads'"},
      {R"("num_attention_heads":24,"num_key_value_heads":1)", "more than 16"},
      {R"("head_dim":7)", "'head_dim' must be even"},
      {R"("rope_theta":-1)", "'rope_theta'"},
      {R"("eos_token_id":200000)", "'eos_token_id'"},
      {R"("eos_token_id":"x")", "config.json"},
  };
  for (const auto& [field, mentions] : cases) {
    const std::string what = MessageOf([&, f = field] {
      ModelConfig::FromJson(std::string(kQwen) + "," + f + "}", "config.json");
    });
    EXPECT_NE(what.find(mentions), std::string::npos) << field << "\n" << what;
    EXPECT_EQ(what.find('\n'), std::string::npos) << what;
  }
  for (const char* text : {"", "[]", "3", "{", "{}"})
    EXPECT_NE(MessageOf([&] { ModelConfig::FromJson(text, "config.json"); }), "") << text;
}

TEST(Parameters, InitializationIsAFunctionOfTheKey) {
  const ModelConfig config = SmallConfig(true);
  const ParameterLayout layout(config);
  std::vector<float> a(layout.total), b(layout.total), c(layout.total);
  InitializeParameters(config, layout, RandomKey(1), a.data());
  InitializeParameters(config, layout, RandomKey(1), b.data());
  InitializeParameters(config, layout, RandomKey(2), c.data());
  EXPECT_EQ(a, b);
  EXPECT_NE(a, c);
  for (const Parameter& p : layout.parameters) {
    EXPECT_EQ(p.offset % 16, 0) << p.name;
    double squares = 0;
    for (int64_t i = p.offset; i < p.offset + p.size(); ++i) squares += double{a[i]} * a[i];
    const double rms = std::sqrt(squares / static_cast<double>(p.size()));
    const bool residual =
        p.name.find("o_proj") != std::string::npos || p.name.find("down_proj") != std::string::npos;
    // 0.02, and 0.02 / sqrt(2 * 2 layers) where a layer writes to the residual stream
    EXPECT_NEAR(rms, p.shape.size() == 1 ? 1 : residual ? 0.01 : 0.02, 0.001) << p.name;
  }
}

}  // namespace
}  // namespace rlvr
