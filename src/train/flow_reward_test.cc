#include "train/flow_reward.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"
#include "base/thread_pool.h"
#include "train/tiny_model_test.h"

namespace rlvr {
namespace {

using Doubles = std::vector<double>;

Doubles Shaped(Doubles score, const std::string& norm, double threshold, int64_t top_k,
               double gamma = 1) {
  FlowRewardSettings settings;
  settings.norm = norm;
  settings.threshold = threshold;
  settings.top_k = top_k;
  settings.gamma = gamma;
  ShapeFlowScores(settings, score);
  return score;
}

TEST(FlowReward, ShapeByHand) {
  EXPECT_EQ(Shaped({2, 4, 6}, "minmax", 0, 0), (Doubles{0, 0.5, 1}));
  EXPECT_EQ(Shaped({2, 4, 6}, "bilateral", 0, 0), (Doubles{-1, 0, 1}));
  EXPECT_EQ(Shaped({2, 4, 6}, "bilateral", 0.3, 0), (Doubles{-1, 0, 1}));
  // 0, .25, .5, .75, 1: beyond .5 means above it.
  EXPECT_EQ(Shaped({1, 2, 3, 4, 5}, "minmax", 0.5, 0), (Doubles{0, 0, 0, 0.75, 1}));
  EXPECT_EQ(Shaped({1, 2, 3, 4, 5}, "bilateral", 0.5, 0), (Doubles{-1, 0, 0, 0, 1}));
  EXPECT_EQ(Shaped({1, 2, 3, 4, 5}, "minmax", 0, 0, 2), (Doubles{0, 0.0625, 0.25, 0.5625, 1}));
  EXPECT_EQ(Shaped({1, 2, 3, 4, 5}, "bilateral", 0, 0, 2), (Doubles{-1, -0.25, 0, 0.25, 1}));
  // The largest two; the earlier of equals; fewer than three are left above .7: all stay.
  EXPECT_EQ(Shaped({5, 1, 4, 5, 5}, "minmax", 0, 2), (Doubles{1, 0, 0, 1, 0}));
  EXPECT_EQ(Shaped({5, 1, 4, 5, 1}, "minmax", 0.8, 3), (Doubles{1, 0, 0, 1, 0}));
  // One from each end.
  EXPECT_EQ(Shaped({2, 5, 1, 4, 4}, "bilateral", 0, 2), (Doubles{0, 1, -1, 0, 0}));
  EXPECT_EQ(Shaped({3, 3, 3}, "bilateral", 0, 0), (Doubles{0, 0, 0}));  // nothing to compare
  EXPECT_EQ(Shaped({3}, "minmax", 0, 0), (Doubles{0}));
  EXPECT_EQ(Shaped({}, "minmax", 0, 0), Doubles{});
}

TEST(FlowReward, LayersAreSharesOfTheDepth) {
  FlowRewardSettings settings;
  // 1.5, 3 and 4.5, halves to the even one, as the released code rounds.
  EXPECT_EQ(FlowLayers("here", settings, 6), (std::vector<int64_t>{2, 3, 4}));
  settings.layers = {"0", "1"};
  EXPECT_EQ(FlowLayers("here", settings, 6), (std::vector<int64_t>{0, 5}));
  for (const char* wrong : {"1.5", "-1", "x", ""}) {
    settings.layers = {wrong};
    EXPECT_THROW(FlowLayers("here", settings, 6), Error);
  }
}

class FlowRewardTest : public testing::Test {
 protected:
  FlowRewardTest() : model_(TinyModel(TinyConfig(300), ComputeType::kFp32, 5)) {
    settings_.layers = {"0", "1"};  // of two: after the first, and after the last
    settings_.width = 8;
    settings_.blocks = 1;
    settings_.optimizer.lr = 1e-2;
    Random random(RandomKey(8));
    for (int64_t g = 0; g < 3; ++g) {
      Tree tree;
      tree.prompt_index = 7 * g;
      tree.occurrence = g;
      AddSegment(-1, Author::kPrompt, 5 + g, -1, &random, &tree);
      AddSegment(0, Author::kPolicy, 4, -1, &random, &tree);
      AddSegment(0, Author::kPolicy, 7, -1, &random, &tree);
      AddSegment(2, Author::kPolicy, 0, -1, &random,
                 &tree);  // what follows still has the token before
      AddSegment(3, Author::kPolicy, 3, -1, &random, &tree);  // two leaves share segment 2
      AddSegment(2, Author::kPolicy, 2, -1, &random, &tree);
      tree.leaves = {{.segment = 1}, {.segment = 4}, {.segment = 5}};
      tree.leaves[0].verdict = tree.leaves[2].verdict = Verdict::kRight;
      trees_.push_back(std::move(tree));
    }
    for (const Tree& tree : trees_) pointers_.push_back(&tree);
  }
  FlowReward Make(int64_t micro_batch_tokens) const {
    FlowReward flow(model_->config(), settings_, 100, RandomKey(6), micro_batch_tokens);
    Random random(RandomKey(9));  // a fresh field is 0 everywhere
    for (const Parameter& p : flow.field()->parameters()) {
      for (int64_t i = 0; i < p.size(); ++i)
        flow.field()->weights()[p.offset + i] += static_cast<float>(0.2 * random.Normal());
    }
    flow.field()->WeightsChanged();
    return flow;
  }

