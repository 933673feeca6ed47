#include "train/flow_field.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>
#include <numbers>

#include "base/error.h"
#include "base/thread_pool.h"
#include "tensor/elementwise.h"
#include "tensor/rms_norm.h"

namespace rlvr {
namespace {

constexpr int64_t kFrequencies = 128;
constexpr int64_t kGrain = 16;  // rows to a task

template <class Body>
void ForRows(int64_t n, Body body) {
  ParallelFor(n, kGrain, [&](int64_t begin, int64_t end) {
    for (int64_t t = begin; t < end; ++t) body(t);
  });
}

View<float> Sized(AlignedBuffer<float>& buffer, int64_t rows, int64_t cols) {
  buffer.Resize(rows * cols);
  return {buffer.data(), rows, cols};
}

float Sigmoid(float x) { return 1 / (1 + ExpF(-x)); }

// out = silu(x)
void Silu(View<const float> x, View<float> out) {
  ForRows(x.rows, [&](int64_t t) {
    for (int64_t i = 0; i < x.cols; ++i) out(t, i) = x(t, i) * Sigmoid(x(t, i));
  });
}

// d (of silu(x)) becomes that of x.
void SiluBackward(View<const float> x, View<float> d) {
  ForRows(x.rows, [&](int64_t t) {
    for (int64_t i = 0; i < x.cols; ++i) {
      const float s = Sigmoid(x(t, i));
      d(t, i) *= s * (1 + x(t, i) * (1 - s));
    }
  });
}

void Zero(View<float> x) {
  ForRows(x.rows, [&](int64_t t) { std::fill_n(x.row(t), x.cols, 0.0f); });
}

}  // namespace

void FillNormal(RandomKey key, std::span<float> out) {
  for (size_t i = 0; i < out.size(); i += 2) {
    const double u = 1 - key.Uniform(i), angle = 2 * std::numbers::pi * key.Uniform(i + 1);
    const double radius = std::sqrt(-2 * std::log(u));
    out[i] = static_cast<float>(radius * std::cos(angle));
    if (i + 1 < out.size()) out[i + 1] = static_cast<float>(radius * std::sin(angle));
  }
}

int64_t FlowField::AddParameter(const std::string& name, std::vector<int64_t> shape, bool decay) {
  Parameter p{name, std::move(shape), total_, decay};
  total_ += (p.size() + 15) / 16 * 16;
  parameters_.push_back(std::move(p));
  return parameters_.back().offset;
}

FlowField::Linear FlowField::AddLinear(const std::string& name, int64_t outputs, int64_t inputs) {
  Linear l;
  l.outputs = outputs;
  l.inputs = inputs;
  l.weight = AddParameter(name + ".weight", {outputs, inputs}, true);
  l.bias = AddParameter(name + ".bias", {outputs}, false);
  return l;
}

template <class Body>
void FlowField::ForEachLinear(Body body) {
  for (Linear* l : {&input_, &condition_, &time_.first, &time_.second, &layer_.first,
                    &layer_.second, &last_.modulation, &output_})
    body(l);
  for (Block& b : blocks_) {
    for (Linear* l : {&b.first, &b.second, &b.modulation}) body(l);
  }
}

FlowField::FlowField(const FlowShape& shape, RandomKey key) : shape_(shape), optimizer_(0) {
  const int64_t D = shape.dim, W = shape.width;
  RLVR_CHECK(D > 0 && W > 0 && shape.blocks >= 0);
  input_ = AddLinear("input", W, D);
  condition_ = AddLinear("condition", W, D);
  for (const auto& [name, e] : {std::pair("time", &time_), std::pair("layer", &layer_)}) {
    e->first = AddLinear(std::string(name) + ".first", W, 2 * kFrequencies);
    e->second = AddLinear(std::string(name) + ".second", W, W);
  }
  blocks_.resize(static_cast<size_t>(shape.blocks));
  for (size_t i = 0; i < blocks_.size(); ++i) {
    const std::string name = fmt::format("blocks.{}.", i);
    blocks_[i].norm = AddParameter(name + "norm", {W}, false);
    blocks_[i].first = AddLinear(name + "first", W, W);
    blocks_[i].second = AddLinear(name + "second", W, W);
    blocks_[i].modulation = AddLinear(name + "modulation", 3 * W, W);
  }
  last_.norm = AddParameter("last.norm", {W}, false);
  last_.modulation = AddLinear("last.modulation", 2 * W, W);
  output_ = AddLinear("output", D, W);
  weights_.Resize(total_);
  optimizer_ = Optimizer(total_);
  Initialize(key);
  WeightsChanged();
}

void FlowField::Initialize(RandomKey key) {
  FillZero(&weights_);
  uint64_t index = 0;
  ForEachLinear([&](Linear* l) {
    Random random(key[index++]);
    const bool modulation =
        l == &last_.modulation || std::any_of(blocks_.begin(), blocks_.end(),
                                              [l](const Block& b) { return l == &b.modulation; });
    if (modulation || l == &output_) return;
    const double bound = std::sqrt(6.0 / static_cast<double>(l->inputs + l->outputs));
    for (int64_t i = 0; i < l->inputs * l->outputs; ++i)
      weights_[l->weight + i] = static_cast<float>(bound * (2 * random.Uniform() - 1));
  });
  for (const Block& b : blocks_) std::fill_n(weights_.data() + b.norm, shape_.width, 1.0f);
  std::fill_n(weights_.data() + last_.norm, shape_.width, 1.0f);
}

View<const float> FlowField::At(int64_t offset, int64_t rows, int64_t cols) const {
  return {weights_.data() + offset, rows, cols};
}

void FlowField::WeightsChanged() {
  ForEachLinear([&](Linear* l) {
    const View<const float> weight[] = {At(l->weight, l->outputs, l->inputs)};
    PackWeight(weight, ComputeType::kFp32, &l->packed);
    PackWeightTransposed(weight, ComputeType::kFp32, &l->transposed);
  });
}

void FlowField::Apply(const Linear& l, View<const float> x, View<float> y,
                      Epilogue epilogue) const {
  MatMul(x, l.packed, y, epilogue);
  const float* bias = weights_.data() + l.bias;
  ForRows(y.rows, [&](int64_t t) {
    for (int64_t i = 0; i < y.cols; ++i) y(t, i) += bias[i];
  });
}

void FlowField::Learn(const Linear& l, View<const float> dy, View<const float> x,
                      std::span<const int64_t> units, float* gradient) const {
  WeightGradient(dy, x, units, ComputeType::kFp32, {gradient + l.weight, l.outputs, l.inputs});
  ParallelFor(l.outputs, kGrain, [&](int64_t begin, int64_t end) {
    for (size_t u = 0; u + 1 < units.size(); ++u) {
      for (int64_t i = begin; i < end; ++i) {
        float sum = 0;
        for (int64_t t = units[u]; t < units[u + 1]; ++t) sum += dy(t, i);
        gradient[l.bias + i] += sum;
      }
    }
  });
}

void FlowField::Embed(std::span<const double> numbers, Embedder* e, View<float> y,
                      Epilogue epilogue) {
  const auto N = static_cast<int64_t>(numbers.size());
  const View<float> features = Sized(e->features, N, 2 * kFrequencies);
  ForRows(N, [&](int64_t t) {
    for (int64_t i = 0; i < kFrequencies; ++i) {
      const double frequency =
          std::exp(-std::log(1e4) * static_cast<double>(i) / static_cast<double>(kFrequencies));
      const double angle = numbers[static_cast<size_t>(t)] * frequency;
      features(t, i) = static_cast<float>(std::cos(angle));
      features(t, kFrequencies + i) = static_cast<float>(std::sin(angle));
    }
  });
  const View<float> hidden = Sized(e->hidden, N, shape_.width),
                    silu = Sized(silu_, N, shape_.width);
  Apply(e->first, features, hidden);
  Silu(hidden, silu);
  Apply(e->second, silu, y, epilogue);
}

void FlowField::EmbedBackward(Embedder* e, View<const float> dy, std::span<const int64_t> units,
                              float* gradient) {
  const int64_t N = dy.rows, W = shape_.width;
  const View<float> hidden(e->hidden.data(), N, W), silu = Sized(silu_, N, W), d = Sized(da_, N, W);
  Silu(hidden, silu);
  Learn(e->second, dy, silu, units, gradient);
  MatMul(dy, e->second.transposed, d);
  SiluBackward(hidden, d);
  Learn(e->first, d, View<float>(e->features.data(), N, 2 * kFrequencies), units, gradient);
}

void FlowField::Modulate(Block* b, View<const float> x, View<const float> m, View<float> a) const {
  const int64_t N = x.rows, W = shape_.width;
  const View<float> normed = Sized(b->normed, N, W);
  RmsNorm(x, At(b->norm, 1, W), static_cast<float>(shape_.eps), normed, Sized(b->rstd, N, 1));
  ForRows(N, [&](int64_t t) {
    for (int64_t i = 0; i < W; ++i) a(t, i) = normed(t, i) * (1 + m(t, W + i)) + m(t, i);
  });
}

void FlowField::ModulateBackward(const Block& b, View<const float> da, View<const float> x,
                                 View<const float> m, std::span<const int64_t> units,
                                 View<float> dm, View<float> dx, float* gradient) {
  const int64_t N = x.rows, W = shape_.width;
  const View<const float> normed(b.normed.data(), N, W);
  const View<float> dn = Sized(dn_, N, W);
  ForRows(N, [&](int64_t t) {
    for (int64_t i = 0; i < W; ++i) {
      dm(t, i) = da(t, i);
      dm(t, W + i) = da(t, i) * normed(t, i);
      dn(t, i) = da(t, i) * (1 + m(t, W + i));
    }
  });
  RmsNormBackward(dn, x, At(b.norm, 1, W), View<const float>(b.rstd.data(), N, 1), units, dx,
                  {gradient + b.norm, 1, W});
}

void FlowField::Forward(const FlowInputs& in, View<float> v) {
  const int64_t N = in.x.rows, W = shape_.width;
  RLVR_CHECK(in.condition.rows == N && static_cast<int64_t>(in.time.size()) == N &&
             static_cast<int64_t>(in.layer.size()) == N && v.rows == N && v.cols == shape_.dim);
  if (N == 0) return;
  const View<float> y = Sized(y_, N, W), h = Sized(h_, N, W);
  Embed(in.time, &time_, y, Epilogue::kStore);
  Embed(in.layer, &layer_, y, Epilogue::kAdd);
  Apply(condition_, in.condition, y, Epilogue::kAdd);
  const View<float> silu = Sized(silu_, N, W);
  Silu(y, silu);
  Apply(input_, in.x, h);
  for (Block& b : blocks_) {
    const View<float> m = Sized(b.m, N, 3 * W), input = Sized(b.input, N, W), a = Sized(b.a, N, W),
                      hidden = Sized(b.hidden, N, W), out = Sized(b.out, N, W),
                      act = Sized(da_, N, W);
    Apply(b.modulation, silu, m);
    Copy(h, input);
    Modulate(&b, input, m, a);
    Apply(b.first, a, hidden);
    Silu(hidden, act);
    Apply(b.second, act, out);
    ForRows(N, [&](int64_t t) {
      for (int64_t i = 0; i < W; ++i) h(t, i) += m(t, 2 * W + i) * out(t, i);
    });
  }
  const View<float> m = Sized(last_.m, N, 2 * W), a = Sized(last_.a, N, W);
  Apply(last_.modulation, silu, m);
  Modulate(&last_, h, m, a);
  Apply(output_, a, v);
}

void FlowField::Backward(const FlowInputs& in, View<const float> dv, std::span<const int64_t> units,
                         AlignedBuffer<float>* gradient_buffer) {
  const int64_t N = dv.rows, W = shape_.width;
  RLVR_CHECK(in.x.rows == N && h_.size() == N * W && gradient_buffer->size() == total_);
  if (N == 0) return;
  float* gradient = gradient_buffer->data();
  const View<float> y(y_.data(), N, W), silu = Sized(silu_, N, W), da = Sized(da_, N, W),
                                        dh = Sized(dh_, N, W), dsilu = Sized(dsilu_, N, W);
  Silu(y, silu);
  Zero(dh);
  {
    const View<const float> m(last_.m.data(), N, 2 * W), h(h_.data(), N, W);
    const View<float> dm = Sized(dm_, N, 2 * W);
    Learn(output_, dv, View<const float>(last_.a.data(), N, W), units, gradient);
    MatMul(dv, output_.transposed, da);
    ModulateBackward(last_, da, h, m, units, dm, dh, gradient);
    Learn(last_.modulation, dm, silu, units, gradient);
    MatMul(dm, last_.modulation.transposed, dsilu);
  }
  for (auto b = blocks_.rbegin(); b != blocks_.rend(); ++b) {
    const View<const float> m(b->m.data(), N, 3 * W), out(b->out.data(), N, W),
        hidden(b->hidden.data(), N, W);
    const View<float> dm = Sized(dm_, N, 3 * W), dout = Sized(dout_, N, W), act = Sized(dn_, N, W);
    ForRows(N, [&](int64_t t) {
      for (int64_t i = 0; i < W; ++i) {
        dm(t, 2 * W + i) = dh(t, i) * out(t, i);
        dout(t, i) = dh(t, i) * m(t, 2 * W + i);
      }
    });
    Silu(hidden, act);
    Learn(b->second, dout, act, units, gradient);
    MatMul(dout, b->second.transposed, da);
    SiluBackward(hidden, da);
    Learn(b->first, da, View<const float>(b->a.data(), N, W), units, gradient);
    MatMul(da, b->first.transposed, dout);
    ModulateBackward(*b, dout, View<const float>(b->input.data(), N, W), m, units, dm, dh,
                     gradient);
    Learn(b->modulation, dm, silu, units, gradient);
    MatMul(dm, b->modulation.transposed, dsilu, Epilogue::kAdd);
  }
  Learn(input_, dh, in.x, units, gradient);
  SiluBackward(y, dsilu);  // now dL/dy
  Learn(condition_, dsilu, in.condition, units, gradient);
  EmbedBackward(&time_, dsilu, units, gradient);
  EmbedBackward(&layer_, dsilu, units, gradient);
}

AlignedBuffer<float> FlowField::MakeGradient() const {
  AlignedBuffer<float> gradient(total_);
  FillZero(&gradient);
  return gradient;
}

AppliedGradient FlowField::Step(const OptimizerSettings& settings, int64_t total_steps,
                                const AlignedBuffer<float>& gradient) {
  const AppliedGradient applied =
      ApplyGradient(settings, total_steps, gradient, parameters_, weights_.data(), &optimizer_);
  WeightsChanged();
  return applied;
}

std::string FlowField::Save() const {
  nlohmann::json all = {{"dim", shape_.dim},
                        {"width", shape_.width},
                        {"blocks", shape_.blocks},
                        {"step", optimizer_.step}};
  for (const auto& [name, from] : {std::pair("weights", &weights_), std::pair("m", &optimizer_.m),
                                   std::pair("v", &optimizer_.v)}) {
    std::vector<uint8_t> bytes(static_cast<size_t>(total_) * sizeof(float));
    std::memcpy(bytes.data(), from->data(), bytes.size());
    all[name] = nlohmann::json::binary(std::move(bytes));
  }
  const auto bytes = nlohmann::json::to_cbor(all);
  return {bytes.begin(), bytes.end()};
}

void FlowField::Load(const std::string& bytes, const std::string& path) {
  const auto all = nlohmann::json::from_cbor(bytes, true, false);
  bool fits = all.is_object() && all.value("dim", int64_t{0}) == shape_.dim &&
              all.value("width", int64_t{0}) == shape_.width &&
              all.value("blocks", int64_t{-1}) == shape_.blocks && all.contains("step");
  const auto size = static_cast<size_t>(total_) * sizeof(float);
  for (const char* name : {"weights", "m", "v"}) {
    fits = fits && all.contains(name) && all[name].is_binary() &&
           all[name].get_binary().size() == size;
  }
  if (!fits) {
    throw Error(path, "is no flow field of this recipe's shape",
                "resume with the recipe that wrote it, or use an older checkpoint");
  }
  optimizer_.step = all["step"].get<int64_t>();
  for (const auto& [name, to] : {std::pair("weights", &weights_), std::pair("m", &optimizer_.m),
                                 std::pair("v", &optimizer_.v)})
    std::memcpy(to->data(), all[name].get_binary().data(), size);
  WeightsChanged();
}

}  // namespace rlvr
