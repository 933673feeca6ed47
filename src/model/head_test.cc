// The fused head against one made of whole matrices.
#include "model/head.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "model/test_models.h"

namespace rlvr {
namespace {

std::vector<float> RandomFloats(int64_t n, uint64_t seed, float scale) {
  Random random{RandomKey(seed)};
  std::vector<float> v(n);
  for (float& x : v) x = scale * static_cast<float>(random.Normal());
  return v;
}

// z = (log 4, log 2, log 1, log 1), so p = (1/2, 1/4, 1/8, 1/8) and H = 1.75 log 2.
TEST(Statistic, ByHand) {
  const std::vector<float> logits = {std::log(4.0f), std::log(2.0f), 0, 0};
  const RowStats stats = ComputeRowStats(logits, 1);
  const auto value = [&](Statistic s, int32_t token) {
    return StatisticValue(s, {stats, logits, token, 1});
  };
  EXPECT_NEAR(value(Statistic::kLogp, 1), std::log(0.25), 1e-6);
  EXPECT_NEAR(value(Statistic::kEntropy, 1), 1.75 * std::log(2.0), 1e-6);
  EXPECT_NEAR(value(Statistic::kMaxProb, 1), 0.5, 1e-6);

  const double p[] = {0.5, 0.25, 0.125, 0.125}, H = 1.75 * std::log(2.0);
  for (int32_t i = 0; i < 4; ++i) {
    const auto gradient = [&](Statistic s) {
      const StatisticGradient g = StatisticBackward(s, {stats, logits, 1, 1}, 3);
      std::vector<float> d(4);
      RowGradient(logits, stats, 1, g.dense, d);
      return d[i] + (g.spike_token == i ? g.spike : 0.0);
    };
    EXPECT_NEAR(gradient(Statistic::kLogp), 3 * ((i == 1) - p[i]), 1e-6);
    EXPECT_NEAR(gradient(Statistic::kEntropy), -3 * p[i] * (std::log(p[i]) + H), 1e-6);
    EXPECT_NEAR(gradient(Statistic::kMaxProb), 3 * 0.5 * ((i == 0) - p[i]), 1e-6);
  }
}

// Units longer than a chunk of the weight gradient's sum, and rows without entries between.
class Head : public testing::TestWithParam<ComputeType> {
 protected:
  Head() : model_(RandomModel(TinyConfig(true), GetParam(), 1, 0.5)) {
    Random random{RandomKey(2)};
    for (int64_t t = 0; t < T_; ++t) {
      if (t % 7 == 3) continue;
      for (int64_t n = t % 5 == 0 ? 3 : 1; n > 0; --n) {  // a last prompt token, say
        rows_.push_back(t);
        targets_.push_back(static_cast<int32_t>(random.Int(0, V_ - 1)));
        for (auto& c : coefficients_) c.push_back(static_cast<float>(random.Normal()));
      }
    }
  }
  // Entries of rows [begin, end) as a call of their own.
  void Run(int64_t begin, int64_t end, const std::vector<int64_t>& units,
           std::vector<float>* dhidden, std::vector<float>* gradient,
           std::vector<std::vector<float>>* values) {
    std::vector<int64_t> rows;
    size_t first = 0;
    while (first < rows_.size() && rows_[first] < begin) ++first;
    for (size_t e = first; e < rows_.size() && rows_[e] < end; ++e)
      rows.push_back(rows_[e] - begin);
    std::vector<std::span<const float>> in;
    std::vector<std::span<float>> out;
    for (size_t s = 0; s < 3; ++s) {
      in.push_back(std::span(coefficients_[s]).subspan(first, rows.size()));
      out.push_back(std::span((*values)[s]).subspan(first, rows.size()));
    }
    HeadBackward(model_, View<const float>(hidden_.data(), T_, D_).Rows(begin, end), rows,
                 std::span(targets_).subspan(first, rows.size()), 0.8f, kAllStatistics, in, units,
                 View<float>(dhidden->data(), T_, D_).Rows(begin, end), gradient->data(), out);
  }
  static constexpr int64_t T_ = 1500, D_ = 16, V_ = 37;
  const std::vector<int64_t> units_ = {0, 1200, 1210, T_};
  Model model_;
  std::vector<float> hidden_ = RandomFloats(T_ * D_, 3, 1);
  std::vector<int64_t> rows_;
  std::vector<int32_t> targets_;
  std::array<std::vector<float>, 3> coefficients_;
};

TEST_P(Head, AgreesWithWholeMatrices) {
  std::vector<float> dhidden(T_ * D_, 7.0f), gradient(model_.layout().total, 0.0f);
  std::vector<std::vector<float>> values(3, std::vector<float>(rows_.size()));
  Run(0, T_, units_, &dhidden, &gradient, &values);

  std::vector<float> logits(T_ * V_), dlogits(T_ * V_, 0.0f), row(V_), want(T_ * D_);
  HeadLogits(model_, {hidden_.data(), T_, D_}, {logits.data(), T_, V_});
  for (size_t e = 0; e < rows_.size(); ++e) {
    const std::span<const float> z(logits.data() + rows_[e] * V_, V_);
    const RowStats stats = ComputeRowStats(z, 0.8f);
    const StatisticRow at{stats, z, targets_[e], 0.8f};
    for (size_t s = 0; s < 3; ++s) {
      ASSERT_EQ(values[s][e], StatisticValue(kAllStatistics[s], at));
      const StatisticGradient g = StatisticBackward(kAllStatistics[s], at, coefficients_[s][e]);
      RowGradient(z, stats, 0.8f, g.dense, row);
      if (g.spike_token >= 0) row[g.spike_token] += g.spike / 0.8f;
      for (int64_t i = 0; i < V_; ++i) dlogits[rows_[e] * V_ + i] += row[i];
    }
  }
  const float tolerance = GetParam() == ComputeType::kFp32 ? 1e-5f : 5e-2f;
  MatMul({dlogits.data(), T_, V_}, model_.packed_head_t(), {want.data(), T_, D_});
  for (int64_t i = 0; i < T_ * D_; ++i) ASSERT_NEAR(dhidden[i], want[i], tolerance) << i;
  std::vector<float> dweight(V_ * D_, 0.0f);
  WeightGradient({dlogits.data(), T_, V_}, {hidden_.data(), T_, D_}, units_, GetParam(),
                 {dweight.data(), V_, D_});
  for (int64_t i = 0; i < V_ * D_; ++i)
    ASSERT_NEAR(gradient[model_.layout().embed + i], dweight[i], 30 * tolerance) << i;

  std::vector<float> gathered(rows_.size() * D_);
  for (size_t e = 0; e < rows_.size(); ++e)
    std::copy_n(hidden_.data() + rows_[e] * D_, D_, gathered.data() + e * D_);
  std::vector<std::vector<float>> forward(3, std::vector<float>(rows_.size()));
  HeadForward(model_, {gathered.data(), static_cast<int64_t>(rows_.size()), D_}, targets_, 0.8f,
              kAllStatistics, {forward.begin(), forward.end()});
  EXPECT_EQ(forward, values);
}

TEST_P(Head, SplittingBetweenUnitsKeepsTheBits) {
  std::vector<float> dhidden(T_ * D_), gradient(model_.layout().total, 0.0f);
  std::vector<std::vector<float>> values(3, std::vector<float>(rows_.size()));
  Run(0, T_, units_, &dhidden, &gradient, &values);
  std::vector<float> split_dhidden(T_ * D_), split_gradient(model_.layout().total, 0.0f);
  auto split_values = values;
  Run(0, 1200, {0, 1200}, &split_dhidden, &split_gradient, &split_values);
  Run(1200, T_, {0, 10, 300}, &split_dhidden, &split_gradient, &split_values);
  EXPECT_EQ(std::memcmp(dhidden.data(), split_dhidden.data(), dhidden.size() * 4), 0);
  EXPECT_EQ(std::memcmp(gradient.data(), split_gradient.data(), gradient.size() * 4), 0);
  EXPECT_EQ(values, split_values);
}

TEST_P(Head, NoEntries) {
  std::vector<float> dhidden(5 * D_, 1.0f), gradient(model_.layout().total, 0.0f);
  const int64_t units[] = {0, 5};
  HeadBackward(model_, {hidden_.data(), 5, D_}, {}, {}, 1, kAllStatistics, {{}, {}, {}}, units,
               {dhidden.data(), 5, D_}, gradient.data(), {});
  EXPECT_EQ(dhidden, std::vector<float>(5 * D_, 0.0f));
  EXPECT_EQ(gradient, std::vector<float>(gradient.size(), 0.0f));
}

INSTANTIATE_TEST_SUITE_P(Compute, Head, testing::Values(ComputeType::kFp32, ComputeType::kBf16),
                         [](const auto& info) { return std::string(ToString(info.param)); });

TEST(ModelDeathTest, TransposedCopiesDoNotOutliveTheirWeights) {
  Model model = RandomModel(TinyConfig(true), ComputeType::kFp32, 1, 0.5);
  model.WeightsChanged(/*for_training=*/false);
  std::vector<float> dy(37), dx(16);
  EXPECT_DEATH(MatMul({dy.data(), 1, 37}, model.packed_head_t(), {dx.data(), 1, 16}), "x.cols");
}

}  // namespace
}  // namespace rlvr
