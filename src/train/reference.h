// The reference policy: what a KL term or a process reward compares with. It stays as loaded or
// follows the policy (ReferenceSettings).
#ifndef RLVR_TRAIN_REFERENCE_H_
#define RLVR_TRAIN_REFERENCE_H_
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "train/recipe.h"
#include "train/update.h"

namespace rlvr {

class Reference {
 public:
  // folder: or the name of an embedded model. Throws Error where the vocabulary is not the
  // policy's, or where an update needs the policy's architecture and it is another.
  Reference(const std::string& folder, const ReferenceSettings& settings, const Model& policy,
            const ActivationBound& bound = {});

  // log pi_ref of every training token, in the order of Rows: [T].
  std::vector<double> Logp(std::span<const Tree* const> trees, float temperature,
                           int64_t micro_batch_tokens, Communicator* ranks = &Alone());

  // After training step `step` (1 is the first). optimizer: the policy's.
  void AfterStep(int64_t step, const Model& policy, Optimizer* optimizer);

  bool moves() const { return settings_.update != "none"; }  // belongs into checkpoints
  Model* model() { return model_.get(); }
  TreePasses* passes() { return &passes_; }

 private:
  ReferenceSettings settings_;
  std::unique_ptr<Model> model_;
  TreePasses passes_;
};

}  // namespace rlvr
#endif  // RLVR_TRAIN_REFERENCE_H_
