// Everything about a sample follows from its own path and key, so the order of admission and the
// size of the batch change speed, not samples.
#include "rollout/scheduler.h"

#include <algorithm>
#include <chrono>
#include <deque>
#include <map>
#include <memory>
#include <utility>

#include "base/error.h"
#include "base/interrupt.h"
#include "base/thread_pool.h"
#include "model/head.h"
#include "rollout/reply.h"

namespace rlvr {
namespace {

// One trajectory: new segments below the parent of its expansion, one after the other.
struct Active {
  int64_t expansion = 0;
  int64_t grown = 0;              // index in the result
  int32_t kv = -1;                // in the cache: all its segments
  int32_t last_token = 0;         // sampled, not yet run through the model
  std::string tail;               // decoded bytes, for stop strings
  std::vector<Segment> segments;  // the last of them grows; the tree gets them at the end
  int64_t length = 0;             // tokens of the others
  std::unique_ptr<Conversation> other;
  int turn = 0;
};

class Scheduler {
 public:
  Scheduler(const Model& model, const Tokenizer& tokenizer, const RolloutOptions& options,
            std::span<RolloutRequest> requests, std::span<const Expansion> expansions,
            RolloutStats* stats, const std::function<void()>& on_end)
      : model_(model),
        tokenizer_(tokenizer),
        options_(options),
        requests_(requests),
        expansions_(expansions),
        stats_(stats),
        on_end_(on_end),
        cache_(model.config(), model.compute()),
        before_(expansions.size()),
        path_kv_(expansions.size(), -1),
        left_(expansions.size()),
        open_hidden_(model.config().hidden_size),
        replies_(tokenizer) {
    for (const auto& stop : options_.stop) longest_stop_ = std::max(longest_stop_, stop.size());
    for (size_t i = 0; i < expansions_.size(); ++i) {
      const Expansion& e = expansions_[i];
      before_[i] = TreeOf(e).PathLength(e.parent);
      left_[i] = e.num_samples;
      RLVR_CHECK(e.num_samples >= 1 && e.max_tokens >= 1 &&
                 before_[i] < model.config().context_length())
          << e.num_samples << " " << e.max_tokens << " " << before_[i];
    }
  }

  std::vector<Grown> Run() {
    const auto start = std::chrono::steady_clock::now();
    while (MayAdmit() || !active_.empty() || !ready_.empty() || !waiting_.empty()) {
      if (options_.interruptible && InterruptRequested())
        throw Interrupted("stopped while sampling");
      const bool idle = active_.empty() && ready_.empty() && !(MayAdmit() && Room() > 0);
      if (!waiting_.empty()) {
        replies_.LetModelsAnswer(idle ? 0 : static_cast<int64_t>(active_.size() + ready_.size()));
        TakeReplies(/*wait=*/idle);
      }
      if (!idle) Step();
    }
    for (size_t i = 0; i < grown_.size(); ++i) AddToTree(i);
    if (stats_) {
      stats_->seconds +=
          std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
      stats_->kv_bytes = std::max(stats_->kv_bytes, cache_.bytes());
    }
    return std::move(grown_);
  }

 private:
  static constexpr int64_t kOpenRow = -1;  // open_hidden_ instead of a row of this pass

  Tree& TreeOf(const Expansion& e) const { return requests_[static_cast<size_t>(e.request)].tree; }
  bool MayAdmit() const { return next_ < expansions_.size() || open_ >= 0; }

