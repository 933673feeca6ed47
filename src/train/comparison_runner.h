// The runs of a comparison as child processes: several at a time share the threads, and one that
// fails, or is killed, takes no other with it. Results do not depend on how many run at a time.
#ifndef RLVR_TRAIN_COMPARISON_RUNNER_H_
#define RLVR_TRAIN_COMPARISON_RUNNER_H_
#include <functional>
#include <string>
#include <vector>

#include "train/comparison.h"

namespace rlvr {

struct RunnerOptions {
  int jobs = 1;     // processes at a time
  int threads = 1;  // of all of them together; each gets at least one
  // With these this program calls RunCompared on the run with so many threads.
  std::function<std::vector<std::string>(const ComparedRun&, int threads)> arguments;
};

// Does what is left to do of all runs and shows the progress of the whole. What a run prints goes
// to FOLDER.log. When one fails, the others are stopped and an Error says why. On Ctrl-C all of
// them save their state and Interrupted is thrown. They do not outlive this process.
void RunComparison(const Comparison& comparison, const RunnerOptions& options);

}  // namespace rlvr
#endif  // RLVR_TRAIN_COMPARISON_RUNNER_H_
