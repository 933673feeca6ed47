// Trees with rewards -> one coefficient per statistic per token. Read: rows.h (the columns),
// stage.h (what a method gets and may ask for), tape.h (fields and their gradients), one file of
// policy_loss/, then this.
#ifndef RLVR_OBJECTIVE_OBJECTIVE_H_
#define RLVR_OBJECTIVE_OBJECTIVE_H_
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/config.h"
#include "objective/rows.h"
#include "objective/stage.h"
#include "tree/tree.h"

namespace rlvr {

// A named stage choice, for --help and docs/methods.md, both generated.
struct ParamInfo {
  std::string name, default_value, range;
};
struct MethodDescription {
  std::string stage, name, arxiv, summary;  // summary: the formula in one line
  std::vector<ParamInfo> params;
  Needs needs;  // with default parameters
};
std::vector<MethodDescription> DescribeMethods();  // all stages, sorted by stage and name
struct StageDescription {
  const char *stage, *title, *text;
};
std::span<const StageDescription> DescribeStages();  // in the order of the data
std::string MethodsMarkdown();                       // docs/methods.md

// Which groups train.
class Selector {
 public:
  virtual ~Selector() = default;
  virtual bool Keep(const Tree& group) const = 0;  // nothing but the group decides
  virtual bool KeepsAll() const = 0;               // Keep is true whatever the group
  // Of sampling to fill a batch; 1 for "none"; hitting it is an error with a remedy.
  virtual int64_t max_rounds() const = 0;
};
std::unique_ptr<Selector> MakeSelector(const ConfigNode* node);

// Stages over a rollout batch, in order. The node is a map with `name` or a list of them; null is
// no stage for reward_shaping and group_normalized for advantage.
class BatchStages {
 public:
  void Add(std::string name, std::unique_ptr<BatchStage> stage);
  Needs needs() const;
  void Apply(Rows* rows, const BatchContext& context) const;  // key: of the step; one child a stage

 private:
  struct Named {
    std::string name;
    std::unique_ptr<BatchStage> stage;
  };
  std::vector<Named> stages_;
};
BatchStages MakeRewardShaping(const ConfigNode* node);
BatchStages MakeAdvantage(const ConfigNode* node);

struct ObjectiveResult {
  double objective = 0;  // J, maximised; this batch's share of the mini-batch's
  std::vector<std::vector<double>> coefficients;  // [wanted statistics][T]: dJ / dstatistic
  std::vector<MetricTerm> metrics;
};

class Objective {
 public:
  virtual ~Objective() = default;
  // needs().statistics: kLogp first, kEntropy second, because a metric needs it.
  virtual const Needs& needs() const = 0;
  // The mini-batch may be evaluated in parts of whole groups, given its totals.
  virtual bool separable() const = 0;
  // statistics[i] [T] belongs to needs().statistics[i]. key: of the optimizer step.
  virtual ObjectiveResult Evaluate(const Rows& rows, const Totals& totals,
                                   const std::vector<std::vector<double>>& statistics,
                                   RandomKey key) const = 0;
};
// From a recipe's `token_weight` (list of maps), `policy_loss` (map with name, aggregate,
// parameters) and `regularizer` (list of maps). Null nodes are defaults: none, decoupled_clip,
// none.
std::unique_ptr<Objective> MakeObjective(const ConfigNode* token_weight,
                                         const ConfigNode* policy_loss,
                                         const ConfigNode* regularizer);

}  // namespace rlvr
#endif  // RLVR_OBJECTIVE_OBJECTIVE_H_
