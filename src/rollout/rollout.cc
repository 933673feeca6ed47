// Continuous batching. Everything about a sample follows from its own path and key, so the order of
// admission and the size of the batch change speed, not samples.
#include "rollout/rollout.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>

#include "base/error.h"
#include "base/interrupt.h"
#include "base/thread_pool.h"
#include "model/head.h"

namespace rlvr {
namespace {

// One sequence being decoded: a child segment of its request's root.
struct Active {
  int64_t request = 0;
  int32_t segment = 0;     // in the request's tree
  int32_t kv = -1;         // in the cache
  int32_t last_token = 0;  // sampled, not yet run through the model
  std::string tail;        // decoded bytes, for stop strings
};

class Scheduler {
 public:
  Scheduler(const Model& model, const Tokenizer& tokenizer, const RolloutOptions& options,
            std::vector<RolloutRequest> requests, RolloutStats* stats,
            const std::function<void(int64_t, int64_t)>& progress)
      : model_(model),
        tokenizer_(tokenizer),
        options_(options),
        requests_(std::move(requests)),
        stats_(stats),
        progress_(progress),
        cache_(model.config(), model.compute()),
        root_kv_(requests_.size(), -1),
        left_(requests_.size()),
        open_hidden_(model.config().hidden_size) {
    for (const auto& stop : options_.stop) longest_stop_ = std::max(longest_stop_, stop.size());
    for (size_t i = 0; i < requests_.size(); ++i) {
      const RolloutRequest& r = requests_[i];
      RLVR_CHECK(r.tree.segments.size() == 1 && r.tree.leaves.empty() && r.num_samples >= 1);
      const auto prompt = static_cast<int64_t>(r.tree.segments[0].tokens.size());
      if (prompt == 0)
        throw Error("prompt " + std::to_string(r.tree.prompt_index), "is empty",
                    "remove it from the data");
      if (prompt + 1 > model.config().max_position_embeddings) {
        throw Error("prompt " + std::to_string(r.tree.prompt_index),
                    "has " + std::to_string(prompt) + " tokens, the model's context is " +
                        std::to_string(model.config().max_position_embeddings),
                    "shorten it or filter the data");
      }
      total_leaves_ += r.num_samples;
      left_[i] = r.num_samples;
    }
  }

  std::vector<Tree> Run() {
    const auto start = std::chrono::steady_clock::now();
    while (next_ < requests_.size() || !active_.empty() || open_ >= 0) {
      if (options_.interruptible && InterruptRequested())
        throw Interrupted("stopped while sampling");
      Step();
    }
    if (stats_) {
      stats_->seconds +=
          std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
      stats_->kv_bytes = std::max(stats_->kv_bytes, cache_.bytes());
    }
    std::vector<Tree> trees;
    trees.reserve(requests_.size());
    for (auto& r : requests_) trees.push_back(std::move(r.tree));
    return trees;
  }

 private:
  static constexpr int64_t kOpenRow = -1;  // open_hidden_ instead of a row of this pass

  // One pass through the model: the next token of every running sequence, and the prompts of the
  // groups whose samples take the free slots. Then one draw for each of them.
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
    if (open_ >= 0 && Room() > 0) {
      predicting_.push_back(kOpenRow);
      AdmitSamples();
    }
    const int64_t first_prompt_row = batch_.size();
    while (Room() > 0 && next_ < requests_.size()) {
      const auto n = static_cast<int64_t>(requests_[next_].tree.segments[0].tokens.size());
      const int64_t before = batch_.size() - first_prompt_row;
      if (before > 0 && before + n > options_.prefill_tokens) break;
      AddPrompt();
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
    // Samples that wait for a slot will need the row of their prompt again; a group opened in this
    // pass has its row last.
    if (open_ >= 0 && batch_.size() > first_prompt_row)
      std::copy_n(rows_.data() + (R - 1) * D, D, open_hidden_.data());
    SampleRows({rows_.data(), R, D});
  }

  int64_t Room() const { return options_.max_sequences - static_cast<int64_t>(active_.size()); }

  // Opens the next group: its prompt joins the batch.
  void AddPrompt() {
    open_ = static_cast<int64_t>(next_++);
    open_sample_ = 0;
    const std::vector<int32_t>& prompt = requests_[open_].tree.segments[0].tokens;
    const auto n = static_cast<int64_t>(prompt.size());
    root_kv_[open_] = cache_.AddSegment(-1);
    cache_.Append(root_kv_[open_], n, &batch_.slots);
    cache_.AddRun(root_kv_[open_], n, batch_.size(), nullptr, &batch_.table);
    for (int64_t t = 0; t < n; ++t) {
      batch_.tokens.push_back(prompt[static_cast<size_t>(t)]);
      batch_.positions.push_back(static_cast<int32_t>(t));
    }
  }

