#include "train/likelihood_reward.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"
#include "base/thread_pool.h"
#include "train/tiny_model_test.h"
#include "train/tree_rows.h"

namespace rlvr {
namespace {

void ExpectNear(const std::vector<double>& got, const std::vector<double>& want) {
  ASSERT_EQ(got.size(), want.size());
  for (size_t i = 0; i < want.size(); ++i) EXPECT_NEAR(got[i], want[i], 1e-6) << i;
}

// Answer tokens of probability .5 and .25.
TEST(LikelihoodOf, OneResponseByHand) {
  const std::vector<std::vector<double>> logp = {{std::log(0.5), std::log(0.25)}};
  ExpectNear(LikelihoodOf("logp", logp).reward, {-2.079442});
  ExpectNear(LikelihoodOf("logp", logp).slope[0], {1, 1});
  ExpectNear(LikelihoodOf("mean_logp", logp).reward, {-1.039721});
  ExpectNear(LikelihoodOf("mean_logp", logp).slope[0], {0.5, 0.5});
  ExpectNear(LikelihoodOf("prob", logp).reward, {0.125});
  ExpectNear(LikelihoodOf("prob", logp).slope[0], {0.125, 0.125});
  ExpectNear(LikelihoodOf("mean_prob", logp).reward, {0.375});
  ExpectNear(LikelihoodOf("mean_prob", logp).slope[0], {0.25, 0.125});
  ExpectNear(LikelihoodOf("jepo", logp).reward, {-2.079442});
  ExpectNear(LikelihoodOf("jepo", logp).slope[0], {1, 1});
}

// Two responses that give the answer .1 and .3: log mean = log .2 = -1.609438. Without the other
// one: log .1 = -2.302585, log .3 = -1.203973. Slopes 2 p / (.1 + .3).
TEST(LikelihoodOf, JepoByHand) {
  const auto g = LikelihoodOf("jepo", {{std::log(0.1)}, {std::log(0.6), std::log(0.5)}});
  ExpectNear(g.reward, {-1.609438 + 1.203973, -1.609438 + 2.302585});
  ExpectNear(g.slope[0], {0.5});
  ExpectNear(g.slope[1], {1.5, 1.5});
  // Neither end under- nor overflows.
  const auto far = LikelihoodOf("jepo", {{-2000}, {-2001}});
  EXPECT_NEAR(far.reward[1] - far.reward[0], -1, 1e-9);  // log p_0 - log p_1 the other way round
}

TEST(ContinueWith, CutsBehindTheLastMarker) {
  const Tokenizer tokenizer =
      TrainBpe(std::vector<std::string>{"12+5=17\nAnswer: 17 Answer: 9", "Answer:Answer:"},
               {.vocab_size = 290,
                .special_tokens = {"<|endoftext|>", "<|im_start|>", "<|im_end|>"},
                .pattern = {}});
  const int32_t eos = tokenizer.TokenId("<|im_end|>");
  const auto text = [&](std::vector<int32_t> tokens) { return tokenizer.Decode(tokens); };
  for (const auto& [response, want] : std::vector<std::pair<std::string, std::string>>{
           {"1+2=3\nAnswer: 4<|im_end|>", "1+2=3\nAnswer: 17<|im_end|>"},
           {"Answer: 4\nno, Answer: 5. Bye", "Answer: 4\nno, Answer: 17<|im_end|>"},
           {"Answer:", "Answer: 17<|im_end|>"},
           {"I stop<|im_end|>", "I stop\nAnswer: 17<|im_end|>"},
           {"", "\nAnswer: 17<|im_end|>"}}) {
    const auto tokens = tokenizer.Encode(response);
    const Continuation c = ContinueWith(tokenizer, tokens, "Answer:", "17", eos);
    EXPECT_EQ(c.marked, response.find("Answer:") != std::string::npos);
    EXPECT_EQ(text({tokens.begin(), tokens.begin() + c.kept}) + text(c.answer), want);
    EXPECT_EQ(c.answer.back(), eos);
  }
}

// A token that holds both the marker's end and the policy's answer is not part of z.
TEST(ContinueWith, TokenOverTheMarkersEnd) {
  const Tokenizer tokenizer = TrainBpe(std::vector<std::string>{" is is is is"},
                                       {.vocab_size = 258, .special_tokens = {}, .pattern = {}});
  const auto tokens = tokenizer.Encode("a is");
  ASSERT_EQ(tokens.size(), 2u);  // "a", " is"
  const Continuation c = ContinueWith(tokenizer, tokens, "a i", "b", -1);
  EXPECT_EQ(c.kept, 1);
  EXPECT_EQ(tokenizer.Decode(c.answer), " i b");
}

class LikelihoodTest : public testing::Test {
 protected:
  void SetUp() override {
    WriteTinyModelFolder(folder_.path());
    tokenizer_ = std::make_unique<Tokenizer>(Tokenizer::Load(folder_.path() + "/tokenizer.json"));
    eos_ = tokenizer_->TokenId("<|im_end|>");
    model_ = std::make_unique<Model>(LoadConfig(folder_.path()), ComputeType::kFp32);
    LoadWeights(folder_.path(), model_.get());
    model_->WeightsChanged(true);
    const std::vector<std::vector<std::string>> responses = {
        {"3+4=7\nAnswer: 8", "Answer: 7", "who knows"}, {"5\nAnswer: 2<|im_end|>", "Answer:"}};
    for (size_t g = 0; g < responses.size(); ++g) {
      Prompt prompt;
      prompt.ground_truth = g == 0 ? "7" : "12";
      prompt.target = "First 4, then\nAnswer: 19\n";
      Tree tree;
      tree.prompt_index = static_cast<int64_t>(g);
      tree.segments.push_back({.tokens = tokenizer_->Encode("Tom has 3 apples.")});
      for (const auto& response : responses[g]) {
        Segment s{.parent = 0, .author = Author::kPolicy, .tokens = tokenizer_->Encode(response)};
        s.logp.assign(s.tokens.size(), -2);
        s.entropy.assign(s.tokens.size(), 1);
        tree.segments.push_back(std::move(s));
        tree.leaves.push_back({.segment = static_cast<int32_t>(tree.segments.size()) - 1});
      }
      prompts_.push_back(prompt);
      trees_.push_back(std::move(tree));
    }
    for (const Tree& tree : trees_) pointers_.push_back(&tree);
  }
  LikelihoodReward Make(const std::string& kind, int64_t micro = 1000,
                        const std::string& answer = "ground_truth") const {
    return {{.kind = kind, .answer = answer, .coefficient = 0.5, .gradient = 2},
            tokenizer_.get(),
            eos_,
            1,
            micro};
  }

