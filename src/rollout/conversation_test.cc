// Conversations in rollout: bits, limits, failures, and nobody waiting for somebody else.
#include "rollout/conversation.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "base/error.h"
#include "base/thread_pool.h"
#include "model/test_models.h"
#include "rollout/strategy.h"
#include "rollout/test_policy.h"

namespace rlvr {
namespace {

class Threads {  // sets the number of threads back when the test ends, however it ends
 public:
  Threads() : before_(NumThreads()) {}
  ~Threads() { SetNumThreads(before_); }

 private:
  int before_;
};

// What one scripted conversation was told and what it said.
struct Record {
  std::vector<PolicyTurn> turns;
  int ends = 0;
  Finish end = Finish::kStop;
};

// Says `turns` things of various lengths, then that it is done.
struct Script {
  int turns = 1;        // of the policy
  bool blocks = false;  // and takes its time
  uint64_t seed = 0;
  Record* record = nullptr;
  std::function<Reply(const PolicyTurn&)> step;  // instead of the script's
  std::function<void()> end;                     // before the end
};

class Scripted : public Conversation {
 public:
  explicit Scripted(Script script) : script_(std::move(script)) {}
  bool blocks() const override { return script_.blocks; }

  Reply Step(const PolicyTurn& turn) override {
    EXPECT_EQ(turn.turn, turns_++);
    if (script_.record) script_.record->turns.push_back(turn);
    if (script_.step) return script_.step(turn);
    Random random(RandomKey(script_.seed)[static_cast<uint64_t>(turn.turn)]);
    if (script_.blocks) {  // beside the words, which are the same for those that do not block
      const double share = RandomKey(script_.seed)[99].Uniform(static_cast<uint64_t>(turn.turn));
      std::this_thread::sleep_for(std::chrono::microseconds(static_cast<int64_t>(2000 * share)));
    }
    Reply reply;
    reply.done = turn.turn + 1 == script_.turns;
    reply.outcome.reward = 0.25f * static_cast<float>(turn.turn);
    reply.outcome.strategy = TurnStrategy::kDiscussion;
    if (!reply.done) {
      std::string text;
      for (int64_t n = random.Int(0, 50); n > 0; --n)
        text += static_cast<char>(random.Int('a', 'z'));
      reply.messages = {{"user", text}};
    }
    return reply;
  }

  ConversationResult End(Finish finish) override {
    if (script_.record) {
      ++script_.record->ends;
      script_.record->end = finish;
    }
    if (script_.end) script_.end();
    return {Verdict::kRight, "42", 1.0f, {{"turns", turns_}}};
  }

