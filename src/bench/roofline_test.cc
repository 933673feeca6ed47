#include "bench/roofline.h"

#include <gtest/gtest.h>

#include "bench/bench.h"
#include "bench/cases.h"

namespace rlvr {
namespace {

// 100 GFLOP/s in fp32, 200 in bf16, 10 GB/s: the roof of fp32 is flat from 10 operations a byte on.
const Peaks kPeaks{2, 100, 200, 10};

TEST(Roofline, ComputeBoundWork) {
  const Work work{ComputeType::kFp32, 50, 1, 0};  // 50 operations a byte
  EXPECT_DOUBLE_EQ(Intensity(work), 50);
  EXPECT_TRUE(ComputeBound(work, kPeaks));
  EXPECT_DOUBLE_EQ(LimitSeconds(work, kPeaks), 0.5);  // 50 / 100, not 1 / 10
  EXPECT_DOUBLE_EQ(LimitGflops(work, kPeaks), 100);
  EXPECT_DOUBLE_EQ(Share(work, {0.625, 3}, kPeaks), 0.8);  // 0.5 / 0.625
}

TEST(Roofline, MemoryBoundWork) {
  const Work work{ComputeType::kBf16, 8, 4, 0};  // 2 operations a byte; flat from 20 on
  EXPECT_FALSE(ComputeBound(work, kPeaks));
  EXPECT_DOUBLE_EQ(LimitSeconds(work, kPeaks), 0.4);  // 4 / 10, not 8 / 200
  EXPECT_DOUBLE_EQ(LimitGflops(work, kPeaks), 20);    // intensity 2 times 10 GB/s
  EXPECT_DOUBLE_EQ(Share(work, {0.8, 3}, kPeaks), 0.5);
}

TEST(Roofline, OnlyBytesOrOnlyOperations) {
  EXPECT_DOUBLE_EQ(LimitSeconds({ComputeType::kFp32, 0, 5, 0}, kPeaks), 0.5);
  EXPECT_DOUBLE_EQ(Intensity({ComputeType::kFp32, 0, 5, 0}), 0);
  EXPECT_DOUBLE_EQ(LimitSeconds({ComputeType::kBf16, 50, 0, 0}, kPeaks), 0.25);
  EXPECT_TRUE(ComputeBound({ComputeType::kBf16, 50, 0, 0}, kPeaks));
}

TEST(Roofline, MedianAndRepeats) {
  EXPECT_DOUBLE_EQ(Median({3, 1, 2}), 2);
  EXPECT_DOUBLE_EQ(Median({4, 1, 2, 3}), 2.5);
  int calls = 0;
  EXPECT_EQ(Measure(0, 4, [&] { ++calls; }).repeats, 4);
  EXPECT_EQ(calls, 5);  // the first is not counted
}

// D 4, one layer, 2 heads of 2 with 1 KV head, F 8, V 16, tied: q 4x4, k and v 2x4, o 4x4, gate, up
// and down 8x4 each; norms 4 + 4 + 4 and 2 + 2 of QK-norm.
ModelConfig Small() {
  ModelConfig c;
  c.vocab_size = 16;
  c.hidden_size = 4;
  c.num_hidden_layers = 1;
  c.num_attention_heads = 2;
  c.num_key_value_heads = 1;
  c.head_dim = 2;
  c.intermediate_size = 8;
  c.max_position_embeddings = 512;
  return c;
}

TEST(Roofline, OperationsOfAToken) {
  const double weights = 16 + 2 * 8 + 16 + 3 * 32 + 3 * 4 + 2 * 2;  // all but the embedding
  // Of one key: a product and a sum over 2 heads of 2, for the score and for the value.
  EXPECT_DOUBLE_EQ(BodyGflop(Small(), 10), 1e-9 * (2 * weights + 4 * 4 * 10));
  EXPECT_DOUBLE_EQ(HeadGflop(Small()), 2e-9 * 16 * 4);
}

TEST(Bench, PartsOfATrainingStep) {
  BenchReport report;
  const auto add = [&](const std::string& name, double seconds, const StepPart& part) {
    report.items.push_back({"", name, {}, {seconds, 1}, kPeaks, 0, part});
  };
  add("a", 0.1, {"products", 3});
  add("b", 0.2, {"products", 1});
  add("c", 0.4, {"rows", 0.5});
  add("d", 9, {});  // no part of it
  EXPECT_TRUE(TrainingStepParts(report).empty());
  add("training step, 64 tokens (MFU)", 1, {});
  const auto parts = TrainingStepParts(report);
  ASSERT_EQ(parts.size(), 3u);
  EXPECT_EQ(parts[0].first, "products");
  EXPECT_NEAR(parts[0].second, 0.5, 1e-12);
  EXPECT_NEAR(parts[1].second, 0.2, 1e-12);
  EXPECT_EQ(parts[2].first, "rest");
  EXPECT_NEAR(parts[2].second, 0.3, 1e-12);
}

TEST(Bench, MeasuresEveryLine) {
  BenchOptions options;
  options.seconds = 0;
  options.repeats = 1;
  options.tokens = 64;
  options.prompt = 5;
  options.response = 4;
  options.sequences = {1, 3};
  options.folder = testing::TempDir();
  ModelConfig config = Small();
  config.head_dim = 16;
  config.hidden_size = 32;
  const BenchReport report = RunBench("small", config, options);
  ASSERT_GE(report.items.size(), 30u);
  for (const BenchItem& item : report.items) {
    EXPECT_GT(item.timing.seconds, 0) << item.name;
    EXPECT_GT(item.share, 0) << item.name;
    EXPECT_GT(item.work.gflop + item.work.gb, 0) << item.name;
  }
  const std::string text = BenchText(report, false), json = BenchJson(report);
  for (const char* line :
       {"gate and up, weight's gradient, 64 rows", "decode, 3 sequences, prompt 5, response 4",
        "log-probs, and gradient, 64 rows", "AdamW with packing", "training step, 64 tokens (MFU)",
        "saving"}) {
    EXPECT_NE(text.find(line), std::string::npos) << line << "\n" << text;
    EXPECT_NE(json.find(line), std::string::npos) << line;
  }
  EXPECT_EQ(text.find('\x1b'), std::string::npos);  // no colours outside a terminal
  const std::string svg = BenchSvg(report);
  EXPECT_EQ(svg.rfind("<svg", 0), 0u);
  EXPECT_EQ(svg.find("nan"), std::string::npos);
}

}  // namespace
}  // namespace rlvr
