// What a run does about the ranks that it has, beside sharing its work (docs/parallel.md).
#ifndef RLVR_TRAIN_RANKS_H_
#define RLVR_TRAIN_RANKS_H_
#include <cstdint>
#include <string>

#include "parallel/communicator.h"
#include "train/gradient_shards.h"
#include "train/recipe.h"

namespace rlvr {

// Before anything of a run is made: number of threads, agreement on program, instruction set and
// recipe (a rank that differs is an Error), and parallel.shards, which is one for each rank where a new
// run leaves it open, and is recorded so.
void PrepareRanks(Communicator& ranks, bool new_run, Recipe* recipe);

GradientShards ShardsOf(const Recipe& recipe, Communicator* ranks);

// For what runs in one process only.
void RefuseRanks(const Communicator& ranks, const std::string& what);

// Rank 0's sight of a folder that it writes.
int64_t LatestCheckpointOnRanks(Communicator& ranks, const std::string& run_folder);
std::string StageModelOnRanks(Communicator& ranks, const std::string& run_folder, int64_t step);

// Between two steps: whether the user has asked any rank to stop. An Error where the ranks do not have
// the same state; `norm`: of the last gradient, which differs soon if a weight or sample does.
bool StopOnRanks(Communicator& ranks, int64_t step, int64_t position, double norm);

}  // namespace rlvr
#endif  // RLVR_TRAIN_RANKS_H_
