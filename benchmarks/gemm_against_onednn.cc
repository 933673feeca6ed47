// Matrix products beside oneDNN's, in turn, at the shapes of `rlvr bench`: forward and both backward
// products. Prints our speed over oneDNN's (medians), the geometric mean and the worst cell.
//   gemm_against_onednn [rounds = 7] [fp32 | bf16 | all] [rounded | given] [ONLY]
// ONLY: a text that a line's name has in it, as in "tiny o weight".
// oneDNN has its weights in the layout that it likes beforehand, ours are packed. Both take fp32
// activations, as a step has them, and round them inside the call; with `given` oneDNN's are bf16
// already. Weight gradients are added to what is there.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "base/random.h"
#include "base/thread_pool.h"
#include "bench/bench.h"
#include "onednn.h"
#include "tensor/gemm.h"

namespace rlvr {
namespace {

constexpr double kSeconds = 0.01;  // of one measurement
OneDnnInputs inputs = OneDnnInputs::kRounded;

AlignedBuffer<float> RandomFloats(int64_t n, uint64_t seed) {
  const RandomKey key(seed);
  AlignedBuffer<float> v(n);
  for (int64_t i = 0; i < n; ++i) v[i] = static_cast<float>(key.Uniform(i)) - 0.5f;
  return v;
}

// Seconds a call: as many calls as fill kSeconds.
double Time(const std::function<void()>& call) {
  using Clock = std::chrono::steady_clock;
  // The other library's threads may still spin.
  std::this_thread::sleep_for(std::chrono::milliseconds(30));
  call();
  const auto start = Clock::now();
  int64_t calls = 0;
  double seconds = 0;
  do {
    call();
    ++calls;
    seconds = std::chrono::duration<double>(Clock::now() - start).count();
  } while (seconds < kSeconds);
  return seconds / static_cast<double>(calls);
}

double Median(std::vector<double> v) {
  std::nth_element(v.begin(), v.begin() + static_cast<int64_t>(v.size() / 2), v.end());
  return v[v.size() / 2];
}

// oneDNN's time over ours, one after the other `rounds` times.
double Ratio(int rounds, const std::function<void()>& ours, const std::function<void()>& theirs) {
  std::vector<double> ratios;
  for (int r = 0; r < rounds; ++r) {
    const double first = Time(r % 2 == 0 ? ours : theirs);
    const double second = Time(r % 2 == 0 ? theirs : ours);
    ratios.push_back(r % 2 == 0 ? second / first : first / second);
  }
  return Median(ratios);
}

// y [M, N] = x [M, K] W^T.
double Forward(int rounds, ComputeType type, int64_t m, int64_t n, int64_t k) {
  const auto x = RandomFloats(m * k, 1), w = RandomFloats(n * k, 2);
  AlignedBuffer<float> y(m * n);
  const View<const float> parts[] = {{w.data(), n, k}};
  PackedWeight packed;
  PackWeight(parts, type, &packed);
  return Ratio(
      rounds,
      [&] {
        MatMul({x.data(), m, k}, packed, {y.data(), m, n});
      },
      OneDnnMatMul(m, n, k, type, NumThreads(), inputs));
}

// dw [N, K] += dy^T x, tokens in units of 1024.
double Gradient(int rounds, ComputeType type, int64_t m, int64_t n, int64_t k) {
  const auto dy = RandomFloats(m * n, 1), x = RandomFloats(m * k, 2);
  auto dw = RandomFloats(n * k, 3);
  std::vector<int64_t> units = {0};
  while (units.back() < m) units.push_back(std::min(units.back() + 1024, m));
  return Ratio(
      rounds,
      [&] {
        WeightGradient({dy.data(), m, n}, {x.data(), m, k}, units, type, {dw.data(), n, k});
      },
      OneDnnWeightGradient(m, n, k, type, NumThreads(), inputs));
}

struct Summary {
  double log_sum = 0, worst = 1e9;
  int cells = 0;
  std::string where;
  void Add(double ratio, const std::string& name) {
    log_sum += std::log(ratio);
    ++cells;
    if (ratio < worst) worst = ratio, where = name;
  }
};

void Compare(int rounds, ComputeType type, const std::string& only, Summary* all) {
  const std::vector<int64_t> rows = {8, 64, 512, 4096};
  std::printf("\n%s, our speed over oneDNN's\n%-44s", ToString(type), "");
  for (const int64_t m : rows) std::printf("  M=%-6ld", static_cast<long>(m));
  std::printf("\n");
  for (const char* shape : {"tiny", "half-billion"}) {
    const ModelConfig c = BenchShape(shape);
    const int64_t D = c.hidden_size, F = c.intermediate_size, E = c.head_dim;
    const int64_t H = c.num_attention_heads, K = c.num_key_value_heads;
    const struct {
      const char* name;
      int64_t n, k;
    } weights[] = {
        {"qkv", (H + 2 * K) * E, D}, {"o", D, H * E}, {"gate_up", 2 * F, D}, {"down", D, F}};
    for (const auto& w : weights) {
      for (const char* product : {"forward", "input's gradient", "weight's gradient"}) {
        const std::string kind = product;
        const std::string name = std::string(shape) + " " + w.name + " " + kind;
        if (name.find(only) == std::string::npos) continue;
        std::printf("%-44s", name.c_str());
        for (const int64_t m : rows) {
          const double ratio = kind == "forward"            ? Forward(rounds, type, m, w.n, w.k)
                               : kind == "input's gradient" ? Forward(rounds, type, m, w.k, w.n)
                                                            : Gradient(rounds, type, m, w.n, w.k);
          std::printf("  %-8.2f", ratio);
          std::fflush(stdout);
          all->Add(ratio, name + " M=" + std::to_string(m) + " " + ToString(type));
        }
        std::printf("\n");
      }
    }
  }
}

}  // namespace
}  // namespace rlvr

int main(int argc, char** argv) {
  using namespace rlvr;
  const int rounds = argc > 1 ? std::max(1, std::atoi(argv[1])) : 7;
  if (argc > 3 && std::string(argv[3]) == "given") inputs = OneDnnInputs::kGiven;
  Summary all;
  for (const ComputeType type : {ComputeType::kBf16, ComputeType::kFp32}) {
    const std::string only = argc > 2 ? argv[2] : "all";
    if (only != "all" && type != ParseComputeType(only)) continue;
    Compare(rounds, type, argc > 4 ? argv[4] : "", &all);
  }
  if (all.cells == 0) {
    std::fprintf(stderr, "no line's name has '%s' in it\n", argv[4]);
    return 2;
  }
  std::printf("\ngeometric mean %.2f over %d cells; the worst %.2f: %s\n",
              std::exp(all.log_sum / all.cells), all.cells, all.worst, all.where.c_str());
}
