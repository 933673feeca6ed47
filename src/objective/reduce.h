// Reductions of plain columns by scope, for stages that need no gradient (rewards, advantages,
// weights). Every result has one value per token (or per row), so that formulas read as on paper:
// a - Mean(...). Tokens (rows) with mask 0 are not seen, and get the value of their scope. Sums are
// independent of the order of groups: the same bits whatever the order of a batch.
#ifndef RLVR_OBJECTIVE_REDUCE_H_
#define RLVR_OBJECTIVE_REDUCE_H_
#include <functional>
#include <span>
#include <vector>

#include "objective/rows.h"

namespace rlvr {

using Column = std::vector<double>;

// What belongs together: id [n] in 0 .. count - 1.
struct Grouping {
  std::vector<int32_t> id;
  int32_t count = 0;
};
Grouping TokensBy(Scope scope, const Rows& rows);  // [T]
Grouping RowsBy(Scope scope, const Rows& rows);    // [S]; kResponse: every row for itself

// The sum, the same bits in any order of the values.
double OrderFreeSum(std::span<const double> values);

// f(values of one scope that the mask shows) spread over the scope. fallback: where none is shown.
Column Reduce(const Grouping& by, const Column& x, const Column& mask,
              const std::function<double(std::span<const double>)>& f, double fallback = 0);

// The usual f.
double MeanOf(std::span<const double> values);
double StdOf(std::span<const double> values, int bessel);  // divisor n - bessel; 0 if n <= bessel
// Linear interpolation between order statistics, as torch.quantile and numpy. level in [0, 1].
double QuantileOf(std::span<const double> values, double level);
double MinOf(std::span<const double> values);
double MaxOf(std::span<const double> values);

Column Mean(const Grouping& by, const Column& x, const Column& mask);
Column Std(const Grouping& by, const Column& x, const Column& mask, int bessel);
Column Quantile(const Grouping& by, const Column& x, const Column& mask, double level);
Column Min(const Grouping& by, const Column& x, const Column& mask);
Column Max(const Grouping& by, const Column& x, const Column& mask);
Column Count(const Grouping& by, const Column& mask);

// verl's masked_whiten: (x - mean) / sqrt(var + 1e-8), var with divisor n - 1; masked values are
// transformed too. Scopes of one value: 0.
Column Whiten(const Grouping& by, const Column& x, const Column& mask);

// 1 for the `keep(n)` largest values of each scope of n shown ones; ties: the earlier of equal keys
// (group key, sample, position), so that the order of a batch does not matter.
Column TopMask(const Grouping& by, const Column& x, const Column& mask, const Rows& rows,
               const std::function<int64_t(int64_t)>& keep);

// A value per row -> per token, and back (sum, mean over unmasked tokens).
Column Spread(const Rows& rows, const Column& per_row);
Column RowSum(const Rows& rows, const Column& x, const Column& mask);
Column RowMean(const Rows& rows, const Column& x, const Column& mask);  // 0 for an empty row

}  // namespace rlvr
#endif  // RLVR_OBJECTIVE_REDUCE_H_
