// A model with its tokenizer, from a Hugging Face folder or by the name of an embedded model.
#ifndef RLVR_EVAL_POLICY_H_
#define RLVR_EVAL_POLICY_H_
#include <memory>
#include <string>

#include "model/model.h"
#include "text/tokenizer.h"

namespace rlvr {

struct Policy {
  std::string folder;
  std::unique_ptr<Model> model;
  std::unique_ptr<Tokenizer> tokenizer;
};

// A folder that exists, or NAME in $RLVR_MODELS, ./models or the source tree's models/
// ("base_tiny").
std::string FindModelFolder(const std::string& name_or_path);
// Loads weights and packs them (for_training: for Backward too).
// kwargs: a JSON object of its chat template's variables; empty: none.
Policy LoadPolicy(const std::string& name_or_path, ComputeType compute, bool for_training,
                  const std::string& kwargs = "");

}  // namespace rlvr
#endif  // RLVR_EVAL_POLICY_H_
