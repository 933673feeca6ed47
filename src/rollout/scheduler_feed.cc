// Groups that come and go while sampling goes on.
#include <algorithm>
#include <utility>

#include "base/error.h"
#include "rollout/scheduler_state.h"
#include "rollout/strategy.h"

namespace rlvr {

void Scheduler::AskFeed() {
  for (const int64_t group : feed_->TakeCancelled()) Cancel(static_cast<size_t>(group));
  while (to_admit_ < Room()) {
    std::optional<RolloutRequest> request = feed_->Next();
    if (!request) break;
    CheckRequest(model_, *request);
    RolloutRequest& own = fed_.emplace_back(std::move(*request));
    AddRequest(&own);
    AddExpansion({.request = static_cast<int64_t>(fed_.size()) - 1,
                  .num_samples = own.num_samples,
                  .max_tokens = options_.max_tokens});
  }
}

// A group has one expansion, of the same number.
void Scheduler::HandOver(size_t group) {
  const Growing& e = expansions_[group];
  const auto begin = static_cast<size_t>(e.first_grown);
  const size_t end = begin + static_cast<size_t>(e.num_samples);
  Tree& tree = fed_[group].tree;
  std::vector<ConversationResult> results;
  for (size_t i = begin; i < end; ++i) {
    AddToTree(i);
    if (grown_[i].result) results.push_back(*grown_[i].result);
  }
  AddLeaves(std::span(grown_).subspan(begin, end - begin), &tree);
  feed_->Ended(static_cast<int64_t>(group), std::move(tree), std::move(results));
}

// Its running samples leave, the ones that wait for a slot never get one. What they have sampled so
// far remains as drafts, for when the prompt is drawn again.
void Scheduler::Cancel(size_t group) {
  RLVR_CHECK(group < expansions_.size()) << group;
  Growing& e = expansions_[group];
  if (e.left == 0) return;
  RLVR_CHECK(!e.cancelled) << group;
  e.cancelled = true;
  const auto of_group = [&](const Active& a) { return a.expansion == static_cast<int64_t>(group); };
  const auto drop = [&](auto* actives) {
    for (Active& a : *actives) {
      if (of_group(a)) Drop(&a);
    }
    std::erase_if(*actives, of_group);
  };
  drop(&active_);
  drop(&ready_);
  for (auto& [who, a] : waiting_) {  // until their replies have come
    if (of_group(a)) Drop(&a);
  }
  if (open_ == static_cast<int64_t>(group)) {
    to_admit_ -= e.num_samples - open_sample_;
    open_ = -1;
  } else if (group >= next_) {
    to_admit_ -= e.num_samples;
  }
  if (e.kv >= 0) cache_.Release(e.kv);
  SkipCancelled();
  drafting_.Close(e.request);
}

void Scheduler::Drop(Active* a) {
  cache_.Release(a->kv);
  drafting_.End(std::move(a->source));
}

void Scheduler::SkipCancelled() {
  while (next_ < expansions_.size() && expansions_[next_].cancelled) ++next_;
}

void SampleFeed(const Model& model, const Tokenizer& tokenizer, const RolloutOptions& options,
                GroupFeed* feed, RolloutStats* stats) {
  const std::function<void()> on_end;
  Scheduler(model, tokenizer, options, stats, on_end, feed).Run();
}

}  // namespace rlvr