  // Gives the free slots to samples of the open group, which draw from the last of predicting_.
  void AdmitSamples() {
    RolloutRequest& r = requests_[open_];
    for (; open_sample_ < r.num_samples && Room() > 0; ++open_sample_) {
      Active a;
      a.request = open_;
      a.segment = static_cast<int32_t>(r.tree.segments.size());
      a.kv = cache_.AddSegment(root_kv_[open_]);
      r.tree.segments.push_back({.parent = 0, .author = Author::kPolicy, .sample = open_sample_});
      r.tree.leaves.push_back({.segment = a.segment});
      active_.push_back(std::move(a));
      row_of_.push_back(static_cast<int64_t>(predicting_.size()) - 1);
    }
    if (open_sample_ == r.num_samples) open_ = -1;
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
          const Segment& segment = requests_[a.request].tree.segments[a.segment];
          const double uniform =
              requests_[a.request].key[static_cast<uint64_t>(segment.sample)].Uniform(
                  segment.tokens.size());
          draws_[i] = SampleToken({logits.row(row_of_[i] - begin), static_cast<size_t>(V)},
                                  options_.sampling, uniform, &scratch);
        }
      });
    }
    // Finished sequences leave; the rest keep their order.
    size_t kept = 0;
    for (size_t i = 0; i < row_of_.size(); ++i) {
      Active& a = active_[i];
      if (Take(draws_[i], &a)) {
        cache_.Release(a.kv);
        if (--left_[a.request] == 0) cache_.Release(root_kv_[a.request]);
        if (progress_) progress_(++finished_, total_leaves_);
      } else {
        if (kept != i) active_[kept] = std::move(a);
        ++kept;
      }
    }
    active_.resize(kept);
    if (stats_) stats_->sampled_tokens += static_cast<int64_t>(row_of_.size());
  }

  // Records the token; true if the response has ended.
  bool Take(const Draw& draw, Active* a) {
    Tree& tree = requests_[a->request].tree;
    Segment& s = tree.segments[a->segment];
    s.tokens.push_back(draw.token);
    s.logp.push_back(draw.logp);
    s.entropy.push_back(draw.entropy);
    if (options_.sampling.truncates()) s.sampler_logp.push_back(draw.sampler_logp);
    a->last_token = draw.token;
    Leaf& leaf = tree.leaves[static_cast<size_t>(s.sample)];
    const auto& eos = model_.config().eos_token_ids;
    if (std::find(eos.begin(), eos.end(), draw.token) != eos.end() || EndsWithStop(draw.token, a)) {
      leaf.finish = Finish::kStop;
      return true;
    }
    const auto prompt = static_cast<int64_t>(tree.segments[0].tokens.size());
    const auto length = static_cast<int64_t>(s.tokens.size());
    if (length >= options_.max_tokens ||
        prompt + length >= model_.config().max_position_embeddings) {
      leaf.finish = Finish::kLength;
      return true;
    }
    return false;
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
  std::vector<RolloutRequest> requests_;
  RolloutStats* stats_;
  const std::function<void(int64_t, int64_t)>& progress_;
  KvCache cache_;
  Workspace workspace_;
  TokenBatch batch_;
  AlignedBuffer<float> hidden_, rows_, logits_;
  std::vector<Draw> draws_;
  std::vector<Active> active_;
  std::vector<int64_t> predicting_;  // [R] rows of hidden_ (or kOpenRow) that predict a token
  std::vector<int64_t> row_of_;      // [active] index in predicting_
  std::vector<int32_t> root_kv_;
  std::vector<int64_t> left_;         // samples of each request that still run
  size_t next_ = 0;                   // first request whose prompt has not been run
  int64_t open_ = -1;                 // request with samples that wait for a slot
  int open_sample_ = 0;               // the first of them
  AlignedBuffer<float> open_hidden_;  // [D] last hidden row of its prompt
  size_t longest_stop_ = 0;
  int64_t finished_ = 0, total_leaves_ = 0;
};

void Require(bool valid, const char* name, double value, const char* remedy) {
  if (!valid) throw Error("rollout", fmt::format("{} is {}", name, value), remedy);
}

void Validate(const RolloutOptions& o) {
  const auto count = [](const char* name, int64_t n) {
    Require(n >= 1, name, static_cast<double>(n), "give at least 1");
  };
  count("max_tokens", o.max_tokens);
  count("max_sequences", o.max_sequences);
  count("prefill_tokens", o.prefill_tokens);
  const SamplingOptions& s = o.sampling;
  Require(s.temperature >= 0 && std::isfinite(s.temperature), "temperature", s.temperature,
          "give a number above 0, or 0 for greedy");
  Require(s.top_k >= 0, "top_k", s.top_k, "give a count, or 0 for off");
  Require(s.top_p > 0 && s.top_p <= 1, "top_p", s.top_p, "give a share above 0; 1 is off");
  Require(s.min_p >= 0 && s.min_p <= 1, "min_p", s.min_p, "give a share; 0 is off");
  for (const auto& stop : o.stop) {
    if (stop.empty()) throw Error("rollout", "a stop string is empty", "remove it");
  }
}

}  // namespace

std::vector<Tree> Rollout(const Model& model, const Tokenizer& tokenizer,
                          const RolloutOptions& options, std::vector<RolloutRequest> requests,
                          RolloutStats* stats,
                          const std::function<void(int64_t, int64_t)>& progress) {
  Validate(options);
  return Scheduler(model, tokenizer, options, std::move(requests), stats, progress).Run();
}

}  // namespace rlvr
