// One pass through the model: which tokens run, and whose next tokens their rows predict.
#include <algorithm>
#include <chrono>
#include <utility>

#include "base/error.h"
#include "base/thread_pool.h"
#include "rollout/deal_out.h"
#include "rollout/scheduler_state.h"

namespace rlvr {

// The next token of every running sequence and the drafts behind it, the replies that conversations
// go on after, and the paths of the expansions whose samples take the free slots. Then a draw for
// each of them.
void Scheduler::Step() {
  const int64_t D = model_.config().hidden_size;
  batch_.Clear();
  batch_.unit_begin.push_back(0);
  readings_.clear();
  predicting_.clear();
  PlanDrafts();
  AddDecoding();
  if (stats_) {
    const auto decoding = static_cast<int64_t>(active_.size());
    stats_->decode_steps += decoding > 0 ? 1 : 0;
    stats_->decoded_sequences += decoding;
    stats_->draft_tokens += batch_.size() - decoding;
  }
  const int64_t first_reply_row = batch_.size();
  while (!ready_.empty() && static_cast<int64_t>(active_.size()) < options_.max_sequences) {
    const int64_t before = batch_.size() - first_reply_row;
    const auto reply = static_cast<int64_t>(ready_.front().segments.back().tokens.size());
    if (before > 0 && before + 1 + reply > options_.prefill_tokens) break;
    GoOn(std::move(ready_.front()));
    ready_.pop_front();
  }
  if (open_ >= 0 && Room() > 0) {
    predicting_.push_back(kOpenRow);
    AdmitSamples();
  }
  const int64_t first_prompt_row = batch_.size();
  while (Room() > 0 && next_ < expansions_.size()) {
    const int64_t before = batch_.size() - first_reply_row;
    if (before > 0 && before + expansions_[next_].before > options_.prefill_tokens) break;
    AddPath();
    predicting_.push_back(batch_.size() - 1);
    AdmitSamples();
  }
  if (stats_) stats_->prompt_tokens += batch_.size() - first_prompt_row;
  const auto start = std::chrono::steady_clock::now();
  hidden_.Resize(batch_.size() * D);
  Forward(model_, batch_, cache_, workspace_, nullptr, {hidden_.data(), batch_.size(), D});

  const auto R = static_cast<int64_t>(predicting_.size());
  rows_.Resize(R * D);
  for (int64_t i = 0; i < R; ++i) {
    const int64_t row = predicting_[static_cast<size_t>(i)];
    std::copy_n(row == kOpenRow ? open_hidden_.data() : hidden_.data() + row * D, D,
                rows_.data() + i * D);
  }
  // Samples that wait for a slot will need the row of their path again; an expansion opened in
  // this pass has its row last.
  if (open_ >= 0 && batch_.size() > first_prompt_row)
    std::copy_n(rows_.data() + (R - 1) * D, D, open_hidden_.data());
  DrawTokens({rows_.data(), R, D});
  if (R == batch_.size() && batch_.size() == first_reply_row) {
    const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - start;
    drafting_.ObservePass(R, passed.count());
  }
  TakeTokens();
}

// What the running sequences may have drafts for: all but the last token that their limits allow.
void Scheduler::PlanDrafts() {
  seats_.clear();
  if (!drafting_.on()) return;
  for (Active& a : active_) {
    const auto own = static_cast<int64_t>(a.segments.back().tokens.size());
    const int64_t room = std::min(MostTokens(a) - PathLength(a), ExpansionOf(a).max_tokens - own);
    seats_.push_back({.source = &a.source,
                      .key = RequestOf(a).key[static_cast<uint64_t>(a.segments.back().sample)],
                      .offset = Offset(a),
                      .most = room - 1});
  }
  drafting_.Plan(seats_);
}

// The last num_tokens of the batch's tokens go on after what the cache has of `kv`.
void Scheduler::AddRun(int32_t kv, int64_t num_tokens) {
  const int64_t position = cache_.EndPosition(kv);
  cache_.Append(kv, num_tokens, &batch_.slots);
  cache_.AddRun(kv, num_tokens, batch_.size() - num_tokens, nullptr, &batch_.table);
  for (int64_t t = 0; t < num_tokens; ++t)
    batch_.positions.push_back(static_cast<int32_t>(position + t));
  batch_.unit_begin.push_back(batch_.size());
}

// Of every running sequence its last token and the drafts behind it.
void Scheduler::AddDecoding() {
  const size_t n = active_.size();
  run_rows_.resize(n);
  first_row_.resize(n);
  for (size_t i = 0; i < n; ++i)
    run_rows_[i] = 1 + static_cast<int64_t>(drafting_.DraftsOf(i).size());
  DealOut(run_rows_, NumThreads(), &run_order_);
  for (const size_t i : run_order_) {
    first_row_[i] = batch_.size();
    batch_.tokens.push_back(active_[i].last_token);
    for (const DraftToken& draft : drafting_.DraftsOf(i)) batch_.tokens.push_back(draft.token);
    AddRun(active_[i].kv, run_rows_[i]);
  }
  for (size_t i = 0; i < n; ++i) {
    readings_.push_back(
        {.row = static_cast<int64_t>(predicting_.size()), .num_rows = run_rows_[i]});
    for (int64_t t = 0; t < run_rows_[i]; ++t) predicting_.push_back(first_row_[i] + t);
  }
}

// The last token of the policy and the reply to its turn join the batch; a new turn begins.
void Scheduler::GoOn(Active a) {
  const std::vector<int32_t>& reply = a.segments.back().tokens;
  const auto n = 1 + static_cast<int64_t>(reply.size());
  batch_.tokens.push_back(a.last_token);
  batch_.tokens.insert(batch_.tokens.end(), reply.begin(), reply.end());
  AddRun(a.kv, n);
  drafting_.AppendReply(reply, &a.source);
  if (stats_) stats_->reply_tokens += n - 1;
  a.length += n - 1;
  a.segments.push_back({.author = Author::kPolicy, .sample = a.segments.front().sample});
  a.tail.clear();
  ++a.turn;
  predicting_.push_back(batch_.size() - 1);
  readings_.push_back({.row = static_cast<int64_t>(predicting_.size()) - 1});
  active_.push_back(std::move(a));
}

// Opens the next expansion: its parent's path joins the batch, as one run of tokens.
void Scheduler::AddPath() {
  open_ = static_cast<int64_t>(next_++);
  SkipCancelled();
  open_sample_ = 0;
  Growing& e = expansions_[static_cast<size_t>(open_)];
  e.first_grown = static_cast<int64_t>(grown_.size());
  const Tree& tree = TreeOf(e);
  e.kv = cache_.AddSegment(-1);
  for (const int32_t s : tree.Path(e.parent)) {
    const auto& tokens = tree.segments[static_cast<size_t>(s)].tokens;
    batch_.tokens.insert(batch_.tokens.end(), tokens.begin(), tokens.end());
  }
  AddRun(e.kv, e.before);
}

// Gives the free slots to samples of the open expansion, which draw from the last of predicting_.
void Scheduler::AdmitSamples() {
  const Growing& e = expansions_[static_cast<size_t>(open_)];
  const Tree& tree = TreeOf(e);
  for (; open_sample_ < e.num_samples && Room() > 0; ++open_sample_) {
    Active a;
    a.expansion = open_;
    a.grown = static_cast<int64_t>(grown_.size());
    a.kv = cache_.AddSegment(e.kv);
    if (!options_.stop.empty()) a.tail = ResponseTail(tree, e.parent);
    --to_admit_;
    grown_.emplace_back();
    ended_.emplace_back();
    a.segments.push_back({.author = Author::kPolicy, .sample = e.first_sample + open_sample_});
    a.source = drafting_.Begin(e.request, e.parent);
    active_.push_back(std::move(a));
    readings_.push_back({.row = static_cast<int64_t>(predicting_.size()) - 1});
  }
  if (open_sample_ == e.num_samples) open_ = -1;
}

// The bytes of the response so far in which a stop string may have begun.
std::string Scheduler::ResponseTail(const Tree& tree, int32_t parent) const {
  std::string bytes;
  for (const int32_t s : tree.Path(parent)) {
    const Segment& segment = tree.segments[static_cast<size_t>(s)];
    if (segment.author != Author::kPolicy) continue;
    for (const int32_t token : segment.tokens) bytes += tokenizer_.TokenBytes(token);
  }
  if (bytes.size() > longest_stop_) bytes.erase(0, bytes.size() - longest_stop_);
  return bytes;
}

}  // namespace rlvr
