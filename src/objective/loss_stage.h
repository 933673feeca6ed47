// The interfaces of token_weight, policy_loss and regularizer around plain method structs.
#ifndef RLVR_OBJECTIVE_LOSS_STAGE_H_
#define RLVR_OBJECTIVE_LOSS_STAGE_H_
#include <limits>

#include "objective/method.h"

namespace rlvr {

inline constexpr double kInfinity = std::numeric_limits<double>::infinity();

// Bounds of the ratio, for the clip metrics; infinite where a loss has none.
struct RatioBounds {
  double low = -kInfinity, high = kInfinity, dual = kInfinity;
};

// A policy loss is a struct with
//   Field operator()(const TokenFields& f) const          J, to be maximised
//   static constexpr Scope kScope                         kToken (default): J is [T], aggregated as
//                                                         the recipe says; kResponse: [S], the mean
//                                                         over sequences; kGroup: [G], over groups
//   low(), high() and dual()                              optional: bounds of the ratio
//   static constexpr bool kWholeBatch = true              optional: reads more than one group, so
//                                                         a mini-batch is never evaluated in parts
class PolicyLoss {
 public:
  virtual ~PolicyLoss() = default;
  virtual Needs needs() const = 0;
  virtual Field J(const TokenFields& f) const = 0;
  virtual Scope scope() const = 0;
  virtual bool whole_batch() const = 0;
  virtual RatioBounds bounds() const = 0;
};

template <class Method>
constexpr bool WholeBatch() {
  if constexpr (requires { Method::kWholeBatch; }) {
    return Method::kWholeBatch;
  } else {
    return false;
  }
}

template <class Method>
class PolicyLossOf : public PolicyLoss {
 public:
  explicit PolicyLossOf(Method method) : method_(std::move(method)) {}
  Needs needs() const override { return NeedsOf(method_); }
  Field J(const TokenFields& f) const override { return method_(f); }
  Scope scope() const override {
    if constexpr (requires { Method::kScope; }) {
      return Method::kScope;
    } else {
      return Scope::kToken;
    }
  }
  bool whole_batch() const override { return WholeBatch<Method>(); }
  RatioBounds bounds() const override {
    RatioBounds b;
    if constexpr (requires { method_.low(); }) b.low = method_.low();
    if constexpr (requires { method_.high(); }) b.high = method_.high();
    if constexpr (requires { method_.dual(); }) b.dual = method_.dual();
    return b;
  }

 private:
  Method method_;
};

// A regularizer is a struct with
//   Field operator()(const TokenFields& f) const          [T], aggregated like the policy loss, or
//                                                         [1] for a whole mini-batch (kWholeBatch)
//   double coefficient() const                            J += coefficient * term
//   static constexpr const char* kMetric                  name of the term's mean; "" for none
class Regularizer {
 public:
  virtual ~Regularizer() = default;
  virtual Needs needs() const = 0;
  virtual Field Term(const TokenFields& f) const = 0;
  virtual bool whole_batch() const = 0;
  virtual double coefficient() const = 0;
  virtual std::string metric() const = 0;
};
template <class Method>
class RegularizerOf : public Regularizer {
 public:
  explicit RegularizerOf(Method method) : method_(std::move(method)) {}
  Needs needs() const override { return NeedsOf(method_); }
  Field Term(const TokenFields& f) const override { return method_(f); }
  bool whole_batch() const override { return WholeBatch<Method>(); }
  double coefficient() const override { return method_.coefficient(); }
  std::string metric() const override { return Method::kMetric; }

 private:
  Method method_;
};

// A token weight is a struct with
//   void operator()(const TokenFields& f, TokenWeights* w) const
// It sees the whole mini-batch. The fields' values only: no gradient flows through a weight.
class TokenWeight {
 public:
  virtual ~TokenWeight() = default;
  virtual Needs needs() const = 0;
  virtual void Apply(const TokenFields& f, TokenWeights* w) const = 0;
};
template <class Method>
class TokenWeightOf : public TokenWeight {
 public:
  explicit TokenWeightOf(Method method) : method_(std::move(method)) {}
  Needs needs() const override { return NeedsOf(method_); }
  void Apply(const TokenFields& f, TokenWeights* w) const override { method_(f, w); }

 private:
  Method method_;
};

const MethodList<PolicyLoss>& PolicyLossList();    // policy_loss/list.cc
const MethodList<Regularizer>& RegularizerList();  // regularizer/list.cc
const MethodList<TokenWeight>& TokenWeightList();  // token_weight/list.cc

}  // namespace rlvr
#endif  // RLVR_OBJECTIVE_LOSS_STAGE_H_
