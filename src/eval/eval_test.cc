#include "eval/eval.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/thread_pool.h"
#include "eval/on_policy_check.h"
#include "eval/tiny_policy_test.h"

namespace rlvr {
namespace {

std::vector<RolloutRequest> Requests(const Tokenizer& tokenizer, int n) {
  const auto prompts = OpenPrompts("gsm_micro", Split::kTest, 0);
  std::vector<RolloutRequest> requests;
  for (int i = 0; i < n; ++i) {
    RolloutRequest r;
    r.tree.prompt_index = i;
    r.tree.segments.push_back({.tokens = EncodePrompt(tokenizer, prompts->Get(i))});
    r.num_samples = 1 + i % 3;
    r.key = RandomKey(5)[static_cast<uint64_t>(i)];
    requests.push_back(std::move(r));
  }
  return requests;
}

void ExpectSameTrees(const Tree& a, const Tree& b) {
  ASSERT_EQ(a.segments.size(), b.segments.size());
  for (size_t s = 0; s < a.segments.size(); ++s) {
    EXPECT_EQ(a.segments[s].tokens, b.segments[s].tokens);
    EXPECT_EQ(a.segments[s].logp, b.segments[s].logp);
    EXPECT_EQ(a.segments[s].entropy, b.segments[s].entropy);
  }
  for (size_t l = 0; l < a.leaves.size(); ++l) EXPECT_EQ(a.leaves[l].finish, b.leaves[l].finish);
}

TEST(Rollout, SamplesDoNotDependOnBatchOrderOrThreads) {
  const TinyPolicy p(ComputeType::kBf16);
  RolloutOptions options;
  options.max_tokens = 20;
  const auto want = Rollout(p.model, p.tokenizer, options, Requests(p.tokenizer, 6));
  for (const int threads : {1, 2}) {
    for (const int64_t batch : {1, 3, 64}) {
      SetNumThreads(threads);
      options.max_sequences = batch;
      options.prefill_tokens = 50 * batch;
      const auto got = Rollout(p.model, p.tokenizer, options, Requests(p.tokenizer, 6));
      for (size_t i = 0; i < 6; ++i) ExpectSameTrees(got[i], want[i]);
      auto one = Requests(p.tokenizer, 6);
      one = {one[4]};
      ExpectSameTrees(Rollout(p.model, p.tokenizer, options, one)[0], want[4]);
    }
  }
  SetNumThreads(0);
}

TEST(Rollout, LengthLimitAndStopStrings) {
  const TinyPolicy p(ComputeType::kFp32);
  RolloutOptions options;
  options.max_tokens = 9;
  auto trees = Rollout(p.model, p.tokenizer, options, Requests(p.tokenizer, 4));
  int cut = 0;
  std::string some;
  for (const auto& t : trees) {
    for (const auto& leaf : t.leaves) {
      const auto& tokens = t.segments[leaf.segment].tokens;
      if (leaf.finish == Finish::kLength) {
        EXPECT_EQ(tokens.size(), 9u);
        ++cut;
        some = p.tokenizer.Decode(std::vector<int32_t>{tokens[3], tokens[4]});
      } else {
        EXPECT_EQ(tokens.back(), 263);
      }
    }
  }
  ASSERT_GT(cut, 0);
  options.stop = {some};  // spans two tokens
  trees = Rollout(p.model, p.tokenizer, options, Requests(p.tokenizer, 4));
  int stopped = 0;
  for (const auto& t : trees) {
    for (const auto& leaf : t.leaves) {
      const std::string text = p.tokenizer.Decode(t.segments[leaf.segment].tokens);
      if (leaf.finish == Finish::kStop && text.find(some) != std::string::npos) ++stopped;
      if (leaf.finish == Finish::kLength) {
        EXPECT_EQ(text.find(some), std::string::npos);
      }
    }
  }
  EXPECT_GT(stopped, 0);
}

TEST(OnPolicy, SamplingEqualsTrainingBitForBit) {
  for (const ComputeType compute : {ComputeType::kFp32, ComputeType::kBf16}) {
    const TinyPolicy p(compute);
    OnPolicyReport report;
    CheckOnPolicy(p.model, p.tokenizer, 12, &report);
    EXPECT_EQ(report.rows.size(), 12u);
    for (const auto& row : report.rows) {
      EXPECT_GT(row.tokens, 4 * row.batch_size);
      EXPECT_EQ(row.mismatches, 0) << ToString(row.compute) << " " << row.batch_size << " "
                                   << row.threads << " " << row.shared_prompts;
    }
  }
}

// In 8 bits another policy samples: it agrees with itself bit for bit, and not with the one that
// trains.
TEST(OnPolicy, QuantisedSamplingIsMeasured) {
  TinyPolicy p(ComputeType::kBf16);
  p.model.QuantizeSampler();
  p.model.WeightsChanged(false);
  OnPolicyReport report;
  CheckOnPolicy(p.model, p.tokenizer, 6, &report);
  for (const auto& row : report.rows) {
    EXPECT_TRUE(row.int8);
    EXPECT_EQ(row.mismatches, 0);
    EXPECT_GT(row.logp_abs_diff, 1e-5);
    EXPECT_GT(row.probs_diff_max, 1e-6);
    EXPECT_LT(row.probs_diff_max, 0.3);
  }
}

// --- sampler
// ------------------------------------------------------------------------------------------

std::vector<float> LogsOf(const std::vector<double>& p) {
  std::vector<float> z;
  for (const double x : p) z.push_back(static_cast<float>(std::log(x)));
  return z;
}

// The share of each token over evenly spaced uniforms: the distribution that is drawn from.
std::vector<double> Shares(const std::vector<float>& logits, const SamplingOptions& o) {
  std::vector<double> share(logits.size());
  std::vector<float> scratch;
  constexpr int kDraws = 2000;
  for (int i = 0; i < kDraws; ++i)
    share[SampleToken(logits, o, (i + 0.5) / kDraws, &scratch).token] += 1.0 / kDraws;
  return share;
}

void ExpectShares(const std::vector<double>& got, const std::vector<double>& want) {
  for (size_t i = 0; i < want.size(); ++i) EXPECT_NEAR(got[i], want[i], 0.001) << i;
}

TEST(Sampler, Filters) {
  const auto z = LogsOf({0.1, 0.4, 0.2, 0.3});
  ExpectShares(Shares(z, {}), {0.1, 0.4, 0.2, 0.3});
  ExpectShares(Shares(z, {.top_k = 2}), {0, 4.0 / 7, 0, 3.0 / 7});
  ExpectShares(Shares(z, {.top_k = 1}), {0, 1, 0, 0});
  ExpectShares(Shares(z, {.top_p = 0.6f}), {0, 4.0 / 7, 0, 3.0 / 7});  // 0.4 < 0.6, 0.7 reaches it
  ExpectShares(Shares(z, {.top_p = 0.001f}), {0, 1, 0, 0});
  ExpectShares(Shares(z, {.min_p = 0.45f}), {0, 4.0 / 9, 2.0 / 9, 3.0 / 9});
  ExpectShares(Shares(z, {.temperature = 0.5f}), {0.01 / 0.3, 0.16 / 0.3, 0.04 / 0.3, 0.09 / 0.3});
  ExpectShares(Shares(LogsOf({0.25, 0.25, 0.25, 0.25}), {.top_k = 2}),
               {0.5, 0.5, 0, 0});  // ties: lowest ids
  ExpectShares(Shares(z, {.temperature = 0}), {0, 1, 0, 0});
}

TEST(Sampler, RecordsBothLogProbs) {
  const auto z = LogsOf({0.1, 0.4, 0.2, 0.3});
  std::vector<float> scratch;
  const Draw d = SampleToken(z, {.top_k = 2}, 0.9, &scratch);
  EXPECT_EQ(d.token, 3);
  EXPECT_NEAR(d.logp, std::log(0.3), 1e-6);
  EXPECT_NEAR(d.sampler_logp, std::log(3.0 / 7), 1e-6);
  const Draw plain = SampleToken(z, {}, 0.05, &scratch);
  EXPECT_EQ(plain.token, 0);
  EXPECT_EQ(plain.logp, plain.sampler_logp);
}

// --- metrics
// --------------------------------------------------------------------------------------------

TEST(PassAtK, HandWorked) {
  EXPECT_NEAR(PassAtK(4, 1, 1), 0.25, 1e-12);
  EXPECT_NEAR(PassAtK(4, 1, 2), 0.5, 1e-12);  // 1 - C(3,2)/C(4,2) = 1 - 3/6
  EXPECT_NEAR(PassAtK(5, 2, 3), 0.9, 1e-12);  // 1 - C(3,3)/C(5,3) = 1 - 1/10
  EXPECT_EQ(PassAtK(4, 0, 4), 0);
  EXPECT_EQ(PassAtK(4, 1, 4), 1);
}

TEST(MajorityVote, TiesAndEmpty) {
  EXPECT_EQ(MajorityVote({"a", "b", "b"}), 1);
  EXPECT_EQ(MajorityVote({"a", "b"}), 0);
  EXPECT_EQ(MajorityVote({"", "", "c"}), 2);
  EXPECT_EQ(MajorityVote({"", ""}), -1);
}

TEST(BootstrapMean, CoversAsANormalIntervalDoes) {
  std::vector<double> v(400);
  for (size_t i = 0; i < v.size(); ++i) v[i] = i % 2 == 0 ? 0.0 : 1.0;
  const Interval i = BootstrapMean(v, RandomKey(1));
  EXPECT_DOUBLE_EQ(i.mean, 0.5);
  EXPECT_NEAR(i.high - i.mean, 1.96 * 0.5 / 20, 0.007);
  EXPECT_NEAR(i.mean - i.low, 1.96 * 0.5 / 20, 0.007);
}

TEST(JudgeTree, ScoresEachLeaf) {
  const TinyPolicy p(ComputeType::kFp32);
  Tree tree;
  tree.segments = {
      {.tokens = {1}},
      {.parent = 0,
       .author = Author::kPolicy,
       .tokens = p.tokenizer.Encode("Answer: 12<|im_end|>")},
      {.parent = 0, .author = Author::kPolicy, .tokens = p.tokenizer.Encode("Answer: 1")}};
  tree.leaves = {{.segment = 1}, {.segment = 2}};
  Prompt prompt;
  prompt.ground_truth = "12";
  JudgeTree(p.tokenizer, prompt, *MakeVerifier("math_rule"), 1, -1, &tree);
  EXPECT_EQ(tree.leaves[0].score, 1);
  EXPECT_EQ(tree.leaves[1].score, -1);
  EXPECT_EQ(tree.leaves[1].answer, "1");
}

TEST(Evaluate, IsReproducible) {
  const TinyPolicy p(ComputeType::kBf16);
  const auto prompts = OpenPrompts("gsm_micro", Split::kTest, 0);
  EvalOptions o;
  o.k = 2;
  o.max_prompts = 5;
  o.rollout.max_tokens = 8;
  const auto a = Evaluate(p.model, p.tokenizer, *prompts, o),
             b = Evaluate(p.model, p.tokenizer, *prompts, o);
  EXPECT_EQ(a.mean_response_length, b.mean_response_length);
  EXPECT_EQ(a.num_prompts, 5);
  EXPECT_EQ(a.mean_entropy, b.mean_entropy);
}

}  // namespace
}  // namespace rlvr
