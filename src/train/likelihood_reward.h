// Rewards without a verifier: how likely the policy finds the reference answer a* after its own
// reasoning z. arXiv:2602.03979 (logp), and its relatives VeriFree (prob), RLPR (mean_prob) and
// JEPO (jepo). The reward depends on theta, so that J = E_z[R] has a second gradient term:
//   grad J = E_z[R grad log pi(z | x) + grad R]
// The first is the policy loss on the tokens of z; the second is added here, a supervised term on
// the answer's tokens. The context that is scored (prompt, z, a*) is not the one that was sampled
// (prompt, z, the policy's own answer): trees of their own hold it.
//
// z is the response up to and with the last `marker`; the policy's own answer behind it is masked
// from the loss. A response without the marker is z as a whole, and gets the marker on a line of
// its own before a*.
#ifndef RLVR_TRAIN_LIKELIHOOD_REWARD_H_
#define RLVR_TRAIN_LIKELIHOOD_REWARD_H_
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "data/data.h"
#include "text/tokenizer.h"
#include "train/recipe.h"
#include "train/update.h"

namespace rlvr {

// The rewards of one group's G reasonings and their slopes, from logp [G][n], of the answer's
// tokens. With p_i = exp(sum_t logp_it):
//   logp       R_i = log p_i            dR_i/dlogp_it = 1
//   mean_logp  R_i = log p_i / n        1 / n
//   prob       R_i = p_i                p_i
//   mean_prob  R_i = mean_t exp(logp)   exp(logp_it) / n
//   jepo       R_i = log mean_j p_j - log mean_{j != i} p_j, of which only the first term has a
//              gradient, and it belongs to the group: G times its slope, p_i / sum_j p_j, so that
//              a mean over responses is a mean over groups. A group of one has no second term.
struct LikelihoodGroup {
  std::vector<double> reward;              // [G]
  std::vector<std::vector<double>> slope;  // [G][n]
};
LikelihoodGroup LikelihoodOf(const std::string& kind, const std::vector<std::vector<double>>& logp);

// What follows the last marker, or all of it; trimmed.
std::string AnswerPart(const std::string& text, const std::string& marker);

// What of a response is reasoning, and what is scored after it.
struct Continuation {
  int64_t kept = 0;             // tokens of the response that are z
  std::vector<int32_t> answer;  // tokens of a*, ended by eos if >= 0
  bool marked = false;          // the response has the marker
};
Continuation ContinueWith(const Tokenizer& tokenizer, std::span<const int32_t> response,
                          const std::string& marker, const std::string& answer, int32_t eos);

class LikelihoodReward {
 public:
  // eos: that ends an answer; -1: nothing does. temperature: of the log-probs.
  LikelihoodReward(const LikelihoodRewardSettings& settings, const Tokenizer* tokenizer,
                   int32_t eos, float temperature, int64_t micro_batch_tokens);

  // For a batch of groups before it trains: adds coefficient R_i to rows.reward and masks what is
  // not z. The batch stays until the next call. Returns terms of likelihood/reward (mean R),
  // likelihood/answer_logp (mean log p), likelihood/answer_tokens, likelihood/marked (share).
  std::vector<MetricTerm> Reward(TreePasses* passes, std::span<const Prompt> prompts,
                                 std::span<const Tree* const> trees, Rows* rows);

  // Adds the gradient of -gradient coefficient mean_i R_i over the responses of the batch's groups
  // [begin, end), at the weights as they are. Bits do not depend on micro-batches or threads.
  void AddGradient(TreePasses* passes, int64_t begin, int64_t end, Gradient* gradient) const;

 private:
  Tree ScoringTree(const Prompt& prompt, const Tree& tree,
                   std::vector<Continuation>* continuations) const;

  LikelihoodRewardSettings settings_;
  const Tokenizer* tokenizer_;
  int32_t eos_;
  float temperature_;
  int64_t micro_batch_tokens_;
  std::vector<Tree> scoring_;  // of the batch
};

}  // namespace rlvr
#endif  // RLVR_TRAIN_LIKELIHOOD_REWARD_H_
