// Speed of the whole model: tokens per second of decoding, prefill and a training step, and the
// share of the multiply-adds that this machine does at most, measured in the same run.
//   model_bench                                      a model of 6 million parameters
//   model_bench --benchmark_filter=half_billion      one of half a billion (12 GB of memory)
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/thread_pool.h"
#include "bench/bench.h"
#include "model/head.h"
#include "model/pack_tree.h"
#include "tensor/adamw.h"
#include "tensor/isa.h"
#include "tensor/peak.h"

namespace rlvr {
namespace {

constexpr int64_t kPromptTokens = 64, kResponseTokens = 96, kGroupSize = 8;

double Peak(ComputeType type, int threads) {
  static double cache[2][2] = {};
  double& peak = cache[type == ComputeType::kBf16][threads > 1];
  if (peak == 0) peak = MeasurePeakGflops(type, threads);
  return peak;
}

// Operations per token of a forward pass with the head: 2 for each weight of a product, and those
// of attention over `context` keys.
double ForwardGflop(const ModelConfig& c, double context) {
  const double products = static_cast<double>(
      c.NumParameters() - (c.tie_word_embeddings ? 0 : c.vocab_size * c.hidden_size));
  const double heads =
      static_cast<double>(c.num_hidden_layers * c.num_attention_heads * c.head_dim);
  return 1e-9 * (2 * products + 4 * heads * context);
}

void Count(benchmark::State& state, const Model& model, int64_t tokens, double gflop_per_token,
           int threads) {
  const auto rate = benchmark::Counter::kIsIterationInvariantRate;
  const auto n = static_cast<double>(tokens);
  state.counters["tokens/s"] = benchmark::Counter(n, rate);
  state.counters["share_peak"] =
      benchmark::Counter(n * gflop_per_token / Peak(model.compute(), threads), rate);
}

// One model at a time, kept from one benchmark to the next: half a billion random weights take
// long.
Model& TheModel(const ModelConfig& config, ComputeType type, bool for_training) {
  static std::unique_ptr<Model> model;
  if (!model || model->compute() != type) {
    model.reset();
    model = std::make_unique<Model>(config, type);
    InitializeParameters(config, model->layout(), RandomKey(1), model->weights());
  }
  model->WeightsChanged(for_training);
  return *model;
}

// The peak of this process's memory since ResetPeakMemory, in 10^9 bytes.
double PeakMemoryGb() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.rfind("VmHWM:", 0) == 0) return 1024e-9 * std::stod(line.substr(6));
  }
  return 0;
}
void ResetPeakMemory() { std::ofstream("/proc/self/clear_refs") << "5"; }

// What a training step should need: float32 weights, gradient and two moments; each matrix in the
// compute type as it is and transposed; per token what backward reads again (a layer's input, q k v
// (before and after QK-norm), attention, middle, gate and up), or just the layer's input where
// the rest is computed again.
double ExpectedTrainingGb(const ModelConfig& c, ComputeType type, int64_t tokens, bool recompute) {
  const int64_t D = c.hidden_size, F = c.intermediate_size, L = c.num_hidden_layers;
  const int64_t q = c.num_attention_heads * c.head_dim, kv = c.num_key_value_heads * c.head_dim;
  const int64_t n = c.NumParameters();
  const int64_t packed = 2 * n * (type == ComputeType::kBf16 ? 2 : 4);
  const int64_t layer = 2 * D + (c.qk_norm ? 3 : 2) * q + 2 * kv + 2 * F;
  const int64_t per_token = recompute ? L * D + layer : L * layer;
  return 1e-9 * static_cast<double>(16 * n + packed + 4 * tokens * per_token);
}

int32_t AnyToken(const ModelConfig& config, int64_t i) {
  return static_cast<int32_t>((i * 7919 + 13) % config.vocab_size);
}

