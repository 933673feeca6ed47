#include "train/update.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"
#include "base/thread_pool.h"
#include "objective/reduce.h"
#include "train/tiny_model_test.h"

namespace rlvr {
namespace {

// J = sum over t of mask_t (exp(logp_t - logp_old_t) adv_t + 0.1 entropy_t
//     - 0.05 (logp_t - logp_ref_t)^2 - 0.3 D_t) / sum of mask,   D_t the KL to the reference's row
class TestObjective : public Objective {
 public:
  TestObjective(bool separable, bool reference, bool divergence = false) : separable_(separable) {
    needs_.statistics = {Statistic::kLogp, Statistic::kEntropy};
    if (divergence) needs_.statistics.push_back({Statistic::Kind::kKlToReference});
    needs_.reference = reference;
  }
  const Needs& needs() const override { return needs_; }
  bool separable() const override { return separable_; }
  ObjectiveResult Evaluate(const Rows& rows, const Totals& totals,
                           const std::vector<std::vector<double>>& s, RandomKey) const override {
    ObjectiveResult r;
    r.coefficients.assign(s.size(), std::vector<double>(rows.adv.size()));
    MetricTerm ratio{.name = "ratio", .sum = 0, .weight = 0, .is_max = false};
    for (size_t t = 0; t < rows.adv.size(); ++t) {
      const double e = std::exp(s[0][t] - rows.logp_old[t]), w = rows.mask[t] / totals.tokens;
      const double kl = needs_.reference ? s[0][t] - rows.logp_ref[t] : 0;
      r.objective += w * (e * rows.adv[t] + 0.1 * s[1][t] - 0.05 * kl * kl);
      r.coefficients[0][t] = w * (e * rows.adv[t] - 0.1 * kl);
      r.coefficients[1][t] = w * 0.1;
      if (s.size() > 2) {
        r.objective -= w * 0.3 * s[2][t];
        r.coefficients[2][t] = -w * 0.3;
      }
      ratio.sum += e * rows.mask[t];
      ratio.weight += rows.mask[t];
    }
    r.metrics.push_back(ratio);
    return r;
  }

 private:
  Needs needs_;
  bool separable_;
};

// A prompt and three responses, the last two of which branch off a shared beginning.
Tree MakeTree(int64_t index, Random& random, int64_t vocab) {
  Tree tree;
  tree.prompt_index = index;
  const auto add = [&](int32_t parent, Author author, int64_t n, int32_t sample) {
    Segment s;
    s.parent = parent;
    s.author = author;
    s.sample = sample;
    for (int64_t t = 0; t < n; ++t)
      s.tokens.push_back(static_cast<int32_t>(random.Int(0, vocab - 1)));
    tree.segments.push_back(std::move(s));
  };
  add(-1, Author::kPrompt, random.Int(3, 9), -1);
  add(0, Author::kPolicy, random.Int(2, 12), 0);
  add(0, Author::kPolicy, random.Int(2, 6), 1);
  add(2, Author::kPolicy, random.Int(2, 6), 1);
  add(2, Author::kPolicy, random.Int(2, 6), 2);
  tree.leaves = {{.segment = 1}, {.segment = 3}, {.segment = 4}};
  return tree;
}

class UpdateTest : public testing::Test {
 protected:
  void SetUp() override {
    Random random(RandomKey(3));
    for (int64_t i = 0; i < 5; ++i) trees_.push_back(MakeTree(i, random, config_.vocab_size));
    Record(*TinyModel(config_, ComputeType::kFp32, 1));
    MakeTestRows();
  }
  std::vector<const Tree*> Pointers() const {
    std::vector<const Tree*> pointers;
    for (const Tree& tree : trees_) pointers.push_back(&tree);
    return pointers;
  }
  // The rows of trees_: advantages 1, -0.5, 0.25; one response is masked out.
  void MakeTestRows() {
    rows_ = MakeRows(Pointers());
    const Column advantage = {1.0, -0.5, 0.25};
    for (int64_t s = 0; s < rows_.num_rows(); ++s) {
      for (int64_t t = rows_.begin[s]; t < rows_.begin[s + 1]; ++t) {
        rows_.adv[t] = advantage[s % 3];
        rows_.mask[t] = s == 2 * 3 ? 0 : 1;
      }
    }
  }
  // Writes the statistics of the trees' tokens as sampling does.
  void Record(const Model& model) {
    TreePasses passes(&model);
    const auto& packed = passes.Forward(Pointers(), kTrained, false);
    constexpr Statistic kWanted[] = {Statistic::kLogp, Statistic::kEntropy};
    const auto values = passes.Score(1.0f, kWanted);
    for (size_t i = 0; i < packed.predictions.size(); ++i) {
      const Prediction& p = packed.predictions[i];
      Segment& s = trees_[static_cast<size_t>(p.tree)].segments[static_cast<size_t>(p.segment)];
      s.logp.resize(s.tokens.size());
      s.entropy.resize(s.tokens.size());
      s.logp[static_cast<size_t>(p.offset)] = values[0][i];
      s.entropy[static_cast<size_t>(p.offset)] = values[1][i];
    }
  }

