#include "cli/run_summary.h"

#include <fmt/format.h>

#include <vector>

#include "report/run_data.h"
#include "report/terminal_plot.h"

namespace rlvr {
namespace {

std::string Percent(const Estimate& e) {
  return fmt::format("{:5.1f} % [{:.1f}, {:.1f}]", 100 * e.mean, 100 * e.low, 100 * e.high);
}

// Held-out accuracy where it was measured often enough for a curve, else the training score.
std::string Curve(const std::string& run_folder, const std::vector<EvalRecord>& evals) {
  std::vector<double> x, y;
  for (const EvalRecord& e : evals) {
    x.push_back(static_cast<double>(e.step));
    y.push_back(100 * e.avg.mean);
  }
  if (x.size() >= 4)
    return TerminalPlot(fmt::format("held-out avg@{} (%) by step", evals[0].k), x, y);
  const MetricsTable metrics = ReadMetrics(run_folder);
  for (const char* name : {"critic/score/mean", "train/loss"}) {
    const auto* column = metrics.Find(name);
    if (column == nullptr || column->size() < 3) continue;
    return TerminalPlot(std::string(name) + " by step", {metrics.step.begin(), metrics.step.end()},
                        *column);
  }
  return "";
}

}  // namespace

std::string RunSummary(const std::string& run_folder, bool plot) {
  const std::vector<EvalRecord> evals = ReadEvals(run_folder);
  std::string text;
  if (plot) text += Curve(run_folder, evals);
  if (!evals.empty()) {
    const EvalRecord &first = evals.front(), &last = evals.back();
    const bool two = first.step != last.step;
    text += fmt::format("held out: {} prompts, {} samples each; 95 % intervals over prompts\n",
                        last.num_prompts, last.k);
    const std::string after = fmt::format("after step {}", last.step);
    text += fmt::format("  {:8}", "");
    if (two)
      text += fmt::format("  {:<24}",
                          first.step == 0 ? "before" : fmt::format("after step {}", first.step));
    text += fmt::format("  {}\n", after);
    const auto row = [&](const char* name, Estimate EvalRecord::*value) {
      text += fmt::format("  {:8}", fmt::format("{}@{}", name, last.k));
      if (two) text += fmt::format("  {:<24}", Percent(first.*value));
      text += fmt::format("  {}\n", Percent(last.*value));
    };
    row("avg", &EvalRecord::avg);
    row("pass", &EvalRecord::pass);
    row("maj", &EvalRecord::maj);
  }
  return text +
         fmt::format("the model: {0}/model; curves and samples: rlvr report {0}\n", run_folder);
}

}  // namespace rlvr
