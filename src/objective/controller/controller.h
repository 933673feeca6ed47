// The interface of controllers around plain structs. A controller is a struct with kInfo,
// Params(visitor) and
//   double Initial() const                                          before the first step
//   double Next(double value, const StepMetrics& metrics, std::vector<double>* memory) const
// memory is empty at first and is saved in checkpoints with the value.
#ifndef RLVR_OBJECTIVE_CONTROLLER_CONTROLLER_H_
#define RLVR_OBJECTIVE_CONTROLLER_CONTROLLER_H_
#include "objective/method.h"

namespace rlvr {

// The metrics of the step that has just ended, by name.
class StepMetrics {
 public:
  explicit StepMetrics(const std::map<std::string, double>& values) : values_(values) {}
  double Get(const std::string& name) const;  // an Error that names the nearest if it is absent

 private:
  const std::map<std::string, double>& values_;
};

class Controller {
 public:
  virtual ~Controller() = default;
  virtual double Initial() const = 0;
  virtual double Next(double value, const StepMetrics& metrics,
                      std::vector<double>* memory) const = 0;
};
template <class Method>
class ControllerOf : public Controller {
 public:
  explicit ControllerOf(Method method) : method_(std::move(method)) {}
  double Initial() const override { return method_.Initial(); }
  double Next(double value, const StepMetrics& metrics,
              std::vector<double>* memory) const override {
    return method_.Next(value, metrics, memory);
  }

 private:
  Method method_;
};

const MethodList<Controller>& ControllerList();  // controller/list.cc

}  // namespace rlvr
#endif  // RLVR_OBJECTIVE_CONTROLLER_CONTROLLER_H_
