// ICPO (verify/illocution.h) on single-turn rollouts: what each response does, the reward that its
// prompt's label gives it, and the metrics by label.
#ifndef RLVR_TRAIN_ILLOCUTION_REWARD_H_
#define RLVR_TRAIN_ILLOCUTION_REWARD_H_
#include <string>
#include <vector>

#include "data/data.h"
#include "objective/stage.h"
#include "text/tokenizer.h"
#include "tree/tree.h"
#include "verify/illocution.h"

namespace rlvr {

// After the verifier has judged the tree. A leaf's last segment of the policy gets label, strategy
// and whether it was a right attempt; where settings.on(), its score becomes IllocutionReward and
// its verdict says whether it met the request (timed out and broken stay). A prompt without a label
// in extra_info is left alone unless settings.on(), and then counts as specified.
// Adds, for the labels z = specified and underspecified,
//   illocution/z/reward, entropy, length, and illocution/z/STRATEGY (its share)
//   illocution/false_clarification_rate  P(no attempt | specified)
//   illocution/answer_rate               P(attempt | underspecified)
void ApplyIllocution(const IllocutionSettings& settings, const Tokenizer& tokenizer,
                     const Prompt& prompt, const std::string& place, Tree* tree,
                     std::vector<MetricTerm>* metrics);

}  // namespace rlvr
#endif  // RLVR_TRAIN_ILLOCUTION_REWARD_H_
