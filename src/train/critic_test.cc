#include "train/critic.h"

#include <gtest/gtest.h>

#include "base/thread_pool.h"
#include "train/tiny_model_test.h"
#include "train/tree_rows.h"

namespace rlvr {
namespace {

TEST(Critic, ClippedLossByHand) {
  // Within the range: 1/2 (.4 - 1)^2 = .18, slope -.6.
  ValueLoss l = ClippedValueLoss(0.4, 0.3, 1, 0.5);
  EXPECT_NEAR(l.loss, 0.18, 1e-12);
  EXPECT_NEAR(l.slope, -0.6, 1e-12);
  EXPECT_FALSE(l.clipped);
  // V went from 0 to .8, more than .5, towards the target 1: clip gives .5, (.5 - 1)^2 = .25 is
  // larger than (.8 - 1)^2 = .04 and stands: 1/2 .25, no gradient.
  l = ClippedValueLoss(0.8, 0, 1, 0.5);
  EXPECT_NEAR(l.loss, 0.125, 1e-12);
  EXPECT_EQ(l.slope, 0);
  EXPECT_TRUE(l.clipped);
  // Away from the target: (-.8 - 1)^2 = 3.24 is larger than (-.5 - 1)^2 = 2.25: the gradient pulls.
  l = ClippedValueLoss(-0.8, 0, 1, 0.5);
  EXPECT_NEAR(l.loss, 1.62, 1e-12);
  EXPECT_NEAR(l.slope, -1.8, 1e-12);
}

TEST(Critic, ExplainedVarianceByHand) {
  Rows r;
  r.mask = {1, 1, 0, 1};
  r.value_target = {1, 2, 50, 3};
  r.value = {1, 1, 0, 1};  // errors 0, 1, 2: variance 2/3 as that of the targets
  EXPECT_NEAR(ExplainedVariance(r), 0, 1e-12);
  r.value = {1.5, 2, 0, 2.5};  // errors -.5, 0, .5: a quarter of the variance
  EXPECT_NEAR(ExplainedVariance(r), 0.75, 1e-12);
  r.value_target = {1, 1, 1, 1};
  EXPECT_EQ(ExplainedVariance(r), 0);
}

class CriticTest : public testing::Test {
 protected:
  void SetUp() override {
    WriteTinyModelFolder(folder_.path());
    Random random(RandomKey(8));
    for (int64_t g = 0; g < 4; ++g) trees_.push_back(ForkedTree(g, -1, &random));
    for (const Tree& tree : trees_) pointers_.push_back(&tree);
  }
  std::unique_ptr<Critic> Make(int64_t micro_batch_tokens) const {
    CriticSettings settings;
    settings.optimizer.lr = 0.01;
    settings.optimizer.weight_decay = 0;
    return std::make_unique<Critic>(folder_.path(), ComputeType::kFp32, settings, 10,
                                    micro_batch_tokens, ActivationBound());
  }
  // Targets that depend on the place in the row, so that equal states have equal ones.
  Rows MakeTargets(Critic* critic) const {
    Rows rows = MakeRows(pointers_);
    rows.value = critic->Values(pointers_);
    for (int64_t s = 0; s < rows.num_rows(); ++s) {
      for (int64_t i = 0; i < rows.length(s); ++i)
        rows.value_target.push_back(i % 2 == 0 ? 0.3 : -0.2);
    }
    for (size_t t = 0; t < rows.mask.size(); ++t) rows.mask[t] = t % 5 != 0;
    return rows;
  }

  TempFolder folder_;
  std::vector<Tree> trees_;
  std::vector<const Tree*> pointers_;
};

TEST_F(CriticTest, StartsAtZeroAndLearnsItsTargets) {
  const auto critic = Make(1000);
  Rows rows = MakeTargets(critic.get());
  for (const double v : rows.value) EXPECT_EQ(v, 0);
  double first = 0, last = 0;
  for (int i = 0; i < 300; ++i) {
    rows.value = critic->Values(pointers_);  // no clip
    const auto terms = critic->MiniBatch(pointers_, rows);
    ASSERT_EQ(terms[0].name, "critic/vf_loss");
    last = terms[0].sum / terms[0].weight;
    if (i == 0) first = last;
  }
  // Half the mean of .09 and .04 over the unmasked tokens.
  EXPECT_GT(first, 0.02);
  EXPECT_LT(first, 0.045);
  EXPECT_LT(last, 0.05 * first);
}

// Whatever the micro-batches and threads: the same bits.
TEST_F(CriticTest, SameBitsForAnySplit) {
  std::vector<std::vector<float>> weights;
  for (const int64_t micro : {1, 40, 1000}) {
    for (const int threads : {1, 2}) {
      SetNumThreads(threads);
      const auto critic = Make(micro);
      for (int i = 0; i < 3; ++i) critic->MiniBatch(pointers_, MakeTargets(critic.get()));
      const float* w = critic->model()->weights();
      weights.emplace_back(w, w + critic->model()->layout().total);
    }
  }
  SetNumThreads(0);
  for (const auto& w : weights) EXPECT_EQ(w, weights[0]);
  const auto untrained = Make(1);
  const float* w = untrained->model()->weights();
  EXPECT_NE(weights[0], std::vector<float>(w, w + weights[0].size()));
}

// dL/dscore against central differences of the loss, with the body's weights moved away from 0.
TEST_F(CriticTest, GradientOfTheHeadAndBody) {
  const auto critic = Make(1000);
  for (int i = 0; i < 5; ++i) critic->MiniBatch(pointers_, MakeTargets(critic.get()));
  Rows rows = MakeTargets(critic.get());
  const auto loss = [&] {
    critic->model()->WeightsChanged(true);
    const auto values = critic->Values(pointers_);
    double sum = 0, tokens = 0;
    for (size_t t = 0; t < values.size(); ++t) {
      sum +=
          rows.mask[t] * ClippedValueLoss(values[t], rows.value[t], rows.value_target[t], 0.5).loss;
      tokens += rows.mask[t];
    }
    return sum / tokens;
  };
  const ParameterLayout& layout = critic->model()->layout();
  float* weights = critic->model()->weights();
  const std::vector<int64_t> places = {layout.score,
                                       layout.score + 7,
                                       layout.score_bias,
                                       layout.final_norm + 2,
                                       layout.layers[0].down_proj + 11,
                                       layout.layers[0].q_proj + 5};
  std::vector<double> numeric;
  for (const int64_t i : places) {
    const float before = weights[i], h = 4e-3f;
    weights[i] = before + h;
    const double up = loss();
    weights[i] = before - h;
    const double down = loss();
    weights[i] = before;
    numeric.push_back((up - down) / (2.0 * double{h}));
  }
  loss();
  critic->MiniBatch(pointers_, rows);
  for (size_t k = 0; k < places.size(); ++k) {
    EXPECT_NEAR(critic->gradient()[places[k]], numeric[k], 2e-3 * std::abs(numeric[k]) + 2e-6) << k;
  }
}

}  // namespace
}  // namespace rlvr
