// The stages after sampling and what each may ask for. One header to read before writing a method.
//
//   rewards    reward_shaping   list   Rows -> Rows::reward                   once a rollout batch
//              advantage        list   Rows -> Rows::adv, weight, mask        once a rollout batch
//   loss       token_weight     list   statistics -> mask, weight, bounds     once a mini-batch
//              policy_loss      one    statistics -> J, to be maximised       once a mini-batch
//              regularizer      list   statistics -> term added to J          once a mini-batch
//
// A method is a struct with kInfo (name, arXiv id, formula), Params(visitor) and one call operator;
// what it needs beyond the recorded log-prob and entropy it declares in needs(). It is listed in
// its folder's list.cc. docs/add_a_method.md goes through an example.
#ifndef RLVR_OBJECTIVE_STAGE_H_
#define RLVR_OBJECTIVE_STAGE_H_
#include <map>
#include <string>
#include <vector>

#include "base/random.h"
#include "model/head.h"
#include "objective/rows.h"
#include "objective/tape.h"
#include "text/tokenizer.h"

namespace rlvr {

// What a method must be given. Log-prob and entropy, recorded and current, are always there.
struct Needs {
  std::vector<Statistic> statistics;  // of the policy being trained, with gradient
  std::vector<Statistic> behaviour;   // of the policy that sampled: one pass before the updates
  bool reference = false;             // Rows::logp_ref
  bool values = false;                // Rows::value, of a critic
  bool process_reward = false;        // Rows::token_reward, of a process reward model
  void Add(const Needs& other);
  bool second_model() const;  // some statistic compares the policy with the reference
};

// Numbers that outlive a step and are saved in checkpoints: trackers, anchors, histories. A method
// keeps its own under keys that begin with its name.
struct RunState {
  std::map<std::string, std::vector<double>> values;
};

// metric = sum / weight, both added up over micro-batches and mini-batches. A loss has the weight
// 1 over a mini-batch (a micro-batch its share of the tokens), so that the metric is the mean of
// the mini-batches' losses. "max" metrics keep the largest.
struct MetricTerm {
  std::string name;  // "actor/pg_clipfrac"
  double sum = 0, weight = 0;
  bool is_max = false;
};

// --- once a rollout batch: reward_shaping and advantage
struct BatchContext {
  int64_t step = 1, total_steps = 1;  // the training step at hand, from 1
  int64_t max_tokens = 0;             // of a response
  RandomKey key{0};                   // of this step and method
  RunState* state = nullptr;
  const Tokenizer* tokenizer = nullptr;
  std::vector<MetricTerm>* metrics = nullptr;
};
class BatchStage {
 public:
  virtual ~BatchStage() = default;
  virtual Needs needs() const = 0;
  virtual void Apply(Rows* rows, const BatchContext& context) const = 0;
};

// --- once a mini-batch
// The fields that a formula reads, over the T policy tokens at hand. Constants have no gradient.
struct TokenFields {
  const Rows& rows;      // columns, constants
  const Totals& totals;  // of the whole mini-batch
  Tape* tape = nullptr;
  Field logp, entropy;                // of the policy being trained
  Field logp_old, entropy_old, adv;   // constants
  Field logp_ref;                     // constant, only where needs().reference
  std::vector<double> mask;           // [T] after token_weight
  std::vector<double> low, high;      // [T] or empty: a token's own bounds of the ratio
  RandomKey key{0};                   // of this optimizer step
  std::map<std::string, Field> more;  // by ToString(statistic): what needs().statistics asked for
  std::vector<MetricTerm>* metrics = nullptr;

  const Field& Get(const Statistic& statistic) const;
  Field Constant(std::vector<double> values) const { return tape->Constant(std::move(values)); }
  // Masked tokens out: [T] -> [S] sum, or mean over unmasked tokens (0 for an empty row).
  Field RowSum(const Field& x) const;
  Field RowMean(const Field& x) const;
  // Masked mean over all tokens, or over rows of their means: a scalar of the whole mini-batch.
  Field TokenMean(const Field& x) const;
  Field RowMeanMean(const Field& x) const;
  Field Spread(const Field& per_row) const;  // [S] -> [T]
};

// What token_weight methods may change. [T] each; low and high may stay empty.
struct TokenWeights {
  std::vector<double> mask;       // 0: out of the loss and out of its denominators
  std::vector<double> weight;     // multiplies the policy loss; denominators do not see it
  std::vector<double> adv;        // the advantage that the policy loss reads
  std::vector<double> low, high;  // bounds of the ratio
};

}  // namespace rlvr
#endif  // RLVR_OBJECTIVE_STAGE_H_
