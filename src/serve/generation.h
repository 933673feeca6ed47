// What the engine is asked for and what it sends back: one mailbox per client's request.
#ifndef RLVR_SERVE_GENERATION_H_
#define RLVR_SERVE_GENERATION_H_
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/random.h"
#include "rollout/sampler.h"
#include "tree/tree.h"

namespace rlvr {

// n samples of one prompt. Token t of sample i is drawn with key[i].Uniform(t), as Rollout does.
struct GenerationRequest {
  std::vector<int32_t> prompt;  // at least one token
  int num_samples = 1;
  RandomKey key{0};
  SamplingOptions sampling;
  int64_t max_tokens = 16;  // of each sample; 0: the prompt is only scored
  std::vector<std::string> stop;
  int top_logprobs = -1;      // likeliest tokens beside each token's own log-prob; -1: no scores
  bool score_prompt = false;  // needs top_logprobs >= 0
};

// Log-probs of softmax(z), the model's own, whatever the temperature: the training forward's bits.
struct TokenScore {
  int32_t token = 0;
  float logp = 0;
  std::vector<std::pair<int32_t, float>> top;  // falling, ties by the lower id
};

struct GenerationEvent {
  int request = 0;                        // index in the submission
  int sample = -1;                        // -1: prompt_scores
  std::optional<TokenScore> token;        // that was sampled; logp only where scores are wanted
  std::string text;                       // that may be shown now; whole characters
  std::optional<Finish> finish;           // the sample has ended: its last event
  std::vector<TokenScore> prompt_scores;  // of prompt tokens 1, 2, ...: nothing predicts the first
};

// The mailbox of one submission. The engine writes, the client's thread reads.
class Generation {
 public:
  explicit Generation(int num_samples) : open_(num_samples) {}

  // Waits at most `timeout` for news, and takes it. Throws Error if the engine has failed or
  // stopped.
  std::vector<GenerationEvent> Wait(std::chrono::milliseconds timeout);
  // All samples have ended and their events are taken.
  bool done() const;
  // The client has gone: the engine drops what is left.
  void Cancel() { cancelled_ = true; }
  bool cancelled() const { return cancelled_; }

  // The engine's side.
  void Post(GenerationEvent event);
  void Fail(const std::string& error);

 private:
  mutable std::mutex mutex_;
  std::condition_variable news_;
  std::vector<GenerationEvent> events_;
  std::string error_;
  int open_;
  std::atomic<bool> cancelled_{false};
};

}  // namespace rlvr
#endif  // RLVR_SERVE_GENERATION_H_
