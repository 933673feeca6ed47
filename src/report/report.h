// A run folder -> report.html: self-contained (no network), learning curves with intervals,
// entropy, length, clip fraction, reward histogram, sample trajectories with tokens coloured by
// advantage or entropy. Reads files, never live objects.
#ifndef RLVR_REPORT_REPORT_H_
#define RLVR_REPORT_REPORT_H_
#include <string>

namespace rlvr {
// Writes RUN/report.html atomically and returns its path. Missing or damaged files throw Error.
std::string WriteReport(const std::string& run_folder);
}  // namespace rlvr
#endif  // RLVR_REPORT_REPORT_H_
