// The evaluation by a protocol (eval.protocol) beside that of single answers.
#ifndef RLVR_TRAIN_PROTOCOL_EVALUATION_H_
#define RLVR_TRAIN_PROTOCOL_EVALUATION_H_
#include <cstdint>
#include <string>

#include "model/model.h"
#include "text/tokenizer.h"
#include "train/metrics.h"
#include "train/recipe.h"

namespace rlvr {

// With eval.protocol: lost_in_conversation the validation prompts are talked about in conversations
// of eval.types, and for each TYPE metrics gets
//   val/lic/TYPE/{P,A90,U90_10,R90,relative_to_full}     0 to 100, as in the paper
//   val/lic/TYPE/{premature_turns,premature_conversations,without_attempt,turns}
//   val/lic/TYPE/strategy/STRATEGY                       share of its turns
// A number that does not exist (no early turns, no FULL) is left out. Writes protocol/step_N.json,
// the figures with their intervals, and protocol/step_N.jsonl, conversations about the first
// prompts. Without a protocol: nothing.
void EvaluateProtocol(const Recipe& recipe, const std::string& run_folder, int64_t step,
                      const Model& model, const Tokenizer& tokenizer, Metrics* metrics);

}  // namespace rlvr
#endif  // RLVR_TRAIN_PROTOCOL_EVALUATION_H_
