#include "objective/tape.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace rlvr {
namespace {

Tape* TapeOf(const Field& a, const Field& b) {
  RLVR_CHECK(a.tape() && a.tape() == b.tape()) << "fields of different tapes";
  return a.tape();
}

// Value i of a field that may be a scalar.
double At(const std::vector<double>& v, size_t i) { return v.size() == 1 ? v[0] : v[i]; }
double& AdjointAt(std::vector<double>& v, size_t i) { return v.size() == 1 ? v[0] : v[i]; }

// Elementwise with two inputs; df gives (d/da, d/db) at (a, b).
template <class F, class Df>
Field Binary(const Field& a, const Field& b, F f, Df df) {
  Tape* tape = TapeOf(a, b);
  const size_t n = std::max(a.values().size(), b.values().size());
  RLVR_CHECK((a.values().size() == n || a.size() == 1) && (b.values().size() == n || b.size() == 1))
      << a.size() << " " << b.size();
  std::vector<double> y(n);
  for (size_t i = 0; i < n; ++i) y[i] = f(At(a.values(), i), At(b.values(), i));
  const int32_t ia = a.id(), ib = b.id();
  return tape->Record(std::move(y), {a, b},
                      [=](const std::vector<double>& g, std::vector<std::vector<double>*>& in) {
                        const auto &av = tape->values(ia), &bv = tape->values(ib);
                        for (size_t i = 0; i < g.size(); ++i) {
                          const auto [da, db] = df(At(av, i), At(bv, i));
                          // A zero adjoint adds nothing, also where the derivative is infinite.
                          if (g[i] == 0) continue;
                          if (in[0]) AdjointAt(*in[0], i) += g[i] * da;
                          if (in[1]) AdjointAt(*in[1], i) += g[i] * db;
                        }
                      });
}

// Elementwise with one input; df gives d/da at (a, y).
template <class F, class Df>
Field Unary(const Field& a, F f, Df df) {
  Tape* tape = a.tape();
  std::vector<double> y(a.values().size());
  for (size_t i = 0; i < y.size(); ++i) y[i] = f(a.values()[i]);
  const int32_t ia = a.id();
  const std::vector<double> values = y;
  return tape->Record(std::move(y), {a},
                      [=](const std::vector<double>& g, std::vector<std::vector<double>*>& in) {
                        const auto& av = tape->values(ia);
                        for (size_t i = 0; i < g.size(); ++i) {
                          if (g[i] != 0) (*in[0])[i] += g[i] * df(av[i], values[i]);
                        }
                      });
}

thread_local FrozenConstants* frozen_constants = nullptr;

using Pair = std::pair<double, double>;

void CheckRanges(const std::vector<int64_t>& begin, int64_t n) {
  RLVR_CHECK(!begin.empty() && begin.front() == 0 && begin.back() == n &&
             std::is_sorted(begin.begin(), begin.end()))
      << n;
}

}  // namespace

const std::vector<double>& Field::values() const {
  RLVR_CHECK(tape_) << "an empty field";
  return tape_->values(id_);
}

FrozenConstants::FrozenConstants() {
  RLVR_CHECK(frozen_constants == nullptr) << "one at a time";
  frozen_constants = this;
}
FrozenConstants::~FrozenConstants() { frozen_constants = nullptr; }

void FrozenConstants::Freeze() {
  frozen_ = true;
  next_ = 0;
}

void FrozenConstants::Rewind() {
  RLVR_CHECK(frozen_);
  next_ = 0;
}

void FrozenConstants::Visit(std::vector<double>* values) {
  if (!frozen_) {
    values_.push_back(*values);
    return;
  }
  if (next_ >= values_.size() || values_[next_].size() != values->size()) {
    throw Error("objective", "the constants of the formula change their number with its inputs",
                "make the same constants in every evaluation");
  }
  *values = values_[next_++];
}

Field Tape::Input(std::vector<double> values) {
  nodes_.push_back({std::move(values), {}, nullptr, true});
  return Field(this, static_cast<int32_t>(nodes_.size()) - 1);
}

Field Tape::Constant(std::vector<double> values) {
  if (frozen_constants != nullptr) frozen_constants->Visit(&values);
  nodes_.push_back({std::move(values), {}, nullptr, false});
  return Field(this, static_cast<int32_t>(nodes_.size()) - 1);
}

Field Tape::Record(std::vector<double> values, std::vector<Field> inputs, Backward backward) {
  Node node;
  node.values = std::move(values);
  for (const Field& f : inputs) {
    node.inputs.push_back(f.id());
    node.needs_gradient = node.needs_gradient || nodes_[f.id()].needs_gradient;
  }
  if (node.needs_gradient) node.backward = std::move(backward);
  nodes_.push_back(std::move(node));
  return Field(this, static_cast<int32_t>(nodes_.size()) - 1);
}

