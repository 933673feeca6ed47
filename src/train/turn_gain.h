// A reward for every turn of a conversation but the last: how much likelier the policy finds the
// reference answer after the turn and what it brought, than before it. IGPO, arXiv:2510.14967, Eq. 3
// and 4:
//   pi_t = exp(1/L sum_j log pi(a_j | x, o_<=t, a_<j))     gold answer a of L tokens
//   r_t  = pi_t - pi_{t-1},  1 <= t < T                    pi_0: after the prompt alone
// o_<=t holds the policy's turns and the other side's replies up to the reply to turn t; the answer
// is scored as the next turn, behind `marker`, whose tokens are not scored (the paper's template
// around its answer). kind logp (released code): the difference of the mean log-probs instead. The
// reward is a number, not a term of the gradient: the policy is not trained on the answer. The last
// turn has the outcome (advantage igpo).
#ifndef RLVR_TRAIN_TURN_GAIN_H_
#define RLVR_TRAIN_TURN_GAIN_H_
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "data/data.h"
#include "text/tokenizer.h"
#include "train/recipe.h"
#include "train/update.h"

namespace rlvr {

// r_1 .. r_{T-1} from the mean log-probs of the answer before the first turn and after each.
std::vector<double> TurnGains(const std::string& kind, std::span<const double> mean_logp);

class TurnGain {
 public:
  // temperature: of the log-probs.
  TurnGain(const TurnGainSettings& settings, const Tokenizer* tokenizer, float temperature,
           int64_t micro_batch_tokens);

  // For a batch of groups before it trains: adds coefficient r_t to rows.turn_reward of the turn's
  // tokens, and the row's sum of them to rows.reward. Returns terms of turn_gain/gain (mean r_t),
  // turn_gain/before (mean pi_0, or log-prob, over groups), turn_gain/after (over conversations of
  // more than one turn: before their last).
  std::vector<MetricTerm> Reward(TreePasses* passes, std::span<const Prompt> prompts,
                                 std::span<const Tree* const> trees, Rows* rows) const;

 private:
  TurnGainSettings settings_;
  const Tokenizer* tokenizer_;
  float temperature_;
  int64_t micro_batch_tokens_;
};

}  // namespace rlvr
#endif  // RLVR_TRAIN_TURN_GAIN_H_
