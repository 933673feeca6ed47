// Continuous batching over requests that come and go: one thread owns the model's cache; every pass
// through the model has the next token of all running sequences and a piece of the prompts that
// wait. Read generation.h first.
#ifndef RLVR_SERVE_ENGINE_H_
#define RLVR_SERVE_ENGINE_H_
#include <cstdint>
#include <memory>
#include <vector>

#include "model/model.h"
#include "serve/generation.h"
#include "text/tokenizer.h"

namespace rlvr {

struct EngineOptions {
  int64_t max_sequences = 64;  // that have a place in the cache
  int64_t max_waiting = 256;   // sequences whose turn has not come
  int64_t prefill_tokens =
      512;  // most prompt tokens in one pass, so that others' tokens keep coming
};

struct EngineStats {
  int64_t running = 0, waiting = 0;  // sequences, now
  int64_t prompt_tokens = 0, sampled_tokens = 0, passes = 0;
  int64_t most_running = 0;
  int64_t cache_pages = 0;  // in use now
};

class Engine {
 public:
  // The model (with packed weights) and the tokenizer must outlive it. While it lives, nobody else
  // may call ParallelFor.
  Engine(const Model& model, const Tokenizer& tokenizer, const EngineOptions& options);
  ~Engine();  // Stop()

  // Queues all of them or none: null if there is no room now. Same events per sample, bit for bit,
  // whatever else runs. Requests must be valid: token ids, prompt + max_tokens within the model's
  // context, num_samples <= max_sequences, all samples together <= max_waiting.
  std::shared_ptr<Generation> Submit(std::vector<GenerationRequest> requests);
  // Fails what is left. Submit returns null from now on.
  void Stop();
  bool stopped() const;

  EngineStats stats() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace rlvr
#endif  // RLVR_SERVE_ENGINE_H_
