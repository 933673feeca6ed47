// Everything about a sample follows from its prompt and key, so who runs beside it changes its
// speed only.
#include "serve/engine.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

#include "base/error.h"
#include "base/thread_pool.h"
#include "model/head.h"
#include "serve/text_stream.h"
#include "tensor/row_stats.h"

namespace rlvr {
namespace {

TokenScore Score(std::span<const float> logits, int32_t token, int num_top) {
  const RowStats stats = ComputeRowStats(logits, 1.0f);
  TokenScore score{.token = token,
                   .logp = RowLogProb(stats, logits[static_cast<size_t>(token)], 1.0f)};
  std::vector<int32_t> ids;  // the likeliest so far, falling
  const auto likelier = [&](int32_t a, int32_t b) {
    const float x = logits[static_cast<size_t>(a)], y = logits[static_cast<size_t>(b)];
    return x > y || (x == y && a < b);
  };
  for (int32_t id = 0; num_top > 0 && id < static_cast<int32_t>(logits.size()); ++id) {
    const bool full = static_cast<int>(ids.size()) == num_top;
    if (full && !likelier(id, ids.back())) continue;
    if (full) ids.pop_back();
    ids.insert(std::upper_bound(ids.begin(), ids.end(), id, likelier), id);
  }
  for (const int32_t id : ids)
    score.top.emplace_back(id, RowLogProb(stats, logits[static_cast<size_t>(id)], 1.0f));
  return score;
}

}  // namespace

struct Engine::Impl {
  // A prompt with its samples: waits, is prefilled, then its samples run.
  struct Job {
    GenerationRequest request;
    int index = 0;  // in the submission
    std::shared_ptr<Generation> generation;
    int32_t kv = -1;
    int64_t prefilled = 0;
    std::vector<TokenScore> prompt_scores;
    int left = 0;  // samples that still need the prompt's keys and values

    int64_t prompt_length() const { return static_cast<int64_t>(request.prompt.size()); }
  };

  struct Sequence {
    std::shared_ptr<Job> job;
    int sample = 0;
    int32_t kv = -1;
    int32_t last_token = 0;  // sampled, not yet run through the model
    int64_t length = 0;      // sampled tokens
    TextStream text;
  };

  // One thing to read off a row of logits: a prompt token's score, or a sequence's next token.
  struct Reading {
    int64_t row = 0;        // of the rows that are read, rising
    Job* scored = nullptr;  // whose prompt token `target` the row predicts
    int32_t target = 0;
    int64_t sequence = -1;  // index in running_
    Draw draw;
    TokenScore score;
  };

  Impl(const Model& model, const Tokenizer& tokenizer, const EngineOptions& options)
      : model_(model),
        tokenizer_(tokenizer),
        options_(options),
        cache_(model.config(), model.compute()),
        thread_([this] { Run(); }) {}

  void Run() {
    while (WaitForWork()) {
      try {
        DropCancelled();
        if (!prefilling_.empty() || !running_.empty()) Pass();
      } catch (const std::exception& e) {
        FailAll(e.what());
      }
      Deliver();
    }
    FailAll("the server is shutting down");
    Deliver();
  }

  // Takes in waiting jobs, in order, as far as there are places. False: stop.
  bool WaitForWork() {
    std::unique_lock lock(mutex_);
    work_.wait(lock, [this] {
      return stop_ || !waiting_.empty() || !prefilling_.empty() || !running_.empty();
    });
    if (stop_) return false;
    std::erase_if(waiting_, [this](const std::shared_ptr<Job>& job) {
      if (!job->generation->cancelled()) return false;
      num_waiting_ -= job->request.num_samples;
      return true;
    });
    while (!waiting_.empty()) {
      const std::shared_ptr<Job>& job = waiting_.front();
      if (places_ + job->request.num_samples > options_.max_sequences) break;
      places_ += job->request.num_samples;
      num_waiting_ -= job->request.num_samples;
      prefilling_.push_back(job);
      waiting_.pop_front();
    }
    counted_.most_running = std::max(counted_.most_running, places_);
    return true;
  }

  void Leave(const Sequence& s) {
    cache_.Release(s.kv);
    --places_;
    if (--s.job->left == 0) cache_.Release(s.job->kv);
  }