// One token of each of `sequences` responses, in mid-response, groups sharing their prompts; with
// the rows' statistics, as sampling needs them. The same step again and again: the context stays.
void BenchDecode(benchmark::State& state, const ModelConfig& config, ComputeType type, int threads,
                 int64_t sequences) {
  SetNumThreads(threads);
  const Model& model = TheModel(config, type, false);
  KvCache cache(config, type);
  TokenBatch batch;
  int32_t prompt = -1;
  for (int64_t i = 0; i < sequences; ++i) {
    std::vector<KvSlot> slots;
    if (i % kGroupSize == 0) {
      prompt = cache.AddSegment(-1);
      cache.Append(prompt, kPromptTokens, &slots);
    }
    const int32_t response = cache.AddSegment(prompt);
    cache.Append(response, kResponseTokens / 2, &slots);
    cache.AddRun(response, 1, i, nullptr, &batch.table);
    batch.tokens.push_back(AnyToken(config, i));
    batch.positions.push_back(kPromptTokens + kResponseTokens / 2 - 1);
    batch.slots.push_back(slots.back());
  }
  Workspace workspace;
  AlignedBuffer<float> hidden(sequences * config.hidden_size),
      logits(sequences * config.vocab_size);
  const View<float> rows(hidden.data(), sequences, config.hidden_size);
  std::vector<float> logp(sequences);
  for (auto _ : state) {
    Forward(model, batch, cache, workspace, nullptr, rows);
    const Statistic wanted[] = {Statistic::kLogp};
    HeadForward(model, rows, batch.tokens, 1, wanted, {logp});
  }
  Count(state, model, sequences, ForwardGflop(config, batch.positions[0] + 1), threads);
}

std::vector<Tree> MakeTrees(const ModelConfig& config, int64_t groups, int64_t responses) {
  std::vector<Tree> trees(groups);
  int64_t i = 0;
  for (Tree& tree : trees) {
    for (int64_t s = 0; s <= responses; ++s) {
      Segment segment;
      segment.parent = s == 0 ? -1 : 0;
      segment.author = s == 0 ? Author::kPrompt : Author::kPolicy;
      for (int64_t t = s == 0 ? kPromptTokens : kResponseTokens; t > 0; --t)
        segment.tokens.push_back(AnyToken(config, i++));
      tree.segments.push_back(segment);
    }
  }
  return trees;
}

std::vector<const Tree*> Pointers(const std::vector<Tree>& trees) {
  std::vector<const Tree*> pointers;
  for (const Tree& tree : trees) pointers.push_back(&tree);
  return pointers;
}

// Prompts alone; nothing is scored.
void BenchPrefill(benchmark::State& state, const ModelConfig& config, ComputeType type, int threads,
                  int64_t prompts) {
  SetNumThreads(threads);
  const Model& model = TheModel(config, type, false);
  const auto trees = MakeTrees(config, prompts, 0);
  KvCache cache(config, type);
  const TokenBatch batch = PackTrees(Pointers(trees), Author::kPolicy, &cache).batch;
  Workspace workspace;
  AlignedBuffer<float> hidden(batch.size() * config.hidden_size);
  for (auto _ : state) {
    Forward(model, batch, cache, workspace, nullptr,
            {hidden.data(), batch.size(), config.hidden_size});
  }
  const double head = 2e-9 * static_cast<double>(config.vocab_size * config.hidden_size);
  Count(state, model, batch.size(), ForwardGflop(config, kPromptTokens / 2.0) - head, threads);
}

