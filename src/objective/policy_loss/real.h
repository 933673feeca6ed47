#ifndef RLVR_OBJECTIVE_POLICY_LOSS_REAL_H_
#define RLVR_OBJECTIVE_POLICY_LOSS_REAL_H_
#include "objective/policy_loss/gspo.h"
#include "objective/policy_loss/members.h"

namespace rlvr {
// REAL, Rewards as Labels, arXiv:2602.05630: a group's responses are classified by their
// length-normalised log-ratio, against an anchor logit of 0. No advantage, no clip.
//   s_i = 1 / |o_i| sum_t (logp_t - logp_old_t)
//   J = -log(1 + sum_{i right} exp(-s_i / tau)) - log(1 + sum_{j wrong} exp(s_j / tau))
// dJ / ds is at most 1 / tau in size: a right response that the policy has lost gains weight, and
// no wrong one can dominate. form bce: each response for itself, the mean of -softplus(-+ s_i /
// tau). single_class skip: groups of one class give 0, as ms-swift does it; keep: the formula as it
// stands. Either way the mean is over all groups.
struct Real {
  static constexpr MethodInfo kInfo{"real", "2602.05630",
                                    "J = -log(1 + sum_right exp(-s_i / tau)) - log(1 + sum_wrong "
                                    "exp(s_j / tau)), s_i = mean_t(logp_t - logp_old_t)"};
  static constexpr Scope kScope = Scope::kGroup;
  double tau = 0.5;
  std::string form = "softmax";
  std::string single_class = "skip";
  template <class Visitor>
  void Params(Visitor& p) {
    p("tau", tau, 1e-6, 1e6);
    p("form", form, {"softmax", "bce"});
    p("single_class", single_class, {"skip", "keep"});
  }
  Field operator()(const TokenFields& f) const {
    const Field s = LogSequenceRatio(f) / tau;
    const Members right = MembersWhere(f, [&](int64_t i) { return f.rows.right(i); });
    const Members wrong = MembersWhere(f, [&](int64_t i) { return !f.rows.right(i); });
    const auto G = static_cast<size_t>(f.rows.num_groups());
    std::vector<double> scale(G, 1.0);
    for (size_t g = 0; g < G; ++g) {
      const int64_t r = right.group_begin[g + 1] - right.group_begin[g];
      const int64_t w = wrong.group_begin[g + 1] - wrong.group_begin[g];
      if (single_class == "skip" && (r == 0 || w == 0)) scale[g] = 0;
      if (form == "bce" && r + w > 0) scale[g] /= static_cast<double>(r + w);
    }
    const Field loss = form == "bce" ? SegmentSum(Softplus(-right.Take(s)), right.group_begin) +
                                           SegmentSum(Softplus(wrong.Take(s)), wrong.group_begin)
                                     : LogOnePlusSumExp(-s, right) + LogOnePlusSumExp(s, wrong);
    return f.Constant(std::move(scale)) * -loss;
  }

 private:
  // log(1 + sum over a group's members of exp(x)): [S] -> [G], 0 for a group without members.
  static Field LogOnePlusSumExp(const Field& x, const Members& m) {
    std::vector<int64_t> begin = {0}, present = {0};  // of groups that have members
    for (size_t g = 0; g + 1 < m.group_begin.size(); ++g) {
      if (m.group_begin[g + 1] > m.group_begin[g]) begin.push_back(m.group_begin[g + 1]);
      present.push_back(static_cast<int64_t>(begin.size()) - 1);
    }
    return SegmentSum(Softplus(SegmentLogSumExp(m.Take(x), begin)), present);
  }
};
}  // namespace rlvr
#endif  // RLVR_OBJECTIVE_POLICY_LOSS_REAL_H_
