#ifndef RLVR_OBJECTIVE_ADVANTAGE_STEPS_H_
#define RLVR_OBJECTIVE_ADVANTAGE_STEPS_H_
#include <string>

#include "objective/batch_stage.h"

namespace rlvr {
// How a response falls into steps: every `tokens` tokens, after each token whose text holds a newline,
// or a turn of the policy a step. The last token of a response always ends one, and so does that of a
// turn: no step reaches over what the other side wrote.
struct Steps {
  std::string step = "tokens";
  int64_t tokens = 256;
  // Of token t of row s.
  bool EndsAt(const Rows& rows, const BatchContext& context, int64_t s, int64_t t) const {
    if (t + 1 == rows.begin[s + 1]) return true;
    if (rows.turn[t + 1] != rows.turn[t]) return true;
    if (step == "turn") return false;
    if (step == "tokens") return (t - rows.begin[s] + 1) % tokens == 0;
    if (context.tokenizer == nullptr)
      throw Error("advantage", "step newline needs a tokenizer", "choose step: tokens");
    const int32_t token[] = {rows.token[t]};
    return context.tokenizer->Decode(token).find('\n') != std::string::npos;
  }
};
}  // namespace rlvr
#endif  // RLVR_OBJECTIVE_ADVANTAGE_STEPS_H_
