#ifndef RLVR_OBJECTIVE_REWARD_SHAPING_MAJORITY_VOTE_H_
#define RLVR_OBJECTIVE_REWARD_SHAPING_MAJORITY_VOTE_H_
#include <map>

#include "objective/batch_stage.h"

namespace rlvr {
// Test-time RL, arXiv:2504.16084: no labels; the answer that most responses of the group give is
// taken for right.
//   r_i = correct if answer_i is the group's most frequent one, else wrong
// Ties: the answer that came first. Responses without an answer do not vote and are wrong, and
// foreign rows do not vote. What shaping did before it is replaced. The authors vote with 64 samples
// and train on 32 of them; here all that vote train.
struct MajorityVote {
  static constexpr MethodInfo kInfo{
      "majority_vote", "2504.16084",
      "r_i = correct if its answer is the group's most frequent one, else wrong"};
  double correct = 1, wrong = 0;
  template <class Visitor>
  void Params(Visitor& p) {
    p("correct", correct, -1e6, 1e6);
    p("wrong", wrong, -1e6, 1e6);
  }
  void operator()(Rows* rows, const BatchContext& context) const {
    double agree = 0, votes = 0, groups_right = 0, groups = 0;
    for (int64_t g = 0; g < rows->num_groups(); ++g) {
      std::map<int32_t, int64_t> count;
      for (int64_t s = rows->group_begin[g]; s < rows->group_begin[g + 1]; ++s) {
        if (rows->answer[s] >= 0 && !rows->foreign[s]) ++count[rows->answer[s]];
      }
      int32_t label = -1;
      for (int64_t s = rows->group_begin[g]; s < rows->group_begin[g + 1]; ++s) {
        const int32_t answer = rows->answer[s];
        if (answer < 0 || rows->foreign[s]) continue;
        if (label < 0 || count[answer] > count[label]) label = answer;
      }
      bool label_right = false;
      for (int64_t s = rows->group_begin[g]; s < rows->group_begin[g + 1]; ++s) {
        const bool same = label >= 0 && rows->answer[s] == label;
        rows->reward[s] = same ? correct : wrong;
        label_right = label_right || (same && rows->right(s));
        agree += same;
        votes += 1;
      }
      groups_right += label_right;
      groups += 1;
    }
    context.metrics->push_back({"reward_shaping/majority_ratio", agree, votes});
    context.metrics->push_back({"reward_shaping/label_accuracy", groups_right, groups});
  }
};
}  // namespace rlvr
#endif  // RLVR_OBJECTIVE_REWARD_SHAPING_MAJORITY_VOTE_H_
