// Information gain of an answer over a structured task space: the turn reward of Nous ("Dialogue as
// Discovery", arXiv:2510.27410). What is sought has attributes with finitely many values each; they
// are taken as independent; an answer is a hard constraint.
//   H(B)  = - sum_i sum_v p_i(v) log2 p_i(v)                          bits
//   p_i'(v) = p_i(v) 1[v consistent with the answer] / Z_i
//   r_t   = H(B_{t-1}) - H(B_t),   sum_t r_t = H(B_0) - H(B_T)
// The paper's abstract and reviews name entropy, independence, empirical prior, hard constraint and
// the unweighted sum over attributes; the formulas follow from them and are a reconstruction. With a
// prior that is not uniform r_t can be negative: an answer may rule the likely values out.
#ifndef RLVR_VERIFY_INFORMATION_GAIN_H_
#define RLVR_VERIFY_INFORMATION_GAIN_H_
#include <cstddef>
#include <span>
#include <vector>

namespace rlvr {

struct Belief {
  std::vector<std::vector<double>> p;  // [attributes][values], each sums to 1
};

// From how often each value occurs (or any weights): [attributes][values]. An Error for a negative
// weight or an attribute whose weights are all 0.
Belief BeliefFrom(const std::vector<std::vector<double>>& counts);
Belief UniformBelief(std::span<const int> num_values);  // [attributes], each at least 1

double EntropyBits(const Belief& belief);
double EntropyBits(const Belief& belief, size_t attribute);

// Keeps the values [values of the attribute] that are consistent with an answer. False, and nothing
// changes, where the belief holds none of them to be possible.
bool Constrain(size_t attribute, const std::vector<char>& consistent, Belief* belief);

double InformationGain(const Belief& before, const Belief& after);

}  // namespace rlvr
#endif  // RLVR_VERIFY_INFORMATION_GAIN_H_
