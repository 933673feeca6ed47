// Attention of one layer: bytes are those of the keys and values that a pass must read once.
#include <algorithm>
#include <cmath>

#include "bench/cases.h"
#include "model/pack_tree.h"

namespace rlvr {
namespace {

struct Run {
  ModelConfig config;
  KvCache cache;
  TokenBatch batch;  // only slots, table and units are used
  AttentionShape shape;
  int64_t T = 0;
  double pairs = 0;    // query and key, summed over rows
  double kv_rows = 0;  // distinct keys
  AlignedBuffer<float> q, o, d_o, dq, dk, dv, max_score, sum;

  Run(const ModelConfig& c, ComputeType type) : config(c), cache(OneLayer(c), type) {
    shape = c.attention(0);
  }
  static ModelConfig OneLayer(ModelConfig c) {
    c.num_hidden_layers = 1;
    return c;
  }
  int64_t width() const { return shape.num_heads * shape.head_dim; }
  int64_t kv_width() const { return shape.num_kv_heads * shape.head_dim; }

  // Writes keys and values of the whole cache, then makes the arrays of T query rows.
  void Allocate(const std::vector<KvSlot>& slots) {
    const auto n = static_cast<int64_t>(slots.size());
    dk.Resize(n * kv_width());
    for (int64_t i = 0; i < dk.size(); ++i) dk[i] = static_cast<float>(i % 17 - 8) / 8.0f;
    const View<const float> rows(dk.data(), n, kv_width());
    WriteKv(rows, rows, slots, shape, cache.layer(0));
    for (auto* a : {&q, &o, &d_o, &dq}) a->Resize(T * width());
    for (int64_t i = 0; i < q.size(); ++i) q[i] = d_o[i] = static_cast<float>(i % 13 - 6) / 6.0f;
    dv.Resize(n * kv_width());
    max_score.Resize(T * shape.num_heads);
    sum.Resize(T * shape.num_heads);
  }
  void Forward() {
    Attention({q.data(), T, width()}, batch.table.blocks, batch.table.runs, cache.layer(0), shape,
              {o.data(), T, width()}, {max_score.data(), T, shape.num_heads},
              {sum.data(), T, shape.num_heads});
  }
  void Backward() {
    AttentionBackward({d_o.data(), T, width()}, {q.data(), T, width()}, {o.data(), T, width()},
                      {max_score.data(), T, shape.num_heads}, {sum.data(), T, shape.num_heads},
                      batch.table, batch.unit_begin, cache.layer(0), shape, {dq.data(), T, width()},
                      {dk.data(), T, kv_width()}, {dv.data(), T, kv_width()});
  }
  Work work(double flops_a_pair, double floats_a_row) const {
    const double element = batch.table.runs.empty() ? 4 : ElementBytes();
    return {ComputeType::kFp32, flops_a_pair * 1e-9 * pairs * static_cast<double>(width()),
            1e-9 * (kv_rows * 2 * static_cast<double>(kv_width()) * element +
                    4 * floats_a_row * static_cast<double>(T * width())),
            static_cast<double>(T)};
  }
  double ElementBytes() const { return cache.layer(0).type == ComputeType::kBf16 ? 2 : 4; }
};

// The last token of `groups` x `children` sequences, those of a group on one prompt.
std::shared_ptr<Run> Decode(const ModelConfig& c, ComputeType type, int64_t groups,
                            int64_t children, int64_t prompt, int64_t response) {
  auto run = std::make_shared<Run>(c, type);
  std::vector<KvSlot> slots;
  for (int64_t g = 0; g < groups; ++g) {
    const int32_t root = run->cache.AddSegment(-1);
    run->cache.Append(root, prompt, &slots);
    for (int64_t i = 0; i < children; ++i) {
      const int32_t child = run->cache.AddSegment(root);
      run->cache.Append(child, response, &slots);
      run->cache.AddRun(child, 1, run->T++, nullptr, &run->batch.table);
    }
  }
  run->pairs = static_cast<double>(groups * children * (prompt + response));
  run->kv_rows = static_cast<double>(slots.size());
  run->Allocate(slots);
  return run;
}

// Trees of a prompt of `length` tokens and responses as long.
std::shared_ptr<Run> Packed(const ModelConfig& c, ComputeType type, const std::vector<Tree>& trees,
                            int64_t length) {
  auto run = std::make_shared<Run>(c, type);
  std::vector<const Tree*> pointers;
  const auto n = static_cast<double>(length);
  for (const Tree& tree : trees) {
    pointers.push_back(&tree);
    const auto responses = static_cast<double>(tree.segments.size() - 1);
    run->pairs += (1 + responses) * n * (n + 1) / 2 + responses * n * n;
  }
  run->batch = PackTrees(pointers, Author::kPolicy, &run->cache).batch;
  run->T = run->batch.size();
  run->kv_rows = static_cast<double>(run->T);
  run->Allocate(run->batch.slots);
  return run;
}

}  // namespace

void AddAttentionCases(BenchModel* model, const BenchOptions& options,
                       std::vector<BenchCase>* cases) {
  const ModelConfig config = model->model.config();
  const ComputeType type = model->model.compute();
  const double seconds = options.seconds;
  const int repeats = options.repeats;
  const auto add = [&](const std::string& name, auto make, double flops_a_pair, double floats_a_row,
                       bool backward, const StepPart& part = {}) {
    const Work work = make()->work(flops_a_pair, floats_a_row);
    cases->push_back({"attention of one layer",
                      name,
                      work,
                      [=] {
                        const std::shared_ptr<Run> run = make();
                        run->Forward();
                        return Measure(seconds, repeats,
                                       [&] { backward ? run->Backward() : run->Forward(); });
                      },
                      {},
                      part});
  };
  const int64_t prompt = options.prompt, half = std::max<int64_t>(1, options.response / 2);
  for (const int64_t n : options.sequences) {
    add(
        "decode, " + std::to_string(n) + (n == 1 ? " sequence" : " sequences") + " on " +
            std::to_string(prompt + half) + " keys",
        [=] { return Decode(config, type, n, 1, prompt, half); }, 4, 2, false);
  }
  const int64_t context = config.context_length();
  const int64_t shared = std::min<int64_t>(1024, context - half);
  add(
      "decode, 16 sequences that share " + std::to_string(shared) + " of " +
          std::to_string(shared + half) + " keys",
      [=] { return Decode(config, type, 1, 16, shared, half); }, 4, 2, false);
  const auto layers = static_cast<double>(config.num_hidden_layers);
  const TrainingBatch batch = MakeTrainingBatch(config, options.tokens);
  const std::string groups = "training, prompts and 7 responses of " + std::to_string(batch.length);
  const auto packed = [=] { return Packed(config, type, batch.trees, batch.length); };
  add(groups, packed, 4, 2, false, {"attention, forward", layers});
  add(groups + ", backward", packed, 10, 4, true, {"attention, backward", layers});
  const int64_t length = std::min<int64_t>(2048, std::min(context, options.tokens));
  const std::string one = "one sequence of " + std::to_string(length) + " tokens";
  const auto whole = [=] {
    return Packed(config, type, ArbitraryTrees(config, 1, length, 0, 0), length);
  };
  add(one, whole, 4, 2, false);
  add(one + ", backward", whole, 10, 4, true);
}

}  // namespace rlvr
