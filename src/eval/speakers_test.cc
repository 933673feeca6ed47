// Models of the run as users and judges: what they say, in batches and alone.
#include "eval/speakers.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "eval/conversations.h"
#include "eval/tiny_policy_test.h"

namespace rlvr {
namespace {

ModelQuestion Question(int i) {
  return {.model = "policy",
          .messages = {{"user", "How many apples has " + std::string(static_cast<size_t>(i), 'T')}},
          .key = RandomKey(static_cast<uint64_t>(i)),
          .temperature = i % 3 == 0 ? 0.0f : 1.0f,
          .max_tokens = 5 + i % 2};
}

// Asks on a thread each.
class Askers {
 public:
  Askers(Speakers* speakers, std::vector<ModelQuestion> questions)
      : questions_(std::move(questions)), said_(questions_.size()) {
    for (size_t i = 0; i < questions_.size(); ++i) {
      threads_.emplace_back([this, speakers, i] {
        try {
          said_[i] = speakers->Speak(questions_[i]);
        } catch (const ConversationFailed& failed) {
          said_[i] = failed.what();
        }
      });
    }
    while (speakers->num_waiting() < static_cast<int64_t>(questions_.size()))
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  std::vector<std::string> Said() {
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
    return said_;
  }

 private:
  std::vector<ModelQuestion> questions_;
  std::vector<std::string> said_;
  std::vector<std::thread> threads_;
};

TEST(Speakers, ABatchSaysWhatEachSaysAlone) {
  const TinyPolicy talker(ComputeType::kBf16, 9000);
  Speakers speakers(talker.model, talker.tokenizer);
  std::vector<ModelQuestion> questions;
  std::vector<std::string> alone;
  for (int i = 0; i < 12; ++i) {
    questions.push_back(Question(i));
    alone.push_back(speakers.Speak(questions.back()));
  }
  Askers askers(&speakers, questions);
  speakers.Answer();
  EXPECT_EQ(speakers.num_waiting(), 0);
  EXPECT_EQ(askers.Said(), alone);
  EXPECT_NE(alone[1], alone[2]);
}

TEST(Speakers, RefusalAndWhatDoesNotFit) {
  const TinyPolicy talker(ComputeType::kBf16, 9000);
  Speakers speakers(talker.model, talker.tokenizer);
  {
    Askers askers(&speakers, {Question(1)});
    speakers.Refuse();
    EXPECT_NE(askers.Said()[0].find("nobody waits"), std::string::npos);
  }
  ModelQuestion large = Question(1);
  large.messages[0].content.assign(40000, 'x');
  Askers askers(&speakers, {large, Question(1)});
  speakers.Answer();
  const auto said = askers.Said();
  EXPECT_NE(said[0].find("does not fit its context of 9000"), std::string::npos) << said[0];
  EXPECT_EQ(said[1], speakers.Speak(Question(1)));
}

TEST(Speakers, AnUnknownModelEndsTheRun) {
  const TinyPolicy talker(ComputeType::kBf16, 9000);
  Speakers speakers(talker.model, talker.tokenizer);
  ModelQuestion question = Question(1);
  question.model = "no such folder";
  Askers askers(&speakers, {question});
  EXPECT_THROW(speakers.Answer(), Error);
  EXPECT_NE(askers.Said()[0].find("does not answer"), std::string::npos);
}

// Counts how many are answered together.
class Counting : public Speakers {
 public:
  using Speakers::Speakers;
  void Answer() override {
    batches.push_back(num_waiting());
    Speakers::Answer();
  }
  std::vector<int64_t> batches;
};

// A user and a judge that are models, in a rollout: whoever is answered beside whom, the same bits.
TEST(Speakers, ConversationsAskInBatches) {
  const TinyPolicy talker(ComputeType::kBf16, 9000);
  Prompt prompt;
  prompt.data_source = "gsm_micro";
  prompt.ground_truth = "12";
  prompt.extra_info = R"({"question": "q", "shards": [{"shard_id": 1, "shard": "How many?"},
      {"shard_id": 2, "shard": "Tom has 7."}, {"shard_id": 3, "shard": "Ann has 5."}]})";
  const ConfigNode node = ParseConfig(
      "{name: sharded, max_turns: 4, user: {name: model, model: policy, tries: 2}}", "test");
  std::vector<Tree> first;
  for (const int64_t max_sequences : {8, 1, 3}) {
    auto speakers = std::make_shared<Counting>(talker.model, talker.tokenizer);
    EnvironmentServices services;
    services.generate = [speakers](const ModelQuestion& q) {
      ModelQuestion shorter = q;
      shorter.max_tokens = 4;
      return speakers->Speak(shorter);
    };
    services.models = speakers;
    services.reader = {
        [&](const TurnToRead& turn) {
          const std::string said =
              services.generate({"policy", {{"user", turn.text}}, turn.key, 1.0f, 4});
          return JudgedReading{
              {said.size() % 2 == 0 ? TurnStrategy::kDiscussion : TurnStrategy::kRefuse, ""}};
        },
        true};
    const auto maker = MakeEnvironment(&node, services);
    EXPECT_TRUE(maker->Make()->blocks());
    EXPECT_EQ(maker->Make()->asks(), speakers.get());
    std::vector<RolloutRequest> requests(2);
    for (size_t i = 0; i < requests.size(); ++i) {
      requests[i].num_samples = 4;
      requests[i].key = RandomKey(i);
    }
    OpenConversations(maker.get(), talker.tokenizer, std::vector<Prompt>(2, prompt), requests);
    RolloutOptions options;
    options.max_tokens = 6;
    options.max_sequences = max_sequences;
    options.conversation.max_turns = 4;
    const std::vector<Tree> trees =
        Rollout(talker.model, talker.tokenizer, options, std::move(requests));
    if (max_sequences == 8) {
      first = trees;
      EXPECT_GT(*std::max_element(speakers->batches.begin(), speakers->batches.end()), 1);
    }
    for (size_t t = 0; t < trees.size(); ++t) {
      ASSERT_EQ(trees[t].segments.size(), first[t].segments.size());
      for (size_t s = 0; s < trees[t].segments.size(); ++s) {
        const Segment &a = trees[t].segments[s], &b = first[t].segments[s];
        EXPECT_EQ(a.tokens, b.tokens);
        EXPECT_EQ(a.logp, b.logp);
        EXPECT_EQ(a.outcome.strategy, b.outcome.strategy);
      }
    }
  }
  EXPECT_GT(first[0].segments.size(), 8u);  // there were second turns
}

