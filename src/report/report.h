// A run folder -> report.html: one file without links to anywhere (no network), with learning
// curves, intervals, entropy, length, clip fraction, a reward histogram, and sample trajectories
// with tokens coloured by advantage, entropy or log-prob. Reads files, never live objects.
// Read: run_data.h (what is in the files), chart.h (curves as SVG), samples.h (trajectories),
// conversation_view.h (conversations, turn by turn).
#ifndef RLVR_REPORT_REPORT_H_
#define RLVR_REPORT_REPORT_H_
#include <string>

namespace rlvr {
// Writes RUN/report.html atomically and returns its path. A folder without run.json, recipe.yaml
// or metrics.jsonl, or a damaged line in any file throws Error naming file and line.
std::string WriteReport(const std::string& run_folder);

// Writes the held-out accuracy by step as an SVG file. Throws Error if the run has no evaluations.
void WriteAccuracyPicture(const std::string& run_folder, const std::string& path);
}  // namespace rlvr
#endif  // RLVR_REPORT_REPORT_H_
