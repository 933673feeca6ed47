// Curves as inline SVG: a figure with its title, the metric's name, the last value, grid, axes,
// optional bands, and the numbers as data for the page's tooltips.
#ifndef RLVR_REPORT_CHART_H_
#define RLVR_REPORT_CHART_H_
#include <string>
#include <vector>

#include "report/html.h"

namespace rlvr {

struct ChartSeries {
  std::string name;
  std::vector<double> y;          // [N], NaN leaves a gap
  std::vector<double> low, high;  // [N] or empty: an interval, drawn as a band
};

struct ChartSpec {
  std::string title;      // "Held-out accuracy"
  std::string caption;    // one line that says what to look for
  std::vector<double> x;  // [N], rising
  std::string x_name = "step";
  std::vector<ChartSeries> series;  // at most four: four colours
  Unit unit = Unit::kNumber;
  bool from_zero = false;  // the axis starts at 0
};

// A <figure>. Series longer than 40 points that are noisy get a moving mean in bold over the raw
// values; the caption says over how many steps.
std::string LineChart(const ChartSpec& spec);
// The same as an SVG file of its own, with title and legend, light or dark as its reader likes it.
std::string LineChartFile(const ChartSpec& spec);

struct HistogramSpec {
  std::string title, caption;
  std::vector<std::string> names;           // of the groups of bars
  std::vector<std::vector<double>> values;  // one list per name
  int num_bins = 21;
};
// A <figure> with the share of each group's values per bin. Needs at least one value.
std::string Histogram(const HistogramSpec& spec);

// Round numbers within [low, high], about `count` of them. low < high.
std::vector<double> Ticks(double low, double high, int count);
// Mean over up to `width` neighbours centred on each value; NaN neighbours are left out.
std::vector<double> MovingMean(const std::vector<double>& y, int width);

}  // namespace rlvr
#endif  // RLVR_REPORT_CHART_H_
