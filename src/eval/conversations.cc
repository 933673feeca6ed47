#include "eval/conversations.h"

#include <algorithm>
#include <exception>
#include <future>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "base/error.h"
#include "eval/eval.h"
#include "text/chat.h"

namespace rlvr {
namespace {

// Children of a request's key below 2^32 are samples', those that strategies use lie close above.
constexpr uint64_t kGroupKey = uint64_t{1} << 40, kSampleKeys = kGroupKey + 1;
constexpr size_t kOpeningThreads = 16;

bool SameMessages(const std::vector<Message>& a, const std::vector<Message>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const auto& x, const auto& y) {
    return x.role == y.role && x.content == y.content;
  });
}

// What all conversations of a group share.
struct Group {
  EnvironmentMaker* maker = nullptr;
  Prompt prompt;
  RandomKey key{0};
  std::vector<Message> opening;
  std::unique_ptr<Environment> first;  // that opened it; sample 0 goes on with it
  std::optional<ConversationFailed> failure;

  std::vector<Message> Reset(Environment* environment, int sample) const {
    return environment->Reset(prompt, key[kGroupKey],
                              key[kSampleKeys][static_cast<uint64_t>(sample)]);
  }
};

// Resets its environment where the first turn is answered: on a thread of its own if that blocks.
class GroupConversation : public Conversation {
 public:
  GroupConversation(std::shared_ptr<Group> group, int sample)
      : group_(std::move(group)), sample_(sample) {
    if (sample == 0 && group_->first) {
      environment_ = std::move(group_->first);
      open_ = true;
    } else {
      environment_ = group_->maker->Make();
    }
  }

  Reply Step(const PolicyTurn& turn) override {
    if (!open_) {
      open_ = true;
      if (!SameMessages(group_->Reset(environment_.get(), sample_), group_->opening)) {
        throw ConversationFailed(Verdict::kBroken, "environment",
                                 "opens the same prompt with other messages for another sample");
      }
    }
    return environment_->Step(turn);
  }
  ConversationResult End(Finish finish) override { return environment_->End(finish); }
  bool blocks() const override { return environment_->blocks(); }
  AskedModels* asks() const override { return environment_->asks(); }

 private:
  std::shared_ptr<Group> group_;
  int sample_;
  std::unique_ptr<Environment> environment_;
  bool open_ = false;
};

void Open(Group* group) {
  try {
    group->opening = group->Reset(group->first.get(), 0);
  } catch (const ConversationFailed& e) {
    group->failure = e;
  }
}

}  // namespace

void OpenConversations(EnvironmentMaker* maker, const Tokenizer& tokenizer,
                       std::span<const Prompt> prompts, std::span<RolloutRequest> requests) {
  RLVR_CHECK(prompts.size() == requests.size()) << prompts.size() << " " << requests.size();
  std::vector<std::shared_ptr<Group>> groups;
  for (size_t i = 0; i < requests.size(); ++i) {
    groups.push_back(
        std::make_shared<Group>(Group{maker, prompts[i], requests[i].key, {}, {}, {}}));
    try {
      groups[i]->first = maker->Make();
    } catch (const ConversationFailed& e) {
      groups[i]->failure = e;
    }
  }
  std::vector<std::future<void>> opening;
  for (const auto& group : groups) {
    if (!group->first) continue;
    if (!group->first->blocks()) {
      Open(group.get());
      continue;
    }
    if (opening.size() >= kOpeningThreads) opening[opening.size() - kOpeningThreads].wait();
    opening.push_back(std::async(std::launch::async, Open, group.get()));
  }
  for (auto& o : opening) o.get();
  for (size_t i = 0; i < requests.size(); ++i) {
    const std::shared_ptr<Group>& group = groups[i];
    Segment root;
    if (group->failure) {
      root.tokens = EncodePrompt(tokenizer, prompts[i]);
      requests[i].conversation = [group](int) -> std::unique_ptr<Conversation> {
        throw ConversationFailed(*group->failure);
      };
    } else {
      root.tokens = EncodeOpening(tokenizer, group->opening);
      requests[i].conversation = [group](int sample) {
        return std::make_unique<GroupConversation>(group, sample);
      };
    }
    requests[i].tree.segments.assign(1, std::move(root));
  }
}

void ConversationTally::Add(const Tree& tree, std::span<const ConversationResult> results) {
  RLVR_CHECK(tree.leaves.size() == results.size()) << tree.leaves.size() << " " << results.size();
  for (size_t l = 0; l < results.size(); ++l) {
    const Leaf& leaf = tree.leaves[l];
    ++all_;
    if (leaf.finish == Finish::kAborted) {
      ++aborted_;
      timed_out_ += leaf.verdict == Verdict::kTimedOut;
      if (first_failure_.empty()) first_failure_ = results[l].failure;
      continue;
    }
    const auto add = [&](const std::string& name, double value) {
      Sum& sum = sums_[name];
      sum.value += value;
      sum.count += 1;
    };
    add("num_turns", static_cast<double>(NumTurns(tree, leaf)));
    for (const auto& [name, value] : results[l].metrics) add(name, value);
  }
}

std::map<std::string, double> ConversationTally::Means() const {
  std::map<std::string, double> means;
  if (all_ == 0) return means;
  const auto all = static_cast<double>(all_);
  for (const auto& [name, sum] : sums_) means[name] = sum.value / sum.count;
  means["aborted"] = static_cast<double>(aborted_) / all;
  means["timed_out"] = static_cast<double>(timed_out_) / all;
  means["broken"] = static_cast<double>(aborted_ - timed_out_) / all;
  return means;
}

int64_t NumTurns(const Tree& tree, const Leaf& leaf) {
  int64_t turns = 0;
  bool in_turn = false;
  for (const int32_t s : tree.Path(leaf.segment)) {
    const bool trained = kTrained.Contains(tree.segments[static_cast<size_t>(s)].author);
    turns += trained && !in_turn;
    in_turn = trained;
  }
  return turns;
}

}  // namespace rlvr