  void DropCancelled() {
    std::erase_if(prefilling_, [&](const std::shared_ptr<Job>& job) {
      if (!job->generation->cancelled()) return false;
      if (job->kv >= 0) cache_.Release(job->kv);
      places_ -= job->request.num_samples;
      return true;
    });
    std::erase_if(running_, [&](const Sequence& s) {
      if (!s.job->generation->cancelled()) return false;
      Leave(s);
      return true;
    });
  }

  // One pass through the model, and what its rows predict.
  void Pass() {
    batch_.Clear();
    predicting_.clear();
    readings_.clear();
    for (size_t i = 0; i < running_.size(); ++i) {
      Sequence& s = running_[i];
      readings_.push_back(
          {.row = static_cast<int64_t>(predicting_.size()), .sequence = static_cast<int64_t>(i)});
      predicting_.push_back(batch_.size());
      AddRun(s.kv, {&s.last_token, 1});
    }
    int64_t room = options_.prefill_tokens;
    prefilled_.clear();
    for (const std::shared_ptr<Job>& job : prefilling_) {
      if (room <= 0) break;
      room -= Prefill(*job, room);
      if (job->prefilled == job->prompt_length()) prefilled_.push_back(job);
      Predict(job);
    }
    std::erase_if(prefilling_, [](const std::shared_ptr<Job>& job) {
      return job->prefilled == job->prompt_length();
    });

    const int64_t D = model_.config().hidden_size;
    hidden_.Resize(batch_.size() * D);
    Forward(model_, batch_, cache_, workspace_, nullptr, {hidden_.data(), batch_.size(), D});
    const auto R = static_cast<int64_t>(predicting_.size());
    rows_.Resize(R * D);
    for (int64_t i = 0; i < R; ++i)
      std::copy_n(hidden_.data() + predicting_[static_cast<size_t>(i)] * D, D,
                  rows_.data() + i * D);
    Read({rows_.data(), R, D});
    Tell();
    counted_.prompt_tokens += options_.prefill_tokens - room;
    ++counted_.passes;
  }

  // Tokens at the end of a segment join the batch.
  void AddRun(int32_t kv, std::span<const int32_t> tokens) {
    const int64_t position = cache_.EndPosition(kv);
    const auto n = static_cast<int64_t>(tokens.size());
    cache_.Append(kv, n, &batch_.slots);
    cache_.AddRun(kv, n, batch_.size(), nullptr, &batch_.table);
    batch_.tokens.insert(batch_.tokens.end(), tokens.begin(), tokens.end());
    for (int64_t t = 0; t < n; ++t) batch_.positions.push_back(static_cast<int32_t>(position + t));
  }

  // The next piece of the prompt, with its scores if they are wanted. Returns its tokens.
  int64_t Prefill(Job& job, int64_t room) {
    if (job.kv < 0) {
      job.kv = cache_.AddSegment(-1);
      job.left = job.request.num_samples;
    }
    const int64_t first_row = batch_.size();
    const int64_t n = std::min(room, job.prompt_length() - job.prefilled);
    AddRun(job.kv, std::span(job.request.prompt)
                       .subspan(static_cast<size_t>(job.prefilled), static_cast<size_t>(n)));
    for (int64_t t = 0; t < n && job.request.score_prompt; ++t) {
      const int64_t next = job.prefilled + t + 1;
      if (next == job.prompt_length()) break;
      readings_.push_back({.row = static_cast<int64_t>(predicting_.size()),
                           .scored = &job,
                           .target = job.request.prompt[static_cast<size_t>(next)]});
      predicting_.push_back(first_row + t);
    }
    job.prefilled += n;
    return n;
  }

  // Once its whole prompt is in the batch, all of a job's samples draw from the last row.
  void Predict(const std::shared_ptr<Job>& job) {
    if (job->prefilled < job->prompt_length() || job->request.max_tokens == 0) return;
    for (int i = 0; i < job->request.num_samples; ++i) {
      readings_.push_back({.row = static_cast<int64_t>(predicting_.size()),
                           .sequence = static_cast<int64_t>(running_.size())});
      running_.push_back({.job = job,
                          .sample = i,
                          .kv = cache_.AddSegment(job->kv),
                          .text = TextStream(tokenizer_, job->request.stop)});
    }
    predicting_.push_back(batch_.size() - 1);
  }

