// ICPO (verify/illocution.h) on single-turn rollouts: what each response does, and the reward that
// its prompt's label gives it. train/conversations.h has the metrics by label.
#ifndef RLVR_TRAIN_ILLOCUTION_REWARD_H_
#define RLVR_TRAIN_ILLOCUTION_REWARD_H_
#include <string>

#include "data/data.h"
#include "text/tokenizer.h"
#include "tree/tree.h"
#include "verify/illocution.h"

namespace rlvr {

// After the verifier has judged the tree. A leaf's last segment of the policy gets label, strategy
// and whether it was a right attempt; where settings.on(), its score becomes IllocutionReward and
// its verdict says whether it met the request (timed out and broken stay). A prompt without a label
// in extra_info is left alone unless settings.on(), and then counts as specified.
void ApplyIllocution(const IllocutionSettings& settings, const Tokenizer& tokenizer,
                     const Prompt& prompt, const std::string& place, Tree* tree);

}  // namespace rlvr
#endif  // RLVR_TRAIN_ILLOCUTION_REWARD_H_
