// Trajectories as HTML: the response's tokens with their advantage, entropy and log-prob, which the
// page's switch turns into colours.
#ifndef RLVR_REPORT_SAMPLES_H_
#define RLVR_REPORT_SAMPLES_H_
#include <string>
#include <vector>

#include "report/run_data.h"

namespace rlvr {

// One token of the policy. advantage: null without one; coloured as a share of the largest there is.
std::string TokenHtml(const std::string& token, double logp, double entropy,
                      const double* advantage, double largest_advantage);

// The problems that both evaluations hold: the one that gained most, the median and the one that
// lost most, each with its most typical sample before and after. "" without common problems.
std::string BeforeAfter(const std::vector<TrajectoryRecord>& before,
                        const std::vector<TrajectoryRecord>& after);

// Groups of one training step: up to `max_groups` problems, of each up to `max_samples` samples,
// right and wrong ones in turn.
std::string StepSamples(const std::vector<TrajectoryRecord>& trajectories, size_t max_groups,
                        size_t max_samples);

}  // namespace rlvr
#endif  // RLVR_REPORT_SAMPLES_H_
