// Rows and pairs of rows of each group, for losses over groups.
#ifndef RLVR_OBJECTIVE_POLICY_LOSS_MEMBERS_H_
#define RLVR_OBJECTIVE_POLICY_LOSS_MEMBERS_H_
#include <functional>

#include "objective/loss_stage.h"

namespace rlvr {

// N of the S rows, by group.
struct Members {
  std::vector<int64_t> row;          // [N] rising
  std::vector<int64_t> group_begin;  // [G + 1]: members of group g
  std::vector<int64_t> row_begin;    // [S + 1]: member of row s, or none
  Field Take(const Field& per_row) const { return Gather(per_row, row); }  // [S] -> [N]
  Field Back(const Field& per_member) const {
    return SegmentSum(per_member, row_begin);
  }  // 0: none
};

// A response whose tokens are all masked is no member.
inline Members MembersWhere(const TokenFields& f, const std::function<bool(int64_t)>& take) {
  Members m{{}, {0}, {0}};
  for (int64_t g = 0; g < f.rows.num_groups(); ++g) {
    for (int64_t s = f.rows.group_begin[g]; s < f.rows.group_begin[g + 1]; ++s) {
      bool seen = false;
      for (int64_t t = f.rows.begin[s]; t < f.rows.begin[s + 1]; ++t) seen = seen || f.mask[t] != 0;
      if (seen && take(s)) m.row.push_back(s);
      m.row_begin.push_back(static_cast<int64_t>(m.row.size()));
    }
    m.group_begin.push_back(static_cast<int64_t>(m.row.size()));
  }
  return m;
}

// Every pair of a right and a wrong member of one group, P in all.
struct Pairs {
  std::vector<int64_t> right, wrong;  // [P] rows
  std::vector<int64_t> begin;         // [G + 1]
  // [P] -> [G]: mean over the pairs of each group, 0 where there are none.
  Field Mean(const Field& per_pair) const {
    std::vector<double> inverse;
    for (size_t g = 0; g + 1 < begin.size(); ++g) {
      const auto n = static_cast<double>(begin[g + 1] - begin[g]);
      inverse.push_back(n > 0 ? 1 / n : 0);
    }
    return SegmentSum(per_pair, begin) * per_pair.tape()->Constant(std::move(inverse));
  }
};
inline Pairs RightWrongPairs(const TokenFields& f) {
  const Members right = MembersWhere(f, [&](int64_t s) { return f.rows.right(s); });
  const Members wrong = MembersWhere(f, [&](int64_t s) { return !f.rows.right(s); });
  Pairs p{{}, {}, {0}};
  for (int64_t g = 0; g < f.rows.num_groups(); ++g) {
    for (int64_t i = right.group_begin[g]; i < right.group_begin[g + 1]; ++i) {
      for (int64_t j = wrong.group_begin[g]; j < wrong.group_begin[g + 1]; ++j) {
        p.right.push_back(right.row[i]);
        p.wrong.push_back(wrong.row[j]);
      }
    }
    p.begin.push_back(static_cast<int64_t>(p.right.size()));
  }
  return p;
}

inline Field LogSigmoid(const Field& x) { return -Softplus(-x); }

}  // namespace rlvr
#endif  // RLVR_OBJECTIVE_POLICY_LOSS_MEMBERS_H_
