// The interface of reward_shaping and advantage around plain method structs.
#ifndef RLVR_OBJECTIVE_BATCH_STAGE_H_
#define RLVR_OBJECTIVE_BATCH_STAGE_H_
#include "objective/method.h"

namespace rlvr {

// A method of either stage is a struct with
//   void operator()(Rows* rows, const BatchContext& context) const
// or, where an advantage depends on nothing but the rewards of one group,
//   std::vector<double> Estimate(std::span<const double> rewards) const
template <class Method>
class BatchStageOf : public BatchStage {
 public:
  explicit BatchStageOf(Method method) : method_(std::move(method)) {}
  Needs needs() const override { return NeedsOf(method_); }
  void Apply(Rows* rows, const BatchContext& context) const override {
    if constexpr (requires(std::span<const double> r) { method_.Estimate(r); }) {
      Column adv;
      for (int64_t g = 0; g < rows->num_groups(); ++g) {
        const auto a = method_.Estimate(
            std::span(rows->reward)
                .subspan(static_cast<size_t>(rows->group_begin[g]),
                         static_cast<size_t>(rows->group_begin[g + 1] - rows->group_begin[g])));
        adv.insert(adv.end(), a.begin(), a.end());
      }
      rows->adv = Spread(*rows, adv);
    } else {
      method_(rows, context);
    }
  }

 private:
  Method method_;
};

const MethodList<BatchStage>& AdvantageList();      // advantage/list.cc
const MethodList<BatchStage>& RewardShapingList();  // reward_shaping/list.cc
const MethodList<Selector>& SelectList();           // select/list.cc

}  // namespace rlvr
#endif  // RLVR_OBJECTIVE_BATCH_STAGE_H_
