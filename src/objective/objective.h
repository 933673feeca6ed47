// Trees with rewards -> one coefficient per statistic per token. Read: tape.h (fields and their
// gradients), one file of policy_loss/, then this.
#ifndef RLVR_OBJECTIVE_OBJECTIVE_H_
#define RLVR_OBJECTIVE_OBJECTIVE_H_
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/config.h"
#include "model/head.h"
#include "tree/tree.h"

namespace rlvr {

// A named stage choice, for --help and docs/methods.md, both generated.
struct ParamInfo {
  std::string name, default_value, range;
};
struct MethodDescription {
  std::string stage, name, arxiv, summary;  // summary: the formula in one line
  std::vector<ParamInfo> params;
};
std::vector<MethodDescription> DescribeMethods();  // all stages, sorted by stage and name
std::string MethodsMarkdown();                     // docs/methods.md

// Which groups train.
class Selector {
 public:
  virtual ~Selector() = default;
  virtual bool Keep(const Tree& group) const = 0;
  // Of sampling to fill a batch; 1 for "none"; hitting it is an error with a remedy.
  virtual int64_t max_rounds() const = 0;
};
// "none": every group. "dynamic_sampling" (DAPO, arXiv:2503.14476 Sec. 3.2, Eq. 11):
// 0 < #right < G.
std::unique_ptr<Selector> MakeSelector(const ConfigNode* node);

// Rewards of a group -> one advantage per leaf.
class AdvantageEstimator {
 public:
  virtual ~AdvantageEstimator() = default;
  virtual std::vector<double> Estimate(std::span<const double> rewards) const = 0;  // one group
};
// "group_normalized" (GRPO): (r - mean) / (std + eps), std with Bessel; a group of one has
// mean 0 and std 1. "group_centered" (Dr. GRPO): r - mean.
std::unique_ptr<AdvantageEstimator> MakeAdvantage(const ConfigNode* node);

// Policy tokens of a set of trajectories, one row each: S sequences, T tokens.
struct ObjectiveBatch {
  std::vector<int64_t> sequence_begin;  // [S + 1] into T
  std::vector<int32_t> group;           // [S] non-decreasing
  std::vector<double> adv;              // [T]
  std::vector<double> logp_old;         // [T] recorded by sampling
  std::vector<double> logp_ref;         // [T] or empty
  std::vector<double> mask;             // [T] 1: counts in the loss and in denominators; 0: neither
  // Totals over the whole mini-batch, which may be larger than this batch when the objective is
  // separable.
  double total_tokens = 0;     // sum of mask
  double total_sequences = 0;  // with at least one unmasked token
  int64_t num_tokens() const { return static_cast<int64_t>(adv.size()); }
};

// metric = sum / weight, both added up over micro-batches and mini-batches. A loss has the weight
// 1 over a mini-batch (a micro-batch its share of the tokens), so that the metric is the mean of
// the mini-batches' losses. "max" metrics keep the largest.
struct MetricTerm {
  std::string name;  // "actor/pg_clipfrac"
  double sum = 0, weight = 0;
  bool is_max = false;
};

struct ObjectiveResult {
  double objective = 0;  // J, maximised; this batch's share of the mini-batch's
  std::vector<std::vector<double>> coefficients;  // [wanted statistics][T]: dJ / dstatistic
  std::vector<MetricTerm> metrics;
};

class Objective {
 public:
  virtual ~Objective() = default;
  // kLogp first; kEntropy second, because a metric needs it.
  virtual const std::vector<Statistic>& wanted() const = 0;
  virtual bool needs_reference() const = 0;
  virtual bool separable() const = 0;  // by group, given the totals
  // statistics[i] [T] belongs to wanted()[i].
  virtual ObjectiveResult Evaluate(const ObjectiveBatch& batch,
                                   const std::vector<std::vector<double>>& statistics) const = 0;
};
// From a recipe's `policy_loss` (map with name, aggregate, parameters) and `regularizer` (list of
// maps).
std::unique_ptr<Objective> MakeObjective(const ConfigNode* policy_loss,
                                         const ConfigNode* regularizers);

}  // namespace rlvr
#endif  // RLVR_OBJECTIVE_OBJECTIVE_H_
