// The whole model again, for tests: one trajectory, plain loops, no cache, no tree, any number
// type. With Real = double it is the value to compare with; with Real = ref::Var its gradient comes
// out of generic reverse-mode differentiation that shares no line with backward.cc.
#ifndef RLVR_MODEL_MODEL_REF_H_
#define RLVR_MODEL_MODEL_REF_H_
#include <cmath>
#include <cstdint>
#include <span>
#include <vector>

#include "model/config.h"
#include "model/parameters.h"

namespace rlvr::ref {

// A number that remembers how it was made; the record of all of them is one list per thread.
struct Var {
  double value = 0;
  int32_t node = -1;  // -1: a constant
  Var() = default;
  Var(double v) : value(v) {}  // NOLINT(google-explicit-constructor)
  Var(double v, int32_t n) : value(v), node(n) {}

  struct Node {
    int32_t a, b;   // what it was made of
    double da, db;  // its derivatives with respect to them
  };
  static std::vector<Node>& Record() {
    thread_local std::vector<Node> record;
    return record;
  }
  static Var Make(double v, Var a, double da, Var b, double db) {
    Record().push_back({a.node, b.node, da, db});
    return {v, static_cast<int32_t>(Record().size()) - 1};
  }
};
inline Var operator+(Var a, Var b) { return Var::Make(a.value + b.value, a, 1, b, 1); }
inline Var operator-(Var a, Var b) { return Var::Make(a.value - b.value, a, 1, b, -1); }
inline Var operator*(Var a, Var b) { return Var::Make(a.value * b.value, a, b.value, b, a.value); }
inline Var operator/(Var a, Var b) {
  return Var::Make(a.value / b.value, a, 1 / b.value, b, -a.value / (b.value * b.value));
}
inline Var exp(Var a) { return Var::Make(std::exp(a.value), a, std::exp(a.value), Var(), 0); }
inline Var log(Var a) { return Var::Make(std::log(a.value), a, 1 / a.value, Var(), 0); }
inline Var sqrt(Var a) {
  return Var::Make(std::sqrt(a.value), a, 0.5 / std::sqrt(a.value), Var(), 0);
}
inline double ValueOf(Var a) { return a.value; }
inline double ValueOf(double a) { return a; }

// d result / d node for every node.
inline std::vector<double> Gradient(Var result) {
  std::vector<double> d(Var::Record().size(), 0.0);
  d[result.node] = 1;
  for (size_t i = d.size(); i-- > 0;) {
    const Var::Node& n = Var::Record()[i];
    if (n.a >= 0) d[n.a] += d[i] * n.da;
    if (n.b >= 0) d[n.b] += d[i] * n.db;
  }
  return d;
}

template <class Real>
using Row = std::vector<Real>;

// W x, W [rows, x.size()] at `weight`.
template <class Real>
Row<Real> Apply(const Real* weight, int64_t rows, const Row<Real>& x) {
  Row<Real> y(rows);
  for (int64_t n = 0; n < rows; ++n) {
    Real sum = 0.0;
    for (size_t k = 0; k < x.size(); ++k) sum = sum + weight[n * x.size() + k] * x[k];
    y[n] = sum;
  }
  return y;
}

// x of each group of `width` elements over its root mean square, times weight [width].
template <class Real>
Row<Real> Normalize(const Row<Real>& x, const Real* weight, int64_t width, double eps) {
  using std::sqrt;
  Row<Real> y(x.size());
  for (size_t begin = 0; begin < x.size(); begin += width) {
    Real squares = 0.0;
    for (int64_t i = 0; i < width; ++i) squares = squares + x[begin + i] * x[begin + i];
    const Real rms = sqrt(squares / Real(static_cast<double>(width)) + Real(eps));
    for (int64_t i = 0; i < width; ++i) y[begin + i] = weight[i] * (x[begin + i] / rms);
  }
  return y;
}

// Rotates each head's pairs (i, i + E/2) by position * frequencies[i]. The frequencies themselves are
// held against transformers (golden_test.cc, rope_scaling_test.cc).
template <class Real>
void Rotate(Row<Real>& x, int64_t head_dim, int64_t position, const RopeParameters& rope) {
  const int64_t half = head_dim / 2;
  for (size_t head = 0; head < x.size(); head += head_dim) {
    for (int64_t i = 0; i < half; ++i) {
      const double angle = static_cast<double>(position) * rope.frequencies[i];
      const Real a = x[head + i], b = x[head + i + half];
      const Real c = rope.factor * std::cos(angle), s = rope.factor * std::sin(angle);
      x[head + i] = a * c - b * s;
      x[head + i + half] = b * c + a * s;
    }
  }
}

// W x + b, b at `bias` where it is not -1.
template <class Real>
Row<Real> Project(const std::vector<Real>& w, int64_t weight, int64_t bias, int64_t rows,
                  const Row<Real>& x) {
  Row<Real> y = Apply(&w[weight], rows, x);
  for (int64_t n = 0; bias >= 0 && n < rows; ++n) y[n] = y[n] + w[bias + n];
  return y;
}

// Hidden states [T][D] after the final norm; w [layout.total].
template <class Real>
std::vector<Row<Real>> Hidden(const ModelConfig& c, const ParameterLayout& layout,
                              const std::vector<Real>& w, std::span<const int32_t> tokens) {
  using std::exp, std::sqrt;
  const int64_t D = c.hidden_size, E = c.head_dim, F = c.intermediate_size;
  const int64_t H = c.num_attention_heads, K = c.num_key_value_heads;
  std::vector<Row<Real>> x, hidden;
  for (const int32_t token : tokens) {
    const Real* row = w.data() + layout.embed + token * D;
    x.emplace_back(row, row + D);
  }
  const RopeParameters rope = ScaledRope(E, c.rope_theta, c.rope_scaling);
  for (size_t layer = 0; layer < layout.layers.size(); ++layer) {
    const LayerLayout& l = layout.layers[layer];
    const size_t window = c.attention(static_cast<int64_t>(layer)).window;
    std::vector<Row<Real>> keys, values;
    for (size_t t = 0; t < tokens.size(); ++t) {
      const auto position = static_cast<int64_t>(t);
      const Row<Real> normed = Normalize(x[t], &w[l.input_norm], D, c.rms_norm_eps);
      Row<Real> q = Project(w, l.q_proj, l.q_bias, H * E, normed);
      Row<Real> k = Project(w, l.k_proj, l.k_bias, K * E, normed);
      if (c.qk_norm) {
        q = Normalize(q, &w[l.q_norm], E, c.rms_norm_eps);
        k = Normalize(k, &w[l.k_norm], E, c.rms_norm_eps);
      }
      Rotate(q, E, position, rope);
      Rotate(k, E, position, rope);
      keys.push_back(k);
      values.push_back(Project(w, l.v_proj, l.v_bias, K * E, normed));
      const size_t first = window > 0 && t >= window ? t + 1 - window : 0;
      Row<Real> mixed(H * E, Real(0.0));
      for (int64_t h = 0; h < H; ++h) {
        const int64_t kv = h / (H / K) * E;
        Row<Real> weight;
        Real total = 0.0;
        for (size_t j = first; j <= t; ++j) {
          Real score = 0.0;
          for (int64_t e = 0; e < E; ++e) score = score + q[h * E + e] * keys[j][kv + e];
          weight.push_back(exp(score / Real(std::sqrt(static_cast<double>(E)))));
          total = total + weight.back();
        }
        for (int64_t e = 0; e < E; ++e) {
          for (size_t j = first; j <= t; ++j)
            mixed[h * E + e] = mixed[h * E + e] + weight[j - first] / total * values[j][kv + e];
        }
      }
      const Row<Real> attention = Project(w, l.o_proj, l.o_bias, D, mixed);
      for (int64_t i = 0; i < D; ++i) x[t][i] = x[t][i] + attention[i];
    }
    for (Row<Real>& row : x) {
      const Row<Real> normed = Normalize(row, &w[l.post_norm], D, c.rms_norm_eps);
      const Row<Real> gate = Apply(&w[l.gate_proj], F, normed),
                      up = Apply(&w[l.up_proj], F, normed);
      Row<Real> act(F);
      for (int64_t i = 0; i < F; ++i)
        act[i] = gate[i] / (Real(1.0) + exp(Real(0.0) - gate[i])) * up[i];
      const Row<Real> down = Apply(&w[l.down_proj], D, act);
      for (int64_t i = 0; i < D; ++i) row[i] = row[i] + down[i];
    }
  }
  for (const Row<Real>& row : x)
    hidden.push_back(Normalize(row, &w[layout.final_norm], D, c.rms_norm_eps));
  return hidden;
}

// log softmax(head(hidden) / temperature), [V].
template <class Real>
Row<Real> LogProbs(const ModelConfig& c, const ParameterLayout& layout, const std::vector<Real>& w,
                   const Row<Real>& hidden, double temperature) {
  using std::exp, std::log;
  Row<Real> z = Apply(&w[layout.lm_head], c.vocab_size, hidden);
  Real total = 0.0;
  for (Real& v : z) {
    v = v / Real(temperature);
    total = total + exp(v);
  }
  const Real log_total = log(total);
  for (Real& v : z) v = v - log_total;
  return z;
}

}  // namespace rlvr::ref
#endif  // RLVR_MODEL_MODEL_REF_H_
