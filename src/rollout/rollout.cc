// Continuous batching. Everything about a sample follows from its own path and key, so the order of
// admission and the size of the batch change speed, not samples.
#include "rollout/rollout.h"

#include <algorithm>
#include <chrono>

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
        left_(requests_.size()) {
    for (const auto& stop : options_.stop) longest_stop_ = std::max(longest_stop_, stop.size());
    for (size_t i = 0; i < requests_.size(); ++i) {
      const RolloutRequest& r = requests_[i];
      RLVR_CHECK(r.tree.segments.size() == 1 && r.num_samples >= 1);
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
    size_t next = 0;
    while (next < requests_.size() || !active_.empty()) {
      if (options_.interruptible && InterruptRequested())
        throw Interrupted("stopped while sampling");
      next = Admit(next);
      if (!active_.empty()) DecodeStep();
    }
    if (stats_) {
      stats_->seconds +=
          std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
      stats_->kv_bytes = std::max(stats_->kv_bytes, cache_.bytes());
    }
    std::vector<Tree> trees;
    for (auto& r : requests_) trees.push_back(std::move(r.tree));
    return trees;
  }

 private:
  // Prefills whole groups while there is room, and draws every sample's first token from the
  // prompt's last row.
  size_t Admit(size_t next) {
    const int64_t room = options_.max_sequences - static_cast<int64_t>(active_.size());
    // A group larger than max_sequences still has to start once nothing else runs.
    if (next >= requests_.size() || (room < requests_[next].num_samples && !active_.empty()))
      return next;
    batch_.Clear();
    std::vector<size_t> admitted;
    std::vector<int64_t> last_rows;
    int64_t samples = 0;
    while (next < requests_.size()) {
      RolloutRequest& r = requests_[next];
      const auto n = static_cast<int64_t>(r.tree.segments[0].tokens.size());
      if (!admitted.empty() &&
          (samples + r.num_samples > room || batch_.size() + n > options_.prefill_tokens))
        break;
      const int32_t kv = cache_.AddSegment(-1);
      root_kv_[next] = kv;
      const int64_t row = batch_.size();
      cache_.Append(kv, n, &batch_.slots);
      for (int64_t t = 0; t < n; ++t) {
        batch_.tokens.push_back(r.tree.segments[0].tokens[t]);
        batch_.positions.push_back(static_cast<int32_t>(t));
      }
      cache_.AddRun(kv, n, row, nullptr, &batch_.table);
      last_rows.push_back(row + n - 1);
      samples += r.num_samples;
      admitted.push_back(next++);
    }
    if (stats_) stats_->prompt_tokens += batch_.size();
    RunModel();
    const int64_t D = model_.config().hidden_size;
    AlignedBuffer<float> last(static_cast<int64_t>(admitted.size()) * D);
    for (size_t i = 0; i < admitted.size(); ++i) {
      std::copy_n(hidden_.data() + last_rows[i] * D, D, last.data() + static_cast<int64_t>(i) * D);
    }
    std::vector<int64_t> row_of;  // row of logits of each new sequence
    const size_t first_new = active_.size();
    for (size_t i = 0; i < admitted.size(); ++i) {
      RolloutRequest& r = requests_[admitted[i]];
      for (int s = 0; s < r.num_samples; ++s) {
        Active a;
        a.request = static_cast<int64_t>(admitted[i]);
        a.segment = static_cast<int32_t>(r.tree.segments.size());
        a.kv = cache_.AddSegment(root_kv_[admitted[i]]);
        r.tree.segments.push_back({.parent = 0, .author = Author::kPolicy, .sample = s});
        r.tree.leaves.push_back({.segment = a.segment});
        active_.push_back(std::move(a));
        row_of.push_back(static_cast<int64_t>(i));
      }
    }
    SampleRows({last.data(), static_cast<int64_t>(admitted.size()), D}, row_of, first_new);
    return next;
  }

  void DecodeStep() {
    batch_.Clear();
    std::vector<int64_t> row_of(active_.size());
    for (size_t i = 0; i < active_.size(); ++i) {
      Active& a = active_[i];
      row_of[i] = static_cast<int64_t>(i);
      batch_.tokens.push_back(a.last_token);
      batch_.positions.push_back(static_cast<int32_t>(cache_.EndPosition(a.kv)));
      cache_.Append(a.kv, 1, &batch_.slots);
      cache_.AddRun(a.kv, 1, static_cast<int64_t>(i), nullptr, &batch_.table);
    }
    RunModel();
    if (stats_) ++stats_->decode_steps;
    SampleRows({hidden_.data(), batch_.size(), model_.config().hidden_size}, row_of, 0);
  }

  void RunModel() {
    const int64_t D = model_.config().hidden_size;
    hidden_.Resize(batch_.size() * D);
    Forward(model_, batch_, cache_, workspace_, nullptr, {hidden_.data(), batch_.size(), D});
  }

  // Draws one token for active_[first + i] from the logits of hidden row row_of[i] (rising).
  void SampleRows(View<const float> hidden, const std::vector<int64_t>& row_of, size_t first) {
    const int64_t V = model_.config().vocab_size;
    const int64_t chunk = std::clamp<int64_t>((int64_t{8} << 20) / V, 16, 1024);
    draws_.resize(row_of.size());
    for (int64_t begin = 0; begin < hidden.rows; begin += chunk) {
      const int64_t end = std::min(begin + chunk, hidden.rows);
      logits_.Resize((end - begin) * V);
      const View<float> logits(logits_.data(), end - begin, V);
      HeadLogits(model_, hidden.Rows(begin, end), logits);
      const auto from = std::lower_bound(row_of.begin(), row_of.end(), begin) - row_of.begin();
      const auto to = std::lower_bound(row_of.begin(), row_of.end(), end) - row_of.begin();
      ParallelFor(to - from, 1, [&](int64_t b, int64_t e) {
        thread_local std::vector<float> scratch;
        for (int64_t i = from + b; i < from + e; ++i) {
          const Active& a = active_[first + static_cast<size_t>(i)];
          const Segment& segment = requests_[a.request].tree.segments[a.segment];
          const double uniform =
              requests_[a.request].key[static_cast<uint64_t>(segment.sample)].Uniform(
                  segment.tokens.size());
          draws_[i] = SampleToken({logits.row(row_of[i] - begin), static_cast<size_t>(V)},
                                  options_.sampling, uniform, &scratch);
        }
      });
    }
    // Finished sequences leave; the rest keep their order.
    size_t kept = first;
    for (size_t i = 0; i < row_of.size(); ++i) {
      Active& a = active_[first + i];
      if (Take(draws_[i], &a)) {
        cache_.Release(a.kv);
        if (--left_[a.request] == 0) cache_.Release(root_kv_[a.request]);
        if (progress_) progress_(++finished_, total_leaves_);
      } else {
        if (kept != first + i) active_[kept] = std::move(a);
        ++kept;
      }
    }
    active_.resize(kept);
    if (stats_) stats_->sampled_tokens += static_cast<int64_t>(row_of.size());
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
  AlignedBuffer<float> hidden_, logits_;
  std::vector<Draw> draws_;
  std::vector<Active> active_;
  std::vector<int32_t> root_kv_;
  std::vector<int64_t> left_;  // samples of each request that still run
  size_t longest_stop_ = 0;
  int64_t finished_ = 0, total_leaves_ = 0;
};

}  // namespace

std::vector<Tree> Rollout(const Model& model, const Tokenizer& tokenizer,
                          const RolloutOptions& options, std::vector<RolloutRequest> requests,
                          RolloutStats* stats,
                          const std::function<void(int64_t, int64_t)>& progress) {
  RLVR_CHECK(options.max_tokens >= 1 && options.max_sequences >= 1 && options.prefill_tokens >= 1);
  return Scheduler(model, tokenizer, options, std::move(requests), stats, progress).Run();
}

}  // namespace rlvr
