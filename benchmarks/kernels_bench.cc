// Speed of every kernel but the matrix product, on one thread in the thread's own time, so that
// other load on the machine disturbs it least.
//   kernels_bench --benchmark_filter=attention --benchmark_repetitions=3
#include <benchmark/benchmark.h>

#include <cmath>
#include <string>
#include <vector>

#include "base/thread_pool.h"
#include "tensor/tensor.h"

namespace rlvr {
namespace {

AlignedBuffer<float> RandomFloats(int64_t n) {
  AlignedBuffer<float> v(n);
  uint32_t state = 12345;
  for (int64_t i = 0; i < n; ++i) {
    state = state * 1664525u + 1013904223u;
    v[i] = static_cast<float>(state >> 8) * 0x1p-23f - 1.0f;
  }
  return v;
}

// `trees` prompts with `children` responses each, packed as training packs them.
struct Forest {
  int64_t trees, prompt, children, response;
  int64_t rows() const { return trees * (prompt + children * response); }
};

struct Packed {
  BlockTable table;
  std::vector<KvSlot> slots;
  std::vector<int64_t> unit_begin = {0};
  int64_t pages = 0, pairs = 0;  // pairs: (query, key)

  // Adds a segment after `prefix`; returns its blocks.
  std::vector<KvBlock> AddSegment(int64_t n, const std::vector<KvBlock>& prefix) {
    const int64_t row = static_cast<int64_t>(slots.size());
    const int64_t position = prefix.empty() ? 0 : prefix.back().position + prefix.back().count;
    AttentionRun run{row, n, position, static_cast<int64_t>(table.blocks.size()), 0};
    std::vector<KvBlock> own;
    for (int64_t i = 0; i < n; i += kPageTokens) {
      const auto count = static_cast<int32_t>(std::min(kPageTokens, n - i));
      own.push_back({static_cast<int32_t>(pages), count, position + i, row + i});
      for (int32_t j = 0; j < count; ++j) slots.push_back({static_cast<int32_t>(pages), j});
      ++pages;
    }
    table.blocks.insert(table.blocks.end(), prefix.begin(), prefix.end());
    table.blocks.insert(table.blocks.end(), own.begin(), own.end());
    run.block_end = static_cast<int64_t>(table.blocks.size());
    table.runs.push_back(run);
    pairs += n * position + n * (n + 1) / 2;
    return own;
  }
};

Packed Pack(const Forest& forest) {
  Packed p;
  for (int64_t t = 0; t < forest.trees; ++t) {
    const auto prompt = p.AddSegment(forest.prompt, {});
    for (int64_t c = 0; c < forest.children; ++c) p.AddSegment(forest.response, prompt);
    p.unit_begin.push_back(static_cast<int64_t>(p.slots.size()));
  }
  return p;
}

// The last token of every response alone, as decoding asks for it.
BlockTable LastTokens(const Packed& packed, const Forest& forest, int64_t* pairs) {
  BlockTable table{packed.table.blocks, {}};
  *pairs = 0;
  int64_t row = 0;
  for (AttentionRun run : packed.table.runs) {
    if (run.position == 0) continue;
    run.position += forest.response - 1;
    run.num_rows = 1;
    run.row = row++;
    *pairs += run.position + 1;
    table.runs.push_back(run);
  }
  return table;
}

struct Memory {
  AlignedBuffer<float> k, v;
  KvLayer layer;
  Memory(const Packed& packed, const AttentionShape& shape, ComputeType type)
      : k(packed.pages * shape.num_kv_heads * shape.head_dim * kPageTokens), v(k.size()) {
    k.Fill(0);
    v.Fill(0);
    layer = {k.data(), v.data(), type};
    const int64_t T = static_cast<int64_t>(packed.slots.size());
    const int64_t width = shape.num_kv_heads * shape.head_dim;
    const auto keys = RandomFloats(T * width);
    const View<const float> rows{keys.data(), T, width};
    WriteKv(rows, rows, packed.slots, shape, layer);
  }
};

void CountGflops(benchmark::State& state, double flops) {
  state.counters["GFLOP/s"] =
      benchmark::Counter(flops * 1e-9, benchmark::Counter::kIsIterationInvariantRate);
}
void CountElements(benchmark::State& state, int64_t n, int64_t bytes_per_element) {
  const auto rate = benchmark::Counter::kIsIterationInvariantRate;
  const auto count = static_cast<double>(n);
  state.counters["ns/element"] = benchmark::Counter(
      count * 1e-9, benchmark::Counter::Flags(rate | benchmark::Counter::kInvert));
  state.counters["GB/s"] =
      benchmark::Counter(count * static_cast<double>(bytes_per_element) * 1e-9, rate);
}

AttentionShape Shape(int64_t heads, int64_t kv_heads, int64_t head_dim) {
  return {heads, kv_heads, head_dim, 1.0f / std::sqrt(static_cast<float>(head_dim))};
}

void BenchAttention(benchmark::State& state, const AttentionShape& shape, const Forest& forest,
                    ComputeType type, bool decode) {
  const Packed packed = Pack(forest);
  const Memory memory(packed, shape, type);
  int64_t pairs = packed.pairs;
  const BlockTable table = decode ? LastTokens(packed, forest, &pairs) : packed.table;
  const int64_t T = table.runs.back().row + table.runs.back().num_rows;
  const int64_t H = shape.num_heads, width = H * shape.head_dim;
  const auto q = RandomFloats(T * width);
  AlignedBuffer<float> o(T * width), m(T * H), l(T * H);
  for (auto _ : state) {
    Attention({q.data(), T, width}, table.blocks, table.runs, memory.layer, shape,
              {o.data(), T, width}, {m.data(), T, H}, {l.data(), T, H});
  }
  CountGflops(state, 4.0 * static_cast<double>(pairs * width));
}

void BenchAttentionBackward(benchmark::State& state, const AttentionShape& shape,
                            const Forest& forest, ComputeType type) {
  const Packed packed = Pack(forest);
  const Memory memory(packed, shape, type);
  const int64_t T = forest.rows(), H = shape.num_heads, width = H * shape.head_dim;
  const int64_t kv_width = shape.num_kv_heads * shape.head_dim;
  const auto q = RandomFloats(T * width), g = RandomFloats(T * width);
  AlignedBuffer<float> o(T * width), m(T * H), l(T * H), dq(T * width);
  AlignedBuffer<float> dk(T * kv_width), dv(T * kv_width);
  Attention({q.data(), T, width}, packed.table.blocks, packed.table.runs, memory.layer, shape,
            {o.data(), T, width}, {m.data(), T, H}, {l.data(), T, H});
  for (auto _ : state) {
    AttentionBackward({g.data(), T, width}, {q.data(), T, width}, {o.data(), T, width},
                      {m.data(), T, H}, {l.data(), T, H}, packed.table, packed.unit_begin,
                      memory.layer, shape, {dq.data(), T, width}, {dk.data(), T, kv_width},
                      {dv.data(), T, kv_width});
  }
  CountGflops(state, 10.0 * static_cast<double>(packed.pairs * width));
}

void BenchWriteKv(benchmark::State& state, const AttentionShape& shape, const Forest& forest,
                  ComputeType type) {
  const Packed packed = Pack(forest);
  const Memory memory(packed, shape, type);
  const int64_t T = forest.rows(), width = shape.num_kv_heads * shape.head_dim;
  const auto k = RandomFloats(T * width);
  const View<const float> rows{k.data(), T, width};
  for (auto _ : state) WriteKv(rows, rows, packed.slots, shape, memory.layer);
  CountElements(state, 2 * T * width, 8);
}

void RegisterAttention() {
  const Forest tiny{12, 60, 16, 40}, long_answers{4, 100, 8, 400}, decode{8, 60, 16, 40};
  for (const ComputeType type : {ComputeType::kFp32, ComputeType::kBf16}) {
    for (const auto& shape :
         {Shape(4, 2, 32), Shape(8, 2, 32), Shape(4, 2, 64), Shape(14, 2, 64)}) {
      const std::string of = std::string(ToString(type)) + "/h" + std::to_string(shape.num_heads) +
                             "/e" + std::to_string(shape.head_dim);
      const auto add = [&](const std::string& name, auto... args) {
        benchmark::RegisterBenchmark((name + "/" + of).c_str(), args...)
            ->Unit(benchmark::kMicrosecond)
            ->MinTime(0.05);
      };
      add("attention_decode/path100", BenchAttention, shape, decode, type, true);
      add("attention_decode/path500", BenchAttention, shape, long_answers, type, true);
      add("attention_train/path100", BenchAttention, shape, tiny, type, false);
      add("attention_train/path500", BenchAttention, shape, long_answers, type, false);
      add("attention_backward/path100", BenchAttentionBackward, shape, tiny, type);
      add("attention_backward/path500", BenchAttentionBackward, shape, long_answers, type);
      add("write_kv", BenchWriteKv, shape, tiny, type);
    }
  }
}

// The rest: T tokens in units of 700, D wide.
constexpr int64_t kTokens = 4096;

std::vector<int64_t> Units() {
  std::vector<int64_t> units = {0};
  while (units.back() < kTokens) units.push_back(std::min(kTokens, units.back() + 700));
  return units;
}

template <class Kernel>
void Add(const std::string& name, int64_t n, int64_t bytes_per_element, Kernel kernel) {
  benchmark::RegisterBenchmark(name.c_str(),
                               [=](benchmark::State& state) {
                                 for (auto _ : state) kernel();
                                 CountElements(state, n, bytes_per_element);
                               })
      ->Unit(benchmark::kMicrosecond)
      ->MinTime(0.05);
}

void RegisterRows() {
  // Static: the registered kernels read them until the end of the program.
  static const auto units = Units();
  static auto a = RandomFloats(4 << 20), b = RandomFloats(4 << 20), c = RandomFloats(4 << 20);
  static AlignedBuffer<float> rstd(kTokens * 8), weight_gradient(1024);
  static std::vector<int32_t> positions(kTokens), tokens(kTokens);
  static const RopeTable rope(RopeFrequencies(32, 10000.0), 1024);
  for (int64_t t = 0; t < kTokens; ++t) {
    positions[t] = static_cast<int32_t>(t % 100);
    tokens[t] = static_cast<int32_t>(t * t % 509);
  }
  static const int64_t D = 192, H = 6, E = 32, F = 512;
  static const View<float> x{a.data(), kTokens, D}, y{b.data(), kTokens, D};
  static const View<float> dx{c.data(), kTokens, D};
  static const View<float> weight{a.data(), 1, D}, head_weight{a.data(), 1, E};
  static const View<float> r{rstd.data(), kTokens, 1}, rh{rstd.data(), kTokens, H};
  RmsNorm(x, weight, 1e-6f, y, r);
  const int64_t n = kTokens * D;
  Add("rms_norm/d192", n, 8, [] { RmsNorm(x, weight, 1e-6f, y, r); });
  Add("rms_norm_backward/d192", n, 16, [] {
    RmsNormBackward(y, x, weight, r, units, dx, {weight_gradient.data(), 1, D});
  });
  Add("rms_norm_heads/e32", n, 8, [] { RmsNormHeads(x, head_weight, H, 1e-6f, y, rh); });
  Add("rms_norm_heads_backward/e32", n, 12, [] {
    RmsNormHeadsBackward(y, x, head_weight, H, rh, units, dx, {weight_gradient.data(), 1, E});
  });
  Add("rope/e32", n, 8, [] { Rope(rope, positions, H, x); });
  static const View<float> gate_up{a.data(), kTokens, 2 * F}, hidden{b.data(), kTokens, F};
  static const View<float> dgate_up{c.data(), kTokens, 2 * F};
  Add("swiglu/f512", kTokens * F, 12, [] { SwiGlu(gate_up, hidden); });
  Add("swiglu_backward/f512", kTokens * F, 20,
      [] { SwiGluBackward(hidden, gate_up, dgate_up, hidden); });
  static const View<float> table{a.data(), 512, D}, dtable{c.data(), 512, D};
  Add("embedding/v512", n, 8, [] { Embedding(table, tokens, y); });
  Add("embedding_backward/v512", n, 4, [] { EmbeddingBackward(y, tokens, units, dtable); });
  Add("sum_of_squares", 1 << 20, 4, [] {
    benchmark::DoNotOptimize(SumOfSquares({a.data(), 1, 1 << 20}));
  });
  for (const int64_t V : {512, 151936}) {
    const std::string of = "/v" + std::to_string(V);
    Add("row_stats" + of, V, 4, [V] {
      benchmark::DoNotOptimize(ComputeRowStats({a.data(), static_cast<size_t>(V)}, 1.0f));
    });
    Add("row_gradient" + of, V, 8, [V] {
      RowGradient({a.data(), static_cast<size_t>(V)}, {.max = 1, .sum = 100, .lse = 5}, 1.0f,
                  {.constant = 1, .log_slope = 0.1f}, {b.data(), static_cast<size_t>(V)});
    });
  }
  static AlignedBuffer<float> m(1 << 20), v(1 << 20);
  m.Fill(0);
  v.Fill(0);
  Add("adamw", 1 << 20, 28, [] {
    constexpr size_t count = 1 << 20;
    AdamW({}, 1, 1.0f, {b.data(), count}, {m.data(), count}, {v.data(), count}, {c.data(), count});
  });
}

}  // namespace
}  // namespace rlvr

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  rlvr::SetNumThreads(1);
  rlvr::RegisterAttention();
  rlvr::RegisterRows();
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
}
