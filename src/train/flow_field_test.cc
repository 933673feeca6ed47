#include "train/flow_field.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "base/error.h"
#include "base/thread_pool.h"
#include "train/tiny_model_test.h"

namespace rlvr {
namespace {

using Vector = std::vector<double>;

// The network as its header says it, in double, one state at a time, without any of its kernels.
class PlainField {
 public:
  explicit PlainField(const FlowField& field) : shape_(field.shape()) {
    for (const Parameter& p : field.parameters())
      values_[p.name] = Vector(field.weights() + p.offset, field.weights() + p.offset + p.size());
  }
  Vector& operator[](const std::string& name) { return values_.at(name); }

  Vector Velocity(const Vector& x, const Vector& condition, double time, double layer) const {
    Vector y = Embed("time", time);
    Add(Embed("layer", layer), &y);
    Add(Linear("condition", condition), &y);
    const Vector silu = Silu(y);
    Vector h = Linear("input", x);
    for (int64_t b = 0; b < shape_.blocks; ++b) {
      const std::string name = "blocks." + std::to_string(b) + ".";
      const Vector m = Linear(name + "modulation", silu);
      const Vector out =
          Linear(name + "second", Silu(Linear(name + "first", Modulated(name + "norm", h, m))));
      for (size_t i = 0; i < h.size(); ++i) h[i] += m[2 * h.size() + i] * out[i];
    }
    return Linear("output", Modulated("last.norm", h, Linear("last.modulation", silu)));
  }

 private:
  static void Add(const Vector& x, Vector* y) {
    for (size_t i = 0; i < x.size(); ++i) (*y)[i] += x[i];
  }
  static Vector Silu(Vector x) {
    for (double& v : x) v /= 1 + std::exp(-v);
    return x;
  }
  Vector Linear(const std::string& name, const Vector& x) const {
    const Vector &weight = values_.at(name + ".weight"), &bias = values_.at(name + ".bias");
    Vector y = bias;
    for (size_t o = 0; o < y.size(); ++o) {
      for (size_t i = 0; i < x.size(); ++i) y[o] += weight[o * x.size() + i] * x[i];
    }
    return y;
  }
  Vector Embed(const std::string& name, double number) const {
    Vector features(256);
    for (int i = 0; i < 128; ++i) {
      const double angle = number * std::pow(10000.0, -i / 128.0);
      features[static_cast<size_t>(i)] = std::cos(angle);
      features[static_cast<size_t>(128 + i)] = std::sin(angle);
    }
    return Linear(name + ".second", Silu(Linear(name + ".first", features)));
  }
  Vector Modulated(const std::string& norm, const Vector& h, const Vector& m) const {
    double squares = 0;
    for (const double v : h) squares += v * v;
    const double rms = std::sqrt(squares / static_cast<double>(h.size()) + shape_.eps);
    Vector a;
    for (size_t i = 0; i < h.size(); ++i)
      a.push_back(h[i] / rms * values_.at(norm)[i] * (1 + m[h.size() + i]) + m[i]);
    return a;
  }

  FlowShape shape_;
  std::map<std::string, Vector> values_;
};

constexpr int64_t kN = 7, kD = 5;

// Any states, and a field none of whose weights is 0.
class FlowFieldTest : public testing::Test {
 protected:
  FlowFieldTest() : field_({.dim = kD, .width = 6, .blocks = 2}, RandomKey(1)) {
    Random random(RandomKey(2));
    for (const Parameter& p : field_.parameters()) {
      for (int64_t i = 0; i < p.size(); ++i)
        field_.weights()[p.offset + i] += static_cast<float>(0.3 * random.Normal());
    }
    field_.WeightsChanged();
    for (AlignedBuffer<float>* buffer : {&x_, &condition_, &dv_, &v_}) {
      buffer->Resize(kN * kD);
      for (int64_t i = 0; i < kN * kD; ++i) (*buffer)[i] = static_cast<float>(random.Normal());
    }
    for (int64_t t = 0; t < kN; ++t) {
      time_.push_back(random.Uniform());
      layer_.push_back(0.25 * static_cast<double>(1 + t % 3));
    }
  }
  FlowInputs Inputs() { return {{x_.data(), kN, kD}, {condition_.data(), kN, kD}, time_, layer_}; }
  // sum dv * v by the plain field
  double Sum(const PlainField& plain) const {
    double sum = 0;
    for (int64_t t = 0; t < kN; ++t) {
      const Vector v = plain.Velocity(Row(x_, t), Row(condition_, t), time_[static_cast<size_t>(t)],
                                      layer_[static_cast<size_t>(t)]);
      for (int64_t d = 0; d < kD; ++d) sum += double{dv_[t * kD + d]} * v[static_cast<size_t>(d)];
    }
    return sum;
  }
  static Vector Row(const AlignedBuffer<float>& buffer, int64_t t) {
    return {buffer.data() + t * kD, buffer.data() + (t + 1) * kD};
  }

