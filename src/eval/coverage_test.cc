#include "eval/coverage.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>

namespace rlvr {
namespace {

void ExpectMajority(const std::vector<AnswerVotes>& answers, int64_t silent,
                    const std::vector<double>& want) {
  std::vector<int> ks;
  for (size_t k = 1; k <= want.size(); ++k) ks.push_back(static_cast<int>(k));
  const auto got = MajorityAtK(answers, silent, ks);
  for (size_t i = 0; i < want.size(); ++i) EXPECT_NEAR(got[i], want[i], 1e-12) << "k = " << i + 1;
}

TEST(MajorityAtK, HandWorked) {
  // a, a, b with a right. k = 2: {a,a} wins, {a,b} twice is a tie: (1 + 1/2 + 1/2) / 3.
  ExpectMajority({{2, 1}, {1, 0}}, 0, {2.0 / 3, 2.0 / 3, 1});
  // a, none, b. k = 2: {a,none} wins, {a,b} ties, {none,b} loses. k = 3: a tie.
  ExpectMajority({{1, 1}, {1, 0}}, 1, {1.0 / 3, 0.5, 0.5});
  // a, b, c: a tie of three.
  ExpectMajority({{1, 0}, {1, 1}, {1, 0}}, 0, {1.0 / 3, 1.0 / 3, 1.0 / 3});
  // Two right answers that are spelled differently against a wrong one of two votes.
  // k = 2 of a, b, w, w: ab 1, aw aw bw bw 1/2 each, ww 0: (1 + 2) / 6. k = 4: w wins.
  ExpectMajority({{1, 1}, {1, 1}, {2, 0}}, 0,
                 {0.5, 0.5, /* abw, abw: 2/3; aww, bww: 0 */ 1.0 / 3, 0});
  // Nothing but silence, and nothing right.
  ExpectMajority({}, 2, {0, 0});
  ExpectMajority({{2, 0}}, 0, {0, 0});
}

// Every subset, counted one by one.
TEST(MajorityAtK, EqualsTheMeanOverAllSubsets) {
  const std::vector<AnswerVotes> answers = {{3, 1}, {2, 0}, {2, 0.5}, {1, 0}};
  const int64_t silent = 2;
  std::vector<int> label;  // of each sample; -1: none
  for (size_t i = 0; i < answers.size(); ++i)
    label.insert(label.end(), static_cast<size_t>(answers[i].votes), static_cast<int>(i));
  label.insert(label.end(), silent, -1);
  const auto n = static_cast<int>(label.size());
  std::vector<double> sum(static_cast<size_t>(n), 0.0), count(static_cast<size_t>(n), 0.0);
  for (unsigned subset = 1; subset < 1u << n; ++subset) {
    std::vector<int> votes(answers.size(), 0);
    for (int i = 0; i < n; ++i) {
      if ((subset >> i & 1u) && label[static_cast<size_t>(i)] >= 0)
        ++votes[static_cast<size_t>(label[static_cast<size_t>(i)])];
    }
    int best = 0, winners = 0;
    double right = 0;
    for (const int v : votes) best = std::max(best, v);
    for (size_t i = 0; best > 0 && i < votes.size(); ++i) {
      if (votes[i] != best) continue;
      ++winners;
      right += answers[i].right;
    }
    const auto k = static_cast<size_t>(std::popcount(subset)) - 1;
    count[k] += 1;
    sum[k] += winners == 0 ? 0 : right / winners;
  }
  for (size_t k = 0; k < sum.size(); ++k) sum[k] /= count[k];
  ExpectMajority(answers, silent, sum);
}

TEST(AnswerEntropy, HandWorked) {
  EXPECT_NEAR(AnswerEntropy(std::vector<AnswerVotes>{{2, 1}, {2, 0}}, 0), 0.693147, 1e-6);
  EXPECT_NEAR(AnswerEntropy(std::vector<AnswerVotes>{{3, 0}, {1, 0}}, 0), 0.562335, 1e-6);
  EXPECT_NEAR(AnswerEntropy(std::vector<AnswerVotes>{{2, 0}}, 2), std::log(2.0), 1e-12);
  EXPECT_EQ(AnswerEntropy(std::vector<AnswerVotes>{{4, 0}}, 0), 0);
}

TEST(CompareSupport, HandWorked) {
  const std::vector<int64_t> base = {1, 2, 3}, tuned = {1, 2, 4}, none;
  const SupportChange c = CompareSupport(base, tuned);
  EXPECT_EQ(c.preserved, 2);
  EXPECT_EQ(c.shrunk, 1);
  EXPECT_EQ(c.expanded, 1);
  EXPECT_DOUBLE_EQ(c.retention(), 2.0 / 3);
  EXPECT_DOUBLE_EQ(c.discovery(), 1.0 / 3);
  EXPECT_DOUBLE_EQ(c.dynamic(), 4.0 / 9);  // 2 (2/9) / 1
  EXPECT_EQ(c.net_change(), 0);
  EXPECT_DOUBLE_EQ(CompareSupport(base, none).net_change(), -1);
  EXPECT_EQ(CompareSupport(none, none).dynamic(), 0);
}

}  // namespace
}  // namespace rlvr
