// The selections there are: one line a method, sorted by name.
#include "objective/batch_stage.h"
#include "objective/select/dynamic_sampling.h"
#include "objective/select/none.h"

namespace rlvr {
namespace {

template <class Method>
struct SelectorOf : Selector {
  explicit SelectorOf(Method m) : method(std::move(m)) {}
  bool Keep(const Tree& group) const override { return method.Keep(group); }
  bool KeepsAll() const override { return std::is_same_v<Method, NoSelection>; }
  int64_t max_rounds() const override { return method.max_rounds(); }
  Method method;
};

}  // namespace

const MethodList<Selector>& SelectList() {
  static const auto list = [] {
    MethodList<Selector> l("select");
    l.AddAll<SelectorOf,  //
             DynamicSampling, NoSelection>();
    return l;
  }();
  return list;
}

}  // namespace rlvr
