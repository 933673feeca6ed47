// Model + prompts -> avg@k, pass@k, maj@k with confidence intervals.
#ifndef RLVR_EVAL_EVAL_H_
#define RLVR_EVAL_EVAL_H_
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/random.h"
#include "data/data.h"
#include "env/environment.h"
#include "parallel/communicator.h"
#include "rollout/rollout.h"
#include "verify/verify.h"

namespace rlvr {

// Unbiased pass@k from n samples with c right: 1 - C(n - c, k) / C(n, k). arXiv:2107.03374, Eq. 1.
// 1 <= k <= n.
double PassAtK(int64_t n, int64_t c, int64_t k);
// Majority vote over answers (ties: the one seen first; empty answers do not vote): index of a
// sample with the winning answer, -1 if none.
int64_t MajorityVote(const std::vector<std::string>& answers);

struct Interval {
  double mean = 0, low = 0, high = 0;  // 95 % by the bootstrap over prompts (1000 resamples,
                                       // seeded), since samples of one prompt hang together
};
Interval BootstrapMean(const std::vector<double>& per_prompt, RandomKey key);

struct EvalOptions {
  int k = 16;               // samples per prompt
  std::vector<int> ks;      // of pass_at and maj_at, each at most k; empty: 1, 2, 4, ... up to k
  int64_t max_prompts = 0;  // 0: all
  RolloutOptions rollout;
  // Prompts open conversations, which are judged by their verdicts; null: they are answered in one
  // turn. One that is aborted is not right.
  EnvironmentMaker* environment = nullptr;
  // By data source; empty: VerifierForDataSource.
  std::function<std::unique_ptr<Verifier>(const std::string&)> verifier;
  uint64_t seed = 0;
  bool keep_samples = false;
  // Prompts are dealt out to these, and all have the same result; every one must call.
  Communicator* ranks = &Alone();
};

// Of one prompt's k samples.
struct PromptOutcome {
  int64_t right = 0;
  bool majority_right = false;
};

struct EvalResult {
  int64_t num_prompts = 0;
  int k = 0;
  Interval avg_at_k, pass_at_k, maj_at_k;
  // Of what the policy wrote, all its turns.
  double mean_response_length = 0, clip_ratio = 0, mean_entropy = 0;
  std::map<std::string, Interval> by_source;
  // Unbiased from the k samples: "pass@4", and "maj@4" (eval/coverage.h; beyond 256 samples none).
  std::map<std::string, double> pass_at, maj_at;
  double answer_entropy = 0, distinct_answers = 0;  // means over prompts; nats
  std::vector<PromptOutcome> outcomes;              // [num_prompts]
  std::vector<int64_t> solved;                      // prompts with a right sample, rising
  std::vector<Tree> trees;                          // if keep_samples
  std::vector<Prompt> prompts;                      // beside them
  std::map<std::string, double> conversations;      // ConversationTally::Means, with an environment
  double seconds = 0;
};

// How messages become tokens: EncodeOpening (text/chat.h).
std::vector<int32_t> EncodePrompt(const Tokenizer& tokenizer, const Prompt& prompt);

// Judges every leaf of a tree: verdict, answer, score (the verifier's own, else correct / wrong).
// Returns what the verifier measured of each leaf, by name.
std::vector<std::pair<std::string, double>> JudgeTree(const Tokenizer& tokenizer,
                                                      const Prompt& prompt,
                                                      const Verifier& verifier, double correct,
                                                      double wrong, Tree* tree);

EvalResult Evaluate(const Model& model, const Tokenizer& tokenizer, const PromptSource& prompts,
                    const EvalOptions& options,
                    const std::function<void(int64_t, int64_t)>& progress = {});

}  // namespace rlvr
#endif  // RLVR_EVAL_EVAL_H_
