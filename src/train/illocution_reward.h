// ICPO (verify/illocution.h) on single-turn rollouts: what each response does, and the reward that
// its prompt's label gives it. train/conversations.h has the metrics by label.
#ifndef RLVR_TRAIN_ILLOCUTION_REWARD_H_
#define RLVR_TRAIN_ILLOCUTION_REWARD_H_
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "data/data.h"
#include "env/environment.h"
#include "text/tokenizer.h"
#include "tree/tree.h"
#include "verify/illocution.h"

namespace rlvr {

// Of one group.
struct JudgedResponses {
  int64_t asked = 0;   // responses
  int64_t faulty = 0;  // of those that the judge named no class for: theirs is by rules
  int64_t failed = 0;  // that it did not answer to: their leaves are aborted
  std::string first_failure;
};

// The strategy of every response to prompts for which ApplyIllocution asks, by a judge model: many
// at once, on threads of their own, or in batches where it is one of the run. keys: of each tree.
// models: that the judge waits for, or null. Throws Interrupted when the user asks to stop.
std::vector<JudgedResponses> JudgeResponses(const TurnReader& judge, AskedModels* models,
                                            const IllocutionSettings& settings,
                                            const Tokenizer& tokenizer, const std::string& place,
                                            std::span<const Prompt> prompts,
                                            std::span<const RandomKey> keys, std::span<Tree> trees);

// After the verifier has judged the tree. A leaf's last segment of the policy gets label, strategy
// (by rules, where no judge has read it) and whether it was a right attempt; where settings.on(),
// its score becomes IllocutionReward and its verdict says whether it met the request (timed out and
// broken stay). A prompt without a label in extra_info is left alone unless settings.on(), and then
// counts as specified.
void ApplyIllocution(const IllocutionSettings& settings, const Tokenizer& tokenizer,
                     const Prompt& prompt, const std::string& place, Tree* tree);

}  // namespace rlvr
#endif  // RLVR_TRAIN_ILLOCUTION_REWARD_H_