// Groups of responses on shared prompts: forward, head, backward, AdamW, packing of the new
// weights.
void BenchTrain(benchmark::State& state, const ModelConfig& config, ComputeType type, int threads,
                int64_t groups, bool recompute) {
  SetNumThreads(threads);
  ResetPeakMemory();
  Model& model = TheModel(config, type, true);
  const auto trees = MakeTrees(config, groups, kGroupSize);
  KvCache cache(config, type);
  const PackedTrees packed = PackTrees(Pointers(trees), Author::kPolicy, &cache);
  const int64_t T = packed.batch.size(), D = config.hidden_size, n = model.layout().total;
  std::vector<int64_t> rows;
  std::vector<int32_t> targets;
  for (const Prediction& p : packed.predictions) {
    rows.push_back(p.row);
    targets.push_back(p.target);
  }
  const std::vector<float> coefficients(rows.size(), 1e-4f);
  AlignedBuffer<float> hidden(T * D), dhidden(T * D), gradient(n), m(n), v(n);
  AlignedBuffer<float> tied(config.vocab_size * D);
  for (auto* buffer : {&m, &v, &tied}) buffer->Fill(0);
  Workspace workspace;
  Activations activations;
  activations.kept_layers = recompute ? 1 : kAllLayers;
  const Statistic wanted[] = {Statistic::kLogp};
  const auto size = static_cast<size_t>(n);
  int64_t step = 0;
  const auto train = [&] {
    gradient.Fill(0);
    Forward(model, packed.batch, cache, workspace, &activations, {hidden.data(), T, D});
    HeadBackward(model, {hidden.data(), T, D}, rows, targets, 1, wanted, {coefficients},
                 packed.batch.unit_begin, {dhidden.data(), T, D}, gradient.data(), {}, tied.data());
    Backward(model, packed.batch, cache, workspace, activations, {dhidden.data(), T, D},
             gradient.data());
    AddTiedGradient(model, tied.data(), gradient.data());
    AdamW({}, ++step, 1, {gradient.data(), size}, {m.data(), size}, {v.data(), size},
          {model.weights(), size});
    model.WeightsChanged(true);
  };
  train();  // the first step's memory is new
  for (auto _ : state) train();
  Count(state, model, T, 3 * ForwardGflop(config, kPromptTokens + kResponseTokens / 2.0), threads);
  state.counters["peak_GB"] = PeakMemoryGb();
  state.counters["expected_GB"] = ExpectedTrainingGb(config, type, T, recompute);
}

template <class... Args>
void Register(const std::string& what, ComputeType type, int64_t size, int threads,
              void (*run)(benchmark::State&, const ModelConfig&, ComputeType, int, Args...),
              const ModelConfig& config, Args... args) {
  const std::string name = what + "/" + ToString(type) + "/" + std::to_string(size) + "/threads" +
                           std::to_string(threads);
  benchmark::RegisterBenchmark(name.c_str(), run, config, type, threads, args...)
      ->UseRealTime()
      ->Unit(benchmark::kMillisecond);
}

void RegisterAll(bool half_billion) {
  const int cores = NumThreads();
  const std::string prefix = half_billion ? "half_billion/" : "tiny/";
  const ModelConfig config = BenchShape(half_billion ? "half-billion" : "tiny");
  for (const ComputeType type : {ComputeType::kFp32, ComputeType::kBf16}) {
    for (const int threads : cores > 1 ? std::vector{1, cores} : std::vector{1}) {
      for (const int64_t sequences : {1, 8, 64, 256})
        Register(prefix + "decode", type, sequences, threads, BenchDecode, config, sequences);
      const int64_t prompts = half_billion ? 4 : 32, groups = half_billion ? 1 : 4;
      Register(prefix + "prefill", type, prompts * kPromptTokens, threads, BenchPrefill, config,
               prompts);
      const int64_t tokens = groups * (kPromptTokens + kGroupSize * kResponseTokens);
      Register(prefix + "train", type, tokens, threads, BenchTrain, config, groups, false);
      Register(prefix + "train_recompute", type, tokens, threads, BenchTrain, config, groups, true);
    }
  }
}

}  // namespace
}  // namespace rlvr

int main(int argc, char** argv) {
  const bool half_billion = std::any_of(argv + 1, argv + argc, [](const char* argument) {
    return std::string_view(argument).find("half_billion") != std::string_view::npos;
  });
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  const int cores = rlvr::NumThreads();
  for (const int threads : cores > 1 ? std::vector{1, cores} : std::vector{1}) {
    std::printf("%s, %d threads: fp32 %.0f GFLOP/s, bf16 %.0f GFLOP/s\n",
                rlvr::ToString(rlvr::ActiveIsa()), threads,
                rlvr::Peak(rlvr::ComputeType::kFp32, threads),
                rlvr::Peak(rlvr::ComputeType::kBf16, threads));
  }
  rlvr::RegisterAll(half_billion);
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
}