  std::unique_ptr<Model> model_;
  FlowRewardSettings settings_;
  std::vector<Tree> trees_;
  std::vector<const Tree*> pointers_;
};

// Each response on its own, as a chain: token i is at row prompt + i.
TEST_F(FlowRewardTest, ScoresAreThoseOfEachResponseAlone) {
  FlowReward flow = Make(1000);
  TreePasses passes(model_.get());
  const Rows rows = MakeRows(pointers_);
  const RandomKey key(11);
  const Doubles scores = flow.Scores(&passes, pointers_, rows, key);
  ASSERT_EQ(scores.size(), rows.token.size());
  size_t at = 0;
  constexpr int64_t D = 32;
  for (const Tree& tree : trees_) {
    for (size_t l = 0; l < tree.leaves.size(); ++l) {
      Tree chain;
      chain.segments = {tree.segments[0], tree.segments[1]};
      chain.segments[1].tokens = tree.ResponseTokens(tree.leaves[l]);
      chain.leaves = {{.segment = 1}};
      const Tree* alone[] = {&chain};
      passes.Forward(alone, kTrained, true);
      const auto prompt = static_cast<int64_t>(chain.segments[0].tokens.size());
      for (size_t i = 0; i < chain.segments[1].tokens.size(); ++i, ++at) {
        const int64_t row = prompt + static_cast<int64_t>(i);
        double expected = 0;
        for (size_t layer = 0; layer < 2; ++layer) {
          const View<const float> states = passes.Residual(static_cast<int64_t>(layer));
          float noise[D], x[D], condition[D], v[D];
          FillNormal(key[static_cast<uint64_t>(tree.prompt_index)]
                        [static_cast<uint64_t>(tree.occurrence)][l][layer][i][0],
                     noise);
          for (int64_t d = 0; d < D; ++d) {
            x[d] = 0.8f * states(row, d) + 0.2f * noise[d];
            condition[d] = states(row - 1, d);
          }
          const double time[] = {0.8}, share[] = {layer / 2.0};
          flow.field()->Forward({{x, 1, D}, {condition, 1, D}, time, share}, {v, 1, D});
          for (int64_t d = 0; d < D; ++d) {
            const double e = double{v[d]} - (double{states(row, d)} - double{noise[d]});
            expected += 0.8 / 0.2 * e * e / D / 2;
          }
        }
        EXPECT_NEAR(scores[at], expected, 1e-4 * expected) << at;
      }
    }
  }
  EXPECT_EQ(at, scores.size());
}

// The residual stream after the last layer, normed, is what Score's head reads; after the first it
// is what a model of one layer ends with.
TEST_F(FlowRewardTest, ResidualIsTheStreamAfterALayer) {
  const Tree* one[] = {pointers_[0]};
  TreePasses two(model_.get(), {.recompute = true});
  two.Forward(one, kTrained, true);
  ModelConfig shallow = model_->config();
  shallow.num_hidden_layers = 1;
  Model first(shallow, ComputeType::kFp32);
  for (const Parameter& p : first.layout().parameters) {
    for (const Parameter& q : model_->layout().parameters) {
      if (p.name == q.name)
        std::copy_n(model_->weights() + q.offset, p.size(), first.weights() + p.offset);
    }
  }
  first.WeightsChanged(true);
  TreePasses passes(&first);
  passes.Forward(one, kTrained, true);
  const View<const float> a = two.Residual(0), b = passes.Residual(0), last = two.Residual(1);
  ASSERT_EQ(a.rows, one[0]->NumTokens());
  int64_t differ = 0;
  for (int64_t t = 0; t < a.rows; ++t) {
    for (int64_t d = 0; d < a.cols; ++d) {
      ASSERT_EQ(a(t, d), b(t, d));
      differ += a(t, d) != last(t, d);
    }
  }
  EXPECT_GT(differ, a.size() / 2);
}

TEST_F(FlowRewardTest, RewardsAreMinusTheShapedScores) {
  settings_.coefficient = 0.1;
  settings_.norm = "bilateral";
  settings_.threshold = 0.3;
  settings_.top_k = 0;
  FlowReward flow = Make(1000);
  TreePasses passes(model_.get());
  const Rows rows = MakeRows(pointers_);
  std::vector<MetricTerm> metrics;
  const Doubles reward = flow.Rewards(&passes, pointers_, rows, RandomKey(11), &metrics);
  const Doubles score = flow.Scores(&passes, pointers_, rows, RandomKey(11));
  for (int64_t s = 0; s < rows.num_rows(); ++s) {
    const auto begin = score.begin() + rows.begin[s], end = score.begin() + rows.begin[s + 1];
    const auto most = std::max_element(begin, end) - score.begin(),
               least = std::min_element(begin, end) - score.begin();
    EXPECT_NEAR(reward[most], -0.1, 1e-12);
    EXPECT_NEAR(reward[least], 0.1, 1e-12);
    for (int64_t t = rows.begin[s]; t < rows.begin[s + 1]; ++t)
      EXPECT_TRUE(reward[t] == 0 || std::abs(reward[t]) > 0.03 - 1e-12) << t;
  }
  EXPECT_EQ(metrics[1].name, "flow_reward/rewarded_tokens");
  EXPECT_LE(Value(metrics[1]), 1);
}

TEST_F(FlowRewardTest, LearnsFromRightResponsesAlone) {
  FlowReward flow = Make(1000);
  TreePasses passes(model_.get());
  Rows rows = MakeRows(pointers_);
  double first = 0, last = 0;
  for (uint64_t i = 0; i < 150; ++i) {
    const auto terms = flow.MiniBatch(&passes, pointers_, rows, RandomKey(12)[i]);
    ASSERT_EQ(terms[1].name, "flow_reward/loss");
    EXPECT_NEAR(Value(terms[0]), 2.0 / 3, 1e-12);
    if (i < 5) first += Value(terms[1]) / 5;
    if (i >= 145) last += Value(terms[1]) / 5;
  }
  EXPECT_LT(last, 0.75 * first);
  std::fill(rows.verdict.begin(), rows.verdict.end(), Verdict::kWrong);
  EXPECT_EQ(flow.MiniBatch(&passes, pointers_, rows, RandomKey(13)).size(), 1u);
  EXPECT_EQ(flow.field()->steps(), 150);  // nothing to learn from
  settings_.wrong_weight = 0.5;
  FlowReward all = Make(1000);
  EXPECT_NEAR(Value(all.MiniBatch(&passes, pointers_, rows, RandomKey(13))[0]), 1, 1e-12);
  EXPECT_EQ(all.field()->steps(), 1);
}

TEST_F(FlowRewardTest, SameBitsForAnySplitAndThreads) {
  const Rows rows = MakeRows(pointers_);
  Doubles scores;
  std::string saved;
  for (const int64_t micro : {1, 45, 1000}) {
    for (const int threads : {1, 2}) {
      SetNumThreads(threads);
      FlowReward flow = Make(micro);
      TreePasses passes(model_.get(), {.recompute = threads == 1});
      for (uint64_t i = 0; i < 2; ++i) flow.MiniBatch(&passes, pointers_, rows, RandomKey(12)[i]);
      const Doubles got = flow.Scores(&passes, pointers_, rows, RandomKey(14));
      if (saved.empty()) {
        scores = got;
        saved = flow.field()->Save();
      }
      EXPECT_EQ(scores, got) << micro << " " << threads;
      EXPECT_TRUE(saved == flow.field()->Save()) << micro << " " << threads;
    }
  }
}

}  // namespace
}  // namespace rlvr
