// IFEval as a verifier.
#ifndef RLVR_VERIFY_INSTRUCTIONS_INSTRUCTION_VERIFIER_H_
#define RLVR_VERIFY_INSTRUCTIONS_INSTRUCTION_VERIFIER_H_
#include <memory>

#include "verify/verify.h"

namespace rlvr {

// Right: all instructions are followed. They are those of ground_truth, or where it has none, of
// extra_info (ParseInstructions). Metric: instructions_followed, the share.
std::unique_ptr<Verifier> MakeInstructionVerifier(bool loose);

}  // namespace rlvr
#endif  // RLVR_VERIFY_INSTRUCTIONS_INSTRUCTION_VERIFIER_H_
