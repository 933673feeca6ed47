#include "model/lora.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <functional>

#include "base/error.h"
#include "base/file.h"
#include "model/hf_folder.h"
#include "model/peft_folder.h"
#include "model/test_models.h"

namespace rlvr {
namespace {

const std::string kGolden = RLVR_SOURCE_DIR "/tests/golden/";

std::string MessageOf(const std::function<void()>& body) {
  try {
    body();
  } catch (const Error& e) {
    return e.what();
  }
  return "";
}

ModelConfig SmallestConfig() {
  ModelConfig c = TinyConfig(true);
  c.num_hidden_layers = 1;
  return c;
}

// W [8 * 2, 16]; A, B with one entry each: B A has one entry, times alpha / rank.
TEST(Lora, MergesByHand) {
  const ModelConfig config = SmallestConfig();
  Lora lora(config, {.rank = 2, .alpha = 6, .target_modules = {"k_proj"}}, ComputeType::kFp32);
  ASSERT_EQ(lora.parameters().size(), 2u);
  EXPECT_EQ(lora.parameters()[0].name, "model.layers.0.self_attn.k_proj.lora_A.weight");
  EXPECT_EQ(lora.parameters()[0].shape, (std::vector<int64_t>{2, 16}));
  EXPECT_EQ(lora.parameters()[1].shape, (std::vector<int64_t>{16, 2}));
  lora.weights()[lora.parameters()[0].offset + 16 + 5] = 2;     // A[1][5]
  lora.weights()[lora.parameters()[1].offset + 7 * 2 + 1] = 4;  // B[7][1]
  std::vector<float> base(256, 0.5f), out(256);
  lora.Merge(0, Projection::kK, {base.data(), 16, 16}, {out.data(), 16, 16});
  for (int i = 0; i < 256; ++i) EXPECT_EQ(out[i], i == 7 * 16 + 5 ? 0.5f + 3 * 8 : 0.5f) << i;
  EXPECT_EQ((LoraSettings{.rank = 4, .alpha = 6, .rslora = true}.scale()), 3);
}

TEST(Lora, FreshAdaptersChangeNoBit) {
  const ModelConfig config = TinyConfig(true);
  Model plain = RandomModel(config, ComputeType::kBf16, 1, 0.3);
  Model adapted = RandomModel(config, ComputeType::kBf16, 1, 0.3);
  adapted.AddAdapters({.rank = 4});
  adapted.lora()->Initialize(RandomKey(3));
  adapted.WeightsChanged(true);
  const Tree tree = RandomTree(config, 9, 4);
  const Tree* const trees[] = {&tree};
  std::vector<float> full(plain.trainable().total), low(adapted.trainable().total), tied(37 * 16);
  EXPECT_EQ(Train(plain, trees, 0.7f, kAllLayers, &full, &tied).values,
            Train(adapted, trees, 0.7f, kAllLayers, &low, &tied).values);
  // A is within 1 / sqrt(K) and spread, B is 0; so dA is 0 and dB is not.
  for (const Parameter& p : adapted.lora()->parameters()) {
    const bool a = p.name.ends_with("lora_A.weight");
    double squares = 0, gradient = 0;
    for (int64_t i = p.offset; i < p.offset + p.size(); ++i) {
      squares += adapted.lora()->weights()[i] * adapted.lora()->weights()[i];
      gradient += std::abs(low[i]);
    }
    const double k = static_cast<double>(p.shape[1]);
    EXPECT_NEAR(squares / static_cast<double>(p.size()), a ? 1 / (3 * k) : 0, a ? 0.15 / k : 0)
        << p.name;
    EXPECT_EQ(gradient > 0, !a) << p.name;
  }
}

// With dW, which gradient_test.cc holds against finite differences: W' = W + s B A, so dA = s B^T dW
// and dB = s dW A^T.
class LoraGradient : public testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(Families, LoraGradient, testing::ValuesIn(FamilyNames()), NameOfFamily);

TEST_P(LoraGradient, IsTheChainRuleOnTheWeights) {
  const ModelConfig config = OfFamily(GetParam(), TinyConfig(true));
  const Model adapted = RandomLoraModel(config, ComputeType::kFp32, 3, 0.35);
  Model merged = RandomLoraModel(config, ComputeType::kFp32, 3, 0.35);
  merged.MergeAdapters();
  merged.WeightsChanged(true);
  const Tree a = RandomTree(config, 1, 2), b = RandomTree(config, 2, 1);
  const auto got = GradientOf(adapted, {&a, &b}, {0, 1, 2}, 0.7f, kAllLayers);
  const auto dw = GradientOf(merged, {&a, &b}, {0, 2}, 0.7f, kAllLayers);
  const Lora& lora = *adapted.lora();
  ASSERT_EQ(static_cast<int64_t>(got.size()), lora.total());
  int64_t sizes = 0;
  for (const Parameter& p : lora.parameters()) sizes += p.size();
  EXPECT_EQ(NumAdapterParameters(config, lora.settings()), sizes);
  const double s = lora.settings().scale();
  const int64_t r = lora.settings().rank;
  size_t i = 0;
  for (int64_t l = 0; l < config.num_hidden_layers; ++l) {
    for (const Projection p : kProjections) {
      if (!lora.Adapts(p)) continue;
      const ProjectionWeight w = WeightOf(config, adapted.layout().layers[l], p);
      const Parameter &pa = lora.parameters()[i], &pb = lora.parameters()[i + 1];
      i += 2;
      const float *A = lora.weights() + pa.offset, *B = lora.weights() + pb.offset;
      std::vector<double> da(r * w.cols), db(w.rows * r);
      for (int64_t n = 0; n < w.rows; ++n) {
        for (int64_t k = 0; k < w.cols; ++k) {
          for (int64_t j = 0; j < r; ++j) {
            const double g = s * dw[w.offset + n * w.cols + k];
            da[j * w.cols + k] += g * B[n * r + j];
            db[n * r + j] += g * A[j * w.cols + k];
          }
        }
      }
      for (const auto& [parameter, want] : {std::pair{&pa, &da}, {&pb, &db}}) {
        double largest = 0;
        for (const double x : *want) largest = std::max(largest, std::abs(x));
        EXPECT_GT(largest, 1e-3) << parameter->name;
        for (size_t j = 0; j < want->size(); ++j)
          ASSERT_NEAR(got[parameter->offset + j], (*want)[j], 2e-5 * largest) << parameter->name;
      }
    }
  }
}

TEST(Peft, LogitsOfAnAdapterThatPeftWrote) {
  const std::string folder = kGolden + "qwen2_adapter";
  const AdapterConfig adapter = LoadAdapterConfig(folder);
  EXPECT_EQ(adapter.base_model, "qwen2");
  EXPECT_EQ(adapter.lora.rank, 4);
  EXPECT_EQ(adapter.lora.scale(), 5);  // 10 / sqrt(4)
  const std::string base = kGolden + adapter.base_model;
  Model model(LoadConfig(base), ComputeType::kFp32);
  LoadWeights(base, &model);
  model.AddAdapters(adapter.lora);
  LoadAdapter(folder, &model);
  const SafetensorsFile reference(folder + "/reference.safetensors");
  const int64_t T = 30, V = 37, D = model.config().hidden_size;
  std::vector<int64_t> tokens(T);
  std::memcpy(tokens.data(), reference.Bytes("tokens").data(), T * sizeof(int64_t));
  std::vector<float> want(T * V);
  reference.ReadFloats("logits", want.data());
  for (const bool merged : {false, true}) {
    if (merged) model.MergeAdapters();
    model.WeightsChanged(false);
    Tree tree;
    tree.segments.resize(1);
    tree.segments[0].tokens.assign(tokens.begin(), tokens.end());
    const Tree* const trees[] = {&tree};
    KvCache cache(model.config(), model.compute());
    const PackedTrees packed = PackTrees(trees, Author::kPolicy, &cache);
    Workspace workspace;
    std::vector<float> hidden(T * D), logits(T * V);
    Forward(model, packed.batch, cache, workspace, nullptr, {hidden.data(), T, D});
    MatMul({hidden.data(), T, D}, model.packed_head(), {logits.data(), T, V});
    for (int64_t i = 0; i < T * V; ++i) ASSERT_NEAR(logits[i], want[i], 1e-4) << merged << " " << i;
  }
}

class PeftFolder : public testing::Test {
 protected:
  PeftFolder() : folder_(testing::TempDir() + "peft_folder_test") {
    std::filesystem::remove_all(folder_);
  }
  ~PeftFolder() override { std::filesystem::remove_all(folder_); }
  std::string folder_;
};

TEST_F(PeftFolder, RoundTripAndMergedSaving) {
  const Model model = RandomLoraModel(TinyConfig(true), ComputeType::kFp32, 5, 0.2);
  SaveAdapter(folder_, model, "base", DType::kF32);
  const AdapterConfig config = LoadAdapterConfig(folder_);
  EXPECT_EQ(config.lora.rank, 3);
  EXPECT_EQ(config.lora.target_modules, model.lora()->settings().target_modules);
  EXPECT_EQ(config.base_model, "base");
  Model back = RandomModel(TinyConfig(true), ComputeType::kFp32, 5, 0.2);
  back.AddAdapters(config.lora);
  LoadAdapter(folder_, &back);
  EXPECT_EQ(std::memcmp(back.lora()->weights(), model.lora()->weights(), model.lora()->total() * 4),
            0);
  // A saved model has the sum.
  SaveModel(folder_ + "/merged", model, DType::kF32);
  Model merged(LoadConfig(folder_ + "/merged"), ComputeType::kFp32);
  LoadWeights(folder_ + "/merged", &merged);
  back.MergeAdapters();
  EXPECT_EQ(std::memcmp(back.weights(), merged.weights(), merged.layout().total * 4), 0);
  EXPECT_NE(std::memcmp(model.weights(), merged.weights(), merged.layout().total * 4), 0);
}

TEST_F(PeftFolder, ErrorsNameWhatIsWrong) {
  const Model model = RandomLoraModel(TinyConfig(true), ComputeType::kFp32, 5, 0.2);
  SaveAdapter(folder_, model, "base", DType::kF32);
  const std::string path = folder_ + "/adapter_config.json", good = ReadFile(path);
  const auto with = [&](const std::string& from, const std::string& to) {
    std::string text = good;
    text.replace(text.find(from), from.size(), to);
    WriteFileAtomically(path, text);
    return MessageOf([&] { LoadAdapterConfig(folder_); });
  };
  EXPECT_NE(with("\"LORA\"", "\"IA3\"").find("'peft_type' is \"IA3\""), std::string::npos);
  EXPECT_NE(with("\"bias\": \"none\"", "\"bias\": \"all\"").find("'bias'"), std::string::npos);
  EXPECT_NE(with("\"bias\": \"none\"", "\"use_dora\": true").find("'use_dora'"), std::string::npos);
  EXPECT_NE(with("\"r\": 3", "\"r\": 0").find("'r' is 0"), std::string::npos);
  EXPECT_NE(with("\"r\": 3", "\"x\": 0").find("'r'"), std::string::npos);
  WriteFileAtomically(path, good);
  Model other = RandomModel(TinyConfig(true), ComputeType::kFp32, 5, 0.2);
  other.AddAdapters({.rank = 2, .target_modules = {"q_proj"}});
  EXPECT_NE(MessageOf([&] { LoadAdapter(folder_, &other); }).find("has shape [3,16], not [2,16]"),
            std::string::npos);
  other.AddAdapters({.rank = 3, .target_modules = {"q_proj"}});
  EXPECT_NE(MessageOf([&] { LoadAdapter(folder_, &other); }).find("has no place"),
            std::string::npos);
  other.AddAdapters({.rank = 3, .target_modules = {"k_proj"}});
  EXPECT_NE(MessageOf([&] { LoadAdapter(folder_, &other); }).find("has no tensor"),
            std::string::npos);
  EXPECT_NE(MessageOf([] { CheckTargetModules({"q_prj"}, "lora"); }).find("q_proj"),
            std::string::npos);
}

}  // namespace
}  // namespace rlvr