  FlowField field_;
  AlignedBuffer<float> x_, condition_, dv_, v_;
  Vector time_, layer_;
};

TEST_F(FlowFieldTest, ForwardIsThePlainNetwork) {
  field_.Forward(Inputs(), {v_.data(), kN, kD});
  const PlainField plain(field_);
  for (int64_t t = 0; t < kN; ++t) {
    const Vector v = plain.Velocity(Row(x_, t), Row(condition_, t), time_[static_cast<size_t>(t)],
                                    layer_[static_cast<size_t>(t)]);
    for (int64_t d = 0; d < kD; ++d)
      EXPECT_NEAR(v_[t * kD + d], v[static_cast<size_t>(d)], 2e-5) << t << " " << d;
  }
}

TEST_F(FlowFieldTest, BackwardIsFiniteDifferencesOfThePlainNetwork) {
  const int64_t units[] = {0, 3, kN};
  AlignedBuffer<float> gradient = field_.MakeGradient();
  field_.Forward(Inputs(), {v_.data(), kN, kD});
  field_.Backward(Inputs(), {dv_.data(), kN, kD}, units, &gradient);
  PlainField plain(field_);
  for (const Parameter& p : field_.parameters()) {
    double largest = 0;
    for (int64_t i = 0; i < p.size(); i += std::max<int64_t>(1, p.size() / 9)) {
      double& w = plain[p.name][static_cast<size_t>(i)];
      const double before = w, h = 1e-5;
      w = before + h;
      const double up = Sum(plain);
      w = before - h;
      const double down = Sum(plain);
      w = before;
      const double slope = (up - down) / (2 * h);
      largest = std::max(largest, std::abs(slope));
      EXPECT_NEAR(gradient[p.offset + i], slope, 1e-4 * (1 + std::abs(slope))) << p.name << i;
    }
    EXPECT_GT(largest, 1e-3) << p.name;  // every parameter takes part
  }
}

TEST_F(FlowFieldTest, SameBitsHoweverUnitsAreGrouped) {
  const int64_t units[] = {0, 3, kN};
  SetNumThreads(1);
  AlignedBuffer<float> whole = field_.MakeGradient(), parts = field_.MakeGradient();
  field_.Forward(Inputs(), {v_.data(), kN, kD});
  field_.Backward(Inputs(), {dv_.data(), kN, kD}, units, &whole);
  SetNumThreads(2);
  for (size_t u = 0; u < 2; ++u) {
    const int64_t begin = units[u], n = units[u + 1] - begin;
    const int64_t one[] = {0, n};
    const FlowInputs in = {{x_.data() + begin * kD, n, kD},
                           {condition_.data() + begin * kD, n, kD},
                           std::span(time_).subspan(static_cast<size_t>(begin)).first(n),
                           std::span(layer_).subspan(static_cast<size_t>(begin)).first(n)};
    AlignedBuffer<float> v(n * kD);
    field_.Forward(in, {v.data(), n, kD});
    EXPECT_EQ(std::memcmp(v.data(), v_.data() + begin * kD, sizeof(float) * n * kD), 0);
    field_.Backward(in, {dv_.data() + begin * kD, n, kD}, one, &parts);
  }
  EXPECT_TRUE(SameBytes(whole, parts));
}

// Two conditions, +1 and -1 in every dimension, each with its own single target: +2 and -2. The
// best field is (target - x) / (1 - t), with no loss; without the condition it would keep the
// variance of 4 in the targets.
class ToyFlow {
 public:
  ToyFlow() : field({.dim = 4, .width = 16, .blocks = 1}, RandomKey(3)) {}
  // Mean loss of a batch; trains on it if learn.
  double Batch(uint64_t step, double sign_of_target, bool learn) {
    constexpr int64_t N = 64;
    AlignedBuffer<float> x(N * 4), condition(N * 4), u(N * 4), v(N * 4);
    Vector time, layer(N, 0.5);
    for (int64_t t = 0; t < N; ++t) {
      const RandomKey key = RandomKey(4)[step][static_cast<uint64_t>(t)];
      const double share = 1 / (1 + std::exp(-Random(key[1]).Normal()));
      float noise[4];
      FillNormal(key[0], noise);
      const float c = t % 2 == 0 ? 1 : -1;
      const auto target = static_cast<float>(2 * c * sign_of_target);
      for (int64_t d = 0; d < 4; ++d) {
        x[t * 4 + d] =
            static_cast<float>(share) * target + static_cast<float>(1 - share) * noise[d];
        u[t * 4 + d] = target - noise[d];
        condition[t * 4 + d] = c;
      }
      time.push_back(share);
    }
    const FlowInputs in = {{x.data(), N, 4}, {condition.data(), N, 4}, time, layer};
    field.Forward(in, {v.data(), N, 4});
    double loss = 0;
    for (int64_t i = 0; i < N * 4; ++i) {
      const double e = double{v[i]} - double{u[i]};
      loss += e * e / (N * 4);
      v[i] = static_cast<float>(2 * e / (N * 4));
    }
    if (!learn) return loss;
    AlignedBuffer<float> gradient = field.MakeGradient();
    const int64_t units[] = {0, N};
    field.Backward(in, {v.data(), N, 4}, units, &gradient);
    field.Step({.lr = 1e-2, .weight_decay = 0}, 1000, gradient);
    return loss;
  }
  FlowField field;
};

TEST(FlowField, LearnsAToyDistributionAndNotItsOpposite) {
  ToyFlow toy;
  // v is 0 at first: E u^2 = 4 + 1.
  EXPECT_NEAR(toy.Batch(0, 1, false), 5, 0.7);
  for (uint64_t step = 1; step <= 300; ++step) toy.Batch(step, 1, true);
  EXPECT_EQ(toy.field.steps(), 300);
  const double learnt = toy.Batch(1000, 1, false), opposite = toy.Batch(1000, -1, false);
  EXPECT_LT(learnt, 0.5);
  EXPECT_GT(opposite, 4);
}

TEST(FlowField, SavedAndLoadedItGoesOnWithTheSameBits) {
  ToyFlow whole, resumed;
  for (uint64_t step = 0; step < 3; ++step) whole.Batch(step, 1, true);
  resumed.field.Load(whole.field.Save(), "flow_field.cbor");
  EXPECT_EQ(resumed.field.steps(), 3);
  for (uint64_t step = 3; step < 6; ++step)
    EXPECT_EQ(whole.Batch(step, 1, true), resumed.Batch(step, 1, true));
  EXPECT_EQ(whole.field.Save(), resumed.field.Save());
  EXPECT_THROW(whole.field.Load("no cbor", "flow_field.cbor"), Error);
  FlowField other({.dim = 4, .width = 8, .blocks = 1}, RandomKey(3));
  EXPECT_THROW(other.Load(whole.field.Save(), "flow_field.cbor"), Error);
}

TEST(FlowField, NoiseIsNormalAndOfItsKey) {
  std::vector<float> a(10001), b(10001);
  FillNormal(RandomKey(5), a);
  FillNormal(RandomKey(5), b);
  EXPECT_EQ(a, b);
  double sum = 0, squares = 0;
  for (const double x : a) {
    sum += x;
    squares += x * x;
  }
  EXPECT_NEAR(sum / 10001, 0, 0.04);  // 4 standard errors
  EXPECT_NEAR(squares / 10001, 1, 0.06);
  FillNormal(RandomKey(6), b);
  EXPECT_NE(a, b);
}

}  // namespace
}  // namespace rlvr
