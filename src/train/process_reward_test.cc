#include "train/process_reward.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/thread_pool.h"
#include "train/reference.h"
#include "train/tiny_model_test.h"
#include "train/tree_rows.h"

namespace rlvr {
namespace {

// Log-ratios .2, -.1, .3 at beta .05: score .02. Right: log(1 + e^-.02) = .683197, slope
// 1 / (1 + e^-.02) - 1 = -.495000; wrong: .703197, slope .505000.
TEST(ProcessReward, LossByHand) {
  const double score = 0.05 * (0.2 - 0.1 + 0.3);
  OutcomeLoss l = OutcomeCrossEntropy(score, true);
  EXPECT_NEAR(l.loss, 0.683197, 1e-6);
  EXPECT_NEAR(l.slope, -0.495000, 1e-6);
  l = OutcomeCrossEntropy(score, false);
  EXPECT_NEAR(l.loss, 0.703197, 1e-6);
  EXPECT_NEAR(l.slope, 0.505000, 1e-6);
  // Neither end overflows or loses its size.
  EXPECT_EQ(OutcomeCrossEntropy(1000, false).loss, 1000);
  EXPECT_EQ(OutcomeCrossEntropy(-1000, true).slope, -1);
  EXPECT_EQ(OutcomeCrossEntropy(1000, true).loss, 0);
}

class ProcessRewardTest : public testing::Test {
 protected:
  void SetUp() override {
    WriteTinyModelFolder(folder_.path());
    Random random(RandomKey(8));
    for (int64_t g = 0; g < 4; ++g) {
      Tree tree = ForkedTree(g, -2, &random);
      for (Leaf& leaf : tree.leaves) leaf.verdict = Verdict::kWrong;
      tree.leaves[static_cast<size_t>(g) % 3].verdict = Verdict::kRight;
      trees_.push_back(std::move(tree));
    }
    for (const Tree& tree : trees_) pointers_.push_back(&tree);
    const auto policy = LoadModel();
    Reference reference(folder_.path(), {}, *policy);
    rows_ = MakeRows(pointers_);
    rows_.logp_ref = reference.Logp(pointers_, 1, 1000);
  }
  std::unique_ptr<Model> LoadModel() const {
    auto model = std::make_unique<Model>(LoadConfig(folder_.path()), ComputeType::kFp32);
    LoadWeights(folder_.path(), model.get());
    return model;
  }
  std::unique_ptr<ProcessReward> Make(int64_t micro_batch_tokens,
                                      const std::string& reference = "reference") const {
    ProcessRewardSettings settings;
    settings.reference = reference;
    settings.beta = 0.5;
    settings.optimizer.lr = 0.003;
    return std::make_unique<ProcessReward>(folder_.path(), ComputeType::kFp32, settings, 10, 1,
                                           micro_batch_tokens, ActivationBound());
  }

