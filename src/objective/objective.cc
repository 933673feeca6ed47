#include "objective/objective.h"

#include <algorithm>
#include <cmath>

#include "objective/advantage/group_centered.h"
#include "objective/advantage/group_normalized.h"
#include "objective/aggregate.h"
#include "objective/method.h"
#include "objective/policy_loss/decoupled_clip.h"
#include "objective/policy_loss/ppo_clip.h"
#include "objective/regularizer/entropy_bonus.h"
#include "objective/regularizer/kl.h"
#include "objective/select/dynamic_sampling.h"
#include "objective/select/none.h"

namespace rlvr {
namespace {

// The stages' interfaces around plain method structs.

template <class Method>
struct SelectorOf : Selector {
  explicit SelectorOf(Method m) : method(m) {}
  bool Keep(const Tree& group) const override { return method.Keep(group); }
  int64_t max_rounds() const override { return method.max_rounds(); }
  Method method;
};

template <class Method>
struct AdvantageOf : AdvantageEstimator {
  explicit AdvantageOf(Method m) : method(m) {}
  std::vector<double> Estimate(std::span<const double> rewards) const override {
    return method.Estimate(rewards);
  }
  Method method;
};

struct PolicyLoss {
  virtual ~PolicyLoss() = default;
  virtual Field J(const TokenFields& f) const = 0;
  // The ratio's bounds, for the clip metrics.
  virtual double low() const = 0;
  virtual double high() const = 0;
  virtual double dual() const = 0;
};
template <class Method>
struct PolicyLossOf : PolicyLoss {
  explicit PolicyLossOf(Method m) : method(m) {}
  Field J(const TokenFields& f) const override { return method(f); }
  double low() const override { return method.low(); }
  double high() const override { return method.high(); }
  double dual() const override { return method.clip_ratio_c; }
  Method method;
};

struct Regularizer {
  virtual ~Regularizer() = default;
  virtual Field Term(const TokenFields& f) const = 0;
  virtual double coefficient() const = 0;
  virtual bool needs_reference() const = 0;
  virtual std::string metric() const = 0;  // the term before its coefficient; may be empty
};
template <class Method>
struct RegularizerOf : Regularizer {
  explicit RegularizerOf(Method m) : method(std::move(m)) {}
  Field Term(const TokenFields& f) const override { return method(f); }
  double coefficient() const override { return method.coefficient(); }
  bool needs_reference() const override { return Method::kNeedsReference; }
  std::string metric() const override { return Method::kMetric; }
  Method method;
};

// What there is: one line a method, sorted by name.

const MethodList<Selector>& SelectList() {
  static const auto list = [] {
    MethodList<Selector> l("select");
    l.Add<DynamicSampling>([](auto m) { return std::make_unique<SelectorOf<decltype(m)>>(m); });
    l.Add<NoSelection>([](auto m) { return std::make_unique<SelectorOf<decltype(m)>>(m); });
    return l;
  }();
  return list;
}

const MethodList<AdvantageEstimator>& AdvantageList() {
  static const auto list = [] {
    MethodList<AdvantageEstimator> l("advantage");
    l.Add<GroupCentered>([](auto m) { return std::make_unique<AdvantageOf<decltype(m)>>(m); });
    l.Add<GroupNormalized>([](auto m) { return std::make_unique<AdvantageOf<decltype(m)>>(m); });
    return l;
  }();
  return list;
}

const MethodList<PolicyLoss>& PolicyLossList() {
  static const auto list = [] {
    MethodList<PolicyLoss> l("policy_loss");
    l.Add<DecoupledClip>([](auto m) { return std::make_unique<PolicyLossOf<decltype(m)>>(m); });
    l.Add<PpoClip>([](auto m) { return std::make_unique<PolicyLossOf<decltype(m)>>(m); });
    return l;
  }();
  return list;
}

const MethodList<Regularizer>& RegularizerList() {
  static const auto list = [] {
    MethodList<Regularizer> l("regularizer");
    l.Add<EntropyBonus>([](auto m) { return std::make_unique<RegularizerOf<decltype(m)>>(m); });
    l.Add<Kl>([](auto m) { return std::make_unique<RegularizerOf<decltype(m)>>(m); });
    return l;
  }();
  return list;
}

template <class Interface>
std::unique_ptr<Interface> MakeStage(const MethodList<Interface>& list, const ConfigNode* node,
                                     const std::string& stage, std::string name) {
  ConfigReader reader(node, stage);
  reader("name", name);
  auto method = list.Make(name, node ? node->place : stage, reader);
  reader.Done();
  return method;
}

class ComposedObjective : public Objective {
 public:
  const std::vector<Statistic>& wanted() const override { return wanted_; }
  bool needs_reference() const override {
    return std::any_of(regularizers.begin(), regularizers.end(),
                       [](const auto& r) { return r->needs_reference(); });
  }
  bool separable() const override { return true; }

