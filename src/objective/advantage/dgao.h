#ifndef RLVR_OBJECTIVE_ADVANTAGE_DGAO_H_
#define RLVR_OBJECTIVE_ADVANTAGE_DGAO_H_
#include <string>

#include "objective/batch_stage.h"

namespace rlvr {
// Dual group advantage for order robustness, arXiv:2605.11974 (the released hybrid advantage): one
// question in several orders of its parts is one group; the question as a whole is compared with the
// other questions of the batch, each response with the question's others.
//   A_{g,i} = alpha (r_g - b) + (1 - alpha) (r_{g,i} - r_g),  r_g = mean_i r_{g,i},  b = mean_g r_g
// No division by a std. Here the orders are prompts of one family (data.group_key, with
// data.group_order together so that a batch holds them all) with one group of responses each; the
// paper has one response an order. scope group takes a prompt's responses alone. alpha 0 is
// group_centered over the scope.
// Metrics, over families of more than one prompt: dgao/consistency, the share where all responses
// that gave an answer gave one and the same; dgao/overconfidence, the share that is consistent and
// wrong. Names as in the abstract; what counts as an answer is the verifier's.
struct Dgao {
  static constexpr MethodInfo kInfo{
      "dgao", "2605.11974",
      "A_{g,i} = alpha (mean r_g - mean over groups) + (1 - alpha) (r_{g,i} - mean r_g), g the "
      "orders of one question"};
  double alpha = 0.5;
  std::string scope = "family";
  template <class Visitor>
  void Params(Visitor& p) {
    p("alpha", alpha, 0.0, 1.0);
    p("scope", scope, {"family", "group"});
  }
  void operator()(Rows* rows, const BatchContext& context) const {
    const Grouping by = RowsBy(ParseScope(scope), *rows);
    const Column all(rows->reward.size(), 1.0);
    const Column mean = Mean(by, rows->reward, all);
    const auto group = GroupOfRows(*rows);
    struct Question {
      double mean = 0;
      int64_t answer = 0;
      int32_t group = -1;
      bool same = true, right = true, orders = false;
    };
    std::vector<Question> questions(static_cast<size_t>(by.count));
    for (size_t s = 0; s < mean.size(); ++s) {
      Question& q = questions[static_cast<size_t>(by.id[s])];
      q.mean = mean[s];
      q.orders = q.orders || (q.group >= 0 && q.group != group[s]);
      q.group = group[s];
      q.right = q.right && rows->right(static_cast<int64_t>(s));
      if (rows->answer_hash[s] == 0) continue;
      q.same = q.same && (q.answer == 0 || q.answer == rows->answer_hash[s]);
      q.answer = rows->answer_hash[s];
    }
    std::vector<double> means;
    double asked = 0, consistent = 0, overconfident = 0;
    for (const Question& q : questions) {
      means.push_back(q.mean);
      if (!q.orders) continue;
      const bool same = q.same && q.answer != 0;
      asked += 1;
      consistent += same;
      overconfident += same && !q.right;
    }
    if (means.empty()) return;
    const double b = MeanOf(means);
    Column adv;
    for (size_t s = 0; s < mean.size(); ++s)
      adv.push_back(alpha * (mean[s] - b) + (1 - alpha) * (rows->reward[s] - mean[s]));
    rows->adv = Spread(*rows, adv);
    if (asked == 0) return;
    context.metrics->push_back({"dgao/consistency", consistent, asked});
    context.metrics->push_back({"dgao/overconfidence", overconfident, asked});
  }
};
}  // namespace rlvr
#endif  // RLVR_OBJECTIVE_ADVANTAGE_DGAO_H_