  TempFolder folder_;
  std::unique_ptr<Tokenizer> tokenizer_;
  int32_t eos_ = 0;
  std::unique_ptr<Model> model_;
  std::vector<Prompt> prompts_;
  std::vector<Tree> trees_;
  std::vector<const Tree*> pointers_;
};

// Against the log-probs of the whole text as one response.
TEST_F(LikelihoodTest, RewardIsTheLogProbOfTheReferenceAnswer) {
  TreePasses passes(model_.get());
  for (const std::string answer : {"ground_truth", "target"}) {
    Rows rows = MakeRows(pointers_);
    const Metrics m =
        MetricsOf(Make("logp", 1000, answer).Reward(&passes, prompts_, pointers_, &rows));
    const std::vector<std::pair<std::string, std::string>> want = {{"3+4=7\nAnswer:", " 7"},
                                                                   {"Answer:", " 7"},
                                                                   {"who knows", "\nAnswer: 7"},
                                                                   {"5\nAnswer:", " 12"},
                                                                   {"Answer:", " 12"}};
    double sum = 0, marked_tokens = 0;
    for (size_t s = 0; s < want.size(); ++s) {
      const auto z = tokenizer_->Encode(want[s].first);
      std::string reference = want[s].second;
      if (answer == "target") reference = reference.substr(0, reference.rfind(' ')) + " 19";
      auto tokens = tokenizer_->Encode(reference);
      tokens.push_back(eos_);
      Tree whole;
      whole.segments = {trees_[0].segments[0],
                        {.parent = 0, .author = Author::kPolicy, .tokens = z}};
      whole.segments[1].tokens.insert(whole.segments[1].tokens.end(), tokens.begin(), tokens.end());
      whole.leaves = {{.segment = 1}};
      const Tree* one[] = {&whole};
      constexpr Statistic kLogp[] = {Statistic::kLogp};
      const auto logp = ScoreTrees(&passes, one, kLogp, 1, 1000)[0][0][1];
      double expected = 0;
      for (size_t t = z.size(); t < logp.size(); ++t) expected += logp[t];
      EXPECT_NEAR(rows.reward[s], 0.5 * expected, 1e-5) << s;
      sum += expected;
      // The policy's own answer is masked, its reasoning is not.
      for (int64_t t = rows.begin[s]; t < rows.begin[s + 1]; ++t)
        EXPECT_EQ(rows.mask[t], t - rows.begin[s] < static_cast<int64_t>(z.size())) << s;
      marked_tokens += static_cast<double>(tokens.size());
    }
    EXPECT_NEAR(m.at("likelihood/reward"), sum / 5, 1e-5);
    EXPECT_NEAR(m.at("likelihood/answer_logp"), sum / 5, 1e-5);
    EXPECT_NEAR(m.at("likelihood/answer_tokens"), marked_tokens / 5, 1e-12);
    EXPECT_NEAR(m.at("likelihood/marked"), 0.8, 1e-12);
  }
  // A row without the two tokens that are prompt to its leaf: as many of its reasoning stay.
  trees_[0].leaves[0].prefix = 2;
  Rows cut = MakeRows(pointers_);
  Make("logp").Reward(&passes, prompts_, pointers_, &cut);
  const auto z = static_cast<int64_t>(tokenizer_->Encode("3+4=7\nAnswer:").size());
  for (int64_t t = 0; t < cut.begin[1]; ++t) EXPECT_EQ(cut.mask[t], t < z - 2) << t;
  prompts_[1].ground_truth.clear();
  Rows rows = MakeRows(pointers_);
  EXPECT_THROW(Make("logp").Reward(&passes, prompts_, pointers_, &rows), Error);
}

// d(-gradient coefficient mean_i R_i)/dweight against central differences.
TEST_F(LikelihoodTest, SecondTermsGradient) {
  for (const std::string kind : {"logp", "mean_logp", "prob", "mean_prob", "jepo"}) {
    TreePasses passes(model_.get());
    LikelihoodReward likelihood = Make(kind);
    const auto loss = [&] {
      model_->WeightsChanged(true);
      Rows rows = MakeRows(pointers_);
      // JEPO's gradient is of the group's bound alone: -gradient coefficient mean_i log mean_j p_j.
      Make(kind == "jepo" ? "logp" : kind).Reward(&passes, prompts_, pointers_, &rows);
      double sum = 0;
      for (size_t g = 0; g < trees_.size(); ++g) {
        double mean = 0;
        const auto first = rows.group_begin[g], last = rows.group_begin[g + 1];
        for (int64_t s = first; s < last; ++s) {
          if (kind == "jepo") {
            mean += std::exp(rows.reward[s] / 0.5) / static_cast<double>(last - first);
          } else {
            sum += rows.reward[s];
          }
        }
        if (kind == "jepo") sum += 0.5 * static_cast<double>(last - first) * std::log(mean);
      }
      return -2 * sum / 5;
    };
    const ParameterLayout& layout = model_->layout();
    float* weights = model_->weights();
    loss();
    Rows rows = MakeRows(pointers_);
    likelihood.Reward(&passes, prompts_, pointers_, &rows);
    Gradient gradient(*model_);
    gradient.Clear();
    likelihood.AddGradient(&passes, 0, 2, &gradient);
    const auto& analytic = gradient.Finish();
    for (const int64_t i :
         {layout.final_norm + 2, layout.layers[0].down_proj + 11, layout.layers[1].o_proj + 3}) {
      const float before = weights[i], h = 4e-3f;
      weights[i] = before + h;
      const double up = loss();
      weights[i] = before - h;
      const double down = loss();
      weights[i] = before;
      const double numeric = (up - down) / (2.0 * double{h});
      // Probabilities of whole answers are near 1e-7 here, of tokens near 1e-2.
      const double scale = kind.ends_with("prob") ? std::abs(loss()) : 1;
      EXPECT_GT(std::abs(numeric), 1e-3 * scale) << kind;
      EXPECT_NEAR(analytic[i], numeric, 1e-2 * std::abs(numeric) + 1e-4 * scale) << kind << i;
    }
    loss();
  }
}

TEST_F(LikelihoodTest, SameBitsForAnySplit) {
  std::vector<std::vector<double>> rewards;
  std::vector<std::vector<float>> gradients;
  for (const int64_t micro : {1, 60, 1000}) {
    for (const int threads : {1, 2}) {
      SetNumThreads(threads);
      TreePasses passes(model_.get(), {.recompute = micro == 60});
      LikelihoodReward likelihood = Make("jepo", micro);
      Rows rows = MakeRows(pointers_);
      likelihood.Reward(&passes, prompts_, pointers_, &rows);
      rewards.push_back(rows.reward);
      Gradient gradient(*model_);
      gradient.Clear();
      likelihood.AddGradient(&passes, 0, 2, &gradient);
      const float* g = gradient.Finish().data();
      gradients.emplace_back(g, g + model_->layout().total);
    }
  }
  SetNumThreads(0);
  for (const auto& r : rewards) EXPECT_EQ(r, rewards[0]);
  for (const auto& g : gradients) EXPECT_EQ(g, gradients[0]);
}

}  // namespace
}  // namespace rlvr
