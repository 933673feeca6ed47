// What a finished run came to, for the terminal.
#ifndef RLVR_CLI_RUN_SUMMARY_H_
#define RLVR_CLI_RUN_SUMMARY_H_
#include <string>

namespace rlvr {
// Held-out accuracy before and after with 95 % intervals, from the run's folder; with `plot` also
// its curve by step. Without evaluations: where the model is.
std::string RunSummary(const std::string& run_folder, bool plot);
}  // namespace rlvr
#endif  // RLVR_CLI_RUN_SUMMARY_H_
