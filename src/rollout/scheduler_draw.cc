// From the rows of a pass to tokens: every one is drawn from the policy with its own random number,
// whether a draft stood in its place or not.
#include <algorithm>
#include <utility>

#include "base/thread_pool.h"
#include "model/head.h"
#include "rollout/scheduler_state.h"

namespace rlvr {

// For every active_[i] the token after its last one, and, as long as the tokens drawn are its drafts,
// the token after each of them.
void Scheduler::DrawTokens(View<const float> hidden) {
  const int64_t V = model_.config().vocab_size;
  const int64_t chunk = std::clamp<int64_t>((int64_t{8} << 20) / V, 16, 1024);
  int64_t num_draws = 0;
  for (Reading& r : readings_) {
    r.first_draw = num_draws;
    num_draws += r.num_rows;
  }
  draws_.resize(static_cast<size_t>(num_draws));
  for (int64_t begin = 0; begin < hidden.rows; begin += chunk) {
    const int64_t end = std::min(begin + chunk, hidden.rows);
    logits_.Resize((end - begin) * V);
    const View<float> logits(logits_.data(), end - begin, V);
    HeadLogits(model_, hidden.Rows(begin, end), logits);
    const auto from =
        std::partition_point(readings_.begin(), readings_.end(),
                             [&](const Reading& r) { return r.row + r.num_rows <= begin; }) -
        readings_.begin();
    const auto to = std::partition_point(readings_.begin(), readings_.end(),
                                         [&](const Reading& r) { return r.row < end; }) -
                    readings_.begin();
    ParallelFor(to - from, 1, [&](int64_t b, int64_t e) {
      for (int64_t i = from + b; i < from + e; ++i)
        DrawRows(static_cast<size_t>(i), begin, end, logits);
    });
  }
}

// What active_[i] draws from rows [begin, end) of predicting_.
void Scheduler::DrawRows(size_t i, int64_t begin, int64_t end, View<const float> logits) {
  thread_local std::vector<float> scratch;
  Reading& r = readings_[i];
  const std::span<const DraftToken> drafts = drafting_.DraftsOf(i);
  const Active& a = active_[i];
  const RandomKey key = RequestOf(a).key[static_cast<uint64_t>(a.segments.back().sample)];
  const uint64_t offset = Offset(a);
  for (int64_t j = std::max<int64_t>(0, begin - r.row); j < std::min(r.num_rows, end - r.row);
       ++j) {
    const int64_t at = r.first_draw + j;
    if (j != r.num_drawn || (j > 0 && draws_[static_cast<size_t>(at - 1)].token !=
                                          drafts[static_cast<size_t>(j - 1)].token))
      return;
    draws_[static_cast<size_t>(at)] =
        SampleToken({logits.row(r.row + j - begin), static_cast<size_t>(logits.cols)},
                    options_.sampling, key.Uniform(offset + static_cast<uint64_t>(j)), &scratch);
    r.num_drawn = j + 1;
  }
}

// The drawn tokens become the sequences' own, up to an end among them. The cache forgets the drafts
// that did not. Finished sequences leave; the rest keep their order.
void Scheduler::TakeTokens() {
  size_t kept = 0;
  for (size_t i = 0; i < readings_.size(); ++i) {
    Active& a = active_[i];
    const Reading& r = readings_[i];
    const std::span<const Draw> draws = std::span(draws_).subspan(static_cast<size_t>(r.first_draw),
                                                                  static_cast<size_t>(r.num_drawn));
    size_t taken = 0;
    bool ended = false;
    while (taken < draws.size() && !ended) ended = Take(draws[taken++], &a);
    // The last token taken has not been run.
    cache_.Truncate(a.kv, r.num_rows - static_cast<int64_t>(taken));
    drafting_.Observe(drafting_.DraftsOf(i), draws.first(taken));
    if (stats_) {
      stats_->sampled_tokens += static_cast<int64_t>(taken);
      stats_->accepted_tokens += static_cast<int64_t>(taken) - 1;
    }
    if (!ended) {
      if (kept != i) active_[kept] = std::move(a);
      ++kept;
    } else if (RequestOf(a).conversation) {
      EndTurn(std::move(a));
    } else {
      EndTrajectory(std::move(a));
    }
  }
  active_.resize(kept);
}

// Records the token; true if the segment has ended.
bool Scheduler::Take(const Draw& draw, Active* a) {
  Segment& s = a->segments.back();
  Grown& grown = grown_[static_cast<size_t>(a->grown)];
  grown.finish = Finish::kStop;
  grown.open = false;
  s.tokens.push_back(draw.token);
  s.logp.push_back(draw.logp);
  s.entropy.push_back(draw.entropy);
  if (options_.sampling.departs()) s.sampler_logp.push_back(draw.sampler_logp);
  a->last_token = draw.token;
  drafting_.Append(draw, &a->source);
  const auto& eos = model_.config().eos_token_ids;
  if (std::find(eos.begin(), eos.end(), draw.token) != eos.end() || EndsWithStop(draw.token, a))
    return true;
  const bool full = PathLength(*a) >= MostTokens(*a);
  grown.open = !full && static_cast<int64_t>(s.tokens.size()) >=
                            expansions_[static_cast<size_t>(a->expansion)].max_tokens;
  if (!full && !grown.open) return false;
  grown.finish = Finish::kLength;
  return true;
}

bool Scheduler::EndsWithStop(int32_t token, Active* a) {
  if (options_.stop.empty()) return false;
  const std::string& bytes = tokenizer_.TokenBytes(token);
  a->tail += bytes;
  // A stop string may begin in earlier tokens, but must end in this one.
  const size_t keep = longest_stop_ + bytes.size();
  if (a->tail.size() > keep) a->tail.erase(0, a->tail.size() - keep);
  return std::any_of(options_.stop.begin(), options_.stop.end(), [&](const std::string& stop) {
    return a->tail.find(stop) != std::string::npos;
  });
}

}  // namespace rlvr
