#include "train/turn_gain.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"
#include "base/thread_pool.h"
#include "train/tiny_model_test.h"
#include "train/tree_rows.h"

namespace rlvr {
namespace {

TEST(TurnGains, ByHand) {  // probabilities .1, .3, .2 before the first, second and third turn
  const double logp[] = {std::log(0.1), std::log(0.3), std::log(0.2)};
  const auto gains = TurnGains("prob", logp);
  ASSERT_EQ(gains.size(), 2u);  // the third has the outcome
  EXPECT_NEAR(gains[0], 0.2, 1e-12);
  EXPECT_NEAR(gains[1], -0.1, 1e-12);
  EXPECT_NEAR(TurnGains("logp", logp)[0], std::log(3.0), 1e-12);
  EXPECT_NEAR(TurnGains("logp", logp)[1], std::log(2.0 / 3), 1e-12);
  EXPECT_TRUE(TurnGains("prob", std::span(logp).first(1)).empty());
}

class TurnGainTest : public testing::Test {
 protected:
  void SetUp() override {
    WriteTinyModelFolder(folder_.path());
    tokenizer_ = std::make_unique<Tokenizer>(Tokenizer::Load(folder_.path() + "/tokenizer.json"));
    model_ = std::make_unique<Model>(LoadConfig(folder_.path()), ComputeType::kFp32);
    LoadWeights(folder_.path(), model_.get());
    model_->WeightsChanged(true);
    // Leaf 0: three turns; its second one branched. Leaf 1: the other branch, two turns. Leaf 2: one.
    tree_.segments.push_back({.tokens = tokenizer_->Encode("Tom has apples.")});
    Add(0, Author::kPolicy, "how many");
    Add(1, Author::kEnvironment, "3");
    Add(2, Author::kPolicy, "of 4");
    Add(3, Author::kPolicy, "?");
    Add(4, Author::kEnvironment, "no, of 5");
    Add(5, Author::kPolicy, "Answer: 3");
    Add(3, Author::kPolicy, "Answer: 4");
    Add(0, Author::kPolicy, "Answer: 5");
    for (const int32_t segment : {6, 7, 8}) {
      tree_.leaves.push_back({.segment = segment, .score = 1, .reward = 1});
    }
    prompt_.ground_truth = "so\nAnswer: 34 ";
  }
  void Add(int32_t parent, Author author, const std::string& text) {
    Segment s{.parent = parent, .author = author, .tokens = tokenizer_->Encode(text)};
    if (author == Author::kPolicy) s.logp = s.entropy = std::vector<float>(s.tokens.size(), -1);
    tree_.segments.push_back(std::move(s));
  }
  // The mean log-prob of " 34" behind the texts, from one plain sequence.
  double MeanLogp(const std::vector<std::string>& texts) {
    Tree whole;
    whole.segments.resize(2);
    for (const auto& text : texts) {
      for (const int32_t t : tokenizer_->Encode(text)) whole.segments[0].tokens.push_back(t);
    }
    for (const int32_t t : tokenizer_->Encode("Answer:")) whole.segments[0].tokens.push_back(t);
    whole.segments[1] = {
        .parent = 0, .author = Author::kPolicy, .tokens = tokenizer_->Encode(" 34")};
    whole.leaves = {{.segment = 1}};
    TreePasses passes(model_.get());
    const Tree* one[] = {&whole};
    double sum = 0;
    const auto logp = ScoreTrees(&passes, one, kLogpOnly, 1, 1000)[0][0][1];
    for (const float l : logp) sum += l;
    return sum / static_cast<double>(logp.size());
  }
  Rows Rewarded(const std::string& kind, std::vector<MetricTerm>* terms = nullptr,
                int64_t micro = 1000) {
    const Tree* trees[] = {&tree_};
    Rows rows = MakeRows(trees);
    const TurnGain gain({.kind = kind, .coefficient = 2}, tokenizer_.get(), 1, micro);
    TreePasses passes(model_.get());
    const auto t = gain.Reward(&passes, std::span(&prompt_, 1), trees, &rows);
    if (terms) *terms = t;
    return rows;
  }

  TempFolder folder_;
  std::unique_ptr<Tokenizer> tokenizer_;
  std::unique_ptr<Model> model_;
  Tree tree_;
  Prompt prompt_;
};

TEST_F(TurnGainTest, AgainstPlainSequences) {
  const std::vector<std::string> texts = {"Tom has apples.", "how many", "3", "of 4", "?",
                                          "no, of 5"};
  for (const std::string kind : {"prob", "logp"}) {
    const auto value = [&](size_t n) {
      const double logp = MeanLogp({texts.begin(), texts.begin() + static_cast<int64_t>(n)});
      return kind == "prob" ? std::exp(logp) : logp;
    };
    const double v0 = value(1), v1 = value(3), v2 = value(6);
    ASSERT_GT(std::abs(v1 - v0), 1e-6);
    std::vector<MetricTerm> terms;
    const Rows rows = Rewarded(kind, &terms);
    // Twice the gain for each turn but the last of each row.
    const double want[3][3] = {{2 * (v1 - v0), 2 * (v2 - v1), 0}, {2 * (v1 - v0), 0, 0}, {0, 0, 0}};
    for (int64_t s = 0; s < 3; ++s) {
      double sum = 0;
      for (const double w : want[s]) sum += w;
      EXPECT_NEAR(rows.reward[s], 1 + sum, 1e-6) << kind << s;
      for (int64_t t = rows.begin[s]; t < rows.begin[s + 1]; ++t)
        EXPECT_NEAR(rows.turn_reward[t], want[s][rows.turn[t]], 1e-6) << kind << s << " " << t;
    }
    EXPECT_EQ(rows.turn[rows.begin[1] - 1], 2);
    EXPECT_NEAR(MetricsOf(terms).at("turn_gain/before"), v0, 1e-6);
    EXPECT_NEAR(MetricsOf(terms).at("turn_gain/after"), (v2 + v1) / 2, 1e-6);
    EXPECT_NEAR(MetricsOf(terms).at("turn_gain/gain"), (2 * (v1 - v0) + v2 - v1) / 3, 1e-6);
  }
}

TEST_F(TurnGainTest, SameBitsForAnySplitAndNoAnswerIsAnError) {
  const Rows base = Rewarded("prob");
  for (const int threads : {1, 2}) {
    SetNumThreads(threads);
    EXPECT_EQ(Rewarded("prob", nullptr, 1).turn_reward, base.turn_reward);
  }
  SetNumThreads(0);
  prompt_.ground_truth = " ";
  EXPECT_THROW(Rewarded("prob"), Error);
}

}  // namespace
}  // namespace rlvr