// Stopping while somebody waits for a model must not hang.
class Abandoned : public Conversation {
 public:
  explicit Abandoned(Speakers* speakers, int sample) : speakers_(speakers), sample_(sample) {}
  Reply Step(const PolicyTurn&) override {
    if (sample_ == 1) throw std::runtime_error("stop here");
    speakers_->Speak(Question(1));
    return {.messages = {}, .done = true, .outcome = {}};
  }
  ConversationResult End(Finish) override { return {}; }
  bool blocks() const override { return true; }
  AskedModels* asks() const override { return speakers_; }

 private:
  Speakers* speakers_;
  int sample_;
};

class Silent : public Speakers {
 public:
  using Speakers::Speakers;
  void Answer() override {}
};

TEST(Speakers, AnAbandonedRolloutRefuses) {
  const TinyPolicy talker(ComputeType::kBf16, 9000);
  Silent speakers(talker.model, talker.tokenizer);
  std::vector<RolloutRequest> requests(1);
  requests[0].tree.segments.push_back({.tokens = {1, 2, 3}});
  requests[0].num_samples = 4;
  requests[0].conversation = [&](int sample) {
    return std::make_unique<Abandoned>(&speakers, sample);
  };
  RolloutOptions options;
  options.max_tokens = 3;
  EXPECT_THROW(Rollout(talker.model, talker.tokenizer, options, std::move(requests)),
               std::runtime_error);
}

}  // namespace
}  // namespace rlvr
