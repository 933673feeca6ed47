// A velocity field over hidden states, trained by flow matching: what RLFR (arXiv:2510.10201) scores
// tokens with. For a target h_1 and noise h_0 the straight path x_t = t h_1 + (1 - t) h_0 has the
// velocity u = h_1 - h_0; the field v(x_t, t, condition, layer) learns it. The network is the
// released code's: residual blocks of width W, each shifted, scaled and gated (adaLN) by
//   y = time(t) + layer(l) + W_c condition,   m = W_m silu(y) + b_m = [shift, scale, gate]
//   h <- h + gate * MLP(norm(h) * (1 + scale) + shift),   MLP(a) = W_2 silu(W_1 a + b_1) + b_2
//   v = W_o (norm(h) * (1 + scale) + shift) + b_o
// norm is RMSNorm; time and layer are MLPs over cosines and sines of 128 frequencies.
#ifndef RLVR_TRAIN_FLOW_FIELD_H_
#define RLVR_TRAIN_FLOW_FIELD_H_
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/random.h"
#include "tensor/gemm.h"
#include "train/optimizer.h"

namespace rlvr {

struct FlowShape {
  int64_t dim = 0;    // D of the hidden states
  int64_t width = 0;  // W
  int64_t blocks = 0;
  double eps = 1e-6;  // of the norms
};

// N states at once.
struct FlowInputs {
  View<const float> x, condition;       // [N, D]
  std::span<const double> time, layer;  // [N]; layer: index over the number of layers
};

class FlowField {
 public:
  // Weights as the released code starts them: uniform within sqrt(6 / (inputs + outputs)), biases,
  // modulations and the output 0, norms 1. A function of the key.
  FlowField(const FlowShape& shape, RandomKey key);

  const FlowShape& shape() const { return shape_; }
  const std::vector<Parameter>& parameters() const { return parameters_; }
  float* weights() { return weights_.data(); }  // [total]; call WeightsChanged after a change
  const float* weights() const { return weights_.data(); }
  void WeightsChanged();

  // v [N, D]. A row's bits depend on that row alone.
  void Forward(const FlowInputs& in, View<float> v);
  // After Forward of the same inputs: adds the gradient of sum dv * v to gradient [total], which
  // unit by unit (see tensor/gemm.h) has the same bits however units are grouped into calls.
  void Backward(const FlowInputs& in, View<const float> dv, std::span<const int64_t> unit_begin,
                AlignedBuffer<float>* gradient);
  AlignedBuffer<float> MakeGradient() const;  // zeros

  AppliedGradient Step(const OptimizerSettings& settings, int64_t total_steps,
                       const AlignedBuffer<float>& gradient);
  int64_t steps() const { return optimizer_.step; }

  std::string Save() const;  // weights, moments and step: bytes for a checkpoint
  // Error naming path if they are damaged, or another shape's.
  void Load(const std::string& bytes, const std::string& path);

 private:
  struct Linear {  // y = x W^T + b
    int64_t weight = 0, bias = 0, outputs = 0, inputs = 0;
    PackedWeight packed, transposed;
  };
  struct Block {
    int64_t norm = 0;  // [W]
    Linear first, second, modulation;
    // [N, 3 W] shift, scale, gate; [N, W] each but rstd [N]
    AlignedBuffer<float> m, input, rstd, normed, a, hidden, out;
  };
  struct Embedder {  // of a number
    Linear first, second;
    AlignedBuffer<float> features, hidden;  // [N, 256], [N, W]
  };

  int64_t AddParameter(const std::string& name, std::vector<int64_t> shape, bool decay);
  Linear AddLinear(const std::string& name, int64_t outputs, int64_t inputs);
  void Initialize(RandomKey key);
  template <class Body>
  void ForEachLinear(Body body);
  View<const float> At(int64_t offset, int64_t rows, int64_t cols) const;
  void Apply(const Linear& linear, View<const float> x, View<float> y,
             Epilogue epilogue = Epilogue::kStore) const;
  // Adds to the gradient of weight and bias.
  void Learn(const Linear& linear, View<const float> dy, View<const float> x,
             std::span<const int64_t> units, float* gradient) const;
  void Embed(std::span<const double> numbers, Embedder* e, View<float> y, Epilogue epilogue);
  void EmbedBackward(Embedder* e, View<const float> dy, std::span<const int64_t> units,
                     float* gradient);
  // a = norm(x) (1 + scale) + shift, and back: dm's shift and scale are stored, dx is added to.
  void Modulate(Block* b, View<const float> x, View<const float> m, View<float> a) const;
  void ModulateBackward(const Block& b, View<const float> da, View<const float> x,
                        View<const float> m, std::span<const int64_t> units, View<float> dm,
                        View<float> dx, float* gradient);

  FlowShape shape_;
  std::vector<Parameter> parameters_;
  int64_t total_ = 0;
  Linear input_, condition_, output_;
  Embedder time_, layer_;
  std::vector<Block> blocks_;
  Block last_;  // norm and modulation (no gate) before the output
  AlignedBuffer<float> weights_;
  Optimizer optimizer_;
  AlignedBuffer<float> y_, silu_, h_;                           // [N, W]
  AlignedBuffer<float> da_, dn_, dm_, dh_, dout_, dy_, dsilu_;  // Backward's
};

// Of one token's key: standard normal numbers (Box-Muller).
void FillNormal(RandomKey key, std::span<float> out);

}  // namespace rlvr
#endif  // RLVR_TRAIN_FLOW_FIELD_H_
