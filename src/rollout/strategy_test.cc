#include "rollout/strategy.h"

#include <map>
#include <set>

#include "base/error.h"
#include "base/thread_pool.h"
#include "rollout/test_policy.h"

namespace rlvr {
namespace {

// A token of the tests' tokenizer with at least two characters besides white space.
int32_t Word(const Tokenizer& tokenizer) {
  for (const int32_t id : tokenizer.Encode("one two three")) {
    if (tokenizer.TokenBytes(id).size() > 3) return id;
  }
  ADD_FAILURE() << "no long token";
  return 0;
}

TEST(BranchCandidates, HighestEntropyButNeverTheFirstToken) {
  const TinyPolicy p(ComputeType::kFp32);
  const std::vector<int32_t> tokens(5, Word(p.tokenizer));
  const std::vector<float> entropy = {9, 0.1f, 0.8f, 0.5f, 0.3f};
  EXPECT_EQ(BranchCandidates(p.tokenizer, tokens, entropy, 1), (std::vector<int64_t>{2}));
  EXPECT_EQ(BranchCandidates(p.tokenizer, tokens, entropy, 20), (std::vector<int64_t>{2, 3, 4, 1}));
}

TEST(BranchCandidates, SpecialTokensSingleCharactersAndTiesAreNoReason) {
  const TinyPolicy p(ComputeType::kFp32);
  const int32_t word = Word(p.tokenizer), letter = p.tokenizer.Encode("z")[0];
  const int32_t special = p.tokenizer.TokenId("<|endoftext|>");
  const std::vector<int32_t> tokens = {word, special, letter, word, word, word};
  const std::vector<float> entropy = {1, 9, 8, 0.5f, 0.7f, 0.7f};
  EXPECT_EQ(BranchCandidates(p.tokenizer, tokens, entropy, 2), (std::vector<int64_t>{4, 5}));
  EXPECT_EQ(BranchCandidates(p.tokenizer, tokens, entropy, 9), (std::vector<int64_t>{4, 5, 3}));
  EXPECT_EQ(BranchCandidates(p.tokenizer, tokens, entropy, 2, /*min_characters=*/1),
            (std::vector<int64_t>{2, 4}));
}

Tree Chain() {  // a prompt of two tokens and one response of four
  Tree tree;
  tree.segments = {{.tokens = {1, 2}},
                   {.parent = 0,
                    .author = Author::kPolicy,
                    .tokens = {3, 4, 5, 6},
                    .logp = {-1, -2, -3, -4},
                    .entropy = {.1f, .2f, .3f, .4f},
                    .sample = 7}};
  tree.leaves = {{.segment = 1}};
  return tree;
}

TEST(SplitSegment, TheRestBecomesAChild) {
  Tree tree = Chain();
  EXPECT_EQ(SplitSegment(1, 1, &tree), 2);
  EXPECT_EQ(tree.segments[1].tokens, (std::vector<int32_t>{3}));
  EXPECT_EQ(tree.segments[1].logp, (std::vector<float>{-1}));
  EXPECT_EQ(tree.segments[2].parent, 1);
  EXPECT_EQ(tree.segments[2].author, Author::kPolicy);
  EXPECT_EQ(tree.segments[2].sample, 7);
  EXPECT_EQ(tree.segments[2].tokens, (std::vector<int32_t>{4, 5, 6}));
  EXPECT_EQ(tree.segments[2].entropy, (std::vector<float>{.2f, .3f, .4f}));
  EXPECT_EQ(tree.leaves[0].segment, 2);
  EXPECT_EQ(tree.ResponseTokens(tree.leaves[0]), (std::vector<int32_t>{3, 4, 5, 6}));
}

TEST(PruneToLeaves, DropsWhatNoLeafNeeds) {
  Tree tree;
  for (const int32_t parent : {-1, 0, 0, 1, 2}) tree.segments.push_back({.parent = parent});
  for (int32_t s = 0; s < 5; ++s) tree.segments[static_cast<size_t>(s)].sample = s;
  tree.leaves = {{.segment = 4}};
  PruneToLeaves(&tree);
  ASSERT_EQ(tree.segments.size(), 3u);  // 0, 2 and 4
  EXPECT_EQ(tree.segments[1].sample, 2);
  EXPECT_EQ(tree.segments[1].parent, 0);
  EXPECT_EQ(tree.segments[2].sample, 4);
  EXPECT_EQ(tree.segments[2].parent, 1);
  EXPECT_EQ(tree.leaves[0].segment, 2);
}

TEST(SearchNumbers, SiblingScore) {
  // .6 / 2 + 2 sqrt(ln 5 / 2) = .3 + 2 sqrt(.804718956)
  EXPECT_NEAR(SiblingScore(0.6, 2, 5, 2), 0.3 + 2 * 0.897061290, 1e-8);
  EXPECT_EQ(SiblingScore(-1, 1, 1, 2), -1);     // ln 1 = 0
  EXPECT_EQ(SiblingScore(0.5, 2, 0, 2), 0.25);  // the parent has not been visited
  EXPECT_EQ(SiblingScore(0, 0, 9, 2), 0);       // untried
}

TEST(SearchNumbers, FrontierScore) {
  SearchSettings s;
  s.uncertainty = true;
  const FrontierTerms node = {.q_parent = 0.3, .q = 0.7, .mean_surprise = 0.5, .depth = 16};
  // .4 tanh(.3) + .4 * .5 + .01 sqrt(16 / 64) = .116525 + .2 + .005
  EXPECT_NEAR(FrontierScore(s, node), 0.321525, 1e-6);
  s.uncertainty = false;
  EXPECT_NEAR(FrontierScore(s, node), 0.121525, 1e-6);
  s.lambda1 = 0;
  s.lambda4 = 0.5;  // .5 tanh(.7) = .302183891
  s.depth_bonus = "linear";
  EXPECT_NEAR(FrontierScore(s, node), 0.302183891 + 0.16, 1e-8);
  s.depth_bonus = "log";  // .01 ln 17 = .028332133
  EXPECT_NEAR(FrontierScore(s, node), 0.302183891 + 0.028332133, 1e-8);
}

TEST(SearchNumbers, BackUp) {
  EXPECT_DOUBLE_EQ(BackUp(0, 1, 0, 4, 0.1), 0.25);
  EXPECT_DOUBLE_EQ(BackUp(0, 1, 0, 20, 0.1), 0.1);        // 1 / 20 is below the least weight
  EXPECT_DOUBLE_EQ(BackUp(-0.25, -1, 1, 4, 0.1), -0.75);  // signs agree: it adds up
  EXPECT_DOUBLE_EQ(BackUp(-0.5, 1, 2, 4, 0.1), 0.75);     // a right answer erases
  EXPECT_DOUBLE_EQ(BackUp(0.5, -1, 3, 4, 0.1), 0.5);      // a wrong one does not
}

// A search whose segments are written by hand: two steps of two tokens, two children a node.
class SearchByHand : public testing::Test {
 protected:
  SearchByHand() { tree_.segments = {{.tokens = {1, 2, 3}}}; }
  // judged: what the search is told of the segments at hand, in the order of their ids.
  void Start(SearchSettings s, int num_samples, std::map<int32_t, LeafJudgement> judged) {
    judged_ = std::move(judged);
    growth_ = MakeSearchGrowth(
        s, {.num_samples = num_samples,
            .max_tokens = 4,
            .judge = [this](const Tree&, const Leaf& leaf) { return judged_.at(leaf.segment); }});
  }
  Grown Sampled(int32_t parent, bool open, float logp) {
    tree_.segments.push_back({.parent = parent,
                              .author = Author::kPolicy,
                              .tokens = {5, 6},
                              .logp = {logp, logp},
                              .entropy = {0, 0}});
    return {.segment = static_cast<int32_t>(tree_.segments.size()) - 1,
            .finish = open ? Finish::kLength : Finish::kStop,
            .open = open};
  }
  Expansion Only(const std::vector<Expansion>& e) {
    EXPECT_EQ(e.size(), 1u);
    return e.empty() ? Expansion{} : e[0];
  }