  TempFolder folder_;
  std::vector<Tree> trees_;
  std::vector<const Tree*> pointers_;
  Rows rows_;
};

TEST_F(ProcessRewardTest, StartsAtZeroAndLearnsTheVerdicts) {
  const auto model = Make(1000);
  for (const double r : model->Rewards(pointers_, rows_)) EXPECT_EQ(r, 0);
  Metrics m = MetricsOf(model->MiniBatch(pointers_, rows_));
  EXPECT_NEAR(m["reward_model/prm_loss"], std::log(2.0), 1e-12);
  EXPECT_NEAR(m["reward_model/accuracy"], 8.0 / 12, 1e-12);  // a score of 0 says wrong
  EXPECT_EQ(m["reward_model/pair_accuracy"], 0);
  EXPECT_EQ(m["reward_model/raw_reward"], 0);
  for (int i = 0; i < 40; ++i) m = MetricsOf(model->MiniBatch(pointers_, rows_));
  EXPECT_LT(m["reward_model/prm_loss"], 0.2);
  EXPECT_EQ(m["reward_model/accuracy"], 1);
  EXPECT_EQ(m["reward_model/pair_accuracy"], 1);
  // The scores of responses are sums of the rewards of their tokens.
  const auto r = model->Rewards(pointers_, rows_);
  for (int64_t s = 0; s < rows_.num_rows(); ++s) {
    double score = 0;
    for (int64_t t = rows_.begin[s]; t < rows_.begin[s + 1]; ++t) score += r[t];
    EXPECT_EQ(score > 0, rows_.right(s)) << s;
  }
}

// Against the policy that sampled (logp_old -2 everywhere): beta (log pi_phi + 2), and log pi_phi
// is still the reference's.
TEST_F(ProcessRewardTest, RewardsAgainstThePolicyThatSampled) {
  const auto r = Make(1000, "policy")->Rewards(pointers_, rows_);
  for (size_t t = 0; t < r.size(); ++t) EXPECT_NEAR(r[t], 0.5 * (rows_.logp_ref[t] + 2), 1e-12);
}

// Whatever the micro-batches and threads: the same bits.
TEST_F(ProcessRewardTest, SameBitsForAnySplit) {
  std::vector<std::vector<float>> weights;
  std::vector<std::vector<double>> rewards;
  for (const int64_t micro : {1, 40, 1000}) {
    for (const int threads : {1, 2}) {
      SetNumThreads(threads);
      const auto model = Make(micro);
      for (int i = 0; i < 3; ++i) model->MiniBatch(pointers_, rows_);
      const float* w = model->model()->weights();
      weights.emplace_back(w, w + model->model()->layout().total);
      rewards.push_back(model->Rewards(pointers_, rows_));
    }
  }
  SetNumThreads(0);
  for (const auto& w : weights) EXPECT_EQ(w, weights[0]);
  for (const auto& r : rewards) EXPECT_EQ(r, rewards[0]);
  EXPECT_NE(rewards[0], std::vector<double>(rewards[0].size(), 0.0));
}

// dL/dweight against central differences of the loss, away from the reference.
TEST_F(ProcessRewardTest, Gradient) {
  const auto model = Make(1000);
  for (int i = 0; i < 3; ++i) model->MiniBatch(pointers_, rows_);
  const auto loss = [&] {
    model->model()->WeightsChanged(true);
    const auto r = model->Rewards(pointers_, rows_);
    double sum = 0;
    for (int64_t s = 0; s < rows_.num_rows(); ++s) {
      double score = 0;
      for (int64_t t = rows_.begin[s]; t < rows_.begin[s + 1]; ++t) score += r[t];
      // -log sigma(+-score), from its definition
      sum -= std::log(1 / (1 + std::exp(rows_.right(s) ? -score : score)));
    }
    return sum / static_cast<double>(rows_.num_rows());
  };
  const ParameterLayout& layout = model->model()->layout();
  float* weights = model->model()->weights();
  const std::vector<int64_t> places = {layout.final_norm + 2, layout.final_norm + 9,
                                       layout.layers[0].down_proj + 11, layout.layers[0].q_proj + 5,
                                       layout.layers[1].o_proj + 3};
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
  model->MiniBatch(pointers_, rows_);
  for (size_t k = 0; k < places.size(); ++k) {
    EXPECT_GT(std::abs(numeric[k]), 1e-5) << k;
    EXPECT_NEAR(model->gradient()[places[k]], numeric[k], 3e-3 * std::abs(numeric[k]) + 3e-6) << k;
  }
}

TEST_F(ProcessRewardTest, ReferenceFollowsThePolicy) {
  const auto policy = LoadModel();
  const int64_t i = policy->layout().final_norm, n = policy->layout().total;
  const float before = policy->weights()[i];
  policy->weights()[i] = before + 1;
  Optimizer optimizer(*policy);
  optimizer.step = 7;
  optimizer.m[3] = 1;

  Reference still(folder_.path(), {}, *policy);
  still.AfterStep(1, *policy, &optimizer);
  EXPECT_EQ(still.model()->weights()[i], before);
  EXPECT_FALSE(still.moves());

  // ref <- .9 ref + .1 (ref + 1), at every second step.
  Reference ema(folder_.path(), {.update = "ema", .decay = 0.9, .every = 2}, *policy);
  const auto logp = ema.Logp(pointers_, 1, 1000);
  ema.AfterStep(1, *policy, &optimizer);
  EXPECT_EQ(ema.model()->weights()[i], before);
  EXPECT_EQ(ema.Logp(pointers_, 1, 1000), logp);
  ema.AfterStep(2, *policy, &optimizer);
  EXPECT_NEAR(ema.model()->weights()[i], before + 0.1, 1e-6);
  EXPECT_NE(ema.Logp(pointers_, 1, 1000), logp);  // the kernels' packed weights are new too
  ema.AfterStep(4, *policy, &optimizer);
  EXPECT_NEAR(ema.model()->weights()[i], before + 0.19, 1e-6);
  EXPECT_EQ(optimizer.m[3], 1);

  Reference copy(folder_.path(), {.update = "copy", .every = 3, .reset_optimizer = true}, *policy);
  copy.AfterStep(3, *policy, &optimizer);
  for (int64_t k = 0; k < n; ++k) ASSERT_EQ(copy.model()->weights()[k], policy->weights()[k]);
  EXPECT_EQ(optimizer.m[3], 0);
  EXPECT_EQ(optimizer.step, 7);
  EXPECT_EQ(optimizer.moments_from, 7);
}

// After a reset the first step is that of a fresh AdamW, whose size is lr in every direction.
TEST_F(ProcessRewardTest, ResetMomentsStepAsFresh) {
  const auto used = LoadModel(), fresh = LoadModel();
  AlignedBuffer<float> gradient(used->layout().total);
  for (int64_t i = 0; i < gradient.size(); ++i) gradient[i] = i % 2 == 0 ? 1e-3f : -2e-3f;
  const OptimizerSettings settings{.lr = 0.01, .weight_decay = 0};
  Optimizer old(*used), anew(*fresh);
  for (int k = 0; k < 5; ++k) ApplyGradient(settings, 100, gradient, used.get(), &old);
  std::copy_n(fresh->weights(), gradient.size(), used->weights());
  ResetMoments(&old);
  ApplyGradient(settings, 100, gradient, used.get(), &old);
  ApplyGradient(settings, 100, gradient, fresh.get(), &anew);
  EXPECT_EQ(old.step, 6);
  for (int64_t i = 0; i < gradient.size(); ++i)
    ASSERT_EQ(used->weights()[i], fresh->weights()[i]) << i;
  const auto start = LoadModel();
  EXPECT_NEAR(fresh->weights()[0] - start->weights()[0], -0.01, 1e-5);
}

}  // namespace
}  // namespace rlvr
