// What a sentence of a turn says, by the words in it. turn_strategy.cc decides what follows from that.
#ifndef RLVR_VERIFY_TURN_PHRASES_H_
#define RLVR_VERIFY_TURN_PHRASES_H_
#include "verify/turn_text.h"

namespace rlvr {

bool SaysCannot(const Sentence& s);  // outright that it cannot answer
bool SaysGap(const Sentence& s);     // that something is missing for an answer
bool Requests(const Sentence& s);    // asks the user for something without a question mark
bool IsCourtesy(const Sentence& s);  // "did I get it right?": nothing that the answer waits for
bool Assumes(const Sentence& s);     // sets up a case of its own
bool TakesBack(const Sentence& s);   // an answer that stood before it
bool Objects(const Sentence& s);     // begins with "however" or "but"
bool Offers(const Sentence& s);      // a question that yes or no would answer: waits for nothing
bool Concludes(const Sentence& s);   // "in total", "so"
bool ConcludesFirmly(const Sentence& s);  // "therefore": the end of the solution
bool Hedges(const Sentence& s);           // gives a number that it does not stand behind
bool IsCase(const Sentence& s);           // "if he had 3, there would be 6"

}  // namespace rlvr
#endif  // RLVR_VERIFY_TURN_PHRASES_H_
