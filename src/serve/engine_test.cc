#include "serve/engine.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <map>
#include <thread>

#include "base/error.h"
#include "model/head.h"
#include "rollout/test_policy.h"
#include "serve/text_stream.h"

namespace rlvr {
namespace {

using std::chrono::milliseconds;

struct Sample {
  std::vector<int32_t> tokens;
  std::vector<float> logp;
  std::string text;
  std::optional<Finish> finish;
};

// All samples of one submission, by (request, sample).
using Samples = std::map<std::pair<int, int>, Sample>;
Samples Collect(Generation& generation, std::vector<std::vector<TokenScore>>* prompts = nullptr) {
  Samples samples;
  while (!generation.done()) {
    for (const GenerationEvent& e : generation.Wait(milliseconds(1000))) {
      if (e.sample < 0) {
        if (prompts) prompts->push_back(e.prompt_scores);
        continue;
      }
      Sample& s = samples[{e.request, e.sample}];
      EXPECT_FALSE(s.finish) << "an event after the end";
      if (e.token) {
        s.tokens.push_back(e.token->token);
        s.logp.push_back(e.token->logp);
      }
      s.text += e.text;
      s.finish = e.finish;
    }
  }
  return samples;
}

GenerationRequest Ask(const RolloutRequest& r, int64_t max_tokens) {
  return {.prompt = r.tree.segments[0].tokens,
          .num_samples = r.num_samples,
          .key = r.key,
          .max_tokens = max_tokens,
          .top_logprobs = 0};
}

// Prompts in pieces, few places, many requests at once: the tokens and log-probs of Rollout.
TEST(Engine, SamplesAreThoseOfRollout) {
  for (const ComputeType compute : {ComputeType::kFp32, ComputeType::kBf16}) {
    const TinyPolicy policy(compute);
    const int n = 12;
    RolloutOptions options;
    options.max_tokens = 20;
    const std::vector<Tree> trees = Rollout(policy.model, policy.tokenizer, options, Requests(n));
    Engine engine(policy.model, policy.tokenizer, {.max_sequences = 7, .prefill_tokens = 5});
    std::vector<std::shared_ptr<Generation>> generations;
    for (const RolloutRequest& r : Requests(n)) generations.push_back(engine.Submit({Ask(r, 20)}));
    int64_t compared = 0;
    for (int i = 0; i < n; ++i) {
      const Tree& tree = trees[static_cast<size_t>(i)];
      const Samples samples = Collect(*generations[static_cast<size_t>(i)]);
      ASSERT_EQ(samples.size(), tree.leaves.size());
      for (size_t s = 0; s < tree.leaves.size(); ++s) {
        const Segment& segment = tree.segments[static_cast<size_t>(tree.leaves[s].segment)];
        const Sample& sample = samples.at({0, static_cast<int>(s)});
        EXPECT_EQ(sample.tokens, segment.tokens);
        EXPECT_EQ(Bits(sample.logp), Bits(segment.logp));
        EXPECT_EQ(sample.finish, tree.leaves[s].finish);
        compared += static_cast<int64_t>(sample.tokens.size());
      }
    }
    EXPECT_GT(compared, 300);
    const EngineStats stats = engine.stats();
    EXPECT_EQ(stats.waiting, 0);
    EXPECT_GE(stats.most_running, 5);
    EXPECT_LE(stats.most_running, 7);
    EXPECT_EQ(stats.sampled_tokens, compared);
  }
}

// The scores of a prompt are what training's head computes, whatever the pieces; so are the
// likeliest tokens beside it.
TEST(Engine, PromptScoresAreTrainings) {
  const TinyPolicy policy(ComputeType::kBf16);
  const std::vector<int32_t> prompt = Requests(6)[5].tree.segments[0].tokens;
  ASSERT_GT(prompt.size(), 12u);
  Tree tree;
  tree.segments.push_back({.tokens = {prompt[0]}});
  tree.segments.push_back(
      {.parent = 0, .author = Author::kPolicy, .tokens = {prompt.begin() + 1, prompt.end()}});
  KvCache cache(policy.model.config(), policy.model.compute());
  const Tree* trees[] = {&tree};
  const PackedTrees packed = PackTrees(trees, Author::kPolicy, &cache);
  const int64_t T = packed.batch.size(), D = policy.model.config().hidden_size;
  const int64_t V = policy.model.config().vocab_size;
  AlignedBuffer<float> hidden(T * D), logits(T * V);
  Workspace workspace;
  Activations saved;
  Forward(policy.model, packed.batch, cache, workspace, &saved, {hidden.data(), T, D});
  std::vector<float> logp(prompt.size() - 1);
  const Statistic wanted[] = {Statistic::kLogp};
  const std::vector<int32_t> targets(prompt.begin() + 1, prompt.end());
  HeadForward(policy.model, View<const float>(hidden.data(), T - 1, D), targets, 1.0f, wanted,
              {logp});
  HeadLogits(policy.model, {hidden.data(), T, D}, {logits.data(), T, V});

  Engine engine(policy.model, policy.tokenizer, {.prefill_tokens = 4});
  for (const int64_t max_tokens : {0, 3}) {
    std::vector<std::vector<TokenScore>> scores;
    const auto generation = engine.Submit({{.prompt = prompt,
                                            .num_samples = 2,
                                            .max_tokens = max_tokens,
                                            .top_logprobs = 3,
                                            .score_prompt = true}});
    const Samples samples = Collect(*generation, &scores);
    ASSERT_EQ(samples.size(), 2u);
    if (max_tokens == 0) {
      EXPECT_TRUE(samples.at({0, 1}).tokens.empty());
    } else {
      EXPECT_GE(samples.at({0, 1}).tokens.size(), 1u);
    }
    ASSERT_EQ(scores.size(), 1u);
    ASSERT_EQ(scores[0].size(), logp.size());
    for (size_t t = 0; t < logp.size(); ++t) {
      const TokenScore& s = scores[0][t];
      EXPECT_EQ(s.token, targets[t]);
      EXPECT_EQ(std::bit_cast<uint32_t>(s.logp), std::bit_cast<uint32_t>(logp[t]));
      ASSERT_EQ(s.top.size(), 3u);
      const float* row = logits.data() + static_cast<int64_t>(t) * V;
      EXPECT_EQ(s.top[0].first, std::max_element(row, row + V) - row);
      std::vector<float> sorted(row, row + V);
      std::sort(sorted.rbegin(), sorted.rend());
      for (size_t i = 0; i < 3; ++i) EXPECT_EQ(row[s.top[i].first], sorted[i]);
    }
  }
}

TEST(Engine, StopStringsAndTheirText) {
  const TinyPolicy policy(ComputeType::kFp32);
  Engine engine(policy.model, policy.tokenizer, {});
  GenerationRequest request{.prompt = {5, 6, 7}, .key = RandomKey(4), .max_tokens = 60};
  const Sample whole = Collect(*engine.Submit({request})).at({0, 0});
  ASSERT_GT(whole.text.size(), 30u);
  // Any five bytes in the middle that are characters.
  size_t begin = 12;
  while (!IsUtf8(whole.text.substr(begin, 5)) ||
         whole.text.find(whole.text.substr(begin, 5)) != begin)
    ASSERT_LT(++begin, whole.text.size() - 5);
  request.stop = {"never there", whole.text.substr(begin, 5)};
  const Sample cut = Collect(*engine.Submit({request})).at({0, 0});
  EXPECT_EQ(cut.text, whole.text.substr(0, begin));
  EXPECT_EQ(cut.finish, Finish::kStop);
  EXPECT_LT(cut.tokens.size(), whole.tokens.size());
  EXPECT_TRUE(std::equal(cut.tokens.begin(), cut.tokens.end(), whole.tokens.begin()));
}

void WaitUntilIdle(const Engine& engine) {
  for (int i = 0; i < 2000 && engine.stats().running > 0; ++i)
    std::this_thread::sleep_for(milliseconds(1));
}

TEST(Engine, CancelledOnesLeaveAndFullIsFull) {
  const TinyPolicy policy(ComputeType::kFp32, 4000);
  Engine engine(policy.model, policy.tokenizer, {.max_sequences = 2, .max_waiting = 3});
  // Greedy, so that none of them ends by itself.
  GenerationRequest endless{.prompt = {1, 2}, .num_samples = 2, .max_tokens = 3900};
  endless.sampling.temperature = 0;
  const auto first = engine.Submit({endless});
  (void)first->Wait(milliseconds(5000));  // it has its place
  std::vector<std::shared_ptr<Generation>> others;
  endless.num_samples = 1;
  for (int i = 0; i < 3; ++i) {
    others.push_back(engine.Submit({endless}));
    ASSERT_NE(others.back(), nullptr);
  }
  EXPECT_EQ(engine.stats().waiting, 3);
  EXPECT_EQ(engine.Submit({endless}), nullptr);
  others[1]->Cancel();  // while it waits
  for (int i = 0; i < 2000 && engine.stats().waiting == 3; ++i)
    std::this_thread::sleep_for(milliseconds(1));
  EXPECT_EQ(engine.stats().waiting, 2);
  first->Cancel();
  EXPECT_FALSE(others[0]->Wait(milliseconds(5000)).empty());
  EXPECT_FALSE(others[2]->Wait(milliseconds(5000)).empty());
  others[0]->Cancel();
  others[2]->Cancel();
  WaitUntilIdle(engine);
  EXPECT_EQ(engine.stats().running, 0);
  EXPECT_EQ(engine.stats().cache_pages, 0);
}

TEST(Engine, StopFailsWhatIsLeft) {
  const TinyPolicy policy(ComputeType::kFp32, 4000);
  Engine engine(policy.model, policy.tokenizer, {.max_sequences = 1});
  const GenerationRequest endless{.prompt = {1, 2}, .max_tokens = 3900};
  const auto running = engine.Submit({endless}), waiting = engine.Submit({endless});
  (void)running->Wait(milliseconds(5000));
  engine.Stop();
  for (const auto& generation : {running, waiting})
    EXPECT_THROW(while (true) generation->Wait(milliseconds(1000)), Error);
  EXPECT_EQ(engine.Submit({endless}), nullptr);
}

// Weights that have diverged end the requests, not the engine.
TEST(Engine, AFailedPassFailsItsRequests) {
  TinyPolicy policy(ComputeType::kFp32);
  policy.model.weights()[policy.model.layout().parameters[0].offset + 40 * 32] = NAN;  // token 40
  policy.model.WeightsChanged(false);
  Engine engine(policy.model, policy.tokenizer, {});
  const auto bad = engine.Submit({{.prompt = {40}}});
  EXPECT_THROW(while (true) bad->Wait(milliseconds(1000)), Error);
  EXPECT_EQ(engine.stats().cache_pages, 0);
}

}  // namespace
}  // namespace rlvr