  void AddToTree(size_t i) {
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

  // One pass through the model: the next token of every running sequence, the replies that
  // conversations go on after, and the paths of the expansions whose samples take the free slots.
  // Then one draw for each of them.
  void Step() {
    const int64_t D = model_.config().hidden_size;
    batch_.Clear();
    row_of_.clear();
    predicting_.clear();
    if (stats_ && !active_.empty()) ++stats_->decode_steps;
    for (const Active& a : active_) {
      row_of_.push_back(static_cast<int64_t>(predicting_.size()));
      predicting_.push_back(batch_.size());
      const int64_t position = cache_.EndPosition(a.kv);
      cache_.Append(a.kv, 1, &batch_.slots);
      cache_.AddRun(a.kv, 1, batch_.size(), nullptr, &batch_.table);
      batch_.tokens.push_back(a.last_token);
      batch_.positions.push_back(static_cast<int32_t>(position));
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
      if (before > 0 && before + before_[next_] > options_.prefill_tokens) break;
      AddPath();
      predicting_.push_back(batch_.size() - 1);
      AdmitSamples();
    }
    if (stats_) stats_->prompt_tokens += batch_.size() - first_prompt_row;
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
    SampleRows({rows_.data(), R, D});
  }

  // Free slots. A conversation with a reply has its slot again before others do; the cache holds at
  // most twice max_sequences.
  int64_t Room() const {
    const auto live = static_cast<int64_t>(active_.size() + ready_.size());
    return std::min(options_.max_sequences - live,
                    2 * options_.max_sequences - live - static_cast<int64_t>(waiting_.size()));
  }

  // The last token of the policy and the reply to its turn join the batch; a new turn begins.
  void GoOn(Active a) {
    const std::vector<int32_t>& reply = a.segments.back().tokens;
    const auto n = 1 + static_cast<int64_t>(reply.size());
    const int64_t position = cache_.EndPosition(a.kv);
    cache_.Append(a.kv, n, &batch_.slots);
    cache_.AddRun(a.kv, n, batch_.size(), nullptr, &batch_.table);
    batch_.tokens.push_back(a.last_token);
    batch_.tokens.insert(batch_.tokens.end(), reply.begin(), reply.end());
    for (int64_t t = 0; t < n; ++t) batch_.positions.push_back(static_cast<int32_t>(position + t));
    if (stats_) stats_->reply_tokens += n - 1;
    a.length += n - 1;
    a.segments.push_back({.author = Author::kPolicy, .sample = a.segments.front().sample});
    a.tail.clear();
    ++a.turn;
    predicting_.push_back(batch_.size() - 1);
    row_of_.push_back(static_cast<int64_t>(predicting_.size()) - 1);
    active_.push_back(std::move(a));
  }

  // Opens the next expansion: its parent's path joins the batch, as one run of tokens.
  void AddPath() {
    open_ = static_cast<int64_t>(next_++);
    open_sample_ = 0;
    const Expansion& e = expansions_[static_cast<size_t>(open_)];
    const Tree& tree = TreeOf(e);
    const int64_t n = before_[static_cast<size_t>(open_)];
    int32_t& kv = path_kv_[static_cast<size_t>(open_)];
    kv = cache_.AddSegment(-1);
    cache_.Append(kv, n, &batch_.slots);
    cache_.AddRun(kv, n, batch_.size(), nullptr, &batch_.table);
    for (const int32_t s : tree.Path(e.parent)) {
      const auto& tokens = tree.segments[static_cast<size_t>(s)].tokens;
      batch_.tokens.insert(batch_.tokens.end(), tokens.begin(), tokens.end());
    }
    for (int64_t t = 0; t < n; ++t) batch_.positions.push_back(static_cast<int32_t>(t));
  }

  // Gives the free slots to samples of the open expansion, which draw from the last of predicting_.
  void AdmitSamples() {
    const Expansion& e = expansions_[static_cast<size_t>(open_)];
    const Tree& tree = TreeOf(e);
    for (; open_sample_ < e.num_samples && Room() > 0; ++open_sample_) {
      Active a;
      a.expansion = open_;
      a.grown = static_cast<int64_t>(grown_.size());
      a.kv = cache_.AddSegment(path_kv_[static_cast<size_t>(open_)]);
      if (!options_.stop.empty()) a.tail = ResponseTail(tree, e.parent);
      grown_.emplace_back();
      ended_.emplace_back();
      a.segments.push_back({.author = Author::kPolicy, .sample = e.first_sample + open_sample_});
      active_.push_back(std::move(a));
      row_of_.push_back(static_cast<int64_t>(predicting_.size()) - 1);
    }
    if (open_sample_ == e.num_samples) open_ = -1;
  }

  // The bytes of the response so far in which a stop string may have begun.
  std::string ResponseTail(const Tree& tree, int32_t parent) const {
    std::string bytes;
    for (const int32_t s : tree.Path(parent)) {
      const Segment& segment = tree.segments[static_cast<size_t>(s)];
      if (segment.author != Author::kPolicy) continue;
      for (const int32_t token : segment.tokens) bytes += tokenizer_.TokenBytes(token);
    }
    if (bytes.size() > longest_stop_) bytes.erase(0, bytes.size() - longest_stop_);
    return bytes;
  }

  // Draws one token for every active_[i] from the logits of row row_of_[i] (rising).
  void SampleRows(View<const float> hidden) {
    const int64_t V = model_.config().vocab_size;
    const int64_t chunk = std::clamp<int64_t>((int64_t{8} << 20) / V, 16, 1024);
    draws_.resize(row_of_.size());
    for (int64_t begin = 0; begin < hidden.rows; begin += chunk) {
      const int64_t end = std::min(begin + chunk, hidden.rows);
      logits_.Resize((end - begin) * V);
      const View<float> logits(logits_.data(), end - begin, V);
      HeadLogits(model_, hidden.Rows(begin, end), logits);
      const auto from = std::lower_bound(row_of_.begin(), row_of_.end(), begin) - row_of_.begin();
      const auto to = std::lower_bound(row_of_.begin(), row_of_.end(), end) - row_of_.begin();
      ParallelFor(to - from, 1, [&](int64_t b, int64_t e) {
        thread_local std::vector<float> scratch;
        for (int64_t i = from + b; i < from + e; ++i) {
          const Active& a = active_[static_cast<size_t>(i)];
          const Segment& segment = a.segments.back();
          const RolloutRequest& r = RequestOf(a);
          const auto offset = static_cast<uint64_t>(
              PathLength(a) - static_cast<int64_t>(r.tree.segments[0].tokens.size()));
          draws_[i] = SampleToken(
              {logits.row(row_of_[i] - begin), static_cast<size_t>(V)}, options_.sampling,
              r.key[static_cast<uint64_t>(segment.sample)].Uniform(offset), &scratch);
        }
      });
    }
    // Finished sequences leave; the rest keep their order.
    size_t kept = 0;
    for (size_t i = 0; i < row_of_.size(); ++i) {
      Active& a = active_[i];
      if (Take(draws_[i], &a)) {
        if (RequestOf(a).conversation) {
          EndTurn(std::move(a));
        } else {
          EndTrajectory(std::move(a));
        }
      } else {
        if (kept != i) active_[kept] = std::move(a);
        ++kept;
      }
    }
    active_.resize(kept);
    if (stats_) stats_->sampled_tokens += static_cast<int64_t>(row_of_.size());
  }

  const RolloutRequest& RequestOf(const Active& a) const {
    return requests_[static_cast<size_t>(expansions_[static_cast<size_t>(a.expansion)].request)];
  }

  int64_t PathLength(const Active& a) const {
    return before_[static_cast<size_t>(a.expansion)] + a.length +
           static_cast<int64_t>(a.segments.back().tokens.size());
  }

  // Of the path: the model's context, or what a conversation may have.
  int64_t MostTokens(const Active& a) const {
    const int64_t context = model_.config().context_length();
    const RolloutRequest& r = RequestOf(a);
    const int64_t most = options_.conversation.max_tokens;
    if (!r.conversation || most == 0) return context;
    return std::min(context, static_cast<int64_t>(r.tree.segments[0].tokens.size()) + most);
  }

  void EndTrajectory(Active a) {
    cache_.Release(a.kv);
    const auto e = static_cast<size_t>(a.expansion);
    if (--left_[e] == 0) cache_.Release(path_kv_[e]);
    ended_[static_cast<size_t>(a.grown)] = {e, std::move(a.segments)};
    if (on_end_) on_end_();
  }

  // The policy's turn has ended: the other side has the word.
  void EndTurn(Active a) {
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
    const int64_t path = before_[static_cast<size_t>(a.expansion)] + a.length;
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

  void Continue(Active a, NextTurn next) {
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

  void TakeReplies(bool wait) {
    for (auto& [who, next] : replies_.Take(wait)) {
      const auto a = waiting_.find(who);
      Active active = std::move(a->second);
      waiting_.erase(a);
      Continue(std::move(active), std::move(next));
    }
  }

  // Records the token; true if the segment has ended.
  bool Take(const Draw& draw, Active* a) {
    Segment& s = a->segments.back();
    Grown& grown = grown_[static_cast<size_t>(a->grown)];
    grown.finish = Finish::kStop;
    grown.open = false;
    s.tokens.push_back(draw.token);
    s.logp.push_back(draw.logp);
    s.entropy.push_back(draw.entropy);
    if (options_.sampling.departs()) s.sampler_logp.push_back(draw.sampler_logp);
    a->last_token = draw.token;
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

  bool EndsWithStop(int32_t token, Active* a) {
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

  const Model& model_;
  const Tokenizer& tokenizer_;
  const RolloutOptions& options_;
  std::span<RolloutRequest> requests_;
  std::span<const Expansion> expansions_;
  RolloutStats* stats_;
  const std::function<void()>& on_end_;
  struct Trajectory {
    size_t expansion = 0;
    std::vector<Segment> segments;
  };
  std::vector<Grown> grown_;
  std::vector<Trajectory> ended_;  // [grown_]
  KvCache cache_;
  Workspace workspace_;
  TokenBatch batch_;
  AlignedBuffer<float> hidden_, rows_, logits_;
  std::vector<Draw> draws_;
  std::vector<Active> active_;
  std::vector<int64_t> predicting_;  // [R] rows of hidden_ (or kOpenRow) that predict a token
  std::vector<int64_t> row_of_;      // [active] index in predicting_
  std::vector<int64_t> before_;      // tokens of each expansion's path
  std::vector<int32_t> path_kv_;
  std::vector<int64_t> left_;         // samples of each expansion that still run
  size_t next_ = 0;                   // first expansion whose path has not been run
  int64_t open_ = -1;                 // expansion with samples that wait for a slot
  int32_t open_sample_ = 0;           // the first of them
  AlignedBuffer<float> open_hidden_;  // [D] last hidden row of its path
  size_t longest_stop_ = 0;
  std::map<int64_t, Active> waiting_;  // for a reply; by their `grown`
  std::deque<Active> ready_;           // with a reply that has not been run
  ReplyThreads replies_;               // the last: they speak to those that wait
};

}  // namespace

std::vector<Grown> SampleSegments(const Model& model, const Tokenizer& tokenizer,
                                  const RolloutOptions& options, std::span<RolloutRequest> requests,
                                  std::span<const Expansion> expansions, RolloutStats* stats,
                                  const std::function<void()>& on_end) {
  return Scheduler(model, tokenizer, options, requests, expansions, stats, on_end).Run();
}

}  // namespace rlvr
