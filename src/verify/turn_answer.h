// The final answer that a turn gives, wherever it stands. turn_strategy.cc decides whether it stays.
#ifndef RLVR_VERIFY_TURN_ANSWER_H_
#define RLVR_VERIFY_TURN_ANSWER_H_
#include <string>

#include "verify/turn_text.h"

namespace rlvr {

struct FoundAnswer {
  size_t sentence = 0;  // that gives it
  std::string text;     // as the turn writes it; empty: there is none
  bool firm = false;    // stands in \boxed{} or behind a mark or "therefore"
  bool bold = false;
  bool several = false;  // "17 or 18": none, as there is more than one
};

// In the last \boxed{}, else behind ####, "Answer:" or "the answer is", else a number in a concluding
// sentence near the end. A number that the sentence hedges ("likely", "at least") or gives for a case
// ("if he had 3, ...") is no answer, and neither is a sum that nobody worked out.
FoundAnswer FindAnswer(const TurnText& turn);

}  // namespace rlvr
#endif  // RLVR_VERIFY_TURN_ANSWER_H_