  Tree tree_;
  std::map<int32_t, LeafJudgement> judged_;
  std::unique_ptr<Growth> growth_;
};

TEST_F(SearchByHand, BacksUpAndPrunes) {
  SearchSettings s;
  s.max_depth = 2;
  s.width = 2;
  s.incomplete_value = -0.5;
  Start(s, 2, {{2, {true, true}}, {3, {false, true}}, {4, {false, false}}});
  Expansion e = Only(growth_->Next(&tree_, {}));
  EXPECT_EQ(e.parent, 0);
  EXPECT_EQ(e.num_samples, 2);
  EXPECT_EQ(e.max_tokens, 2);
  EXPECT_EQ(e.first_sample, 0);
  // Segment 1 could go on; 2 ends with a right answer, and w = 2/2 there, 1/2 at the root.
  const Grown first[] = {Sampled(0, true, -1), Sampled(0, false, -0.5f)};
  e = Only(growth_->Next(&tree_, first));
  EXPECT_EQ(e.parent, 1);
  EXPECT_EQ(e.first_sample, 2);
  // Both children of 1 are at the last depth: the wrong answer goes before the cut-off one, though
  // less likely. w = 3/3, 2/3, 1/3, and the root's .5 stays.
  const Grown second[] = {Sampled(1, true, -3), Sampled(1, true, -1)};
  EXPECT_TRUE(growth_->Next(&tree_, second).empty());
  ASSERT_EQ(tree_.leaves.size(), 2u);
  EXPECT_EQ(tree_.leaves[0].segment, 2);
  EXPECT_EQ(tree_.leaves[0].finish, Finish::kStop);
  EXPECT_EQ(tree_.leaves[1].segment, 3);
  EXPECT_EQ(tree_.leaves[1].finish, Finish::kLength);
  ASSERT_EQ(tree_.segments.size(), 4u);  // the cut-off one is gone
  EXPECT_FLOAT_EQ(tree_.segments[0].value, 0.5f);
  EXPECT_FLOAT_EQ(tree_.segments[1].value, -2.0f / 3);
  EXPECT_FLOAT_EQ(tree_.segments[2].value, 1);
  EXPECT_FLOAT_EQ(tree_.segments[3].value, -1);
}

TEST_F(SearchByHand, OfEqualOutcomesTheLikeliestAndNoneIsLost) {
  SearchSettings s;
  s.max_depth = 2;
  s.width = 2;
  Start(s, 3, {{1, {false, true}}, {2, {false, true}}, {3, {true, true}}, {4, {true, true}}});
  growth_->Next(&tree_, {});
  // Both end: 2 first, it is likelier; then nothing is left to expand and 1 has its turn; then the
  // root gets children again, of which the likelier right one makes the third.
  const Grown first[] = {Sampled(0, false, -2), Sampled(0, false, -1)};
  const Expansion e = Only(growth_->Next(&tree_, first));
  EXPECT_EQ(e.parent, 0);
  EXPECT_EQ(e.num_samples, 2);
  EXPECT_EQ(e.first_sample, 2);
  const Grown second[] = {Sampled(0, false, -0.5f), Sampled(0, false, -0.75f)};
  EXPECT_TRUE(growth_->Next(&tree_, second).empty());
  ASSERT_EQ(tree_.leaves.size(), 3u);
  EXPECT_EQ(tree_.leaves[0].segment, 2);
  EXPECT_EQ(tree_.leaves[1].segment, 1);
  EXPECT_EQ(tree_.leaves[2].segment, 3);
  // The root: -1/2 - 1/2, then a right answer: 1/2.
  EXPECT_FLOAT_EQ(tree_.segments[0].value, 0.5f);
}

TEST_F(SearchByHand, GoesDownToTheBetterSiblingWhileNothingEnds) {
  SearchSettings s;
  s.max_depth = 4;
  s.width = 2;
  Start(s, 1, {});
  growth_->Next(&tree_, {});
  const Grown first[] = {Sampled(0, true, -1), Sampled(0, true, -1)};
  // Both visited once with value 0, the root never: equal scores, so the first.
  EXPECT_EQ(Only(growth_->Next(&tree_, first)).parent, 1);
  const Grown second[] = {Sampled(1, true, -1), Sampled(1, true, -1)};
  EXPECT_EQ(Only(growth_->Next(&tree_, second)).parent, 3);
}

// With a model: what holds of every strategy.
StrategySettings Named(const std::string& name) {
  StrategySettings s;
  s.name = name;
  s.branch.first = 2;
  s.branch.branches = 2;
  s.branch.top_k = 3;
  s.tree.max_depth = 5;
  s.tree.width = 3;
  return s;
}

std::vector<RolloutRequest> Groups(int n, int num_samples) {
  auto requests = Requests(n);
  for (auto& r : requests) r.num_samples = num_samples;
  return requests;
}

// A rule with right, wrong and missing answers that follows from the tokens.
LeafJudgement Parity(int64_t, const Tree& tree, const Leaf& leaf) {
  int64_t sum = 0;
  for (const int32_t token : tree.ResponseTokens(leaf)) sum += token;
  return {sum % 3 == 0, sum % 3 != 2};
}

class StrategyOf : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(, StrategyOf, testing::Values("independent", "branch", "tree"),
                         [](const auto& info) { return std::string(info.param); });

TEST_P(StrategyOf, TrainingBitsForAnyBatchThreadsAndCompany) {
  const int threads_before = NumThreads();
  for (const ComputeType compute : {ComputeType::kFp32, ComputeType::kBf16}) {
    const TinyPolicy p(compute);
    RolloutOptions options;
    options.max_tokens = 30;
    options.sampling.temperature = 0.9f;
    const StrategySettings s = Named(GetParam());
    options.speculation.name = "none";
    SetNumThreads(1);
    const auto want = Rollout(p.model, p.tokenizer, options, s, Parity, Groups(4, 6));
    Speculation earlier;
    options.drafts = &earlier;
    options.speculation.name = "always";
    RolloutStats stats;
    EXPECT_GT(ExpectTrainingBits(p.model, want, 0.9f), 200);
    for (const Tree& tree : want) {
      ASSERT_EQ(tree.leaves.size(), 6u);
      std::set<int32_t> samples;
      for (const Leaf& leaf : tree.leaves) {
        samples.insert(tree.segments[static_cast<size_t>(leaf.segment)].sample);
        EXPECT_LE(static_cast<int64_t>(tree.ResponseTokens(leaf).size()) - leaf.prefix, 30);
      }
      EXPECT_EQ(samples.size(), 6u);
    }
    for (const int threads : {1, 2}) {
      SetNumThreads(threads);
      options.max_sequences = threads == 1 ? 2 : 5;
      options.prefill_tokens = threads == 1 ? 1 : 100;
      options.speculation.max_draft = threads == 1 ? 8 : 3;
      const auto got = Rollout(p.model, p.tokenizer, options, s, Parity, Groups(4, 6), &stats);
      for (size_t i = 0; i < want.size(); ++i) ExpectSameTree(got[i], want[i]);
      ExpectSameTree(Rollout(p.model, p.tokenizer, options, s, Parity, {Groups(4, 6)[2]})[0],
                     want[2]);
    }
    // The second time the drafts are what will be drawn.
    EXPECT_GT(stats.accepted_tokens, stats.sampled_tokens / 5);
  }
  SetNumThreads(threads_before);
}

// The first responses are those of independent sampling, whole on their paths; every branch starts
// with a token that was drawn anew at a place where the response may be cut.
TEST(BranchStrategy, BranchesFromTheResponsesOfIndependentSampling) {
  const TinyPolicy p(ComputeType::kFp32);
  RolloutOptions options;
  options.max_tokens = 30;
  for (const char* prefix : {"once", "per_trajectory"}) {
    StrategySettings s = Named("branch");
    s.branch.prefix = prefix;
    const auto trees = Rollout(p.model, p.tokenizer, options, s, {}, Groups(5, 6));
    const auto plain = Rollout(p.model, p.tokenizer, options, Groups(5, 2));
    int cut = 0;
    for (size_t i = 0; i < trees.size(); ++i) {
      const Tree& tree = trees[i];
      for (size_t l = 0; l < 2; ++l) {
        const Segment& whole = plain[i].segments[l + 1];
        EXPECT_EQ(tree.ResponseTokens(tree.leaves[l]), whole.tokens);
        EXPECT_EQ(tree.leaves[l].prefix, 0);
        EXPECT_EQ(tree.leaves[l].finish, plain[i].leaves[l].finish);
        const auto allowed = BranchCandidates(p.tokenizer, whole.tokens, whole.entropy, 3);
        for (size_t b = 2 + 2 * l; b < 4 + 2 * l; ++b) {
          const Leaf& leaf = tree.leaves[b];
          const Segment& branch = tree.segments[static_cast<size_t>(leaf.segment)];
          EXPECT_EQ(branch.sample, static_cast<int32_t>(b));
          const int64_t position = tree.StartPosition(leaf.segment) - tree.PathLength(0);
          if (position == 0) {
            EXPECT_TRUE(allowed.empty());
            continue;
          }
          ++cut;
          EXPECT_EQ(std::count(allowed.begin(), allowed.end(), position), 1);
          EXPECT_EQ(leaf.prefix, s.branch.prefix == "once" ? position : 0);
          const int64_t length = static_cast<int64_t>(branch.tokens.size());
          if (leaf.finish == Finish::kLength) {
            EXPECT_EQ(length + (s.branch.prefix == "once" ? 0 : position), 30);
          }
          EXPECT_EQ(tree.segments[static_cast<size_t>(branch.parent)].sample,
                    static_cast<int32_t>(l));
        }
      }
    }
    EXPECT_GT(cut, 4);
  }
}

TEST(BranchStrategy, EvenCuts) {
  TinyPolicy p(ComputeType::kFp32);
  ModelConfig config = p.model.config();
  config.eos_token_ids = {};  // every response has max_tokens
  Model endless(config, ComputeType::kFp32);
  std::copy_n(p.model.weights(), p.model.layout().total, endless.weights());
  endless.WeightsChanged(false);
  RolloutOptions options;
  options.max_tokens = 10;
  StrategySettings s = Named("branch");
  s.branch.at = "even";
  s.branch.first = 1;
  s.branch.cuts = 2;
  const Tree tree = Rollout(endless, p.tokenizer, options, s, {}, Groups(1, 5))[0];
  std::vector<int64_t> prefixes;  // floor(10 / 3), floor(20 / 3)
  for (const Leaf& leaf : tree.leaves) prefixes.push_back(leaf.prefix);
  EXPECT_EQ(prefixes, (std::vector<int64_t>{0, 3, 3, 6, 6}));
  EXPECT_GT(ExpectTrainingBits(endless, {tree}, 1), 40);
}

// A stop string may begin before the place where a branch starts.
TEST(BranchStrategy, StopStringsSpanTheCut) {
  TinyPolicy p(ComputeType::kFp32);
  RolloutOptions options;
  options.max_tokens = 40;
  std::vector<RolloutRequest> requests = Requests(1);
  // The path so far ends in "on"; whatever comes next completes "on?" if it begins with "?".
  requests[0].tree.segments.push_back(
      {.parent = 0, .author = Author::kPolicy, .tokens = p.tokenizer.Encode("on"), .sample = 0});
  const Expansion e{.parent = 1, .first_sample = 1, .max_tokens = 1};
  SampleSegments(p.model, p.tokenizer, options, requests, {&e, 1}, nullptr, {});
  const std::string next = p.tokenizer.TokenBytes(requests[0].tree.segments[2].tokens[0]);
  requests[0].tree.segments.pop_back();
  options.stop = {"on" + next};
  const Expansion again{.parent = 1, .first_sample = 1, .max_tokens = 40};
  const auto grown =
      SampleSegments(p.model, p.tokenizer, options, requests, {&again, 1}, nullptr, {});
  EXPECT_EQ(grown[0].finish, Finish::kStop);
  EXPECT_EQ(requests[0].tree.segments[2].tokens.size(), 1u);
}

TEST(Strategy, NamesWhatDoesNotGoTogether) {
  const auto error = [](StrategySettings s, int num_samples, int64_t max_tokens) -> std::string {
    try {
      ValidateStrategy("r.yaml:3", s, num_samples, max_tokens);
    } catch (const Error& e) {
      return e.what();
    }
    return "";
  };
  EXPECT_EQ(error(Named("independent"), 5, 7), "");
  EXPECT_EQ(error(Named("branch"), 6, 7), "");
  EXPECT_NE(error(Named("branch"), 5, 7).find("r.yaml:3: first 2, cuts 1 and branches 2 make 6"),
            std::string::npos);
  EXPECT_EQ(error(Named("tree"), 5, 30), "");
  EXPECT_NE(error(Named("tree"), 5, 31).find("no multiple of max_depth 5"), std::string::npos);
  EXPECT_THROW(MakeSearchGrowth({}, {}), Error);  // no judge
}

}  // namespace
}  // namespace rlvr
