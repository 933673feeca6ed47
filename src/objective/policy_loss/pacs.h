#ifndef RLVR_OBJECTIVE_POLICY_LOSS_PACS_H_
#define RLVR_OBJECTIVE_POLICY_LOSS_PACS_H_
#include "objective/policy_loss/members.h"

namespace rlvr {
// PACS, arXiv:2509.02522: reward as the label of a supervised loss whose logit is the policy's own
// score, centred by the others of the group.
//   psi_i = beta sum_t (logp_t - logp_old_t)
//   a_i = psi_i - mean_{j != i} psi_j
//   J = mean_i w_i (r_i log sigmoid(a_i) + (1 - r_i) log(1 - sigmoid(a_i)))
//   r_i = 1 if right, else 0
//   w_i = G / (2 G_c) for the G_c responses of i's class where both classes are there, else 1
// The gradient flows through every psi of the group. score mean_logp: psi_i = beta mean_t logp_t,
// the authors' second variant. A group of one: a = psi. No advantage, ratio clip or KL.
struct Pacs {
  static constexpr MethodInfo kInfo{
      "pacs", "2509.02522",
      "J_i = w_i (r_i log sigmoid(a_i) + (1 - r_i) log sigmoid(-a_i)), a_i = psi_i - mean_{j != i} "
      "psi_j, psi_i = beta sum_t(logp_t - logp_old_t)"};
  static constexpr Scope kScope = Scope::kResponse;
  double beta = 1;
  std::string score = "sum_ratio";
  bool balance = true;  // the class weights w
  template <class Visitor>
  void Params(Visitor& p) {
    p("beta", beta, 0.0, 1e6);
    p("score", score, {"sum_ratio", "mean_logp"});
    p("balance", balance);
  }
  Field operator()(const TokenFields& f) const {
    const Members all = MembersWhere(f, [](int64_t) { return true; });
    const Field psi =
        all.Take(score == "sum_ratio" ? f.RowSum(f.logp - f.logp_old) : f.RowMean(f.logp)) * beta;
    const Field a = psi - LeaveOneOutMean(psi, all.group_begin);
    std::vector<double> right, weight;  // [N]
    for (size_t g = 0; g + 1 < all.group_begin.size(); ++g) {
      double count[2] = {0, 0};
      for (int64_t i = all.group_begin[g]; i < all.group_begin[g + 1]; ++i)
        count[f.rows.right(all.row[i])] += 1;
      for (int64_t i = all.group_begin[g]; i < all.group_begin[g + 1]; ++i) {
        const bool r = f.rows.right(all.row[i]);
        const bool both = balance && count[0] > 0 && count[1] > 0;
        right.push_back(r);
        weight.push_back(both ? (count[0] + count[1]) / (2 * count[r]) : 1.0);
      }
    }
    // log sigmoid(a) = a - softplus(a), log sigmoid(-a) = -softplus(a)
    return all.Back(f.Constant(std::move(weight)) *
                    (f.Constant(std::move(right)) * a - Softplus(a)));
  }
};
}  // namespace rlvr
#endif  // RLVR_OBJECTIVE_POLICY_LOSS_PACS_H_
