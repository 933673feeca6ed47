#include "tensor/peak.h"

#include "tensor/hwy_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tensor/peak.cc"
#include <hwy/foreach_target.h>  // must come before highway.h
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace rlvr {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Enough chains to hide the latency of two fused multiply-adds per cycle; with both operands they
// fit into the 16 registers of AVX2.
constexpr int kChains = 12;

// Returns the operations done; `sink` keeps the compiler from leaving them out.
int64_t FmaLoop(int64_t rounds, float* sink) {
  const hn::CappedTag<float, 16> d;
  using V = hn::Vec<decltype(d)>;
  const V x = hn::Set(d, sink[0]), y = hn::Set(d, sink[1]);
  V acc[kChains];
#pragma GCC unroll 12
  for (int c = 0; c < kChains; ++c) acc[c] = hn::Set(d, static_cast<float>(c));
  for (int64_t i = 0; i < rounds; ++i) {
#pragma GCC unroll 12
    for (int c = 0; c < kChains; ++c) acc[c] = hn::MulAdd(acc[c], x, y);
  }
  for (int c = 0; c < kChains; ++c) sink[0] += hn::GetLane(acc[c]);
  return rounds * kChains * static_cast<int64_t>(hn::Lanes(d)) * 2;
}

uint64_t ReadLoop(const uint64_t* data, int64_t n) {
  const hn::CappedTag<uint64_t, 8> d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  auto a = hn::Zero(d), b = a, c = a, e = a;
  for (int64_t i = 0; i + 4 * lanes <= n; i += 4 * lanes) {
    a = hn::Xor(a, hn::LoadU(d, data + i));
    b = hn::Xor(b, hn::LoadU(d, data + i + lanes));
    c = hn::Xor(c, hn::LoadU(d, data + i + 2 * lanes));
    e = hn::Xor(e, hn::LoadU(d, data + i + 3 * lanes));
  }
  return hn::GetLane(hn::Xor(hn::Xor(a, b), hn::Xor(c, e)));
}

}  // namespace HWY_NAMESPACE
}  // namespace rlvr
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include <immintrin.h>

#include <algorithm>
#include <barrier>
#include <chrono>
#include <cmath>
#include <functional>
#include <thread>
#include <vector>

#include "tensor/view.h"

namespace rlvr {
namespace {

// Short tries, and many, so that on a busy machine some are not interrupted.
constexpr int kComputeTries = 60, kReadTries = 5;
constexpr int64_t kRounds = 1 << 18;  // of 12 chains: about half a millisecond per try

constexpr int64_t kReadBytes = 512 << 20;

using Clock = std::chrono::steady_clock;

__attribute__((target("avx512f,avx512bf16"))) int64_t DotLoop(int64_t rounds, float* sink) {
  constexpr int kDotChains = 24;  // its latency is longer than that of fma
  const auto x = (__m512bh)_mm512_set1_ps(sink[0]), y = (__m512bh)_mm512_set1_ps(sink[1]);
  __m512 acc[kDotChains];
#pragma GCC unroll 24
  for (int c = 0; c < kDotChains; ++c) acc[c] = _mm512_set1_ps(static_cast<float>(c));
  for (int64_t i = 0; i < rounds; ++i) {
#pragma GCC unroll 24
    for (int c = 0; c < kDotChains; ++c) acc[c] = _mm512_dpbf16_ps(acc[c], x, y);
  }
  for (int c = 0; c < kDotChains; ++c) sink[0] += _mm512_cvtss_f32(acc[c]);
  return rounds * kDotChains * 16 * 4;
}

int64_t ScalarLoop(int64_t rounds, float* sink) {
  rounds /= 16;
  float acc[8] = {};
  for (int64_t i = 0; i < rounds; ++i) {
    for (float& a : acc) a = std::fma(a, sink[0], sink[1]);
  }
  for (const float a : acc) sink[0] += a;
  return rounds * 16;
}

// The best over `tries` of the sum of work(thread) per second, all threads at once.
double BestRate(int threads, int tries, const std::function<double(int)>& work) {
  RLVR_CHECK(threads >= 1) << threads;
  std::vector<double> done(threads);
  std::vector<Clock::time_point> begin(threads), end(threads);
  std::barrier start(threads);
  double best = 0;
  for (int t = 0; t < tries; ++t) {
    std::vector<std::jthread> workers;
    for (int i = 0; i < threads; ++i) {
      workers.emplace_back([&, i] {
        start.arrive_and_wait();
        begin[i] = Clock::now();
        done[i] = work(i);
        end[i] = Clock::now();
      });
    }
    workers.clear();  // joins
    double total = 0;
    for (const double d : done) total += d;
    const auto span =
        *std::max_element(end.begin(), end.end()) - *std::min_element(begin.begin(), begin.end());
    best = std::max(best, total / std::chrono::duration<double>(span).count());
  }
  return best;
}

}  // namespace

double MeasurePeakGflops(ComputeType type, int threads) {
  const Isa isa = ActiveIsa();
  auto loop = isa == Isa::kScalar ? &ScalarLoop : RLVR_DISPATCH(FmaLoop);
  if (isa == Isa::kAvx512Bf16 && type == ComputeType::kBf16) loop = &DotLoop;
  const double rate = BestRate(threads, kComputeTries, [&](int) {
    volatile float x = 0.75f, y = 0.5f;
    float sink[2] = {x, y};
    const int64_t done = loop(kRounds, sink);
    x = sink[0];
    return static_cast<double>(done);
  });
  return rate * 1e-9;
}

double MeasureReadBandwidthGBs(int threads) {
  RLVR_CHECK(threads >= 1) << threads;
  const int64_t words = kReadBytes / 8 / threads;
  AlignedBuffer<uint64_t> data(words * threads);
  data.Fill(1);  // pages that were never written are all one page of zeros
  const auto loop = RLVR_DISPATCH(ReadLoop);
  const double rate = BestRate(threads, kReadTries, [&](int i) {
    volatile uint64_t sink = loop(data.data() + i * words, words);
    (void)sink;
    return static_cast<double>(words) * 8;
  });
  return rate * 1e-9;
}

}  // namespace rlvr
#endif  // HWY_ONCE
