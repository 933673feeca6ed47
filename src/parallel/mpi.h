// The ranks that mpirun has started. MPI is touched only in processes that it did start: others do
// not initialise it, and children of a rank are no ranks.
#ifndef RLVR_PARALLEL_MPI_H_
#define RLVR_PARALLEL_MPI_H_
#include "parallel/communicator.h"

namespace rlvr {

// Whether an mpirun with several ranks started this process. Before JoinRanks.
bool StartedByMpirun();

// Joins them; nothing where there are no others. Once, before any work.
void JoinRanks();

// All ranks after JoinRanks; Alone() before it and where there are no others.
Communicator& World();

// This rank's share of the cores: those that its process is bound to, divided by the ranks that are
// bound to the same ones (to none, say). 0 where there are no others. Every rank must call.
int ThreadsOfRank();

// Returns when this rank may say why it ends with this exit code. Ranks run the same code on the same
// state, so that what stops one mostly stops all: rank 0 speaks for them, and ends the others while
// they wait here. 130: interrupted.
void WaitToSpeak(int exit_code);

// The end of this rank's work. Waits for the others where the code is 0; else ends them all.
void LeaveRanks(int exit_code);

}  // namespace rlvr
#endif  // RLVR_PARALLEL_MPI_H_