 private:
  Script script_;
  int turns_ = 0;
};

// Requests(n), each sample with 1 to 12 turns.
std::vector<RolloutRequest> Conversations(int n, bool blocks = false) {
  auto requests = Requests(n);
  for (int i = 0; i < n; ++i) {
    requests[static_cast<size_t>(i)].conversation = [i, blocks](int sample) {
      const int turns = 1 + (4 * i + sample) % 12;
      // Half of them, so that the fast and the slow go together.
      return std::make_unique<Scripted>(Script{.turns = turns,
                                               .blocks = blocks && (i + sample) % 2 == 0,
                                               .seed = static_cast<uint64_t>(12 * i + sample)});
    };
  }
  return requests;
}

// A group with one conversation.
std::vector<RolloutRequest> One(Script script) {
  auto requests = Requests(1);
  requests[0].num_samples = 1;
  requests[0].conversation = [script](int) { return std::make_unique<Scripted>(script); };
  return requests;
}

std::vector<Author> Authors(const Tree& tree) {
  std::vector<Author> authors;
  for (const Segment& s : tree.segments) authors.push_back(s.author);
  return authors;
}

int64_t Count(const std::vector<Tree>& trees, Author author) {
  int64_t n = 0;
  for (const Tree& tree : trees) {
    for (const Segment& s : tree.segments)
      n += s.author == author ? static_cast<int64_t>(s.tokens.size()) : 0;
  }
  return n;
}

class ConversationOf : public testing::TestWithParam<std::tuple<ComputeType, std::string>> {};
INSTANTIATE_TEST_SUITE_P(, ConversationOf,
                         testing::Combine(testing::Values(ComputeType::kFp32, ComputeType::kBf16),
                                          testing::ValuesIn(FamilyNames())),
                         [](const auto& info) {
                           return ToString(std::get<0>(info.param)) +
                                  ("_" + std::get<1>(info.param));
                         });

// The whole promise: 1 to 12 turns, replies of 0 to 50 letters, the log-probs of training, and the
// same trees however they are made.
TEST_P(ConversationOf, TrainingBitsForAnyBatchThreadsAndWaiting) {
  const Threads restore;
  const auto [compute, family] = GetParam();
  const TinyPolicy p(ComputeType::kFp32);  // for its tokenizer
  for (const bool large : {false, true}) {
    if (large && !family.starts_with("qwen3")) continue;  // sizes and families do not meet
    ModelConfig config = OfFamily(family, large ? SmallConfig(true) : TinyConfig(true));
    config.vocab_size = 300;
    config.eos_token_ids = {TinyPolicy::kEos, 7, 8, 9, 10, 11, 12, 13, 14};
    config.max_position_embeddings = 1500;
    const Model model = RandomModel(config, compute, 4, 0.25);
    RolloutOptions options;
    options.max_tokens = 11;
    options.sampling.temperature = 0.9f;
    options.speculation.name = "none";
    SetNumThreads(1);
    RolloutStats stats;
    const auto want = Rollout(model, p.tokenizer, options, Conversations(6), &stats);
    std::map<int64_t, int> turns;
    for (size_t i = 0; i < want.size(); ++i) {
      for (size_t l = 0; l < want[i].leaves.size(); ++l) {
        const auto path = want[i].Path(want[i].leaves[l].segment);
        ASSERT_EQ(path.size(), 2u * (1 + (4 * i + l) % 12));
        ++turns[static_cast<int64_t>(path.size()) / 2];
      }
    }
    EXPECT_EQ(turns.size(), 12u);
    EXPECT_EQ(ExpectTrainingBits(model, want, 0.9f), Count(want, Author::kPolicy));
    EXPECT_EQ(stats.sampled_tokens, Count(want, Author::kPolicy));
    // No token ran twice: prompts once a group, replies once.
    EXPECT_EQ(stats.prompt_tokens, Count(want, Author::kPrompt));
    EXPECT_EQ(stats.reply_tokens, Count(want, Author::kEnvironment));
    struct Way {
      int threads;
      int64_t sequences, prefill;
      bool blocks;
      int max_draft = 0;
    };
    // From the second time on the drafts are what will be drawn.
    Speculation earlier;
    options.drafts = &earlier;
    int64_t accepted = 0;
    for (const Way& way : {Way{1, 1, 2048, false}, Way{1, 3, 20, true, 3},
                           Way{2, 3, 2048, false, 8}, Way{2, 64, 64, true, 1}}) {
      options.speculation.name = way.max_draft > 0 ? "always" : "none";
      options.speculation.max_draft = std::max(1, way.max_draft);
      SetNumThreads(way.threads);
      options.max_sequences = way.sequences;
      options.prefill_tokens = way.prefill;
      RolloutStats again;
      const auto got = Rollout(model, p.tokenizer, options, Conversations(6, way.blocks), &again);
      for (size_t i = 0; i < want.size(); ++i) ExpectSameTree(got[i], want[i]);
      EXPECT_EQ(again.sampled_tokens, stats.sampled_tokens);
      EXPECT_EQ(again.reply_tokens, stats.reply_tokens);
      accepted += again.accepted_tokens;
    }
    EXPECT_GT(accepted, stats.sampled_tokens / 2);
  }
}

// Draws every token of every path again, one forward pass over the whole path for each, with the
// number that belongs to its place after the prompt.
TEST(Conversations, ANaiveSamplerDrawsTheSameTokens) {
  const TinyPolicy p(ComputeType::kFp32);
  RolloutOptions options;
  options.max_tokens = 5;
  auto requests = Conversations(3);
  const RandomKey keys[] = {requests[0].key, requests[1].key, requests[2].key};
  const auto trees = Rollout(p.model, p.tokenizer, options, std::move(requests));
  const int64_t D = p.model.config().hidden_size, V = p.model.config().vocab_size;
  int64_t drawn = 0;
  for (size_t i = 0; i < trees.size(); ++i) {
    const Leaf& leaf = trees[i].leaves.front();
    std::vector<int32_t> tokens;
    std::vector<Author> author;
    for (const int32_t s : trees[i].Path(leaf.segment)) {
      const Segment& segment = trees[i].segments[static_cast<size_t>(s)];
      tokens.insert(tokens.end(), segment.tokens.begin(), segment.tokens.end());
      author.insert(author.end(), segment.tokens.size(), segment.author);
    }
    const size_t root = trees[i].segments[0].tokens.size();
    for (size_t t = root; t < tokens.size(); ++t) {
      if (author[t] != Author::kPolicy) continue;
      KvCache cache(p.model.config(), p.model.compute());
      TokenBatch batch;
      const int32_t kv = cache.AddSegment(-1);
      cache.Append(kv, static_cast<int64_t>(t), &batch.slots);
      cache.AddRun(kv, static_cast<int64_t>(t), 0, nullptr, &batch.table);
      batch.tokens.assign(tokens.begin(), tokens.begin() + static_cast<int64_t>(t));
      for (size_t q = 0; q < t; ++q) batch.positions.push_back(static_cast<int32_t>(q));
      AlignedBuffer<float> hidden(static_cast<int64_t>(t) * D), logits(V);
      Workspace workspace;
      Forward(p.model, batch, cache, workspace, nullptr,
              {hidden.data(), static_cast<int64_t>(t), D});
      HeadLogits(p.model, {hidden.data() + static_cast<int64_t>(t - 1) * D, 1, D},
                 {logits.data(), 1, V});
      std::vector<float> scratch;
      const Draw draw = SampleToken({logits.data(), static_cast<size_t>(V)}, options.sampling,
                                    keys[i][0].Uniform(t - root), &scratch);
      EXPECT_EQ(draw.token, tokens[t]) << i << " " << t;
      ++drawn;
    }
  }
  EXPECT_GT(drawn, 30);
}

TEST(Conversations, OneTurnIsARolloutWithoutConversations) {
  const TinyPolicy p(ComputeType::kFp32);
  RolloutOptions options;
  options.max_tokens = 20;
  const auto plain = Rollout(p.model, p.tokenizer, options, Requests(4));
  auto requests = Requests(4);
  for (auto& r : requests)
    r.conversation = [](int) { return std::make_unique<Scripted>(Script{}); };
  const auto talked = Rollout(p.model, p.tokenizer, options, std::move(requests));
  for (size_t i = 0; i < plain.size(); ++i) {
    ASSERT_EQ(talked[i].segments.size(), plain[i].segments.size());
    for (size_t s = 0; s < plain[i].segments.size(); ++s) {
      EXPECT_EQ(talked[i].segments[s].tokens, plain[i].segments[s].tokens);
      EXPECT_EQ(Bits(talked[i].segments[s].logp), Bits(plain[i].segments[s].logp));
    }
    for (size_t l = 0; l < plain[i].leaves.size(); ++l)
      EXPECT_EQ(talked[i].leaves[l].finish, plain[i].leaves[l].finish);
  }
}

// Three turns; rewards 0, 1/4 and 1/2 of the turns and 1 of the end.
TEST(Conversations, TreeLeafAndResults) {
  const TinyPolicy p(ComputeType::kFp32);
  RolloutOptions options;
  options.max_tokens = 4;
  options.speculation.name = "none";
  Record record;
  RolloutStats stats;
  const auto trees = Rollout(p.model, p.tokenizer, options,
                             One({.turns = 3, .seed = 5, .record = &record}), &stats);
  const Tree& tree = trees[0];
  EXPECT_EQ(Authors(tree),
            (std::vector<Author>{Author::kPrompt, Author::kPolicy, Author::kEnvironment,
                                 Author::kPolicy, Author::kEnvironment, Author::kPolicy}));
  for (int32_t s = 0; s < 6; ++s) EXPECT_EQ(tree.segments[static_cast<size_t>(s)].parent, s - 1);
  ASSERT_EQ(tree.leaves.size(), 1u);
  const Leaf& leaf = tree.leaves[0];
  EXPECT_EQ(leaf.segment, 5);
  EXPECT_EQ(leaf.verdict, Verdict::kRight);
  EXPECT_EQ(leaf.answer, "42");
  EXPECT_EQ(leaf.score, 1);
  EXPECT_EQ(leaf.reward, 1.75f);
  EXPECT_EQ(record.ends, 1);
  EXPECT_EQ(record.end, Finish::kStop);
  ASSERT_EQ(record.turns.size(), 3u);
  for (size_t t = 0; t < 3; ++t) {
    const Segment& s = tree.segments[1 + 2 * t];
    EXPECT_EQ(record.turns[t].text, p.tokenizer.Decode(s.tokens, true));
    EXPECT_EQ(record.turns[t].num_tokens, static_cast<int64_t>(s.tokens.size()));
    EXPECT_EQ(s.outcome.reward, 0.25f * static_cast<float>(t));
    EXPECT_EQ(s.outcome.strategy, TurnStrategy::kDiscussion);
  }
  for (const size_t e : {2u, 4u}) {
    EXPECT_TRUE(tree.segments[e].logp.empty());
    EXPECT_EQ(p.tokenizer.Decode(tree.segments[e].tokens)[0], '\n');
  }
  ASSERT_EQ(stats.results.size(), 1u);
  ASSERT_EQ(stats.results[0].size(), 1u);
  EXPECT_EQ(stats.results[0][0].metrics.at("turns"), 3);
  // Of 3 turns' tokens each turn's first comes of a prefill.
  EXPECT_EQ(stats.decode_steps, stats.sampled_tokens - 3);
}

Reply Talk(const PolicyTurn&) {
  Reply reply;
  reply.messages = {{"user", "and so on"}};
  return reply;
}

TEST(Conversations, EndAtTheLimitOfTurns) {
  const TinyPolicy p(ComputeType::kFp32);
  RolloutOptions options;
  options.max_tokens = 6;
  options.conversation.max_turns = 4;
  Record record;
  const auto trees = Rollout(p.model, p.tokenizer, options, One({.record = &record, .step = Talk}));
  EXPECT_EQ(record.turns.size(), 4u);  // the last one is told to the other side too
  EXPECT_EQ(record.ends, 1);
  EXPECT_EQ(record.end, Finish::kLength);
  EXPECT_EQ(trees[0].leaves[0].finish, Finish::kLength);
  EXPECT_EQ(trees[0].segments.size(), 8u);  // no reply that nobody reads
}

// "\nand so on" has as many tokens as EncodeReply says; turns without an end of sequence have 6.
TEST(Conversations, EndAtTheLimitOfTokensAndContext) {
  TinyPolicy p(ComputeType::kFp32);
  ModelConfig config = p.model.config();
  config.eos_token_ids = {};
  const std::vector<Message> said = {{"user", "and so on"}};
  const auto reply = static_cast<int64_t>(EncodeReply(p.tokenizer, 0, said).size());
  const auto root = static_cast<int64_t>(Requests(1)[0].tree.segments[0].tokens.size());
  const auto run = [&](int64_t context, int64_t most, Record* record) {
    config.max_position_embeddings = context;
    Model endless(config, ComputeType::kFp32);
    std::copy_n(p.model.weights(), p.model.layout().total, endless.weights());
    endless.WeightsChanged(false);
    RolloutOptions options;
    options.max_tokens = 6;
    options.conversation.max_tokens = most;
    return Rollout(endless, p.tokenizer, options, One({.record = record, .step = Talk}))[0];
  };
  // One turn and its reply fill 6 + reply; of the second turn `left` tokens are left.
  for (const bool by_context : {false, true}) {
    for (const int64_t left : {0, 1, 3, 6, 7}) {
      const int64_t most = 6 + reply + left;
      Record record;
      const Tree tree = by_context ? run(root + most, 0, &record) : run(400, most, &record);
      const size_t turns = left == 0 ? 1 : 2;
      EXPECT_EQ(record.turns.size(), turns) << left;
      EXPECT_EQ(record.turns.back().num_tokens, left == 0 ? 6 : std::min<int64_t>(left, 6));
      EXPECT_EQ(record.turns.back().finish, Finish::kLength);
      EXPECT_EQ(record.ends, 1);
      EXPECT_EQ(record.end, Finish::kLength);
      EXPECT_EQ(tree.segments.size(), 2 * turns);
      EXPECT_EQ(tree.leaves[0].finish, Finish::kLength);
      EXPECT_LE(tree.PathLength(tree.leaves[0].segment), root + most);
    }
  }
}

TEST(Conversations, AFloodEndsTheConversation) {
  const TinyPolicy p(ComputeType::kFp32);
  RolloutOptions options;
  options.max_tokens = 6;
  for (const size_t size : {500u, 100'000u, 50'000'000u}) {  // over the context of 400, and far so
    Record record;
    const auto flood = [size](const PolicyTurn&) {
      Reply reply;
      reply.messages = {{"user", std::string(size, 'q')}};
      return reply;
    };
    const auto trees =
        Rollout(p.model, p.tokenizer, options, One({.record = &record, .step = flood}));
    EXPECT_EQ(record.end, Finish::kLength);
    EXPECT_EQ(trees[0].segments.size(), 2u);
    EXPECT_EQ(trees[0].leaves[0].finish, Finish::kLength);
  }
}

TEST(Conversations, AReplyOfNothingGoesOn) {
  const TinyPolicy p(ComputeType::kFp32);
  RolloutOptions options;
  options.max_tokens = 3;
  options.conversation.max_turns = 5;
  Record record;
  const auto nothing = [](const PolicyTurn&) { return Reply{}; };
  const auto trees =
      Rollout(p.model, p.tokenizer, options, One({.record = &record, .step = nothing}));
  EXPECT_EQ(record.turns.size(), 5u);
  EXPECT_EQ(p.tokenizer.Decode(trees[0].segments[2].tokens), "\n");
}

// An end of sequence at once, and a turn that max_tokens cuts, are told as they are.
TEST(Conversations, EmptyAndOverLongTurnsAreTold) {
  const TinyPolicy p(ComputeType::kFp32);
  RolloutOptions options;
  options.max_tokens = 2;
  options.sampling.temperature = 5;
  std::atomic<int> empty = 0, cut = 0, ended = 0;
  auto requests = Requests(150);
  for (auto& r : requests) {
    r.conversation = [&](int) {
      return std::make_unique<Scripted>(Script{.step = [&](const PolicyTurn& turn) {
        const bool nothing = turn.text.empty() && turn.num_tokens == 1;
        empty += nothing && turn.finish == Finish::kStop;
        cut += turn.num_tokens == 2 && turn.finish == Finish::kLength;
        ended += turn.finish == Finish::kStop;
        Reply reply;
        reply.done = turn.turn == 4;
        if (nothing) reply.outcome.strategy = TurnStrategy::kMissing;
        return reply;
      }});
    };
  }
  const auto trees = Rollout(p.model, p.tokenizer, options, std::move(requests));
  EXPECT_GT(empty, 0);
  EXPECT_GT(cut, 100);
  EXPECT_GT(ended, empty);
  int missing = 0;
  for (const Tree& tree : trees) {
    for (const Segment& s : tree.segments) {
      if (s.outcome.strategy != TurnStrategy::kMissing) continue;
      EXPECT_EQ(s.tokens, std::vector<int32_t>{TinyPolicy::kEos});
      ++missing;
    }
  }
  EXPECT_EQ(missing, empty);
}

TEST(Conversations, ChatMlBetweenTurns) {
  TinyPolicy p(ComputeType::kFp32);
  const Tokenizer tokenizer =
      TrainBpe(std::vector<std::string>{"one two three"},
               {.vocab_size = 300, .special_tokens = {"<|im_start|>", "<|im_end|>"}});
  ModelConfig config = p.model.config();
  const int32_t end = tokenizer.TokenId("<|im_end|>");
  config.vocab_size = tokenizer.vocab_size();
  config.eos_token_ids = {end};
  const Model model = RandomModel(config, ComputeType::kFp32, 3, 0.25);
  RolloutOptions options;
  options.max_tokens = 40;
  options.sampling.temperature = 2;
  int ended = 0, cut = 0;
  auto requests = Requests(40);
  for (auto& r : requests) {
    for (int32_t& token : r.tree.segments[0].tokens) token %= 200;
    r.conversation = [](int) {
      return std::make_unique<Scripted>(Script{.step = [](const PolicyTurn& turn) {
        Reply reply = Talk(turn);
        reply.done = turn.turn == 1;
        return reply;
      }});
    };
  }
  for (const Tree& tree : Rollout(model, tokenizer, options, std::move(requests))) {
    for (size_t s = 2; s < tree.segments.size(); ++s) {
      if (tree.segments[s].author != Author::kEnvironment) continue;
      const auto& before = tree.segments[static_cast<size_t>(tree.segments[s].parent)].tokens;
      const bool done = before.back() == end;
      ++(done ? ended : cut);
      EXPECT_EQ(tokenizer.Decode(tree.segments[s].tokens),
                std::string(done ? "" : "<|im_end|>") +
                    "\n<|im_start|>user\nand so on<|im_end|>\n<|im_start|>assistant\n");
    }
  }
  EXPECT_GT(ended, 5);
  EXPECT_GT(cut, 5);
}

// A stop string ends a turn, and one that began in an earlier turn does not count.
TEST(Conversations, StopStringsAreOfOneTurn) {
  const TinyPolicy p(ComputeType::kFp32);
  RolloutOptions options;
  options.max_tokens = 3;
  options.conversation.max_turns = 3;
  const auto free = Rollout(p.model, p.tokenizer, options, One({.step = Talk}))[0];
  const auto text = [&](size_t s) { return p.tokenizer.Decode(free.segments[s].tokens); };
  options.stop = {text(1) + text(3)};
  Record record;
  Rollout(p.model, p.tokenizer, options, One({.record = &record, .step = Talk}));
  for (const PolicyTurn& turn : record.turns) EXPECT_EQ(turn.finish, Finish::kLength);
  options.stop = {text(3)};
  record = {};
  Rollout(p.model, p.tokenizer, options, One({.record = &record, .step = Talk}));
  EXPECT_EQ(record.turns[1].finish, Finish::kStop);
}

// --- failures

// Conversations(4), but sample 1 of group 0 goes wrong by `wrong`.
std::vector<RolloutRequest> WithOne(const std::function<std::unique_ptr<Conversation>()>& wrong,
                                    bool blocks) {
  auto requests = Conversations(4, blocks);
  const ConversationMaker usual = requests[0].conversation;
  requests[0].conversation = [=](int sample) { return sample == 1 ? wrong() : usual(sample); };
  return requests;
}

TEST(Conversations, AFailureCostsThatConversationAlone) {
  const TinyPolicy p(ComputeType::kFp32);
  RolloutOptions options;
  options.max_tokens = 6;
  options.max_sequences = 2;
  const auto want = Rollout(p.model, p.tokenizer, options, Conversations(4));
  const auto fail = [](Verdict verdict) { throw ConversationFailed(verdict, "the user", "died"); };
  const std::vector<std::pair<size_t, std::function<std::unique_ptr<Conversation>()>>> ways = {
      {1u,
       [&] {
         fail(Verdict::kBroken);
         return nullptr;
       }},  // cannot be made
      {1u,
       [&] {  // hangs until its time is over
         return std::make_unique<Scripted>(Script{.blocks = true, .step = [&](const PolicyTurn&) {
                                                    std::this_thread::sleep_for(
                                                        std::chrono::milliseconds(150));
                                                    fail(Verdict::kTimedOut);
                                                    return Reply{};
                                                  }});
       }},
      {3u,
       [&] {  // dies in its second turn
         return std::make_unique<Scripted>(Script{.step = [&](const PolicyTurn& turn) {
           if (turn.turn == 1) fail(Verdict::kBroken);
           return Talk(turn);
         }});
       }},
      {3u, [&] {  // dies when it should say how it went
         return std::make_unique<Scripted>(
             Script{.turns = 2, .seed = 9, .end = [&] { fail(Verdict::kBroken); }});
       }}};
  for (size_t w = 0; w < ways.size(); ++w) {
    const auto& [segments, wrong] = ways[w];
    for (const bool blocks : {false, true}) {
      RolloutStats stats;
      auto got = Rollout(p.model, p.tokenizer, options, WithOne(wrong, blocks), &stats);
      const Leaf& aborted = got[0].leaves[1];
      EXPECT_EQ(aborted.finish, Finish::kAborted) << w;
      EXPECT_EQ(aborted.verdict, w == 1 ? Verdict::kTimedOut : Verdict::kBroken) << w;
      EXPECT_EQ(got[0].Path(aborted.segment).size(), 1 + segments);
      EXPECT_EQ(stats.results[0][1].failure, "the user: died (the conversation is left out)");
      EXPECT_TRUE(stats.results[0][0].failure.empty());
      // Everybody else has the same conversation, token for token.
      for (size_t i = 0; i < want.size(); ++i) {
        for (size_t l = 0; l < want[i].leaves.size(); ++l) {
          if (i == 0 && l == 1) continue;
          const auto a = got[i].Path(got[i].leaves[l].segment),
                     b = want[i].Path(want[i].leaves[l].segment);
          ASSERT_EQ(a.size(), b.size());
          for (size_t s = 0; s < a.size(); ++s) {
            EXPECT_EQ(Bits(got[i].segments[static_cast<size_t>(a[s])].logp),
                      Bits(want[i].segments[static_cast<size_t>(b[s])].logp));
          }
          EXPECT_EQ(got[i].leaves[l].reward, want[i].leaves[l].reward);
        }
      }
    }
  }
}

TEST(Conversations, AnErrorOfAnotherKindIsNotSwallowed) {
  const TinyPolicy p(ComputeType::kFp32);
  for (const bool blocks : {false, true}) {
    const auto wrong = [blocks] {
      return std::make_unique<Scripted>(
          Script{.blocks = blocks, .step = [](const PolicyTurn&) -> Reply {
                   throw std::logic_error("a bug of the environment");
                 }});
    };
    EXPECT_THROW(Rollout(p.model, p.tokenizer, {.max_tokens = 4}, WithOne(wrong, blocks)),
                 std::logic_error);
  }
}

// One slot. The first conversation waits until the second one has ended: whoever holds the slot
// while it waits never ends.
TEST(Conversations, NobodyWaitsForSomebodyElsesReply) {
  const TinyPolicy p(ComputeType::kFp32);
  RolloutOptions options;
  options.max_tokens = 5;
  options.max_sequences = 1;
  std::mutex mutex;
  std::condition_variable changed;
  bool second_ended = false;
  auto requests = Requests(1);
  requests[0].num_samples = 2;
  requests[0].conversation = [&](int sample) {
    Script script{.turns = 3, .blocks = sample == 0, .seed = static_cast<uint64_t>(sample)};
    if (sample == 0) {
      script.step = [&](const PolicyTurn& turn) {
        std::unique_lock<std::mutex> lock(mutex);
        EXPECT_TRUE(changed.wait_for(lock, std::chrono::seconds(30), [&] { return second_ended; }));
        Reply reply = Talk(turn);
        reply.done = turn.turn == 1;
        return reply;
      };
    } else {
      script.end = [&] {
        const std::lock_guard<std::mutex> lock(mutex);
        second_ended = true;
        changed.notify_all();
      };
    }
    return std::make_unique<Scripted>(script);
  };
  const auto trees = Rollout(p.model, p.tokenizer, options, std::move(requests));
  EXPECT_EQ(trees[0].Path(trees[0].leaves[0].segment).size(), 4u);
  EXPECT_EQ(trees[0].Path(trees[0].leaves[1].segment).size(), 6u);
}

// As many as max_sequences wait beside those that decode, not more: the cache has its bound.
TEST(Conversations, TwiceMaxSequencesAreAliveAtMost) {
  const TinyPolicy p(ComputeType::kFp32);
  RolloutOptions options;
  options.max_tokens = 4;
  options.max_sequences = 3;
  std::atomic<int> waiting = 0, most = 0;
  auto requests = Requests(1);
  requests[0].num_samples = 40;
  requests[0].conversation = [&](int) {
    return std::make_unique<Scripted>(
        Script{.blocks = true, .step = [&](const PolicyTurn& turn) {
                 const int now = ++waiting;
                 for (int seen = most; now > seen && !most.compare_exchange_weak(seen, now);) {
                 }
                 std::this_thread::sleep_for(std::chrono::milliseconds(5));
                 --waiting;
                 Reply reply = Talk(turn);
                 reply.done = turn.turn == 1;
                 return reply;
               }});
  };
  const auto trees = Rollout(p.model, p.tokenizer, options, std::move(requests));
  EXPECT_EQ(trees[0].leaves.size(), 40u);
  EXPECT_GT(most, 3);
  EXPECT_LE(most, 6);
}

TEST(Conversations, ProgressCountsConversations) {
  const TinyPolicy p(ComputeType::kFp32);
  int64_t calls = 0;
  Rollout(p.model, p.tokenizer, {.max_tokens = 4}, Conversations(3), nullptr,
          [&](int64_t ended, int64_t total) {
            EXPECT_EQ(ended, ++calls);
            EXPECT_EQ(total, 8);
          });
  EXPECT_EQ(calls, 8);
}

TEST(Conversations, NamesWhatIsWrong) {
  const TinyPolicy p(ComputeType::kFp32);
  const auto expect = [&](const RolloutOptions& options, const StrategySettings& strategy,
                          const std::string& part) {
    try {
      Rollout(p.model, p.tokenizer, options, strategy, {}, Conversations(1));
      FAIL() << "no error: " << part;
    } catch (const Error& e) {
      EXPECT_NE(std::string(e.what()).find(part), std::string::npos) << e.what();
    }
  };
  expect({}, {.name = "branch", .branch = {.first = 5, .branches = 0}},
         "conversations do not go with branch");
  expect({.conversation = {.max_turns = 0}}, {}, "max_turns is 0");
  expect({.conversation = {.max_tokens = -1}}, {}, "max_tokens is -1");
}

}  // namespace
}  // namespace rlvr
