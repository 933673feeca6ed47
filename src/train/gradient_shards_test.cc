#include "train/gradient_shards.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/thread_pool.h"
#include "parallel/thread_ranks_test.h"
#include "train/tiny_model_test.h"
#include "train/update.h"

namespace rlvr {
namespace {

class GradientShardsTest : public testing::Test {
 protected:
  GradientShardsTest() {
    SetNumThreads(1);  // ParallelFor has one caller at a time, and ranks are threads here
    Random random(RandomKey(3));
    for (int g = 0; g < 6; ++g) trees_.push_back(ForkedTree(g, -1, &random));
    for (const Tree& tree : trees_) pointers_.push_back(&tree);
  }
  ~GradientShardsTest() override { SetNumThreads(0); }

  struct Result {
    std::vector<float> gradient, weights;
    UpdateResult update;
  };
  Rows MakeAdvantages() const {
    Rows rows = MakeRows(pointers_);
    for (size_t t = 0; t < rows.adv.size(); ++t) rows.adv[t] = std::sin(static_cast<double>(t));
    return rows;
  }
  // One off-policy optimizer step of this objective on these ranks.
  Result Step(const std::string& loss, const GradientShards& shards,
              std::span<const Tree* const> trees, const Rows& rows) const {
    const auto model = TinyModel(TinyConfig(270), ComputeType::kFp32, 5);
    const ConfigNode node = ParseConfig(loss, "test");
    const ConfigNode none;
    const auto objective = MakeObjective(&none, &node, &none);
    Updater updater(model.get(), objective.get(), {.lr = 1e-3}, 10, 1.0f, 40, {}, shards);
    Optimizer optimizer(*model);
    Result r;
    r.update = updater.MiniBatch(trees, rows, false, RandomKey(1), &optimizer);
    const float* g = updater.gradient().body();
    r.gradient.assign(g, g + updater.gradient().size());
    r.weights.assign(model->weights(), model->weights() + model->layout().total);
    return r;
  }
  Result Step(const std::string& loss, const GradientShards& shards) const {
    return Step(loss, shards, pointers_, MakeAdvantages());
  }