  struct Outcome {
    UpdateResult result;
    AlignedBuffer<float> gradient, weights;
    int64_t held_bytes = 0, most_bytes = 0;
  };
  Outcome RunUpdate(bool separable, bool on_policy, int64_t micro_batch_tokens,
                    const ActivationBound& bound = {}, uint64_t seed = 1) {
    auto model = TinyModel(config_, ComputeType::kFp32, seed);
    const TestObjective objective(separable, !rows_.logp_ref.empty());
    Updater updater(model.get(), &objective, settings_, 10, 1.0f, micro_batch_tokens, bound);
    Optimizer optimizer(*model);
    Outcome o;
    o.result = updater.MiniBatch(Pointers(), rows_, on_policy, RandomKey(0), &optimizer);
    const int64_t n = model->layout().total;
    o.gradient.Resize(n);
    o.weights.Resize(n);
    std::copy_n(updater.gradient().body(), n, o.gradient.data());
    std::copy_n(model->weights(), n, o.weights.data());
    o.held_bytes = updater.passes()->held_bytes();
    o.most_bytes = updater.passes()->TakeMostBytes();
    EXPECT_EQ(updater.passes()->TakeMostBytes(), 0);
    return o;
  }

  ModelConfig config_ = TinyConfig(37);
  OptimizerSettings settings_{.lr = 1e-3, .weight_decay = 0.01};
  std::vector<Tree> trees_;
  Rows rows_;
};

TEST(SplitMicroBatches, NeverSplitsATree) {
  std::vector<Tree> trees(4);
  for (const auto& [i, n] : {std::pair<size_t, size_t>{0, 5}, {1, 4}, {2, 20}, {3, 1}}) {
    trees[i].segments.resize(1);
    trees[i].segments[0].tokens.resize(n);
  }
  const std::vector<const Tree*> p = {&trees[0], &trees[1], &trees[2], &trees[3]};
  EXPECT_EQ(SplitMicroBatches(p, 9), (std::vector<int64_t>{0, 2, 3, 4}));
  EXPECT_EQ(SplitMicroBatches(p, 30), (std::vector<int64_t>{0, 4}));
  EXPECT_EQ(SplitMicroBatches(p, 1), (std::vector<int64_t>{0, 1, 2, 3, 4}));
  EXPECT_EQ(SplitMicroBatches({}, 9), (std::vector<int64_t>{0}));
}

TEST(LearningRate, HandWorked) {
  OptimizerSettings s{.lr = 2.0, .warmup_steps = 4, .schedule = "constant"};
  EXPECT_EQ(LearningRate(s, 1, 12), 0.5);  // 2 * 1 / 4
  EXPECT_EQ(LearningRate(s, 4, 12), 2.0);
  EXPECT_EQ(LearningRate(s, 12, 12), 2.0);
  s.schedule = "linear";
  s.min_lr_ratio = 0.5;
  EXPECT_EQ(LearningRate(s, 8, 12), 1.5);  // half of the way from 2 to 1
  EXPECT_EQ(LearningRate(s, 12, 12), 1.0);
  s.schedule = "cosine";
  EXPECT_NEAR(LearningRate(s, 8, 12), 1.5, 1e-12);
  EXPECT_NEAR(LearningRate(s, 6, 12), 1 + 0.5 * (1 + std::sqrt(0.5)), 1e-12);  // cos(pi / 4)
  EXPECT_NEAR(LearningRate(s, 12, 12), 1.0, 1e-12);
}

TEST_F(UpdateTest, SameBitsForAnySplitAndThreads) {
  for (const bool on_policy : {true, false}) {
    for (const bool separable : {true, false}) {
      SetNumThreads(1);
      const Outcome base = RunUpdate(separable, on_policy, 100000);
      EXPECT_GT(base.result.gradient.norm, 1e-4);
      for (const auto& [tokens, threads, recompute] :
           {std::tuple(int64_t{1}, 1, false), {60, 2, false}, {100000, 2, true}}) {
        SetNumThreads(threads);
        const Outcome o = RunUpdate(separable, on_policy, tokens, {.recompute = recompute});
        EXPECT_TRUE(SameBytes(o.gradient, base.gradient)) << tokens;
        EXPECT_TRUE(SameBytes(o.weights, base.weights)) << tokens;
        EXPECT_EQ(o.result.objective, base.result.objective);
        EXPECT_EQ(o.result.gradient.norm, base.result.gradient.norm);
        EXPECT_EQ(MetricsOf(o.result.terms), MetricsOf(base.result.terms));
        EXPECT_EQ(o.result.trained_tokens, base.result.trained_tokens);
      }
    }
  }
}

// From a bound that just holds the largest tree with one layer kept to one that holds all at once.
TEST_F(UpdateTest, SameBitsWithinAnyActivationMemory) {
  config_.num_hidden_layers = 4;
  Record(*TinyModel(config_, ComputeType::kFp32, 1));
  MakeTestRows();
  int64_t largest = 0, all = 0;
  for (const Tree& tree : trees_) {
    largest = std::max(largest, tree.NumTokens());
    all += tree.NumTokens();
  }
  for (const bool separable : {true, false}) {
    for (const int threads : {1, 2}) {
      SetNumThreads(threads);
      const Outcome base = RunUpdate(separable, /*on_policy=*/false, 100000);
      EXPECT_EQ(base.most_bytes, ActivationBytes(config_, all, kAllLayers));
      const int64_t least = ActivationBytes(config_, largest, 1),
                    beside = ActivationBytes(config_, 0, 1);
      EXPECT_EQ(base.held_bytes, base.most_bytes - beside);
      int64_t before = 0;
      for (const double share : {0.0, 0.1, 0.2, 0.3, 0.5, 0.8, 1.0}) {
        const int64_t bound =
            least + static_cast<int64_t>(share * static_cast<double>(base.most_bytes - least));
        for (const int64_t tokens : {60, 100000}) {
          const Outcome o = RunUpdate(separable, false, tokens, {.bytes = bound});
          EXPECT_TRUE(SameBytes(o.gradient, base.gradient)) << share;
          EXPECT_TRUE(SameBytes(o.weights, base.weights)) << share;
          EXPECT_EQ(MetricsOf(o.result.terms), MetricsOf(base.result.terms));
          EXPECT_LE(o.most_bytes, bound);
          EXPECT_EQ(o.held_bytes, o.most_bytes - beside);
          if (tokens == 60) continue;
          EXPECT_GT(o.most_bytes, before) << "more is held where there is more room";
          before = o.most_bytes;
        }
      }
      try {
        RunUpdate(separable, false, 100000, {.bytes = least - 1});
        ADD_FAILURE() << "fits";
      } catch (const Error& e) {
        const std::string what = e.what();
        EXPECT_TRUE(what.starts_with("update.activation_memory: ")) << what;
        EXPECT_NE(what.find(std::to_string(largest) + " tokens"), std::string::npos) << what;
      }
    }
  }
  SetNumThreads(0);
}

TEST_F(UpdateTest, RecordedStatisticsServeTheFirstMiniBatch) {
  const Outcome recorded = RunUpdate(true, true, 60), computed = RunUpdate(true, false, 60);
  EXPECT_TRUE(SameBytes(recorded.gradient, computed.gradient));
  EXPECT_EQ(recorded.result.probs_diff_max, 0);
  EXPECT_EQ(MetricsOf(recorded.result.terms).at("ratio"), 1.0);
}

TEST_F(UpdateTest, AMaskedMiniBatchChangesNothing) {
  std::fill(rows_.mask.begin(), rows_.mask.end(), 0.0);
  auto model = TinyModel(config_, ComputeType::kFp32, 1);
  const int64_t n = model->layout().total;
  const std::vector<float> before(model->weights(), model->weights() + n);
  const TestObjective objective(true, false);
  Updater updater(model.get(), &objective, settings_, 10, 1.0f, 60);
  Optimizer optimizer(*model);
  EXPECT_FALSE(updater.MiniBatch(Pointers(), rows_, false, RandomKey(0), &optimizer).applied);
  EXPECT_EQ(optimizer.step, 0);
  EXPECT_TRUE(std::equal(before.begin(), before.end(), model->weights()));
  // A further term trains all the same.
  const auto more = [](TreePasses*, Gradient* gradient) { gradient->body()[0] += 1; };
  EXPECT_TRUE(updater.MiniBatch(Pointers(), rows_, false, RandomKey(0), &optimizer, more).applied);
  EXPECT_EQ(optimizer.step, 1);
  EXPECT_NE(before[0], model->weights()[0]);
}

TEST_F(UpdateTest, AWrongRecordedBitStopsTheRun) {
  float& logp = trees_[3].segments[4].logp[1];
  logp = std::nextafter(logp, 0.0f);
  try {
    RunUpdate(true, true, 60);
    ADD_FAILURE() << "not noticed";
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find("prompt 3, sample 2, response token 1"), std::string::npos)
        << e.what();
  }
}

// The gradient of the loss -J against central differences along it, off-policy, with a reference.
TEST_F(UpdateTest, FiniteDifferences) {
  const auto reference = TinyModel(config_, ComputeType::kFp32, 8);
  auto model = TinyModel(config_, ComputeType::kFp32, 2);
  const TestObjective objective(true, true, /*divergence=*/true);
  OptimizerSettings still = settings_;
  still.lr = 0;
  Updater updater(model.get(), &objective, still, 10, 1.0f, 60);
  TreePasses reference_passes(reference.get());
  updater.SetReference(&reference_passes);
  constexpr Statistic kLogp[] = {Statistic::kLogp};
  const auto trees = Pointers();
  rows_.logp_ref = LeafRows(trees, ScoreTrees(&reference_passes, trees, kLogp, 1.0f, 60)[0]);
  Optimizer optimizer(*model);
  const UpdateResult at = updater.MiniBatch(Pointers(), rows_, false, RandomKey(0), &optimizer);
  const double norm = at.gradient.norm;
  const int64_t n = model->layout().total;
  std::vector<float> weights(model->weights(), model->weights() + n),
      direction(updater.gradient().body(), updater.gradient().body() + n);
  double difference = 0;
  constexpr double kStep = 2e-3;
  for (const int sign : {1, -1}) {
    for (int64_t i = 0; i < n; ++i) {
      const auto j = static_cast<size_t>(i);
      model->weights()[i] = static_cast<float>(weights[j] - sign * kStep * direction[j] / norm);
    }
    model->WeightsChanged(true);
    difference +=
        sign * updater.MiniBatch(Pointers(), rows_, false, RandomKey(0), &optimizer).objective;
  }
  // Along -gradient J rises by |gradient| a unit.
  EXPECT_NEAR(difference / (2 * kStep), norm, 0.01 * norm);
}

// A branching tree trains as its trajectories would, each with its own copy of the shared
// beginning.
TEST_F(UpdateTest, SharedTokensGetTheSumOfTheirTrajectories) {
  const Outcome shared = RunUpdate(true, true, 1000);
  std::vector<Tree> apart;
  for (const Tree& tree : trees_) {
    Tree copy = tree;
    copy.segments = {tree.segments[0]};
    for (size_t l = 0; l < tree.leaves.size(); ++l) {
      Segment whole = tree.segments[1];
      whole.tokens.clear();
      whole.logp.clear();
      whole.entropy.clear();
      for (const int32_t s : tree.Path(tree.leaves[l].segment)) {
        if (s == 0) continue;
        const Segment& from = tree.segments[static_cast<size_t>(s)];
        whole.tokens.insert(whole.tokens.end(), from.tokens.begin(), from.tokens.end());
        whole.logp.insert(whole.logp.end(), from.logp.begin(), from.logp.end());
        whole.entropy.insert(whole.entropy.end(), from.entropy.begin(), from.entropy.end());
      }
      copy.segments.push_back(std::move(whole));
      copy.leaves[l].segment = static_cast<int32_t>(l) + 1;
    }
    apart.push_back(std::move(copy));
  }
  trees_ = std::move(apart);
  MakeTestRows();
  const Outcome rows = RunUpdate(true, true, 1000);
  EXPECT_EQ(rows.result.objective, shared.result.objective);
  EXPECT_GT(rows.result.trained_tokens, shared.result.trained_tokens);
  double difference = 0, norm = 0;
  for (int64_t i = 0; i < rows.gradient.size(); ++i) {
    difference += std::pow(double{rows.gradient[i]} - shared.gradient[i], 2);
    norm += std::pow(double{rows.gradient[i]}, 2);
  }
  EXPECT_LT(std::sqrt(difference / norm), 1e-5);
}

TEST_F(UpdateTest, ANonFiniteGradientChangesNothing) {
  auto model = TinyModel(config_, ComputeType::kFp32, 1);
  Optimizer optimizer(*model);
  AlignedBuffer<float> gradient(model->layout().total);
  FillZero(&gradient);
  gradient[5] = INFINITY;
  const std::vector<float> before(model->weights(), model->weights() + model->layout().total);
  EXPECT_THROW(ApplyGradient(settings_, 10, gradient, model.get(), &optimizer), Error);
  EXPECT_EQ(before, std::vector<float>(model->weights(), model->weights() + model->layout().total));
  EXPECT_EQ(optimizer.step, 0);
}

TEST_F(UpdateTest, ClipsTheGlobalNorm) {
  auto model = TinyModel(config_, ComputeType::kFp32, 1);
  Optimizer optimizer(*model);
  AlignedBuffer<float> gradient(model->layout().total);
  FillZero(&gradient);
  const int64_t a = model->layout().embed, b = model->layout().final_norm;
  gradient[a] = 3;
  gradient[b] = 4;
  settings_.grad_clip = 1;
  EXPECT_EQ(ApplyGradient(settings_, 10, gradient, model.get(), &optimizer).norm, 5.0);
  // m = (1 - beta1) g / 5
  EXPECT_NEAR(optimizer.m[a], 0.1 * 0.6, 1e-7);
  EXPECT_NEAR(optimizer.m[b], 0.1 * 0.8, 1e-7);
}

}  // namespace
}  // namespace rlvr
