#include "rollout/speculation.h"

#include <gtest/gtest.h>

#include "base/thread_pool.h"
#include "rollout/test_policy.h"

namespace rlvr {
namespace {

int64_t NumTokens(const std::vector<Tree>& trees) {
  int64_t n = 0;
  for (const Tree& t : trees) n += t.NumTokens() - t.PathLength(0);
  return n;
}

// Four times the same requests, the first without drafts, the others with all that there are. From
// the third on the earlier responses hold what will be drawn, so that whole runs of drafts are
// accepted: up to ends of sequence, stop strings and limits in their midst.
RolloutStats ExpectSameTrees(const TinyPolicy& p, RolloutOptions options, int max_draft) {
  options.speculation.name = "none";
  const auto want = Rollout(p.model, p.tokenizer, options, Requests(7));
  Speculation earlier;
  options.drafts = &earlier;
  options.speculation = {.name = "always", .max_draft = max_draft};
  RolloutStats last;
  for (const int64_t sequences : {64, 3, 5}) {
    options.max_sequences = sequences;
    last = {};
    const auto got = Rollout(p.model, p.tokenizer, options, Requests(7), &last);
    for (size_t i = 0; i < want.size(); ++i) ExpectSameTree(got[i], want[i]);
    EXPECT_EQ(last.sampled_tokens, NumTokens(want));
    EXPECT_EQ(last.decoded_sequences + last.accepted_tokens + 21, last.sampled_tokens);  // 21 first
  }
  return last;
}

class SpeculationOf : public testing::TestWithParam<ComputeType> {};
INSTANTIATE_TEST_SUITE_P(, SpeculationOf, testing::Values(ComputeType::kFp32, ComputeType::kBf16),
                         [](const auto& info) { return std::string(ToString(info.param)); });

TEST_P(SpeculationOf, ChangesNoBit) {
  const TinyPolicy p(GetParam());
  for (const SamplingOptions& sampling :
       {SamplingOptions{}, SamplingOptions{.temperature = 0.7f},
        SamplingOptions{.temperature = 1.3f, .top_k = 20, .top_p = 0.9f},
        SamplingOptions{.temperature = 1.2f,
        .token_temperature = {.tau = 0.3, .center = 0.5, .down = -1}},
        SamplingOptions{.temperature = 0}}) {
    RolloutOptions options;
    options.max_tokens = 40;
    options.sampling = sampling;
    const RolloutStats stats = ExpectSameTrees(p, options, 8);
    EXPECT_GT(stats.accepted_tokens, 2 * stats.decoded_sequences);
    EXPECT_LE(stats.accepted_tokens, 8 * stats.decoded_sequences);
    EXPECT_GE(stats.draft_tokens, stats.accepted_tokens);
  }
}

TEST_P(SpeculationOf, AtAnyDraftLength) {
  const TinyPolicy p(GetParam());
  RolloutOptions options;
  options.max_tokens = 33;
  for (const int max_draft : {1, 2, 5, 31, 32, 100}) {
    const RolloutStats stats = ExpectSameTrees(p, options, max_draft);
    EXPECT_LE(stats.draft_tokens, max_draft * stats.decoded_sequences);
    EXPECT_GT(stats.accepted_tokens, 0);
  }
}

TEST_P(SpeculationOf, WithEndsInsideTheRun) {
  const TinyPolicy p(GetParam(), 70);  // prompts of up to 60: some end with the context
  RolloutOptions options;
  options.max_tokens = 25;
  options.sampling.temperature = 3;  // the end of sequence is drawn now and then
  ExpectSameTrees(p, options, 8);
  options.sampling.temperature = 1;
  const auto trees = Rollout(p.model, p.tokenizer, options, Requests(7));
  const std::vector<int32_t>& some = trees[0].segments[1].tokens;
  ASSERT_GT(some.size(), 8u);
  options.stop = {p.tokenizer.Decode(std::vector<int32_t>{some[4], some[5], some[6]}), "e"};
  ExpectSameTrees(p, options, 8);
}

TEST(Speculation, AutoGivesTheSameTrees) {
  const TinyPolicy p(ComputeType::kFp32);
  RolloutOptions options;
  options.speculation.name = "none";
  options.max_tokens = 40;
  const auto want = Rollout(p.model, p.tokenizer, options, Requests(7));
  options.speculation.name = "auto";
  Speculation earlier;
  options.drafts = &earlier;
  for (const int64_t sequences : {1, 1, 8}) {
    options.max_sequences = sequences;
    const auto got = Rollout(p.model, p.tokenizer, options, Requests(7));
    for (size_t i = 0; i < want.size(); ++i) ExpectSameTree(got[i], want[i]);
  }
}

// Other samples of the group are drafts too, without any earlier call: greedy ones are all the same.
// One at a time the first has no drafts but its own text; each of the others has the first's.
TEST(Speculation, DraftsComeFromTheGroup) {
  const TinyPolicy p(ComputeType::kFp32);
  RolloutOptions options;
  options.max_tokens = 33;
  options.max_sequences = 1;
  options.sampling.temperature = 0;
  options.speculation = {.name = "always", .max_draft = 4, .memory_mb = 0};
  auto requests = Requests(1);
  requests[0].num_samples = 4;
  RolloutStats stats;
  const auto trees = Rollout(p.model, p.tokenizer, options, requests, &stats);
  const size_t length = trees[0].segments[1].tokens.size();
  ASSERT_EQ(length, 33u);
  for (int s = 2; s <= 4; ++s)
    EXPECT_EQ(trees[0].segments[static_cast<size_t>(s)].tokens, trees[0].segments[1].tokens);
  // 32 tokens behind the first one: at least 6 passes of 5 and one of 2 for each of the three, and
  // few more, where the text before is not yet unlike any other.
  EXPECT_GE(stats.decode_steps, 4 * 7);
  EXPECT_LE(stats.decode_steps, 32 + 3 * 12);
}

TEST(PassCosts, LinearBetweenMeasurementsAndAsBeforeAboveThem) {
  PassCosts costs;
  EXPECT_EQ(costs.Seconds(4), 0);
  EXPECT_EQ(costs.most_rows(), 0);
  costs.Add(4, 1.0);
  EXPECT_EQ(costs.Seconds(4), 1.0);
  EXPECT_EQ(costs.Seconds(7), 1.0);
  EXPECT_EQ(costs.Seconds(3), 0);
  EXPECT_EQ(costs.most_rows(), 8);
  costs.Add(8, 2.0);
  EXPECT_DOUBLE_EQ(costs.Seconds(5), 1.25);
  EXPECT_DOUBLE_EQ(costs.Seconds(7), 1.75);
  EXPECT_DOUBLE_EQ(costs.Seconds(30), 2.0 + 22 * 0.25);
  EXPECT_EQ(costs.most_rows(), 16);
  costs.Add(8, 3.0);  // 1.5 times as slow: a fifth of the 0.5 is put down to all passes
  EXPECT_DOUBLE_EQ(costs.Seconds(8), (2.0 + 3.0 / 1.1) / 2);
}

// One measurement is trusted for 64 passes.
TEST(PassCosts, ForgetsWhatIsOld) {
  PassCosts costs;
  costs.Add(8, 5.0);
  for (int i = 0; i < 64; ++i) costs.Add(1, 1.0);
  EXPECT_EQ(costs.Seconds(8), 5.0);
  costs.Add(1, 1.0);
  EXPECT_EQ(costs.Seconds(8), 1.0);
}

// What comes between is not the pass's.
TEST(PassCosts, AnAccidentCountsLittle) {
  PassCosts costs;
  for (int i = 0; i < 10; ++i) costs.Add(1, 1.0);
  costs.Add(1, 100.0);  // counts as 2, of which 1.2 are put down to all; 1 / 10 of the rest counts
  EXPECT_NEAR(costs.Seconds(1), 1 + 0.1 * (2 / 1.2 - 1), 1e-12);
}

// The machine becomes three times slower between 4 rows and 8: the ratio stays that of equal times.
TEST(PassCosts, WhatSlowsAllPassesDownIsKeptApart) {
  PassCosts costs;
  for (int i = 0; i < 50; ++i) costs.Add(4, 1.0);
  for (int i = 0; i < 50; ++i) costs.Add(4, 3.0);
  for (int i = 0; i < 10; ++i) costs.Add(8, 6.0);
  EXPECT_NEAR(costs.Seconds(8) / costs.Seconds(4), 2.0, 0.1);
}

TEST(NumDrafts, MakesTheMostTokensPerSecond) {
  const std::vector<double> gains = {0.9, 0.8, 0.7, 0.2, 0.1};
  PassCosts costs;
  EXPECT_EQ(NumDrafts(1, gains, 0, costs), 0);  // one pass without drafts must be measured first
  costs.Add(1, 1.0);
  EXPECT_EQ(NumDrafts(1, gains, 0, costs), 1);  // tries no more than twice the rows
  costs.Add(4, 1.3);
  costs.Add(8, 3.3);
  // rows      1    2    3    4    5    6
  // seconds   1    1.1  1.2  1.3  1.8  2.3
  // tokens    1    1.9  2.7  3.4  3.6  3.7
  // per s     1    1.73 2.25 2.62 2.0  1.61
  EXPECT_EQ(NumDrafts(1, gains, 0, costs), 3);
  // With 0.8 seconds for the search: 1.9 / 1.9, 2.7 / 2, 3.4 / 2.1 = 1.62, 3.6 / 2.6, 3.7 / 3.1.
  EXPECT_EQ(NumDrafts(1, gains, 0.8, costs), 3);
  EXPECT_EQ(NumDrafts(1, gains, 2.1, costs), 0);       // 3.4 / 3.4
  EXPECT_NEAR(CostOfRow(1, costs), 0.1, 1e-12);        // 1.1 seconds of two rows, 1.3 of four
  EXPECT_NEAR(CostOfRow(2, costs), 0.2 / 1.1, 1e-12);  // 1.3 of four, 3.3 of eight: 2.2 / 3.3
}

TEST(NumDrafts, NoneWhereRowsCostWhatTheyBring) {
  const std::vector<double> gains(64, 0.6);
  PassCosts costs;
  costs.Add(64, 1.0);
  costs.Add(128, 1.7);  // 64 more rows: 38.4 tokens in 0.7 of the time of 64: 102.4 / 1.7 = 60
  EXPECT_EQ(NumDrafts(64, gains, 0, costs), 0);
  PassCosts cheap;
  cheap.Add(64, 1.0);
  cheap.Add(128, 1.2);  // 102.4 / 1.2 = 85
  EXPECT_EQ(NumDrafts(64, gains, 0, cheap), 64);
  PassCosts hardly;
  hardly.Add(64, 1.0);
  hardly.Add(128, 1.57);  // 102.4 / 1.57 = 65.2: 2 % more is not worth it
  EXPECT_EQ(NumDrafts(64, gains, 0, hardly), 0);
}

TEST(AcceptanceRates, FromAGuessToWhatWasSeen) {
  AcceptanceRates rates;
  const DraftToken sure{.order = 0, .mass = 1.0}, unsure{.order = 0, .mass = 0.5};
  EXPECT_DOUBLE_EQ(rates.Rate(sure), 0.9);
  EXPECT_DOUBLE_EQ(rates.Rate(unsure), 0.45);
  for (int i = 0; i < 16; ++i) rates.Add(sure, i % 4 == 0);
  EXPECT_DOUBLE_EQ(rates.Rate(sure), (4 + 3.6) / 20);  // a guess counts as 4
  EXPECT_DOUBLE_EQ(rates.Rate(unsure), 0.45);          // another class
  EXPECT_DOUBLE_EQ(rates.Rate({.order = 1, .mass = 1.0}), 0.9);
  EXPECT_DOUBLE_EQ(rates.Rate({.order = 0, .mass = 1.0, .margin = 0.05}), 0.9);
  for (int i = 0; i < 2000; ++i) rates.Add(sure, true);  // what is recent counts
  EXPECT_GT(rates.Rate(sure), 0.97);
}

}  // namespace
}  // namespace rlvr