std::vector<std::vector<double>> Tape::Gradients(const Field& output,
                                                 const std::vector<Field>& inputs) {
  std::vector<std::vector<double>> adjoint(nodes_.size());
  adjoint[output.id()].assign(nodes_[output.id()].values.size(), 1.0);
  for (int32_t i = output.id(); i >= 0; --i) {
    const Node& node = nodes_[i];
    if (adjoint[i].empty() || !node.backward) continue;
    std::vector<std::vector<double>*> in;
    for (const int32_t j : node.inputs) {
      if (!nodes_[j].needs_gradient) {
        in.push_back(nullptr);
        continue;
      }
      if (adjoint[j].empty()) adjoint[j].assign(nodes_[j].values.size(), 0.0);
      in.push_back(&adjoint[j]);
    }
    node.backward(adjoint[i], in);
  }
  std::vector<std::vector<double>> gradients;
  for (const Field& f : inputs) {
    auto& g = adjoint[f.id()];
    if (g.empty()) g.assign(nodes_[f.id()].values.size(), 0.0);
    gradients.push_back(g);
  }
  return gradients;
}

std::vector<double> Tape::Gradient(const Field& output, const Field& input) {
  return Gradients(output, {input})[0];
}

Field operator+(const Field& a, const Field& b) {
  return Binary(
      a, b, [](double x, double y) { return x + y; },
      [](double, double) {
        return Pair{1, 1};
      });
}
Field operator-(const Field& a, const Field& b) {
  return Binary(
      a, b, [](double x, double y) { return x - y; },
      [](double, double) {
        return Pair{1, -1};
      });
}
Field operator*(const Field& a, const Field& b) {
  return Binary(
      a, b, [](double x, double y) { return x * y; },
      [](double x, double y) {
        return Pair{y, x};
      });
}
Field operator/(const Field& a, const Field& b) {
  return Binary(
      a, b, [](double x, double y) { return x / y; },
      [](double x, double y) {
        return Pair{1 / y, -x / (y * y)};
      });
}
Field Min(const Field& a, const Field& b) {
  return Binary(
      a, b, [](double x, double y) { return x <= y ? x : y; },
      [](double x, double y) {
        return x <= y ? Pair{1, 0} : Pair{0, 1};
      });
}
Field Max(const Field& a, const Field& b) {
  return Binary(
      a, b, [](double x, double y) { return x >= y ? x : y; },
      [](double x, double y) {
        return x >= y ? Pair{1, 0} : Pair{0, 1};
      });
}

Field operator-(const Field& a) {
  return Unary(
      a, [](double x) { return -x; }, [](double, double) { return -1.0; });
}
Field operator+(const Field& a, double b) {
  return Unary(
      a, [=](double x) { return x + b; }, [](double, double) { return 1.0; });
}
Field operator+(double a, const Field& b) { return b + a; }
Field operator-(const Field& a, double b) { return a + -b; }
Field operator-(double a, const Field& b) {
  return Unary(
      b, [=](double x) { return a - x; }, [](double, double) { return -1.0; });
}
Field operator*(const Field& a, double b) {
  return Unary(
      a, [=](double x) { return x * b; }, [=](double, double) { return b; });
}
Field operator*(double a, const Field& b) { return b * a; }
Field operator/(const Field& a, double b) {
  return Unary(
      a, [=](double x) { return x / b; }, [=](double, double) { return 1 / b; });
}
Field Exp(const Field& a) {
  return Unary(
      a, [](double x) { return std::exp(x); }, [](double, double y) { return y; });
}
Field Log(const Field& a) {
  return Unary(
      a, [](double x) { return std::log(x); }, [](double x, double) { return 1 / x; });
}
Field Sqrt(const Field& a) {
  return Unary(
      a, [](double x) { return std::sqrt(x); }, [](double, double y) { return 0.5 / y; });
}
Field Abs(const Field& a) {
  return Unary(
      a, [](double x) { return std::abs(x); },
      [](double x, double) { return x > 0   ? 1.0
                                    : x < 0 ? -1.0
                                            : 0.0; });
}
Field Sigmoid(const Field& a) {
  return Unary(
      a, [](double x) { return x >= 0 ? 1 / (1 + std::exp(-x)) : std::exp(x) / (1 + std::exp(x)); },
      [](double, double y) { return y * (1 - y); });
}
Field Softplus(const Field& a) {
  return Unary(
      a, [](double x) { return std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x))); },
      [](double x, double) {
        return x >= 0 ? 1 / (1 + std::exp(-x)) : std::exp(x) / (1 + std::exp(x));
      });
}
Field Clip(const Field& a, double low, double high) {
  RLVR_CHECK(low <= high) << low << " " << high;
  return Unary(
      a, [=](double x) { return std::clamp(x, low, high); },
      [=](double x, double) { return x >= low && x <= high ? 1.0 : 0.0; });
}

