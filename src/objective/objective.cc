#include "objective/objective.h"

#include <algorithm>
#include <cmath>

#include "objective/aggregate.h"
#include "objective/batch_stage.h"
#include "objective/controller/controller.h"
#include "objective/loss_stage.h"

namespace rlvr {
namespace {

double SumOf(const std::vector<double>& v) {
  double sum = 0;
  for (const double x : v) sum += x;
  return sum;
}

class ComposedObjective : public Objective {
 public:
  const Needs& needs() const override { return needs_; }
  bool separable() const override { return separable_; }

  // After all parts are there.
  void Seal() {
    needs_.statistics = {Statistic::kLogp, Statistic::kEntropy};
    needs_.Add(policy_loss->needs());
    separable_ = token_weights.empty() && !policy_loss->whole_batch();
    for (const auto& w : token_weights) needs_.Add(w->needs());
    for (const auto& r : regularizers) {
      needs_.Add(r->needs());
      separable_ = separable_ && !r->whole_batch();
    }
  }

  ObjectiveResult Evaluate(const Rows& rows, const Totals& given,
                           const std::vector<std::vector<double>>& statistics,
                           RandomKey key) const override {
    const auto T = static_cast<size_t>(rows.num_tokens());
    RLVR_CHECK(statistics.size() == needs_.statistics.size());
    for (const auto& s : statistics) RLVR_CHECK(s.size() == T);
    RLVR_CHECK(rows.logp_old.size() == T && rows.mask.size() == T && rows.adv.size() == T &&
               rows.weight.size() == T && rows.begin.back() == rows.num_tokens());
    RLVR_CHECK(SumOf(rows.mask) <= given.tokens);
    ObjectiveResult result;
    Tape tape;
    std::vector<Field> inputs;
    for (const auto& s : statistics) inputs.push_back(tape.Input(s));
    Totals totals = given;
    TokenFields f{.rows = rows,
                  .totals = totals,
                  .tape = &tape,
                  .logp = inputs[0],
                  .entropy = inputs[1],
                  .logp_old = tape.Constant(rows.logp_old),
                  .entropy_old = tape.Constant(rows.entropy_old),
                  .adv = tape.Constant(rows.adv),
                  .logp_ref = {},
                  .mask = rows.mask,
                  .low = {},
                  .high = {},
                  .key = key,
                  .more = {},
                  .metrics = &result.metrics};
    if (needs_.reference) {
      RLVR_CHECK(rows.logp_ref.size() == T) << "the reference's log-probs are missing";
      f.logp_ref = tape.Constant(rows.logp_ref);
    }
    for (size_t i = 0; i < inputs.size(); ++i) f.more[ToString(needs_.statistics[i])] = inputs[i];

    TokenWeights w{rows.mask, rows.weight, rows.adv, {}, {}};
    for (size_t i = 0; i < token_weights.size(); ++i) {
      f.key = key[i];
      token_weights[i]->Apply(f, &w);
    }
    f.key = key[token_weights.size()];
    Rows weighted;  // for the denominators, where the mask has changed
    if (!token_weights.empty()) {
      weighted.begin = rows.begin;
      weighted.group_begin = rows.group_begin;
      weighted.prompt = rows.prompt;
      weighted.mask = w.mask;
      totals = CountTotals(weighted);
      f.mask = w.mask;
      f.adv = tape.Constant(w.adv);
      f.low = w.low;
      f.high = w.high;
    }

    const Field zero = tape.Constant({0});
    const std::vector<char> counted(f.mask.begin(), f.mask.end());
    const Field token_share = tape.Constant(aggregate.Weights(rows.begin, f.mask, totals));
    const Field weight = tape.Constant(w.weight);
    // Where, not only a weight of 0: a masked token may hold an infinite ratio.
    const auto mean = [&](const Field& J) { return Sum(token_share * Where(counted, J, zero)); };
    const double tokens = SumOf(f.mask), share = tokens > 0 ? tokens / totals.tokens : 0;

    const Field J = policy_loss->J(f);
    Field policy = zero;
    switch (policy_loss->scope()) {
      case Scope::kResponse:
        RLVR_CHECK(J.size() == rows.num_rows());
        policy = Sum(J) / std::max(totals.sequences, 1.0);
        break;
      case Scope::kGroup:
        RLVR_CHECK(J.size() == rows.num_groups());
        policy = Sum(J) / std::max(totals.groups, 1.0);
        break;
      default:
        policy = mean(weight * J);
    }
    result.metrics.push_back({"actor/pg_loss", -policy.values()[0], share});
    Field total = policy;
    for (const auto& r : regularizers) {
      const Field term = r->Term(f);
      const bool scalar = r->whole_batch() && term.size() == 1;
      const Field value = scalar ? term : mean(term);
      total = total + value * r->coefficient();
      if (!r->metric().empty()) result.metrics.push_back({r->metric(), value.values()[0], share});
    }
    result.objective = total.values()[0];
    result.coefficients = tape.Gradients(total, inputs);
    AddRatioMetrics(rows, f, w.adv, statistics, &result.metrics);
    return result;
  }

  std::vector<std::unique_ptr<TokenWeight>> token_weights;
  std::unique_ptr<PolicyLoss> policy_loss;
  Aggregate aggregate;
  std::vector<std::unique_ptr<Regularizer>> regularizers;