  void Read(View<const float> hidden) {
    const int64_t V = model_.config().vocab_size;
    const int64_t chunk = std::clamp<int64_t>((int64_t{8} << 20) / V, 16, 1024);
    for (int64_t begin = 0; begin < hidden.rows; begin += chunk) {
      const int64_t end = std::min(begin + chunk, hidden.rows);
      logits_.Resize((end - begin) * V);
      const View<float> logits(logits_.data(), end - begin, V);
      HeadLogits(model_, hidden.Rows(begin, end), logits);
      const auto at = [&](int64_t row) {
        return std::lower_bound(readings_.begin(), readings_.end(), row,
                                [](const Reading& r, int64_t x) { return r.row < x; }) -
               readings_.begin();
      };
      const int64_t from = at(begin), to = at(end);
      ParallelFor(to - from, 1, [&](int64_t b, int64_t e) {
        for (int64_t i = from + b; i < from + e; ++i) {
          Reading& r = readings_[static_cast<size_t>(i)];
          ReadRow({logits.row(r.row - begin), static_cast<size_t>(V)}, &r);
        }
      });
    }
  }

  void ReadRow(std::span<const float> logits, Reading* r) const {
    if (r->scored != nullptr) {
      r->score = Score(logits, r->target, r->scored->request.top_logprobs);
      return;
    }
    thread_local std::vector<float> scratch;
    const Sequence& s = running_[static_cast<size_t>(r->sequence)];
    const GenerationRequest& request = s.job->request;
    const RandomKey key = request.key[static_cast<uint64_t>(s.sample)];
    r->draw = SampleToken(logits, request.sampling, key.Uniform(static_cast<uint64_t>(s.length)),
                          &scratch);
    r->score.token = r->draw.token;
    if (request.top_logprobs >= 0) r->score = Score(logits, r->draw.token, request.top_logprobs);
  }

  // Sends what was read; finished sequences leave, the rest keep their order.
  void Tell() {
    for (Reading& r : readings_)
      if (r.scored != nullptr) r.scored->prompt_scores.push_back(std::move(r.score));
    for (const std::shared_ptr<Job>& job : prefilled_) {
      if (job->request.score_prompt)
        Post(*job, {.request = job->index, .prompt_scores = std::move(job->prompt_scores)});
      if (job->request.max_tokens > 0) continue;
      for (int i = 0; i < job->request.num_samples; ++i)
        Post(*job, {.request = job->index, .sample = i, .finish = Finish::kLength});
      places_ -= job->request.num_samples;
      cache_.Release(job->kv);
    }
    prefilled_.clear();
    ended_.assign(running_.size(), false);
    for (Reading& r : readings_) {
      if (r.scored == nullptr)
        ended_[static_cast<size_t>(r.sequence)] =
            Take(&running_[static_cast<size_t>(r.sequence)], std::move(r.score));
    }
    size_t kept = 0;
    for (size_t i = 0; i < running_.size(); ++i) {
      if (ended_[i]) {
        Leave(running_[i]);
      } else {
        if (kept != i) running_[kept] = std::move(running_[i]);
        ++kept;
      }
    }
    running_.erase(running_.begin() + static_cast<int64_t>(kept), running_.end());
  }

  // True if the sequence has ended.
  bool Take(Sequence* s, TokenScore score) {
    const int32_t token = score.token;
    const GenerationRequest& request = s->job->request;
    GenerationEvent event{.request = s->job->index, .sample = s->sample, .token = std::move(score)};
    s->last_token = token;
    ++s->length;
    ++counted_.sampled_tokens;
    const auto& eos = model_.config().eos_token_ids;
    if (std::find(eos.begin(), eos.end(), token) != eos.end()) {
      event.finish = Finish::kStop;
    } else {
      event.text = s->text.Push(token);
      if (!s->text.stopped() && s->length == request.max_tokens) event.finish = Finish::kLength;
    }
    // What was held back may still have a stop string, now that its last character is known.
    if (event.finish && !s->text.stopped()) event.text += s->text.Flush();
    if (s->text.stopped()) event.finish = Finish::kStop;
    const bool ended = event.finish.has_value();
    Post(*s->job, std::move(event));
    return ended;
  }

  void Post(const Job& job, GenerationEvent event) {
    outbox_.emplace_back(job.generation, std::move(event));
  }

