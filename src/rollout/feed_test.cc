#include "rollout/feed.h"

#include <gtest/gtest.h>

#include <chrono>
#include <map>
#include <set>
#include <thread>

#include "base/error.h"
#include "base/random.h"
#include "rollout/test_policy.h"

namespace rlvr {
namespace {

// Gives out requests, `ahead` of them beyond those that have ended, and cancels some on the way.
struct ListFeed : GroupFeed {
  std::vector<RolloutRequest> requests;
  int64_t ahead = 1000;
  std::map<int64_t, int64_t> cancel_after;  // group -> once so many groups have ended
  int64_t given = 0, ended = 0, cancelled = 0;
  std::map<int64_t, Tree> trees;

  std::optional<RolloutRequest> Next() override {
    if (given == std::ssize(requests) || given - ended - cancelled >= ahead) return {};
    return requests[static_cast<size_t>(given++)];
  }
  void Ended(int64_t group, Tree tree, std::vector<ConversationResult>) override {
    EXPECT_FALSE(trees.contains(group));
    trees[group] = std::move(tree);
    ++ended;
  }
  std::vector<int64_t> TakeCancelled() override {
    std::vector<int64_t> groups;
    for (auto it = cancel_after.begin(); it != cancel_after.end();) {
      const bool due = it->first < given && ended >= it->second;
      if (due) groups.push_back(it->first);
      if (due && !trees.contains(it->first)) ++cancelled;
      it = due ? cancel_after.erase(it) : std::next(it);
    }
    return groups;
  }
  bool Wait() override { return given < std::ssize(requests); }
};

RolloutOptions Options(const std::string& speculation = "none") {
  RolloutOptions options;
  options.max_tokens = 24;
  options.sampling.temperature = 0.4;
  options.speculation.name = speculation;
  options.stop = {"th"};
  return options;
}

TEST(Feed, TheSameTreesAsRollout) {
  const TinyPolicy p(ComputeType::kFp32);
  const auto expected = Rollout(p.model, p.tokenizer, Options(), Requests(9));
  int64_t drafts = 0;
  for (const char* speculation : {"none", "always", "auto"}) {
    for (const int64_t max_sequences : {1, 3, 16, 200}) {
      for (const int64_t ahead : {1, 4, 1000}) {
        RolloutOptions options = Options(speculation);
        options.max_sequences = max_sequences;
        options.prefill_tokens = 50;
        ListFeed feed;
        feed.requests = Requests(9);
        feed.ahead = ahead;
        RolloutStats stats;
        RolloutFeed(p.model, p.tokenizer, options, &feed, &stats);
        ASSERT_EQ(feed.trees.size(), 9u);
        int64_t tokens = 0;
        for (const auto& [group, tree] : feed.trees) {
          ExpectSameTree(tree, expected[static_cast<size_t>(group)]);
          for (size_t s = 1; s < tree.segments.size(); ++s)
            tokens += std::ssize(tree.segments[s].tokens);
        }
        EXPECT_EQ(stats.sampled_tokens, tokens);
        if (std::string(speculation) == "always") drafts += stats.draft_tokens;
      }
    }
  }
  EXPECT_GT(drafts, 100);  // else equality says little
}

// The scheduler itself checks that no page of the cache is left when it ends.
TEST(Feed, CancelledGroupsLeaveTheOthersAsTheyAre) {
  const TinyPolicy p(ComputeType::kFp32);
  const auto expected = Rollout(p.model, p.tokenizer, Options(), Requests(12));
  int64_t cancelled = 0;
  for (const char* speculation : {"none", "always"}) {
    for (const int64_t max_sequences : {2, 7, 16, 200}) {
      for (uint64_t seed = 0; seed < 12; ++seed) {
        RolloutOptions options = Options(speculation);
        options.max_sequences = max_sequences;
        ListFeed feed;
        feed.requests = Requests(12);
        Random random(RandomKey(7)[seed]);
        for (int64_t g = 0; g < 12; ++g) {
          if (random.Uniform() < 0.5) feed.cancel_after[g] = random.Int(0, 8);
        }
        RolloutFeed(p.model, p.tokenizer, options, &feed);
        EXPECT_EQ(feed.ended + feed.cancelled, 12);
        cancelled += feed.cancelled;
        for (const auto& [group, tree] : feed.trees)
          ExpectSameTree(tree, expected[static_cast<size_t>(group)]);
      }
    }
  }
  EXPECT_GT(cancelled, 100);
}

// A group that is cancelled at once costs no token; one that runs, none after that.
TEST(Feed, CancelledGroupsAreNotSampled) {
  const TinyPolicy p(ComputeType::kFp32);
  ListFeed feed;
  feed.requests = Requests(6);
  for (int64_t g = 1; g < 6; ++g) feed.cancel_after[g] = 0;
  RolloutOptions options = Options();
  options.max_sequences = 64;
  RolloutStats stats;
  RolloutFeed(p.model, p.tokenizer, options, &feed, &stats);
  ASSERT_EQ(feed.trees.size(), 1u);
  const Tree& tree = feed.trees.at(0);
  int64_t first = 0;  // one pass with all groups before they are cancelled
  for (int64_t g = 1; g < 6; ++g) first += feed.requests[static_cast<size_t>(g)].num_samples;
  int64_t own = 0;
  for (size_t s = 1; s < tree.segments.size(); ++s) own += std::ssize(tree.segments[s].tokens);
  EXPECT_EQ(stats.sampled_tokens, own + first);
}

// A reply that comes late, to two turns.
class Slow : public Conversation {
 public:
  Reply Step(const PolicyTurn& turn) override {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    if (turn.turn == 1) return {.done = true};
    return {.messages = {{"user", "and so on"}}};
  }
  ConversationResult End(Finish) override { return {.verdict = Verdict::kRight, .score = 1}; }
  bool blocks() const override { return true; }
};

TEST(Feed, ConversationsThatWaitAreCancelledToo) {
  const TinyPolicy p(ComputeType::kFp32);
  const auto requests = [] {
    auto all = Requests(8);
    for (RolloutRequest& r : all) r.conversation = [](int) { return std::make_unique<Slow>(); };
    return all;
  };
  RolloutOptions options = Options();
  options.max_sequences = 6;
  RolloutStats stats;
  const auto expected = Rollout(p.model, p.tokenizer, options, requests(), &stats);
  int64_t cancelled = 0;
  for (uint64_t seed = 0; seed < 10; ++seed) {
    ListFeed feed;
    feed.requests = requests();
    Random random(RandomKey(8)[seed]);
    for (int64_t g = 0; g < 8; ++g) {
      if (random.Uniform() < 0.5) feed.cancel_after[g] = random.Int(0, 5);
    }
    RolloutFeed(p.model, p.tokenizer, options, &feed);
    EXPECT_EQ(feed.ended + feed.cancelled, 8);
    cancelled += feed.cancelled;
    for (const auto& [group, tree] : feed.trees)
      ExpectSameTree(tree, expected[static_cast<size_t>(group)]);
  }
  EXPECT_GT(cancelled, 10);
}

TEST(Feed, WhatItThrowsComesOut) {
  struct Throwing : ListFeed {
    void Ended(int64_t, Tree, std::vector<ConversationResult>) override {
      throw Error("feed", "has had enough", "stop");
    }
  };
  const TinyPolicy p(ComputeType::kFp32);
  Throwing feed;
  feed.requests = Requests(3);
  EXPECT_THROW(RolloutFeed(p.model, p.tokenizer, Options(), &feed), Error);
  ListFeed empty;
  empty.requests = Requests(1);
  empty.requests[0].tree.segments[0].tokens.clear();
  EXPECT_THROW(RolloutFeed(p.model, p.tokenizer, Options(), &empty), Error);
}

}  // namespace
}  // namespace rlvr