Field Where(const std::vector<char>& condition, const Field& a, const Field& b) {
  Tape* tape = TapeOf(a, b);
  const size_t n = condition.size();
  RLVR_CHECK((a.values().size() == n || a.size() == 1) &&
             (b.values().size() == n || b.size() == 1));
  std::vector<double> y(n);
  for (size_t i = 0; i < n; ++i) y[i] = condition[i] ? At(a.values(), i) : At(b.values(), i);
  return tape->Record(std::move(y), {a, b},
                      [=](const std::vector<double>& g, std::vector<std::vector<double>*>& in) {
                        for (size_t i = 0; i < g.size(); ++i) {
                          auto* to = condition[i] ? in[0] : in[1];
                          if (to) AdjointAt(*to, i) += g[i];
                        }
                      });
}

Field StopGradient(const Field& a) { return a.tape()->Constant(a.values()); }

Field Sum(const Field& a) { return SegmentSum(a, {0, a.size()}); }

Field SegmentSum(const Field& a, const std::vector<int64_t>& begin) {
  CheckRanges(begin, a.size());
  std::vector<double> y(begin.size() - 1);
  for (size_t s = 0; s < y.size(); ++s) {
    for (int64_t i = begin[s]; i < begin[s + 1]; ++i) y[s] += a.values()[i];
  }
  return a.tape()->Record(std::move(y), {a},
                          [=](const std::vector<double>& g, std::vector<std::vector<double>*>& in) {
                            for (size_t s = 0; s < g.size(); ++s) {
                              for (int64_t i = begin[s]; i < begin[s + 1]; ++i) (*in[0])[i] += g[s];
                            }
                          });
}

Field SegmentLogSumExp(const Field& a, const std::vector<int64_t>& begin) {
  CheckRanges(begin, a.size());
  std::vector<double> y(begin.size() - 1);
  for (size_t s = 0; s < y.size(); ++s) {
    RLVR_CHECK(begin[s] < begin[s + 1]) << "logsumexp of nothing";
    const auto* v = a.values().data();
    const double top = *std::max_element(v + begin[s], v + begin[s + 1]);
    double sum = 0;
    for (int64_t i = begin[s]; i < begin[s + 1]; ++i) sum += std::exp(v[i] - top);
    y[s] = top + std::log(sum);
  }
  Tape* tape = a.tape();
  const int32_t ia = a.id();
  const std::vector<double> values = y;
  return tape->Record(std::move(y), {a},
                      [=](const std::vector<double>& g, std::vector<std::vector<double>*>& in) {
                        const auto& v = tape->values(ia);
                        for (size_t s = 0; s < g.size(); ++s) {
                          for (int64_t i = begin[s]; i < begin[s + 1]; ++i)
                            (*in[0])[i] += g[s] * std::exp(v[i] - values[s]);
                        }
                      });
}

Field Broadcast(const Field& a, const std::vector<int64_t>& begin) {
  RLVR_CHECK(a.values().size() + 1 == begin.size());
  std::vector<int64_t> index;
  for (size_t s = 0; s + 1 < begin.size(); ++s)
    index.insert(index.end(), begin[s + 1] - begin[s], static_cast<int64_t>(s));
  return Gather(a, index);
}

Field Gather(const Field& a, const std::vector<int64_t>& index) {
  std::vector<double> y(index.size());
  for (size_t i = 0; i < y.size(); ++i) y[i] = a.values().at(static_cast<size_t>(index[i]));
  return a.tape()->Record(std::move(y), {a},
                          [=](const std::vector<double>& g, std::vector<std::vector<double>*>& in) {
                            for (size_t i = 0; i < g.size(); ++i) (*in[0])[index[i]] += g[i];
                          });
}

Field LeaveOneOutMean(const Field& a, const std::vector<int64_t>& begin) {
  CheckRanges(begin, a.size());
  std::vector<double> y(a.values().size());
  for (size_t s = 0; s + 1 < begin.size(); ++s) {
    double sum = 0;
    for (int64_t i = begin[s]; i < begin[s + 1]; ++i) sum += a.values()[i];
    const auto others = static_cast<double>(begin[s + 1] - begin[s] - 1);
    for (int64_t i = begin[s]; i < begin[s + 1]; ++i)
      y[i] = others > 0 ? (sum - a.values()[i]) / others : 0;
  }
  return a.tape()->Record(std::move(y), {a},
                          [=](const std::vector<double>& g, std::vector<std::vector<double>*>& in) {
                            for (size_t s = 0; s + 1 < begin.size(); ++s) {
                              const auto others = static_cast<double>(begin[s + 1] - begin[s] - 1);
                              if (others == 0) continue;
                              double sum = 0;
                              for (int64_t i = begin[s]; i < begin[s + 1]; ++i) sum += g[i];
                              for (int64_t i = begin[s]; i < begin[s + 1]; ++i)
                                (*in[0])[i] += (sum - g[i]) / others;
                            }
                          });
}

}  // namespace rlvr