  void FailAll(const std::string& error) {
    for (const auto& job : prefilling_) failed_.push_back(job->generation);
    for (const auto& job : prefilled_) failed_.push_back(job->generation);
    for (const Sequence& s : running_) failed_.push_back(s.job->generation);
    prefilling_.clear();
    prefilled_.clear();
    running_.clear();
    cache_.Clear();
    places_ = 0;
    error_ = error;
    const std::lock_guard lock(mutex_);
    if (!stop_) return;
    for (const auto& job : waiting_) failed_.push_back(job->generation);
    waiting_.clear();
    num_waiting_ = 0;
  }

  // Clients hear of a pass once it is over: who is told of its end has left its place.
  void Deliver() {
    counted_.running = places_;
    counted_.cache_pages = cache_.pages_in_use();
    {
      const std::lock_guard lock(mutex_);
      stats_ = counted_;
    }
    for (auto& [generation, event] : outbox_) generation->Post(std::move(event));
    for (const auto& generation : failed_) generation->Fail(error_);
    outbox_.clear();
    failed_.clear();
  }

  std::shared_ptr<Generation> Submit(std::vector<GenerationRequest> requests) {
    int64_t samples = 0;
    for (const GenerationRequest& r : requests) {
      RLVR_CHECK(!r.prompt.empty() && r.num_samples >= 1 && r.max_tokens >= 0 &&
                 r.num_samples <= options_.max_sequences &&
                 static_cast<int64_t>(r.prompt.size()) + r.max_tokens <=
                     model_.config().context_length())
          << r.prompt.size() << " " << r.num_samples << " " << r.max_tokens;
      RLVR_CHECK(!r.score_prompt || r.top_logprobs >= 0);
      samples += r.num_samples;
    }
    auto generation = std::make_shared<Generation>(static_cast<int>(samples));
    const std::lock_guard lock(mutex_);
    if (stop_ || num_waiting_ + samples > options_.max_waiting) return nullptr;
    num_waiting_ += samples;
    for (size_t i = 0; i < requests.size(); ++i) {
      auto job = std::make_shared<Job>();
      job->request = std::move(requests[i]);
      job->index = static_cast<int>(i);
      job->generation = generation;
      waiting_.push_back(std::move(job));
    }
    work_.notify_one();
    return generation;
  }

  const Model& model_;
  const Tokenizer& tokenizer_;
  const EngineOptions options_;

  mutable std::mutex mutex_;  // of the next five
  std::condition_variable work_;
  bool stop_ = false;
  std::deque<std::shared_ptr<Job>> waiting_;
  int64_t num_waiting_ = 0;
  EngineStats stats_;

  // The engine's thread alone:
  KvCache cache_;
  Workspace workspace_;
  TokenBatch batch_;
  AlignedBuffer<float> hidden_, rows_, logits_;
  std::vector<int64_t> predicting_;  // [R] rows of hidden_ that are read
  std::vector<Reading> readings_;
  std::vector<std::shared_ptr<Job>> prefilling_, prefilled_;
  std::vector<Sequence> running_;
  std::vector<bool> ended_;  // [running_]
  int64_t places_ = 0;       // taken by prefilling_ and running_
  EngineStats counted_;
  std::vector<std::pair<std::shared_ptr<Generation>, GenerationEvent>> outbox_;
  std::vector<std::shared_ptr<Generation>> failed_;
  std::string error_;  // theirs

  std::thread thread_;  // the last: it starts at once
};

Engine::Engine(const Model& model, const Tokenizer& tokenizer, const EngineOptions& options)
    : impl_(std::make_unique<Impl>(model, tokenizer, options)) {}

Engine::~Engine() { Stop(); }

std::shared_ptr<Generation> Engine::Submit(std::vector<GenerationRequest> requests) {
  return impl_->Submit(std::move(requests));
}

void Engine::Stop() {
  {
    const std::lock_guard lock(impl_->mutex_);
    impl_->stop_ = true;
    impl_->work_.notify_one();
  }
  if (impl_->thread_.joinable()) impl_->thread_.join();
}

bool Engine::stopped() const {
  const std::lock_guard lock(impl_->mutex_);
  return impl_->stop_;
}

EngineStats Engine::stats() const {
  const std::lock_guard lock(impl_->mutex_);
  EngineStats stats = impl_->stats_;
  stats.waiting = impl_->num_waiting_;
  return stats;
}

}  // namespace rlvr
