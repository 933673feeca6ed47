// gsm_micro in shards: the same chains of steps, told as facts of which each names its day, so that
// their order does not matter and every piece knows whether it is required. "How many apples does
// Tom have after day 2?" is the intent; the start and one fact a day are required; a distractor is
// not. All of it is a function of (seed, split, index).
#ifndef RLVR_DATA_GSM_MICRO_SHARDS_H_
#define RLVR_DATA_GSM_MICRO_SHARDS_H_
#include <cstdint>
#include <string>
#include <vector>

#include "data/gsm_micro.h"
#include "data/shards.h"

namespace rlvr {

inline constexpr int kIntentDay = -1, kDistractorDay = -2;

struct ShardedGsmMicro {
  ShardedText text;      // shards: the intent, then the facts in a random order
  std::vector<int> day;  // of each shard: kIntentDay, 0 the start, 1.. a day, kDistractorDay
  std::vector<GsmMicroStep> steps;  // steps[d - 1] is day d's
  int64_t answer = 0;
  int64_t distractor = -1;  // its number; -1: none
  std::string owner, item;
};

// Splits are those of MakeGsmMicro: a chain of numbers is in the same one there and here.
ShardedGsmMicro MakeShardedGsmMicro(const GsmMicroOptions& options, uint64_t seed, Split split,
                                    int64_t index);

// "Day 1: 7+5=12\nDay 2: 12*2=24\nAnswer: 24".
std::string DatedSolution(const ShardedGsmMicro& problem);
// With one of four bad habits, each now and then right by luck: guesses at once; slips in one day's
// arithmetic and carries on; leaves a day out; works the distractor in.
std::string SloppyDatedSolution(const ShardedGsmMicro& problem, Random& random);
// "How many apples does Tom start with?" or "What happens on day 2?"
std::string AskAbout(const ShardedGsmMicro& problem, int day);

}  // namespace rlvr
#endif  // RLVR_DATA_GSM_MICRO_SHARDS_H_
