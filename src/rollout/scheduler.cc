// Everything about a sample follows from its own path and key, so the order of admission, the size
// of the batch and drafts change speed, not samples.
#include "rollout/scheduler.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/error.h"
#include "base/interrupt.h"
#include "rollout/scheduler_state.h"

namespace rlvr {

Scheduler::Scheduler(const Model& model, const Tokenizer& tokenizer, const RolloutOptions& options,
                     RolloutStats* stats, const std::function<void()>& on_end, GroupFeed* feed)
    : model_(model),
      tokenizer_(tokenizer),
      options_(options),
      stats_(stats),
      on_end_(on_end),
      feed_(feed),
      cache_(model.config(), model.compute()),
      drafting_(options, model.config().eos_token_ids),
      open_hidden_(model.config().hidden_size),
      replies_(tokenizer) {
  for (const auto& stop : options_.stop) longest_stop_ = std::max(longest_stop_, stop.size());
}

void Scheduler::AddRequest(RolloutRequest* request) {
  requests_.push_back(request);
  drafting_.AddRequest(request);
}

void Scheduler::AddExpansion(const Expansion& expansion) {
  Growing& e = expansions_.emplace_back();
  static_cast<Expansion&>(e) = expansion;
  e.before = TreeOf(e).PathLength(e.parent);
  e.left = e.num_samples;
  RLVR_CHECK(e.num_samples >= 1 && e.max_tokens >= 1 && e.before < model_.config().context_length())
      << e.num_samples << " " << e.max_tokens << " " << e.before;
  to_admit_ += e.num_samples;
  drafting_.AddSamples(e.request, e.num_samples);
}

std::vector<Grown> Scheduler::Run() {
  const auto start = std::chrono::steady_clock::now();
  for (;;) {
    if (options_.interruptible && InterruptRequested()) throw Interrupted("stopped while sampling");
    if (feed_) AskFeed();
    if (!MayAdmit() && active_.empty() && ready_.empty() && waiting_.empty()) {
      if (!feed_ || !feed_->Wait()) break;
      continue;
    }
    const bool idle = active_.empty() && ready_.empty() && !(MayAdmit() && Room() > 0);
    if (!waiting_.empty()) {
      replies_.LetModelsAnswer(idle ? 0 : static_cast<int64_t>(active_.size() + ready_.size()));
      TakeReplies(/*wait=*/idle);
    }
    if (!idle) Step();
  }
  RLVR_CHECK(cache_.pages_in_use() == 0) << cache_.pages_in_use();
  for (size_t i = 0; !feed_ && i < grown_.size(); ++i) AddToTree(i);
  if (stats_) {
    stats_->seconds +=
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    stats_->kv_bytes = std::max(stats_->kv_bytes, cache_.bytes());
  }
  return std::move(grown_);
}

void Scheduler::AddToTree(size_t i) {
  Trajectory& t = ended_[i];
  const Expansion& e = expansions_[t.expansion];
  std::vector<Segment>& segments = TreeOf(e).segments;
  int32_t parent = e.parent;
  for (Segment& s : t.segments) {
    s.parent = parent;
    parent = static_cast<int32_t>(segments.size());
    segments.push_back(std::move(s));
  }
  grown_[i].segment = parent;
}

// Free slots. A conversation with a reply has its slot again before others do; the cache holds at
// most twice max_sequences.
int64_t Scheduler::Room() const {
  const auto live = static_cast<int64_t>(active_.size() + ready_.size());
  return std::min(options_.max_sequences - live,
                  2 * options_.max_sequences - live - static_cast<int64_t>(waiting_.size()));
}

int64_t Scheduler::PathLength(const Active& a) const {
  return ExpansionOf(a).before + a.length + static_cast<int64_t>(a.segments.back().tokens.size());
}

// Of the path: the model's context, or what a conversation may have.
int64_t Scheduler::MostTokens(const Active& a) const {
  const int64_t context = model_.config().context_length();
  const RolloutRequest& r = RequestOf(a);
  const int64_t most = options_.conversation.max_tokens;
  if (!r.conversation || most == 0) return context;
  return std::min(context, static_cast<int64_t>(r.tree.segments[0].tokens.size()) + most);
}

uint64_t Scheduler::Offset(const Active& a) const {
  return static_cast<uint64_t>(PathLength(a) -
                               static_cast<int64_t>(RequestOf(a).tree.segments[0].tokens.size()));
}

void Scheduler::EndTrajectory(Active a) {
  cache_.Release(a.kv);
  drafting_.End(std::move(a.source));
  const auto number = static_cast<size_t>(a.expansion);
  ended_[static_cast<size_t>(a.grown)] = {number, std::move(a.segments)};
  if (on_end_) on_end_();
  Growing& e = expansions_[number];
  if (--e.left > 0) return;
  cache_.Release(e.kv);
  if (feed_) HandOver(number);
}

// The policy's turn has ended: the other side has the word.
void Scheduler::EndTurn(Active a) {
  Grown& grown = grown_[static_cast<size_t>(a.grown)];
  const std::vector<int32_t>& tokens = a.segments.back().tokens;
  a.length += static_cast<int64_t>(tokens.size());
  if (!a.other) {
    try {
      a.other = RequestOf(a).conversation(a.segments.back().sample);
    } catch (const ConversationFailed& e) {
      NextTurn next{.over = true, .finish = Finish::kAborted};
      next.result = {.verdict = e.verdict, .failure = e.what()};
      return Continue(std::move(a), std::move(next));
    }
  }
  const int64_t path = ExpansionOf(a).before + a.length;
  TurnEnd end{.other = a.other.get(),
              .turn = {a.turn, tokenizer_.Decode(tokens, /*skip_special=*/true),
                       static_cast<int64_t>(tokens.size()), grown.finish},
              .last_token = a.last_token,
              .last = a.turn + 1 >= options_.conversation.max_turns,
              .room = MostTokens(a) - path - 1};
  if (!a.other->blocks()) {
    NextTurn next = Ask(tokenizer_, end);
    return Continue(std::move(a), std::move(next));
  }
  const int64_t who = a.grown;
  waiting_.emplace(who, std::move(a));
  replies_.Ask(who, std::move(end));
}

void Scheduler::Continue(Active a, NextTurn next) {
  a.segments.back().outcome = next.outcome;
  if (!next.over) {
    a.segments.push_back({.author = Author::kEnvironment,
                          .tokens = std::move(next.tokens),
                          .sample = a.segments.front().sample});
    ready_.push_back(std::move(a));
    return;
  }
  Grown& grown = grown_[static_cast<size_t>(a.grown)];
  grown.open = false;
  if (next.finish != Finish::kStop) grown.finish = next.finish;
  grown.result = std::move(next.result);
  EndTrajectory(std::move(a));
}

void Scheduler::TakeReplies(bool wait) {
  for (auto& [who, next] : replies_.Take(wait)) {
    const auto a = waiting_.find(who);
    Active active = std::move(a->second);
    waiting_.erase(a);
    if (ExpansionOf(active).cancelled) continue;
    Continue(std::move(active), std::move(next));
  }
}

std::vector<Grown> SampleSegments(const Model& model, const Tokenizer& tokenizer,
                                  const RolloutOptions& options, std::span<RolloutRequest> requests,
                                  std::span<const Expansion> expansions, RolloutStats* stats,
                                  const std::function<void()>& on_end) {
  Scheduler scheduler(model, tokenizer, options, stats, on_end);
  for (RolloutRequest& request : requests) scheduler.AddRequest(&request);
  for (const Expansion& expansion : expansions) scheduler.AddExpansion(expansion);
  return scheduler.Run();
}

}  // namespace rlvr
