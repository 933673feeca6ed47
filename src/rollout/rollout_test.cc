#include "rollout/rollout.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/thread_pool.h"
#include "rollout/test_policy.h"

namespace rlvr {
namespace {

int64_t NumSamples(const std::vector<Tree>& trees) {
  int64_t n = 0;
  for (const Tree& t : trees) n += static_cast<int64_t>(t.leaves.size());
  return n;
}

class Threads {  // sets the number of threads back when the test ends, however it ends
 public:
  Threads() : before_(NumThreads()) {}
  ~Threads() { SetNumThreads(before_); }

 private:
  int before_;
};

class RolloutOfType : public testing::TestWithParam<ComputeType> {};
INSTANTIATE_TEST_SUITE_P(, RolloutOfType, testing::Values(ComputeType::kFp32, ComputeType::kBf16),
                         [](const auto& info) { return std::string(ToString(info.param)); });

TEST_P(RolloutOfType, SameBitsWhateverBatchThreadsAndCompany) {
  const Threads restore;
  const TinyPolicy p(GetParam());
  RolloutOptions options;
  options.max_tokens = 40;  // past a page of the cache
  options.sampling.temperature = 0.9f;
  options.speculation.name = "none";
  SetNumThreads(1);
  const auto want = Rollout(p.model, p.tokenizer, options, Requests(7));
  for (const int threads : {1, 2}) {
    SetNumThreads(threads);
    for (const int64_t sequences : {1, 3, 64}) {
      options.speculation.name = sequences == 1 ? "none" : sequences == 3 ? "always" : "auto";
      options.max_sequences = sequences;
      options.prefill_tokens = sequences == 3 ? 1 : 100;
      const auto got = Rollout(p.model, p.tokenizer, options, Requests(7));
      for (size_t i = 0; i < want.size(); ++i) ExpectSameTree(got[i], want[i]);
    }
    auto reversed = Requests(7);
    std::reverse(reversed.begin(), reversed.end());
    const auto back = Rollout(p.model, p.tokenizer, options, reversed);
    for (size_t i = 0; i < want.size(); ++i) {
      ExpectSameTree(back[want.size() - 1 - i], want[i]);
      ExpectSameTree(Rollout(p.model, p.tokenizer, options, {Requests(7)[i]})[0], want[i]);
    }
  }
}

TEST_P(RolloutOfType, RecordedStatisticsAreThoseOfThePackedTrainingForward) {
  const TinyPolicy p(GetParam());
  for (const SamplingOptions sampling :
       {SamplingOptions{}, SamplingOptions{.temperature = 0.7f},
        SamplingOptions{.temperature = 1.3f, .top_k = 20, .top_p = 0.9f},
        SamplingOptions{.temperature = 1.2f,
        .token_temperature = {.tau = 0.3, .center = 0.5, .down = -1}},
        SamplingOptions{.temperature = 0}}) {
    RolloutOptions options;
    options.max_tokens = 40;
    options.max_sequences = 4;
    options.sampling = sampling;
    const auto trees = Rollout(p.model, p.tokenizer, options, Requests(5));
    EXPECT_GT(ExpectTrainingBits(p.model, trees, sampling.score_temperature()), 100);
  }
}

// Weights in 8 bits make another policy, whose rows do not depend on their company either: the same
// samples for any batch, threads and drafts, and what decoding records is what its packed forward
// gives.
TEST_P(RolloutOfType, QuantisedPolicyHasTheSamePromises) {
  const Threads restore;
  TinyPolicy p(GetParam());
  p.model.QuantizeSampler();
  p.model.WeightsChanged(true);
  RolloutOptions options;
  options.max_tokens = 40;
  options.speculation.name = "none";
  SetNumThreads(1);
  const auto want = Rollout(p.model.sampler(), p.tokenizer, options, Requests(7));
  EXPECT_GT(ExpectTrainingBits(p.model.sampler(), want, 1), 100);
  SetNumThreads(2);
  options.max_sequences = 3;
  options.speculation.name = "always";
  const auto got = Rollout(p.model.sampler(), p.tokenizer, options, Requests(7));
  for (size_t i = 0; i < want.size(); ++i) ExpectSameTree(got[i], want[i]);
  const auto other = Rollout(p.model, p.tokenizer, options, Requests(7));
  EXPECT_NE(Bits(other[0].segments[1].logp), Bits(want[0].segments[1].logp));
}

// A weight that is no number must reach the check of the logits, not vanish in rounding.
TEST_P(RolloutOfType, QuantisedPolicyStopsAtNaN) {
  TinyPolicy p(GetParam());
  p.model.QuantizeSampler();
  const LayerLayout& layer = p.model.layout().layers[1];
  p.model.weights()[layer.down_proj + 5] = std::nanf("");
  p.model.WeightsChanged(true);
  EXPECT_THROW(Rollout(p.model.sampler(), p.tokenizer, {}, Requests(1)), Error);
}

// A batch of one decodes one sequence at a time: every token but a sample's first has a step of its
// own. A scheduler that admits whole groups fails here.
TEST(Rollout, NeverDecodesMoreThanMaxSequences) {
  const TinyPolicy p(ComputeType::kFp32);
  RolloutOptions options;
  options.max_tokens = 12;
  options.max_sequences = 1;
  options.speculation.name = "none";
  RolloutStats stats;
  const auto trees = Rollout(p.model, p.tokenizer, options, Requests(4), &stats);
  EXPECT_EQ(stats.decode_steps, stats.sampled_tokens - NumSamples(trees));
}

// Slots are refilled from the middle of a group too. Without an end of sequence all 15 samples have
// 10 tokens, 9 of them from decode steps; 3 slots need 5 rounds of them, one after the other.
TEST(Rollout, RefillsASlotAtOnce) {
  TinyPolicy p(ComputeType::kFp32);
  ModelConfig config = p.model.config();
  config.eos_token_ids = {};
  Model endless(config, ComputeType::kFp32);
  std::copy_n(p.model.weights(), p.model.layout().total, endless.weights());
  endless.WeightsChanged(false);
  RolloutOptions options;
  options.max_tokens = 10;
  options.max_sequences = 3;
  options.speculation.name = "none";
  RolloutStats stats;
  const auto trees = Rollout(endless, p.tokenizer, options, Requests(5), &stats);
  EXPECT_EQ(NumSamples(trees), 15);
  EXPECT_EQ(stats.sampled_tokens, 150);
  EXPECT_EQ(stats.decode_steps, 5 * 9);
  int64_t prompt_tokens = 0;  // each prompt ran once for its group
  for (const Tree& t : trees) prompt_tokens += static_cast<int64_t>(t.segments[0].tokens.size());
  EXPECT_EQ(stats.prompt_tokens, prompt_tokens);
}

TEST(Rollout, SamplesOfAGroupFollowTheirKeys) {
  const TinyPolicy p(ComputeType::kFp32);
  RolloutOptions options;
  options.max_tokens = 10;
  const auto trees = Rollout(p.model, p.tokenizer, options, Requests(1));
  ASSERT_EQ(trees[0].leaves.size(), 5u);
  for (int s = 0; s < 5; ++s) {
    const Leaf& leaf = trees[0].leaves[static_cast<size_t>(s)];
    const Segment& segment = trees[0].segments[static_cast<size_t>(leaf.segment)];
    EXPECT_EQ(segment.sample, s);
    EXPECT_EQ(segment.author, Author::kPolicy);
    EXPECT_TRUE(segment.sampler_logp.empty());
    if (s > 0) {
      EXPECT_NE(segment.tokens, trees[0].segments[1].tokens);
    }
  }
}

TEST(Rollout, EndsAtEndOfSequenceLengthAndContext) {
  const TinyPolicy p(ComputeType::kFp32, 70);
  RolloutOptions options;
  options.max_tokens = 25;
  options.sampling.temperature = 3;  // so that the end of sequence is drawn now and then
  int stopped = 0, cut = 0, out_of_context = 0;
  for (const Tree& tree : Rollout(p.model, p.tokenizer, options, Requests(40))) {
    const auto prompt = static_cast<int64_t>(tree.segments[0].tokens.size());
    for (const Leaf& leaf : tree.leaves) {
      const Segment& s = tree.segments[static_cast<size_t>(leaf.segment)];
      const auto length = static_cast<int64_t>(s.tokens.size());
      EXPECT_EQ(s.logp.size(), s.tokens.size());
      EXPECT_EQ(s.entropy.size(), s.tokens.size());
      // Only the last token may be an end of sequence.
      EXPECT_EQ(std::count(s.tokens.begin(), s.tokens.end() - 1, TinyPolicy::kEos), 0);
      if (leaf.finish == Finish::kStop) {
        EXPECT_EQ(s.tokens.back(), TinyPolicy::kEos);
        ++stopped;
      } else {
        EXPECT_NE(s.tokens.back(), TinyPolicy::kEos);
        EXPECT_EQ(length, std::min<int64_t>(25, 70 - prompt));
        ++(length == 25 ? cut : out_of_context);
      }
    }
  }
  EXPECT_GT(stopped, 0);
  EXPECT_GT(cut, 0);
  EXPECT_GT(out_of_context, 0);
}

// The same noise with and without stop strings: a response is cut after the first token that
// completes one, and is otherwise unchanged.
TEST(Rollout, StopStringsCutAfterTheTokenThatCompletesThem) {
  const TinyPolicy p(ComputeType::kFp32);
  RolloutOptions options;
  options.max_tokens = 40;
  const auto whole = Rollout(p.model, p.tokenizer, options, Requests(6));
  const std::vector<int32_t>& some = whole[0].segments[1].tokens;
  ASSERT_GT(some.size(), 8u);
  // One ends in mid-response and spans three tokens; one is a single byte that others may contain.
  options.stop = {p.tokenizer.Decode(std::vector<int32_t>{some[4], some[5], some[6]}), "e"};
  const auto cut = Rollout(p.model, p.tokenizer, options, Requests(6));
  int shortened = 0;
  for (size_t i = 0; i < whole.size(); ++i) {
    for (size_t l = 0; l < whole[i].leaves.size(); ++l) {
      const auto& all = whole[i].segments[static_cast<size_t>(whole[i].leaves[l].segment)].tokens;
      const auto& got = cut[i].segments[static_cast<size_t>(cut[i].leaves[l].segment)].tokens;
      size_t end = all.size();
      for (size_t n = 1; n <= all.size(); ++n) {
        const std::string text =
            p.tokenizer.Decode(std::vector<int32_t>(all.begin(), all.begin() + n));
        if (std::any_of(options.stop.begin(), options.stop.end(),
                        [&](const auto& s) { return text.find(s) != std::string::npos; })) {
          end = n;
          EXPECT_EQ(cut[i].leaves[l].finish, Finish::kStop);
          break;
        }
      }
      shortened += end < all.size();
      EXPECT_EQ(got, std::vector<int32_t>(all.begin(), all.begin() + end));
    }
  }
  EXPECT_GT(shortened, 0);
}

TEST(Rollout, ReportsProgressOfEveryLeaf) {
  const TinyPolicy p(ComputeType::kFp32);
  RolloutOptions options;
  options.max_tokens = 5;
  options.max_sequences = 4;
  int64_t calls = 0;
  const auto trees = Rollout(p.model, p.tokenizer, options, Requests(5), nullptr,
                             [&](int64_t finished, int64_t total) {
                               EXPECT_EQ(finished, ++calls);
                               EXPECT_EQ(total, 15);
                             });
  EXPECT_EQ(calls, NumSamples(trees));
  EXPECT_TRUE(Rollout(p.model, p.tokenizer, options, {}).empty());
}

void ExpectError(const Model& model, const Tokenizer& tokenizer, const RolloutOptions& options,
                 std::vector<RolloutRequest> requests, const std::string& part) {
  try {
    Rollout(model, tokenizer, options, std::move(requests));
    FAIL() << "no error: " << part;
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find(part), std::string::npos) << e.what();
  }
}

TEST(Rollout, NamesWhatIsWrong) {
  const TinyPolicy p(ComputeType::kFp32, 70);
  auto requests = Requests(3);
  requests[2].tree.prompt_index = 17;
  requests[2].tree.segments[0].tokens.assign(70, 1);
  ExpectError(p.model, p.tokenizer, {}, requests, "prompt 17: has 70 tokens");
  requests[2].tree.segments[0].tokens.clear();
  ExpectError(p.model, p.tokenizer, {}, requests, "prompt 17: is empty");
  ExpectError(p.model, p.tokenizer, {.sampling = {.temperature = -1}}, Requests(1), "temperature");
  ExpectError(p.model, p.tokenizer, {.sampling = {.top_p = 0}}, Requests(1), "top_p");
  ExpectError(p.model, p.tokenizer, {.sampling = {.min_p = 1.5f}}, Requests(1), "min_p");
  ExpectError(p.model, p.tokenizer, {.stop = {"a", ""}}, Requests(1), "stop");
  ExpectError(p.model, p.tokenizer, {.speculation = {.name = "sometimes"}}, Requests(1),
              "sometimes");
  ExpectError(p.model, p.tokenizer, {.speculation = {.max_draft = 0}}, Requests(1), "max_draft");
  ExpectError(p.model, p.tokenizer, {.max_tokens = 0}, Requests(1), "max_tokens");
}

TEST(Rollout, DivergedWeightsAreAnErrorNotAnAbort) {
  TinyPolicy p(ComputeType::kFp32);
  p.model.weights()[p.model.layout().final_norm] = std::numeric_limits<float>::quiet_NaN();
  p.model.WeightsChanged(false);
  ExpectError(p.model, p.tokenizer, {}, Requests(3), "NaN");
}

}  // namespace
}  // namespace rlvr
