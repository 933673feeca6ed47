// Kernels at a model's shapes. Products walk through the layers, so that weights larger than the
// caches come from memory, as they do in a pass through the model.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "bench/cases.h"
#include "model/head.h"
#include "tensor/adamw.h"
#include "tensor/elementwise.h"
#include "tensor/rms_norm.h"

namespace rlvr {
namespace {

constexpr int64_t kUnit = 512;  // tokens of a tree, for sums over units

struct Case {
  BenchModel* m;
  const BenchOptions* o;
  std::vector<BenchCase>* cases;

  const Model& model() const { return m->model; }
  const ModelConfig& config() const { return m->model.config(); }
  double layers() const { return static_cast<double>(config().num_hidden_layers); }

  // make() allocates what the kernel needs and returns the kernel.
  template <class Make>
  void Add(const std::string& section, const std::string& name, const Work& work, Make make,
           const StepPart& part = {}) const {
    const double seconds = o->seconds;
    const int repeats = o->repeats;
    cases->push_back({section,
                      name,
                      work,
                      [=] {
                        auto kernel = make();
                        return Measure(seconds, repeats, [&] { kernel(); });
                      },
                      {},
                      part});
  }
};

std::shared_ptr<AlignedBuffer<float>> Values(int64_t n) {
  auto values = std::make_shared<AlignedBuffer<float>>(n);
  for (int64_t i = 0; i < n; ++i)
    (*values)[i] = static_cast<float>((i * 2654435761u >> 7 & 1023) - 512) / 512.0f;
  return values;
}

std::vector<int64_t> Units(int64_t tokens) {
  std::vector<int64_t> units = {0};
  while (units.back() < tokens) units.push_back(std::min(tokens, units.back() + kUnit));
  return units;
}

struct Matrix {
  const char* name;
  PackedWeight Model::PackedLayer::*forward;
  PackedWeight Model::PackedLayer::*backward;
};
constexpr Matrix kMatrices[] = {
    {"q, k, v", &Model::PackedLayer::qkv, &Model::PackedLayer::qkv_t},
    {"attention's output", &Model::PackedLayer::o, &Model::PackedLayer::o_t},
    {"gate and up", &Model::PackedLayer::gate_up, &Model::PackedLayer::gate_up_t},
    {"down", &Model::PackedLayer::down, &Model::PackedLayer::down_t}};

Work Product(ComputeType type, int64_t m, int64_t n, int64_t k, double weight_bytes) {
  return {type, 2e-9 * static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(k),
          1e-9 * (weight_bytes + 4.0 * static_cast<double>(m * (n + k))), static_cast<double>(m)};
}

std::string Named(const char* matrix, const char* what, int64_t m) {
  return std::string(matrix) + ", " + what + ", " + std::to_string(m) + (m == 1 ? " row" : " rows");
}

// y = x W^T with a layer's packed weight, or dx = dy W with its transposed one.
void AddProduct(const Case& c, const Matrix& matrix, bool forward, int64_t m) {
  const auto part = forward ? matrix.forward : matrix.backward;
  const auto& layers = c.model().packed_layers();
  const PackedWeight& first = layers[0].*part;
  c.Add(
      "matrix products", Named(matrix.name, forward ? "forward" : "input's gradient", m),
      Product(first.type, m, first.n, first.k, static_cast<double>(first.bytes())),
      [&layers, part, m, n = first.n, k = first.k] {
        return [&layers, part, m, n, k, x = Values(m * k), y = Values(m * n),
                l = size_t{0}]() mutable {
          MatMul({x->data(), m, k}, layers[l].*part, {y->data(), m, n});
          l = (l + 1) % layers.size();
        };
      },
      m != c.o->tokens ? StepPart{}
                       : StepPart{forward ? "products, forward" : "products, inputs' gradients",
                                  static_cast<double>(layers.size())});
}

void AddWeightGradient(const Case& c, const Matrix& matrix, int64_t m) {
  const PackedWeight& w = c.model().packed_layers()[0].*matrix.forward;
  const double bytes = 8.0 * static_cast<double>(w.n * w.k);  // read and written
  c.Add("matrix products", Named(matrix.name, "weight's gradient", m),
        Product(w.type, m, w.n, w.k, bytes),
        [type = w.type, m, n = w.n, k = w.k] {
          return [=, dy = Values(m * n), x = Values(m * k), dw = Values(n * k), units = Units(m)] {
            WeightGradient({dy->data(), m, n}, {x->data(), m, k}, units, type, {dw->data(), n, k});
          };
        },
        {"products, weights' gradients", c.layers()});
}

void AddProducts(const Case& c) {
  std::vector<int64_t> rows = c.o->sequences;
  rows.push_back(c.o->tokens);
  for (const Matrix& matrix : kMatrices) {
    for (const int64_t m : rows) AddProduct(c, matrix, true, m);
    AddProduct(c, matrix, false, c.o->tokens);
    AddWeightGradient(c, matrix, c.o->tokens);
  }
}

// The head: logits of a few rows as sampling reads them, and the fused statistics with their
// gradient.
void AddHead(const Case& c) {
  const int64_t V = c.config().vocab_size, D = c.config().hidden_size;
  const Model& model = c.model();
  const double weight = static_cast<double>(model.packed_head().bytes());
  const ComputeType type = model.compute();
  for (const int64_t m : c.o->sequences) {
    c.Add("head", Named("logits", "forward", m), Product(type, m, V, D, weight), [&model, m, V, D] {
      return [&model, m, V, D, x = Values(m * D), logits = Values(m * V)] {
        HeadLogits(model, {x->data(), m, D}, {logits->data(), m, V});
      };
    });
  }
  const int64_t m = std::min<int64_t>(c.o->tokens, kUnit);
  const auto targets = [&config = c.config(), m] {
    std::vector<int32_t> tokens;
    for (int64_t i = 0; i < m; ++i) tokens.push_back(ArbitraryToken(config, i));
    return tokens;
  };
  // Logits are not counted: they should not leave the caches.
  Work work = {type, 2e-9 * static_cast<double>(m * V) * static_cast<double>(D),
               1e-9 * (weight + 4.0 * static_cast<double>(m * D)), static_cast<double>(m)};
  c.Add("head", Named("log-probs and entropies", "forward", m), work, [&model, m, D, targets] {
    return [&model, m, D, x = Values(m * D), tokens = targets(),
            logp = std::vector<float>(static_cast<size_t>(m)),
            entropy = std::vector<float>(static_cast<size_t>(m))]() mutable {
      const Statistic wanted[] = {Statistic::kLogp, Statistic::kEntropy};
      HeadForward(model, {x->data(), m, D}, tokens, 1, wanted, {logp, entropy});
    };
  });
  work.gflop *= 3;  // logits, input's and weight's gradient
  work.gb =
      1e-9 * (2 * weight + 8.0 * static_cast<double>(V * D) + 8.0 * static_cast<double>(m * D));
  c.Add("head", Named("log-probs", "and gradient", m), work,
        [&model, m, D, V, targets] {
          const int64_t total = model.layout().total;
          std::vector<int64_t> rows(static_cast<size_t>(m));
          std::iota(rows.begin(), rows.end(), int64_t{0});
          return [=, &model, x = Values(m * D), dx = Values(m * D), gradient = Values(total),
                  tied = Values(V * D), tokens = targets(), units = Units(m),
                  coefficients = std::vector<float>(static_cast<size_t>(m), 1e-4f)] {
            const Statistic wanted[] = {Statistic::kLogp};
            HeadBackward(model, {x->data(), m, D}, rows, tokens, 1, wanted, {coefficients}, units,
                         {dx->data(), m, D}, gradient->data(), {}, tied->data());
          };
        },
        {"head", static_cast<double>(c.o->tokens) / static_cast<double>(m)});
}

void AddRows(const Case& c) {
  const int64_t T = c.o->tokens, D = c.config().hidden_size, F = c.config().intermediate_size;
  const auto moved = [&](double floats_a_token) {
    return Work{ComputeType::kFp32, 0, 4e-9 * floats_a_token * static_cast<double>(T),
                static_cast<double>(T)};
  };
  const auto d = static_cast<double>(D), f = static_cast<double>(F);
  const std::string rows = ", " + std::to_string(T) + " rows";
  c.Add("rows", "RMSNorm" + rows, moved(2 * d),
        [T, D] {
          return [=, x = Values(T * D), y = Values(T * D), w = Values(D), r = Values(T)] {
            RmsNorm({x->data(), T, D}, {w->data(), 1, D}, 1e-6f, {y->data(), T, D},
                    {r->data(), T, 1});
          };
        },
        {"rows", 2 * c.layers() + 1});
  // Backward also makes the normed rows again, and SwiGLU's its products.
  c.Add("rows", "RMSNorm, backward" + rows, moved(5 * d),
        [T, D] {
          return [=, x = Values(T * D), dy = Values(T * D), dx = Values(T * D), w = Values(D),
                  y = Values(T * D), dw = Values(D), r = Values(T), units = Units(T)] {
            RmsNormBackward({dy->data(), T, D}, {x->data(), T, D}, {w->data(), 1, D},
                            {r->data(), T, 1}, units, {dx->data(), T, D}, {dw->data(), 1, D},
                            {y->data(), T, D});
          };
        },
        {"rows", 2 * c.layers() + 1});
  c.Add("rows", "SwiGLU" + rows, moved(3 * f),
        [T, F] {
          return [=, x = Values(T * 2 * F), y = Values(T * F)] {
            SwiGlu({x->data(), T, 2 * F}, {y->data(), T, F});
          };
        },
        {"rows", c.layers()});
  c.Add("rows", "SwiGLU, backward" + rows, moved(6 * f),
        [T, F] {
          return [=, x = Values(T * 2 * F), dy = Values(T * F), dx = Values(T * 2 * F),
                  y = Values(T * F)] {
            SwiGluBackward({dy->data(), T, F}, {x->data(), T, 2 * F}, {dx->data(), T, 2 * F},
                           {y->data(), T, F});
          };
        },
        {"rows", c.layers()});
}

void AddOptimizer(const Case& c) {
  Model& model = c.m->model;
  const int64_t n = model.layout().total;
  const double elements = static_cast<double>(n),
               packed = static_cast<double>(model.packed_bytes());
  // Gradient, moments and weight are read, all but the gradient written, and what is packed of it.
  c.Add("weights", "AdamW with packing",
        {ComputeType::kFp32, 0, 1e-9 * (28.0 * elements + packed), 0},
        [&model, n] {
          auto v = Values(n);
          for (int64_t i = 0; i < n; ++i) (*v)[i] = std::abs((*v)[i]);
          return [&model, v, g = Values(n), m = Values(n), step = AdamWStep({.lr = 1e-9}, 1, 1)] {
            model.UpdateWeights([&](const Parameter&, int64_t begin, int64_t end) {
              const auto count = static_cast<size_t>(end - begin);
              step({g->data() + begin, count}, {m->data() + begin, count},
                   {v->data() + begin, count}, {model.weights() + begin, count});
            });
          };
        },
        {"AdamW and packing", 1});
  c.Add("weights", "packing of loaded weights",
        {ComputeType::kFp32, 0, 1e-9 * (4.0 * elements + packed), 0},
        [&model] { return [&model] { model.WeightsChanged(/*for_training=*/true); }; });
}

}  // namespace

void AddAttentionCases(BenchModel* model, const BenchOptions& options,
                       std::vector<BenchCase>* cases);

std::vector<BenchCase> KernelCases(BenchModel* model, const BenchOptions& options) {
  std::vector<BenchCase> cases;
  const Case c{model, &options, &cases};
  AddProducts(c);
  AddHead(c);
  AddAttentionCases(model, options, &cases);
  AddRows(c);
  AddOptimizer(c);
  return cases;
}

}  // namespace rlvr
