// What training does about conversations: those that were aborted leave, and metrics turn by turn.
#ifndef RLVR_TRAIN_CONVERSATIONS_H_
#define RLVR_TRAIN_CONVERSATIONS_H_
#include <cstdint>
#include <vector>

#include "env/environment.h"
#include "model/model.h"
#include "objective/rows.h"
#include "objective/stage.h"
#include "train/metrics.h"
#include "train/recipe.h"
#include "tree/tree.h"

namespace rlvr {

// What the recipe's environment may ask of the run. Policy and tokenizer must outlive it.
EnvironmentServices ServicesOf(const Recipe& recipe, const Model& policy,
                               const Tokenizer& tokenizer);

// Removes the trajectories that were aborted, with what only they need. Returns how many.
int64_t DropAborted(Tree* tree);

// num_turns/mean, max, min of the rows that this step's policy sampled.
void MeasureTurns(const Rows& rows, Metrics* metrics);

// Adds, by the label of a turn (specified, underspecified), what the policy did in one judged
// group. Turns without a label count nowhere, replayed and expert ones neither.
//   response_length/LABEL     mean tokens of a turn
//   entropy/LABEL             mean over tokens, nats
//   reward/LABEL              mean reward of a turn before reward shaping: its own, and for the last
//                             one what the trajectory's reward has beside its turns' own
//   strategy/LABEL/STRATEGY   share among turns whose strategy is known
//   false_clarification_rate  P(no answer attempt | specified), likewise
//   answer_rate               P(answer attempt | underspecified), likewise
void AddIllocutionTerms(const Tree& tree, std::vector<MetricTerm>* terms);

}  // namespace rlvr
#endif  // RLVR_TRAIN_CONVERSATIONS_H_