  ObjectiveResult Evaluate(const ObjectiveBatch& batch,
                           const std::vector<std::vector<double>>& statistics) const override {
    const size_t T = batch.adv.size();
    RLVR_CHECK(statistics.size() == wanted_.size() && statistics[0].size() == T &&
               statistics[1].size() == T);
    RLVR_CHECK(batch.logp_old.size() == T && batch.mask.size() == T);
    RLVR_CHECK(!batch.sequence_begin.empty() &&
               batch.sequence_begin.back() == static_cast<int64_t>(T));
    double tokens = 0;
    for (const double m : batch.mask) tokens += m;
    RLVR_CHECK(tokens <= batch.total_tokens) << tokens << " of " << batch.total_tokens;
    Tape tape;
    const Field logp = tape.Input(statistics[0]), entropy = tape.Input(statistics[1]);
    TokenFields f{.logp = logp,
                  .logp_old = tape.Constant(batch.logp_old),
                  .entropy = entropy,
                  .adv = tape.Constant(batch.adv)};
    if (needs_reference()) {
      RLVR_CHECK(batch.logp_ref.size() == T) << "the reference's log-probs are missing";
      f.logp_ref = tape.Constant(batch.logp_ref);
    }
    const Field weight = tape.Constant(aggregate.Weights(batch)), zero = tape.Constant({0});
    const std::vector<char> counted(batch.mask.begin(), batch.mask.end());
    // Where, not only a weight of 0: a masked token may hold an infinite ratio.
    const auto mean = [&](const Field& J) { return Sum(weight * Where(counted, J, zero)); };
    const Field policy = mean(policy_loss->J(f));
    const double share = tokens > 0 ? tokens / batch.total_tokens : 0;
    ObjectiveResult result;
    result.metrics.push_back({"actor/pg_loss", -policy.values()[0], share});
    Field total = policy;
    for (const auto& r : regularizers) {
      const Field term = mean(r->Term(f));
      total = total + term * r->coefficient();
      if (!r->metric().empty()) result.metrics.push_back({r->metric(), term.values()[0], share});
    }
    result.objective = total.values()[0];
    result.coefficients = tape.Gradients(total, {logp, entropy});

    // As verl counts: the clip fraction is where the clipped term is the smaller one, the lower
    // one where dual clip bounds a negative advantage.
    double clipped = 0, dual_clipped = 0, kl = 0, entropy_sum = 0;
    for (size_t t = 0; t < T; ++t) {
      if (batch.mask[t] == 0) continue;
      const double difference = statistics[0][t] - batch.logp_old[t], ratio = std::exp(difference);
      clipped += (batch.adv[t] > 0 && ratio > policy_loss->high()) ||
                 (batch.adv[t] < 0 && ratio < policy_loss->low());
      dual_clipped += batch.adv[t] < 0 && ratio > policy_loss->dual();
      kl -= difference;
      entropy_sum += statistics[1][t];
    }
    result.metrics.push_back({"actor/pg_clipfrac", clipped, tokens});
    result.metrics.push_back({"actor/pg_clipfrac_lower", dual_clipped, tokens});
    result.metrics.push_back({"actor/ppo_kl", kl, tokens});
    result.metrics.push_back({"actor/entropy", entropy_sum, tokens});
    return result;
  }

  std::unique_ptr<PolicyLoss> policy_loss;
  Aggregate aggregate;
  std::vector<std::unique_ptr<Regularizer>> regularizers;

 private:
  const std::vector<Statistic> wanted_ = {Statistic::kLogp, Statistic::kEntropy};
};

}  // namespace

std::vector<MethodDescription> DescribeMethods() {
  std::vector<MethodDescription> all;
  AdvantageList().Describe(&all);
  std::vector<ParamInfo> shared;
  ParamDescriber describer(&shared);
  Aggregate().Params(describer);
  PolicyLossList().Describe(&all, shared);
  RegularizerList().Describe(&all);
  SelectList().Describe(&all);
  return all;
}

std::unique_ptr<Selector> MakeSelector(const ConfigNode* node) {
  return MakeStage(SelectList(), node, "select", "none");
}

std::unique_ptr<AdvantageEstimator> MakeAdvantage(const ConfigNode* node) {
  return MakeStage(AdvantageList(), node, "advantage", "group_normalized");
}

std::unique_ptr<Objective> MakeObjective(const ConfigNode* policy_loss,
                                         const ConfigNode* regularizers) {
  auto objective = std::make_unique<ComposedObjective>();
  std::string name = "decoupled_clip";
  ConfigReader reader(policy_loss, "policy_loss");
  reader("name", name);
  Aggregate& aggregate = objective->aggregate;
  aggregate.Params(reader);
  const std::string place = policy_loss ? policy_loss->place : "policy_loss";
  if (aggregate.mode == "token_sum_norm" && aggregate.constant == 0) {
    throw Error(place, "aggregate token_sum_norm needs 'constant'", "set it to rollout.max_tokens");
  }
  if (aggregate.mode != "token_sum_norm" && aggregate.constant != 0) {
    throw Error(place, "aggregate " + aggregate.mode + " reads no 'constant'",
                "leave it out, or choose token_sum_norm");
  }
  objective->policy_loss = PolicyLossList().Make(name, place, reader);
  reader.Done();
  if (regularizers && regularizers->kind != ConfigNode::Kind::kNull) {
    if (regularizers->kind != ConfigNode::Kind::kList) {
      throw Error(regularizers->place, "'regularizer' must be a list",
                  "write `regularizer: [{name: kl, beta: 0.001}]`");
    }
    std::vector<std::string> seen;
    for (const auto& item : regularizers->items) {
      const ConfigNode* method = item.Find("name");
      if (!method) {
        throw Error(item.place, "a regularizer has no name", "write {name: kl, beta: 0.001}");
      }
      if (std::find(seen.begin(), seen.end(), method->scalar) != seen.end()) {
        throw Error(item.place, "regularizer '" + method->scalar + "' is given twice",
                    "remove one of them");
      }
      seen.push_back(method->scalar);
      objective->regularizers.push_back(MakeStage(RegularizerList(), &item, "regularizer", ""));
    }
  }
  return objective;
}

}  // namespace rlvr