  std::vector<Tree> trees_;
  std::vector<const Tree*> pointers_;
};

TEST_F(GradientShardsTest, SplitsByTokens) {
  // Trees of 5 + g + 16 tokens: 21, 22, 23, 24, 25, 26; 141 together.
  EXPECT_EQ(SplitShards(pointers_, 1), (std::vector<int64_t>{0, 6}));
  EXPECT_EQ(SplitShards(pointers_, 2), (std::vector<int64_t>{0, 3, 6}));  // 66 is nearest to 70
  EXPECT_EQ(SplitShards(pointers_, 3), (std::vector<int64_t>{0, 2, 4, 6}));
  const auto many = SplitShards(pointers_, 8);  // some are empty, none is lost
  EXPECT_EQ(many.front(), 0);
  EXPECT_EQ(many.back(), 6);
  EXPECT_TRUE(std::is_sorted(many.begin(), many.end()));
  EXPECT_EQ(SplitShards({}, 2), (std::vector<int64_t>{0, 0, 0}));
}

// GRPO's loss, separable by group, and one that needs the whole mini-batch's statistics first.
const char* const kLosses[] = {"{name: decoupled_clip, aggregate: seq_mean_token_mean}",
                               "{name: gspo, aggregate: seq_mean_token_mean}"};

TEST_F(GradientShardsTest, SameBitsOnAnyNumberOfRanks) {
  for (const std::string loss : kLosses) {
    for (const int64_t num_shards : {2, 3, 4}) {
      const Result one = Step(loss, {.num_shards = num_shards});
      for (const int size : {2, 3, 4}) {
        OnRanks(size, [&](Communicator& ranks) {
          const Result r = Step(loss, {.ranks = &ranks, .num_shards = num_shards});
          EXPECT_EQ(r.gradient, one.gradient) << loss << num_shards << " on " << size;
          EXPECT_EQ(r.weights, one.weights);
          EXPECT_EQ(r.update.objective, one.update.objective);
          EXPECT_EQ(r.update.trained_tokens, one.update.trained_tokens);
          EXPECT_EQ(MetricsOf(r.update.terms), MetricsOf(one.update.terms));
          EXPECT_EQ(r.update.gradient.norm, one.update.gradient.norm);
        });
      }
    }
  }
}

// The gradient by hand: of each shard's groups alone, with the mini-batch's denominators, added as
// (g0 + g1) + (g2 + g3).
TEST_F(GradientShardsTest, IsTheTreesSumOfItsShards) {
  const Rows rows = MakeAdvantages();
  const auto bounds = SplitShards(pointers_, 4);
  std::vector<std::vector<float>> shards;
  for (size_t s = 0; s < 4; ++s) {  // the others' advantages are 0, and so are their coefficients
    Rows masked = rows;
    for (int64_t g = 0; g < rows.num_groups(); ++g) {
      if (g >= bounds[s] && g < bounds[s + 1]) continue;
      const auto first = rows.group_begin[static_cast<size_t>(g)],
                 last = rows.group_begin[static_cast<size_t>(g) + 1];
      std::fill(masked.adv.begin() + rows.begin[static_cast<size_t>(first)],
                masked.adv.begin() + rows.begin[static_cast<size_t>(last)], 0.0);
    }
    shards.push_back(Step(kLosses[0], {}, pointers_, masked).gradient);
  }
  const std::vector<float> gradient = Step(kLosses[0], {.num_shards = 4}).gradient;
  for (size_t i = 0; i < gradient.size(); ++i) {
    ASSERT_EQ(gradient[i], (shards[0][i] + shards[1][i]) + (shards[2][i] + shards[3][i])) << i;
  }
}

// Sums of the same 6 groups' gradients in another order: each of at most 6 additions rounds by 2^-24
// of what has been added up, in either sum; 64 leaves room for terms that cancel.
TEST_F(GradientShardsTest, NearTheUnsharded) {
  const Result whole = Step(kLosses[0], {}), sharded = Step(kLosses[0], {.num_shards = 4});
  EXPECT_NE(whole.gradient, sharded.gradient) << "the order of the sum has no effect?";
  double difference = 0, norm = 0;
  for (size_t i = 0; i < whole.gradient.size(); ++i) {
    difference += std::pow(double{whole.gradient[i]} - double{sharded.gradient[i]}, 2);
    norm += std::pow(double{whole.gradient[i]}, 2);
  }
  EXPECT_LE(std::sqrt(difference / norm), 64 * std::ldexp(1.0, -24));
}

TEST_F(GradientShardsTest, UnorderedIsTheSameOnAllRanks) {
  const Result ordered = Step(kLosses[0], {.num_shards = 3});
  std::vector<Result> results(3);
  OnRanks(3, [&](Communicator& ranks) {
    results[static_cast<size_t>(ranks.rank())] =
        Step(kLosses[0], {.ranks = &ranks, .num_shards = 3, .ordered = false});
  });
  EXPECT_EQ(results[1].weights, results[0].weights);
  EXPECT_EQ(results[2].weights, results[0].weights);
  EXPECT_NEAR(results[0].update.gradient.norm / ordered.update.gradient.norm, 1, 1e-5);
}

// Passes of models that do not learn are dealt out too.
TEST_F(GradientShardsTest, ScoresAreThoseOfOneRank) {
  const auto model = TinyModel(TinyConfig(270), ComputeType::kFp32, 5);
  constexpr Statistic kWanted[] = {Statistic::kLogp, Statistic::kEntropy};
  TreePasses passes(model.get());
  const auto one = ScoreTrees(&passes, pointers_, kWanted, 1.0f, 60);
  OnRanks(4, [&](Communicator& ranks) {
    TreePasses own(model.get());
    EXPECT_EQ(ScoreTrees(&own, pointers_, kWanted, 1.0f, 60, &ranks), one);
  });
}

}  // namespace
}  // namespace rlvr
