// Reverse-mode differentiation over whole arrays, in double: all the automatic differentiation
// there is. A Field is an array over the T tokens of a batch (or over its S sequences, or a scalar)
// on a tape.
#ifndef RLVR_OBJECTIVE_TAPE_H_
#define RLVR_OBJECTIVE_TAPE_H_
#include <cstdint>
#include <deque>
#include <functional>
#include <vector>

namespace rlvr {

class Tape;

class Field {
 public:
  Field() = default;
  const std::vector<double>& values() const;
  int64_t size() const { return static_cast<int64_t>(values().size()); }
  Tape* tape() const { return tape_; }
  int32_t id() const { return id_; }

 private:
  friend class Tape;
  Field(Tape* tape, int32_t id) : tape_(tape), id_(id) {}
  Tape* tape_ = nullptr;
  int32_t id_ = -1;
};

class Tape {
 public:
  Field Input(std::vector<double> values);     // gradients are wanted
  Field Constant(std::vector<double> values);  // no gradient flows here
  // Gradient of sum(output) with respect to an input; [input.size()].
  std::vector<double> Gradient(const Field& output, const Field& input);
  // The same for several inputs in one sweep.
  std::vector<std::vector<double>> Gradients(const Field& output, const std::vector<Field>& inputs);

  // For operations (tape.cc): backward gets the output's adjoint and adds to the inputs'; an input
  // that needs no gradient has nullptr there.
  using Backward = std::function<void(const std::vector<double>& output_adjoint,
                                      std::vector<std::vector<double>*>& input_adjoints)>;
  Field Record(std::vector<double> values, std::vector<Field> inputs, Backward backward);
  const std::vector<double>& values(int32_t id) const { return nodes_[id].values; }

 private:
  struct Node {
    std::vector<double> values;
    std::vector<int32_t> inputs;
    Backward backward;
    bool needs_gradient = false;
  };
  std::deque<Node> nodes_;  // so that a reference to values outlives later operations
};

// For difference quotients: holds constant what a gradient holds constant. While one lives on this
// thread, the first pass over a formula records every Constant and StopGradient; after Freeze()
// each later pass gets those values again, in the order of the first, whatever its inputs are. A
// pass of another number or size of constants throws Error.
class FrozenConstants {
 public:
  FrozenConstants();
  ~FrozenConstants();
  FrozenConstants(const FrozenConstants&) = delete;
  FrozenConstants& operator=(const FrozenConstants&) = delete;
  void Freeze();                            // ends the first pass, and begins the next
  void Rewind();                            // begins the next pass
  void Visit(std::vector<double>* values);  // of a constant being made

 private:
  std::vector<std::vector<double>> values_;
  size_t next_ = 0;
  bool frozen_ = false;
};

// Elementwise; two fields of one tape and equal size, or one of them of size 1; doubles are
// constants.
Field operator+(const Field& a, const Field& b);
Field operator-(const Field& a, const Field& b);
Field operator*(const Field& a, const Field& b);
Field operator/(const Field& a, const Field& b);
Field operator-(const Field& a);
Field operator+(const Field& a, double b);
Field operator+(double a, const Field& b);
Field operator-(const Field& a, double b);
Field operator-(double a, const Field& b);
Field operator*(const Field& a, double b);
Field operator*(double a, const Field& b);
Field operator/(const Field& a, double b);
Field Exp(const Field& a);
Field Log(const Field& a);
Field Sqrt(const Field& a);
Field Abs(const Field& a);  // gradient 0 at 0
Field Sigmoid(const Field& a);
Field Softplus(const Field& a);
Field Min(const Field& a, const Field& b);            // ties: the gradient goes to a
Field Max(const Field& a, const Field& b);            // ties: the gradient goes to a
Field Clip(const Field& a, double low, double high);  // gradient 1 inside and on the bounds, else 0
Field Where(const std::vector<char>& condition, const Field& a, const Field& b);
Field StopGradient(const Field& a);
Field Sum(const Field& a);  // [1]
// Over consecutive ranges begin[i]..begin[i+1] of a: [begin.size() - 1].
Field SegmentSum(const Field& a, const std::vector<int64_t>& begin);
Field SegmentLogSumExp(const Field& a, const std::vector<int64_t>& begin);
// The inverse: one value to each of its range.
Field Broadcast(const Field& a, const std::vector<int64_t>& begin);
Field Gather(const Field& a, const std::vector<int64_t>& index);
// For each element of a range: mean of the others (ranges of one element: 0).
Field LeaveOneOutMean(const Field& a, const std::vector<int64_t>& begin);

}  // namespace rlvr
#endif  // RLVR_OBJECTIVE_TAPE_H_
