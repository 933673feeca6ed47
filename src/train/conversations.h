// What training does about conversations: those that were aborted leave, and metrics turn by turn.
#ifndef RLVR_TRAIN_CONVERSATIONS_H_
#define RLVR_TRAIN_CONVERSATIONS_H_
#include <cstdint>

#include "objective/rows.h"
#include "train/metrics.h"
#include "tree/tree.h"

namespace rlvr {

// Removes the trajectories that were aborted, with what only they need. Returns how many.
int64_t DropAborted(Tree* tree);

// Of rows that this step's policy sampled:
//   num_turns/mean, max, min
void MeasureTurns(const Rows& rows, Metrics* metrics);

// By the label of turns, where rows have labels, for each LABEL (specified, underspecified) that
// occurs; nothing else. Of turns that this step's policy sampled:
//   response_length/LABEL     mean tokens of a turn
//   entropy/LABEL             mean over tokens, nats
//   reward/LABEL              mean reward of a turn: its own, and for the last turn of a trajectory
//                             also what the trajectory's has beside its turns' own
//   strategy/LABEL/STRATEGY   share among turns whose strategy is known
//   false_clarification_rate  P(no answer attempt | specified)
//   answer_rate               P(answer attempt | underspecified)
void MeasureIllocution(const Rows& rows, Metrics* metrics);

}  // namespace rlvr
#endif  // RLVR_TRAIN_CONVERSATIONS_H_
