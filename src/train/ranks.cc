#include "train/ranks.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "base/interrupt.h"
#include "base/thread_pool.h"
#include "parallel/bytes.h"
#include "parallel/mpi.h"
#include "tensor/isa.h"
#include "train/checkpoint.h"
#include "train/recipe_fields.h"
#include "train/run_folder.h"

namespace rlvr {
namespace {

void CheckSame(Communicator& ranks, const std::string& what, const std::string& own,
               const std::string& remedy) {
  const auto all = ranks.AllGather(own);
  for (size_t r = 1; r < all.size(); ++r) {
    if (all[r] == all[0]) continue;
    const bool brief = all[r].size() + all[0].size() < 100;
    throw Error(fmt::format("rank {}", r),
                brief ? fmt::format("has {} '{}', rank 0 '{}'", what, all[r], all[0])
                      : fmt::format("has another {} than rank 0", what),
                remedy);
  }
}

void SetShards(int64_t shards, Recipe* recipe) {
  recipe->parallel.shards = shards;
  if (ConfigNode* node = recipe->resolved.FindMutable("parallel"))
    node->Set("shards", ScalarNode(fmt::format("{}", shards)));
  for (Recipe& stage : recipe->stages) SetShards(shards, &stage);
}

}  // namespace

void PrepareRanks(Communicator& ranks, bool new_run, Recipe* recipe) {
  if (ranks.alone()) {
    SetNumThreads(recipe->threads);
    return;
  }
  CheckSame(ranks, "the program of commit", RLVR_GIT_COMMIT, "install one program everywhere");
  CheckSame(ranks, "the instruction set", ToString(ActiveIsa()),
            "set RLVR_ISA to one that all machines have (mpirun -x RLVR_ISA=...)");
  CheckSame(ranks, "recipe", ToYaml(recipe->resolved), "give all ranks the same one");
  SetNumThreads(recipe->threads > 0 ? recipe->threads : ThreadsOfRank());
  if (recipe->parallel.shards == 0) SetShards(new_run ? ranks.size() : 1, recipe);
  if (!ranks.first()) return;
  const int64_t shards = recipe->parallel.shards;
  fmt::print(stderr, "{} ranks with {} thread{} each; gradients in {} shard{}, summed {}\n",
             ranks.size(), NumThreads(), NumThreads() == 1 ? "" : "s", shards,
             shards == 1 ? "" : "s", recipe->parallel.ordered ? "in order" : "in any order");
  if (shards % ranks.size() != 0) {
    fmt::print(stderr,
               "the shards cannot be dealt evenly to the ranks: some wait while others train\n");
  }
}

GradientShards ShardsOf(const Recipe& recipe, Communicator* ranks) {
  return {.ranks = ranks,
          .num_shards = std::max<int64_t>(1, recipe.parallel.shards),
          .ordered = recipe.parallel.ordered};
}

void RefuseRanks(const Communicator& ranks, const std::string& what) {
  if (ranks.alone()) return;
  throw Error("mpirun", what + " runs in one process", "start it without mpirun");
}

int64_t LatestCheckpointOnRanks(Communicator& ranks, const std::string& run_folder) {
  const int64_t own = ranks.first() ? LatestCheckpoint(run_folder) : -1;
  return std::stoll(Broadcast(ranks, std::to_string(own)));
}

std::string StageModelOnRanks(Communicator& ranks, const std::string& run_folder, int64_t step) {
  return Broadcast(ranks, ranks.first() ? StageModel(run_folder, step) : "");
}

bool StopOnRanks(Communicator& ranks, int64_t step, int64_t position, double norm) {
  if (ranks.alone()) return InterruptRequested();
  ByteWriter out;
  out.Put(step);
  out.Put(position);
  out.Put(norm);
  const std::string own = out.Take();
  // The sign comes last, so that the rest can be compared as bytes.
  const auto all = ranks.AllGather(own + (InterruptRequested() ? '1' : '0'));
  for (size_t r = 1; r < all.size(); ++r) {
    if (all[r].compare(0, own.size(), all[0], 0, own.size()) == 0) continue;
    throw Error(fmt::format("step {}", step),
                fmt::format("rank {} no longer has the state of rank 0", r),
                "go on from the last checkpoint; if it happens again, a machine or a verifier of "
                "this run does not give the same twice");
  }
  return std::any_of(all.begin(), all.end(), [](const std::string& s) { return s.back() == '1'; });
}

}  // namespace rlvr
