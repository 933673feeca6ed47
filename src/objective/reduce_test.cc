#include "objective/reduce.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "objective/test_rows.h"

namespace rlvr {
namespace {

constexpr Scope kScopes[] = {Scope::kToken, Scope::kResponse, Scope::kGroup, Scope::kTask,
                             Scope::kBatch};

// Groups of rows {0, 1}, {2} and {3}; groups 0 and 2 are one task. Token 1 is masked. What is
// shown: by response 1 | 4 | 8 | 16 32, by group 1 4 | 8 | 16 32, by task 1 4 16 32 | 8.
class ReduceTest : public testing::Test {
 protected:
  ReduceTest() {
    rows_.task = {0, 1, 0};
    rows_.mask = mask_;
  }
  Grouping By(Scope scope) const { return TokensBy(scope, rows_); }

  Rows rows_ = MakeTestRows({{2, 1}, {1}, {2}});
  const Column x_ = {1, 2, 4, 8, 16, 32}, mask_ = {1, 0, 1, 1, 1, 1};
};

TEST_F(ReduceTest, MeanMinMaxCountByEveryScope) {
  const double m = 53 / 4.0;
  const std::vector<Column> mean = {{1, 0, 4, 8, 16, 32},
                                    {1, 1, 4, 8, 24, 24},
                                    {2.5, 2.5, 2.5, 8, 24, 24},
                                    {m, m, m, 8, m, m},
                                    Column(6, 12.2)},
                            min = {{1, 0, 4, 8, 16, 32},
                                   {1, 1, 4, 8, 16, 16},
                                   {1, 1, 1, 8, 16, 16},
                                   {1, 1, 1, 8, 1, 1},
                                   Column(6, 1)},
                            max = {{1, 0, 4, 8, 16, 32},
                                   {1, 1, 4, 8, 32, 32},
                                   {4, 4, 4, 8, 32, 32},
                                   {32, 32, 32, 8, 32, 32},
                                   Column(6, 32)},
                            count = {{1, 0, 1, 1, 1, 1},
                                     {1, 1, 1, 1, 2, 2},
                                     {2, 2, 2, 1, 2, 2},
                                     {4, 4, 4, 1, 4, 4},
                                     Column(6, 5)};
  for (size_t i = 0; i < 5; ++i) {
    SCOPED_TRACE(ToString(kScopes[i]));
    const Grouping by = By(kScopes[i]);
    ExpectNear(Mean(by, x_, mask_), mean[i], 1e-14);
    ExpectNear(Min(by, x_, mask_), min[i], 0);
    ExpectNear(Max(by, x_, mask_), max[i], 0);
    ExpectNear(Count(by, mask_), count[i], 0);
  }
}

TEST_F(ReduceTest, StdByEveryScope) {
  // Task 0: mean 13.25, squares 594.75. Batch: mean 12.2, squares 616.8.
  const auto want = [](int bessel) {
    const double g0 = std::sqrt(4.5 / (2 - bessel)), g2 = std::sqrt(128.0 / (2 - bessel)),
                 task = std::sqrt(594.75 / (4 - bessel)), batch = std::sqrt(616.8 / (5 - bessel));
    return std::vector<Column>{Column(6, 0),
                               {0, 0, 0, 0, g2, g2},
                               {g0, g0, g0, 0, g2, g2},
                               {task, task, task, 0, task, task},
                               Column(6, batch)};
  };
  for (const int bessel : {0, 1}) {
    for (size_t i = 0; i < 5; ++i) {
      SCOPED_TRACE(ToString(kScopes[i]));
      ExpectNear(Std(By(kScopes[i]), x_, mask_, bessel), want(bessel)[i], 1e-13);
    }
  }
  EXPECT_EQ(StdOf(Column{0.1, 0.1, 0.1}, 1), 0);  // rounding in the mean is no variety
}

TEST_F(ReduceTest, QuantileByEveryScope) {
  const std::vector<Column> quarter = {{1, 0, 4, 8, 16, 32},
                                       {1, 1, 4, 8, 20, 20},
                                       {1.75, 1.75, 1.75, 8, 20, 20},
                                       {3.25, 3.25, 3.25, 8, 3.25, 3.25},
                                       Column(6, 4)};
  for (size_t i = 0; i < 5; ++i) {
    SCOPED_TRACE(ToString(kScopes[i]));
    ExpectNear(Quantile(By(kScopes[i]), x_, mask_, 0.25), quarter[i], 1e-14);
  }
  EXPECT_EQ(QuantileOf(Column{5, 1, 3, 2}, 0), 1);
  EXPECT_EQ(QuantileOf(Column{5, 1, 3, 2}, 0.5), 2.5);
  EXPECT_EQ(QuantileOf(Column{5, 1, 3, 2}, 1), 5);
}

TEST_F(ReduceTest, WhitenByEveryScope) {  // the masked token is transformed with its scope's
  const auto by = [&](double mean, double variance, size_t t) {
    return (x_[t] - mean) / std::sqrt(variance + 1e-8);
  };
  const std::vector<std::function<double(size_t)>> want = {
      [](size_t) { return 0; }, [&](size_t t) { return t < 4 ? 0 : by(24, 128, t); },
      [&](size_t t) { return t < 3    ? by(2.5, 4.5, t)
                             : t == 3 ? 0
                                      : by(24, 128, t); },
      [&](size_t t) { return t == 3 ? 0 : by(13.25, 594.75 / 3, t); },
      [&](size_t t) { return by(12.2, 616.8 / 4, t); }};
  for (size_t i = 0; i < 5; ++i) {
    SCOPED_TRACE(ToString(kScopes[i]));
    const Column got = Whiten(By(kScopes[i]), x_, mask_);
    for (size_t t = 0; t < 6; ++t) EXPECT_NEAR(got[t], want[i](t), 1e-13) << t;
  }
}

TEST_F(ReduceTest, TopMaskByEveryScope) {
  const auto half = [](int64_t n) { return (n + 1) / 2; };
  const std::vector<Column> want = {{1, 0, 1, 1, 1, 1},   // 1 of 1
                                    {1, 0, 1, 1, 0, 1},   // 1 of 2 in the last row
                                    {0, 0, 1, 1, 0, 1},   // 1 of 2, 1 of 1, 1 of 2
                                    {0, 0, 0, 1, 1, 1},   // 2 of 4, 1 of 1
                                    {0, 0, 0, 1, 1, 1}};  // 3 of 5
  for (size_t i = 0; i < 5; ++i) {
    SCOPED_TRACE(ToString(kScopes[i]));
    ExpectNear(TopMask(By(kScopes[i]), x_, mask_, rows_, half), want[i], 0);
  }
  // More than there are, and none.
  ExpectNear(TopMask(By(Scope::kBatch), x_, mask_, rows_, [](int64_t) { return 99; }), mask_, 0);
  ExpectNear(TopMask(By(Scope::kBatch), x_, mask_, rows_, [](int64_t) { return 0; }), Column(6, 0),
             0);
  // Equal values: by prompt, then sample, then position.
  rows_.prompt = {12, 11, 10};
  ExpectNear(TopMask(By(Scope::kBatch), Column(6, 7), mask_, rows_, [](int64_t) { return 4; }),
             {1, 0, 0, 1, 1, 1}, 0);
}

TEST_F(ReduceTest, RowsByScopeAndRowReductions) {
  const Column reward = {1, 3, 5, 9}, all(4, 1);
  EXPECT_EQ(RowsBy(Scope::kResponse, rows_).id, (std::vector<int32_t>{0, 1, 2, 3}));
  ExpectNear(Mean(RowsBy(Scope::kResponse, rows_), reward, all), reward, 0);
  ExpectNear(Mean(RowsBy(Scope::kGroup, rows_), reward, all), {2, 2, 5, 9}, 0);
  ExpectNear(Mean(RowsBy(Scope::kTask, rows_), reward, all), {13 / 3.0, 13 / 3.0, 5, 13 / 3.0},
             1e-15);
  ExpectNear(Mean(RowsBy(Scope::kBatch, rows_), reward, all), Column(4, 4.5), 0);
  ExpectNear(RowSum(rows_, x_, mask_), {1, 4, 8, 48}, 0);
  ExpectNear(RowMean(rows_, x_, mask_), {1, 4, 8, 24}, 0);
  ExpectNear(RowMean(rows_, x_, {0, 0, 1, 1, 0, 1}), {0, 4, 8, 32}, 0);
  ExpectNear(Spread(rows_, reward), {1, 1, 3, 5, 9, 9}, 0);
}

TEST_F(ReduceTest, FallbackWhereNothingIsShown) {
  ExpectNear(Reduce(By(Scope::kResponse), x_, {0, 0, 1, 1, 1, 1}, MeanOf, -7),
             {-7, -7, 4, 8, 24, 24}, 0);
}

// Rows in another order: the same bits for every token, of every reduction over more than a row.
TEST(Reduce, OrderOfTheBatchIsFree) {
  const std::vector<std::vector<int64_t>> lengths = {{3, 2}, {4}, {1, 5, 2}, {2, 2}, {6}};
  Rows rows = MakeTestRows(lengths);
  rows.task = {0, 1, 0, 1, 1};
  const auto T = static_cast<size_t>(rows.num_tokens());
  Column x = RandomDoubles(T, 4), mask(T, 1);
  for (size_t t = 0; t < T; ++t) mask[t] = t % 5 == 3 ? 0 : 1;
  x[6] = x[11] = x[20] = x[0];  // ties
  // A plain sum shows its order:
  EXPECT_NE(std::accumulate(x.begin(), x.end(), 0.0), std::accumulate(x.rbegin(), x.rend(), 0.0));

  // Groups backwards, and the rows of each.
  Rows other = MakeTestRows({{6}, {2, 2}, {2, 5, 1}, {4}, {2, 3}});
  std::vector<size_t> from;  // token of `rows` that a token of `other` is
  other.sample.clear();
  for (int64_t g = 4; g >= 0; --g) {
    other.prompt[4 - g] = rows.prompt[g];
    other.task[4 - g] = 1 - rows.task[g];
    for (int64_t s = rows.group_begin[g + 1] - 1; s >= rows.group_begin[g]; --s) {
      other.sample.push_back(rows.sample[s]);
      for (int64_t t = rows.begin[s]; t < rows.begin[s + 1]; ++t)
        from.push_back(static_cast<size_t>(t));
    }
  }
  const auto moved = [&](const Column& c) {
    Column out;
    for (const size_t t : from) out.push_back(c[t]);
    return out;
  };
  const Column y = moved(x), shown = moved(mask);
  for (const Scope scope : kScopes) {
    SCOPED_TRACE(ToString(scope));
    const Grouping a = TokensBy(scope, rows), b = TokensBy(scope, other);
    EXPECT_EQ(Mean(b, y, shown), moved(Mean(a, x, mask)));
    EXPECT_EQ(Std(b, y, shown, 1), moved(Std(a, x, mask, 1)));
    EXPECT_EQ(Quantile(b, y, shown, 0.3), moved(Quantile(a, x, mask, 0.3)));
    EXPECT_EQ(Whiten(b, y, shown), moved(Whiten(a, x, mask)));
    const auto third = [](int64_t n) { return (n + 2) / 3; };
    EXPECT_EQ(TopMask(b, y, shown, other, third), moved(TopMask(a, x, mask, rows, third)));
  }
}

}  // namespace
}  // namespace rlvr
