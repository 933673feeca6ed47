// Speed of the matrix products as shares of what the machine measures: multiply-adds on registers
// (share_peak) and, where a few rows meet a weight too large for the caches, reading memory
// (share_read).
//   gemm_bench --benchmark_filter=matmul/bf16 --benchmark_repetitions=5
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <string>

#include "base/random.h"
#include "base/thread_pool.h"
#include "tensor/gemm.h"
#include "tensor/gemm_int8.h"
#include "tensor/isa.h"
#include "tensor/peak.h"
#ifdef RLVR_HAVE_ONEDNN
#include "onednn.h"
#endif

namespace rlvr {
namespace {

// Together larger than any cache, so that a call with few rows reads its weights from memory, as
// decoding does when it walks through the layers.
constexpr int64_t kColdBytes = 192 << 20;
constexpr int64_t kFewRows = 16;

struct Case {
  int64_t m, n, k;
};

std::string Name(const char* what, ComputeType type, const Case& c, int threads) {
  return std::string(what) + "/" + ToString(type) + "/m" + std::to_string(c.m) + "/n" +
         std::to_string(c.n) + "/k" + std::to_string(c.k) + "/threads" + std::to_string(threads);
}

AlignedBuffer<float> RandomFloats(int64_t n, uint64_t seed) {
  const RandomKey key(seed);
  AlignedBuffer<float> v(n);
  for (int64_t i = 0; i < n; ++i) v[i] = static_cast<float>(key.Uniform(i)) - 0.5f;
  return v;
}

double Peak(ComputeType type, int threads) {
  static double cache[2][2] = {};
  double& peak = cache[type == ComputeType::kBf16][threads > 1];
  if (peak == 0) peak = MeasurePeakGflops(type, threads);
  return peak;
}

double ReadBandwidth(int threads) {
  static double cache[2] = {};
  double& rate = cache[threads > 1];
  if (rate == 0) rate = MeasureReadBandwidthGBs(threads);
  return rate;
}

void Count(benchmark::State& state, ComputeType type, const Case& c, int threads) {
  const double gflop =
      2e-9 * static_cast<double>(c.m) * static_cast<double>(c.n) * static_cast<double>(c.k);
  const auto rate = benchmark::Counter::kIsIterationInvariantRate;
  state.counters["GFLOP/s"] = benchmark::Counter(gflop, rate);
  state.counters["share_peak"] = benchmark::Counter(gflop / Peak(type, threads), rate);
}

void CountRead(benchmark::State& state, int64_t bytes, int threads) {
  const auto rate = benchmark::Counter::kIsIterationInvariantRate;
  state.counters["GB/s"] = benchmark::Counter(static_cast<double>(bytes) * 1e-9, rate);
  state.counters["share_read"] =
      benchmark::Counter(static_cast<double>(bytes) * 1e-9 / ReadBandwidth(threads), rate);
}

// int8: weights in 8 bits (gemm_int8.h); the shares are still of bf16's peak.
void BenchMatMul(benchmark::State& state, ComputeType type, const Case& c, int threads,
                 bool int8 = false) {
  SetNumThreads(threads);
  const auto pack = [&](std::span<const View<const float>> parts, PackedWeight* packed) {
    int8 ? PackWeightInt8(parts, packed) : PackWeight(parts, type, packed);
  };
  const auto x = RandomFloats(c.m * c.k, 1), w = RandomFloats(c.n * c.k, 2);
  AlignedBuffer<float> y(c.m * c.n);
  const View<const float> parts[] = {{w.data(), c.n, c.k}};
  std::vector<PackedWeight> packed(1);
  pack(parts, &packed[0]);
  if (c.m <= kFewRows) {
    packed.resize((kColdBytes + packed[0].bytes() - 1) / packed[0].bytes());
    for (auto& p : packed) pack(parts, &p);
  }
  size_t i = 0;
  for (auto _ : state) {
    MatMul({x.data(), c.m, c.k}, packed[i], {y.data(), c.m, c.n});
    i = (i + 1) % packed.size();
  }
  Count(state, type, c, threads);
  if (c.m <= kFewRows) CountRead(state, packed[0].bytes(), threads);
}

// m tokens in units of 1024.
void BenchWeightGradient(benchmark::State& state, ComputeType type, const Case& c, int threads) {
  SetNumThreads(threads);
  const auto dy = RandomFloats(c.m * c.n, 1), x = RandomFloats(c.m * c.k, 2);
  auto dw = RandomFloats(c.n * c.k, 3);
  std::vector<int64_t> units = {0};
  while (units.back() < c.m) units.push_back(std::min(units.back() + 1024, c.m));
  for (auto _ : state) {
    WeightGradient({dy.data(), c.m, c.n}, {x.data(), c.m, c.k}, units, type, {dw.data(), c.n, c.k});
  }
  Count(state, type, c, threads);
}

void BenchPack(benchmark::State& state, ComputeType type, const Case& c, int threads,
               bool transposed) {
  SetNumThreads(threads);
  const auto w = RandomFloats(c.n * c.k, 2);
  const View<const float> parts[] = {{w.data(), c.n, c.k}};
  PackedWeight packed;
  for (auto _ : state) {
    transposed ? PackWeightTransposed(parts, type, &packed) : PackWeight(parts, type, &packed);
  }
  CountRead(state, c.n * c.k * 4, threads);
}

// One thread is timed by what it used of the processor, so that a busy machine disturbs less.
template <class... Args>
void Register(const std::string& name, int threads, Args... args) {
  auto* b = benchmark::RegisterBenchmark(name.c_str(), args...);
  b->MinTime(0.1)->Unit(benchmark::kMicrosecond);
  if (threads > 1) b->UseRealTime();
}

void RegisterAll() {
  const int cores = NumThreads();
  // The tiny model (D 128, F 384, V 512) and one of half a billion (D 896, F 4864).
  const std::vector<std::pair<int64_t, int64_t>> weights = {
      {384, 128},   {768, 256},   {512, 128},  {896, 896}, {4864, 896}, {896, 4864}, {3072, 1024},
      {1024, 2048}, {1024, 4096}, {1536, 256}, {256, 768}, {1152, 896}, {9728, 896}};
  for (const ComputeType type : {ComputeType::kFp32, ComputeType::kBf16}) {
    for (const auto& [n, k] : weights) {
      for (const int threads : cores > 1 ? std::vector{1, cores} : std::vector{1}) {
        for (const int64_t m : {1, 8, 64, 256, 2048}) {
          const Case c{m, n, k};
          Register(Name("matmul", type, c, threads), threads, BenchMatMul, type, c, threads, false);
          if (type != ComputeType::kBf16) continue;
          std::string name = Name("matmul", type, c, threads);
          name.replace(name.find("bf16"), 4, "int8");
          Register(name, threads, BenchMatMul, type, c, threads, true);
        }
        const Case c{4096, n, k};
        Register(Name("weight_gradient", type, c, threads), threads, BenchWeightGradient, type, c,
                 threads);
        Register(Name("pack", type, {0, n, k}, threads), threads, BenchPack, type, c, threads,
                 false);
        Register(Name("pack_transposed", type, {0, n, k}, threads), threads, BenchPack, type, c,
                 threads, true);
#ifdef RLVR_HAVE_ONEDNN
        for (const int64_t m : {1, 8, 64, 256, 2048}) {
          const Case c{m, n, k};
          Register(Name("onednn", type, c, threads), threads, [=](benchmark::State& state) {
            const auto product = OneDnnMatMul(c.m, c.n, c.k, type, threads);
            for (auto _ : state) product();
            Count(state, type, c, threads);
          });
        }
#endif
      }
    }
  }
}

}  // namespace
}  // namespace rlvr

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  const int cores = rlvr::NumThreads();
  for (const int threads : cores > 1 ? std::vector{1, cores} : std::vector{1}) {
    std::printf("%s, %d threads: fp32 %.0f GFLOP/s, bf16 %.0f GFLOP/s, read %.0f GB/s\n",
                rlvr::ToString(rlvr::ActiveIsa()), threads,
                rlvr::Peak(rlvr::ComputeType::kFp32, threads),
                rlvr::Peak(rlvr::ComputeType::kBf16, threads), rlvr::ReadBandwidth(threads));
  }
  rlvr::RegisterAll();
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
}
