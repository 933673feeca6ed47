// Scopes beyond those of rows.h: groupings by any key, turns, the history of a run; and ranks. As
// in reduce.h no result depends on the order of groups in a batch.
#ifndef RLVR_OBJECTIVE_SCOPES_H_
#define RLVR_OBJECTIVE_SCOPES_H_
#include <cstdint>
#include <span>
#include <string>

#include "objective/reduce.h"
#include "objective/stage.h"

namespace rlvr {

// Groups whose keys are equal belong together: key [G], of anything that a batch knows about its
// prompts. Rows::prompt is the tree's root (a prompt that a batch holds twice counts as one).
Grouping RowsByKey(const Rows& rows, std::span<const int64_t> key);    // [S]
Grouping TokensByKey(const Rows& rows, std::span<const int64_t> key);  // [T]

// Each turn of each response for itself: [T].
Grouping TokensByTurn(const Rows& rows);

// 1 for the smallest value of each scope that the mask shows, 2 for the next ...; equal values
// share the mean of their ranks, so that order decides nothing. 0 where the mask is 0.
Column Ranks(const Grouping& by, const Column& x, const Column& mask);

// Values that a method keeps of the last `steps` steps of a run; saved with checkpoints under
// `key`, which begins with the method's name.
class History {
 public:
  History(RunState* state, const std::string& key, int64_t steps);
  // What one step adds; kept in the order of their size.
  void Add(std::span<const double> values);
  std::span<const double> values() const { return *values_; }  // oldest step first
  int64_t size() const { return static_cast<int64_t>(values_->size()); }
  bool empty() const { return values_->empty(); }
  double Mean() const { return MeanOf(values()); }  // 0 if empty
  double Std(int bessel) const { return StdOf(values(), bessel); }
  double Quantile(double level) const { return QuantileOf(values(), level); }  // not if empty

 private:
  std::vector<double>*values_, *sizes_;  // sizes: values of each step
  size_t steps_;
};

}  // namespace rlvr
#endif  // RLVR_OBJECTIVE_SCOPES_H_