 private:
  // As verl counts: the clip fraction is where the clipped term is the smaller one, the lower one
  // where dual clip bounds a negative advantage.
  void AddRatioMetrics(const Rows& rows, const TokenFields& f, const std::vector<double>& adv,
                       const std::vector<std::vector<double>>& statistics,
                       std::vector<MetricTerm>* metrics) const {
    const RatioBounds bounds = policy_loss->bounds();
    double clipped = 0, dual_clipped = 0, kl = 0, entropy = 0, tokens = 0;
    for (size_t t = 0; t < rows.mask.size(); ++t) {
      if (rows.mask[t] == 0) continue;
      const double difference = statistics[0][t] - rows.logp_old[t], ratio = std::exp(difference);
      const double low = f.low.empty() ? bounds.low : f.low[t];
      const double high = f.high.empty() ? bounds.high : f.high[t];
      clipped += (adv[t] > 0 && ratio > high) || (adv[t] < 0 && ratio < low);
      dual_clipped += adv[t] < 0 && ratio > bounds.dual;
      kl -= difference;
      entropy += statistics[1][t];
      tokens += 1;
    }
    metrics->push_back({"actor/pg_clipfrac", clipped, tokens});
    metrics->push_back({"actor/pg_clipfrac_lower", dual_clipped, tokens});
    metrics->push_back({"actor/ppo_kl", kl, tokens});
    metrics->push_back({"actor/entropy", entropy, tokens});
  }

  Needs needs_;
  bool separable_ = true;
};

BatchStages MakeBatchStages(const MethodList<BatchStage>& list, const ConfigNode* node) {
  BatchStages stages;
  list.ForEach(node, [&](const ConfigNode& item) {
    stages.Add(item.Find("name")->scalar, list.Make(&item, ""));
  });
  return stages;
}

}  // namespace

void BatchStages::Add(std::string name, std::unique_ptr<BatchStage> stage) {
  stages_.push_back({std::move(name), std::move(stage)});
}

Needs BatchStages::needs() const {
  Needs needs;
  for (const auto& s : stages_) needs.Add(s.stage->needs());
  return needs;
}

void BatchStages::Apply(Rows* rows, const BatchContext& context) const {
  for (size_t i = 0; i < stages_.size(); ++i) {
    BatchContext c = context;
    c.key = context.key[i];
    stages_[i].stage->Apply(rows, c);
    const auto T = static_cast<size_t>(rows->num_tokens());
    RLVR_CHECK(rows->adv.size() == T && rows->mask.size() == T && rows->weight.size() == T)
        << stages_[i].name;
    for (const double a : rows->adv) {
      if (!std::isfinite(a)) {
        throw Error(stages_[i].name, "made an advantage that is not finite",
                    "a statistic it reads has diverged, or its parameters divide by 0");
      }
    }
  }
}

std::vector<MethodDescription> DescribeMethods() {
  std::vector<MethodDescription> all;
  AdvantageList().Describe(&all);
  ControllerList().Describe(&all);
  std::vector<ParamInfo> shared;
  ParamDescriber describer(&shared);
  Aggregate().Params(describer);
  PolicyLossList().Describe(&all, shared);
  RegularizerList().Describe(&all);
  RewardShapingList().Describe(&all);
  SelectList().Describe(&all);
  TokenWeightList().Describe(&all);
  return all;
}

std::unique_ptr<Selector> MakeSelector(const ConfigNode* node) {
  return SelectList().Make(node, "none");
}

BatchStages MakeRewardShaping(const ConfigNode* node) {
  return MakeBatchStages(RewardShapingList(), node);
}

BatchStages MakeAdvantage(const ConfigNode* node) {
  if (!node || node->kind == ConfigNode::Kind::kNull ||
      (node->kind == ConfigNode::Kind::kMap && !node->Find("name"))) {
    BatchStages stages;
    stages.Add("group_normalized", AdvantageList().Make(node, "group_normalized"));
    return stages;
  }
  return MakeBatchStages(AdvantageList(), node);
}

std::unique_ptr<Objective> MakeObjective(const ConfigNode* token_weight,
                                         const ConfigNode* policy_loss,
                                         const ConfigNode* regularizer) {
  auto objective = std::make_unique<ComposedObjective>();
  TokenWeightList().ForEach(token_weight, [&](const ConfigNode& item) {
    objective->token_weights.push_back(TokenWeightList().Make(&item, ""));
  });
  std::string name = "decoupled_clip";
  ConfigReader reader(policy_loss, "policy_loss");
  reader("name", name);
  Aggregate& aggregate = objective->aggregate;
  aggregate.Params(reader);
  const std::string place = policy_loss ? policy_loss->place : "policy_loss";
  if (aggregate.NeedsConstant() && aggregate.constant == 0) {
    throw Error(place, "aggregate " + aggregate.mode + " needs 'constant'",
                "set it to rollout.max_tokens");
  }
  if (!aggregate.NeedsConstant() && aggregate.constant != 0) {
    throw Error(place, "aggregate " + aggregate.mode + " reads no 'constant'",
                "leave it out, or choose token_sum_norm");
  }
  objective->policy_loss = PolicyLossList().Make(name, place, reader);
  reader.Done();
  if (objective->policy_loss->scope() != Scope::kToken && !objective->token_weights.empty()) {
    throw Error(place,
                name + " is a loss over " +
                    (objective->policy_loss->scope() == Scope::kGroup ? "groups" : "responses") +
                    ": token_weight has no tokens to weigh",
                "remove token_weight, or choose a policy_loss over tokens");
  }
  RegularizerList().ForEach(regularizer, [&](const ConfigNode& item) {
    objective->regularizers.push_back(RegularizerList().Make(&item, ""));
  });
  objective->Seal();
  return objective;
}

}  // namespace rlvr
