#include "report/chart.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace rlvr {
namespace {

// The drawing's size and the plot's edges in SVG units; the page scales it to its column.
constexpr double kWidth = 480, kHeight = 230;
constexpr double kLeft = 50, kRight = 468, kTop = 10, kBottom = 204;
constexpr size_t kSmoothFrom = 40;  // points

struct Axes {
  double x_low, x_high, y_low, y_high;
  double X(double x) const { return kLeft + (x - x_low) / (x_high - x_low) * (kRight - kLeft); }
  double Y(double y) const { return kBottom - (y - y_low) / (y_high - y_low) * (kBottom - kTop); }
};

void Widen(const std::vector<double>& values, double* low, double* high) {
  for (const double v : values) {
    if (!std::isfinite(v)) continue;
    *low = std::min(*low, v);
    *high = std::max(*high, v);
  }
}

Axes AxesOf(const ChartSpec& spec) {
  constexpr double kInf = std::numeric_limits<double>::infinity();
  Axes a{kInf, -kInf, kInf, -kInf};
  Widen(spec.x, &a.x_low, &a.x_high);
  for (const ChartSeries& s : spec.series) {
    for (const auto* values : {&s.y, &s.low, &s.high}) Widen(*values, &a.y_low, &a.y_high);
  }
  if (a.x_low > a.x_high) a.x_low = a.x_high = 0;
  if (a.y_low > a.y_high) a.y_low = a.y_high = 0;
  if (a.x_low == a.x_high) {
    a.x_low -= 1;
    a.x_high += 1;
  }
  if (spec.from_zero) a.y_low = std::min(a.y_low, 0.0);
  const double range = a.y_high - a.y_low;
  const double margin =
      range > 0 ? 0.06 * range : std::max(0.5 * std::fabs(a.y_high), spec.from_zero ? 1e-3 : 1e-6);
  if (!(spec.from_zero && a.y_low == 0)) a.y_low -= margin;
  a.y_high += margin;
  return a;
}

std::string TickLabel(double tick, double step, Unit unit) {
  if (unit == Unit::kPercent) return fmt::format("{:.{}f} %", 100 * tick, step < 0.00999 ? 1 : 0);
  return FormatValue(std::fabs(tick) < step * 1e-9 ? 0 : tick, unit);
}

std::string Grid(const Axes& a, const ChartSpec& spec) {
  std::string svg;
  const std::vector<double> ys = Ticks(a.y_low, a.y_high, 4);
  const double y_step = ys.size() > 1 ? ys[1] - ys[0] : 1;
  for (const double y : ys) {
    svg += fmt::format(
        "<path class=\"grid\" d=\"M{} {:.1f}H{}\"/><text class=\"y\" x=\"{}\" "
        "y=\"{:.1f}\">{}</text>",
        kLeft, a.Y(y), kRight, kLeft - 6, a.Y(y) + 4, TickLabel(y, y_step, spec.unit));
  }
  for (const double x : Ticks(a.x_low, a.x_high, 6)) {
    if (x != std::floor(x) || x < 0) continue;  // steps are whole
    svg += fmt::format("<text class=\"x\" x=\"{:.1f}\" y=\"{}\">{}</text>", a.X(x), kBottom + 18,
                       FormatValue(x, Unit::kNumber));
  }
  return svg;
}

// Pieces between gaps; a piece of one point becomes a dot.
std::string Curve(const Axes& a, const std::vector<double>& x, const std::vector<double>& y,
                  const std::string& css, bool dots) {
  std::string path, circles;
  bool pen_down = false;
  for (size_t i = 0; i < y.size(); ++i) {
    if (!std::isfinite(y[i])) {
      pen_down = false;
      continue;
    }
    path += fmt::format("{}{:.1f} {:.1f}", pen_down ? "L" : "M", a.X(x[i]), a.Y(y[i]));
    const bool alone = !pen_down && (i + 1 == y.size() || !std::isfinite(y[i + 1]));
    if (dots || alone) {
      circles += fmt::format("<circle class=\"{}\" cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"3\"/>", css,
                             a.X(x[i]), a.Y(y[i]));
    }
    pen_down = true;
  }
  return fmt::format("<path class=\"line {}\" d=\"{}\"/>{}", css, path, circles);
}

std::string Band(const Axes& a, const std::vector<double>& x, const ChartSeries& s,
                 const std::string& css) {
  std::string there, back;
  for (size_t i = 0; i < s.low.size() && i < s.high.size(); ++i) {
    if (!std::isfinite(s.low[i]) || !std::isfinite(s.high[i])) continue;
    there += fmt::format("{}{:.1f} {:.1f}", there.empty() ? "M" : "L", a.X(x[i]), a.Y(s.high[i]));
    back = fmt::format("L{:.1f} {:.1f}", a.X(x[i]), a.Y(s.low[i])) + back;
  }
  if (there.empty()) return "";
  return fmt::format("<path class=\"band {}\" d=\"{}{}Z\"/>", css, there, back);
}

double Last(const std::vector<double>& y) {
  for (size_t i = y.size(); i-- > 0;) {
    if (std::isfinite(y[i])) return y[i];
  }
  return std::numeric_limits<double>::quiet_NaN();
}

size_t CountFinite(const std::vector<double>& y) {
  return static_cast<size_t>(
      std::count_if(y.begin(), y.end(), [](double v) { return std::isfinite(v); }));
}

// {"name", "y", "low", "high"} of every series, the x values and the plot's edges, for tooltips.
std::string TooltipData(const ChartSpec& spec, const Axes& a) {
  std::string series;
  for (const ChartSeries& s : spec.series) {
    series += fmt::format("{}{{\"name\":\"{}\",\"y\":{}", series.empty() ? "" : ",", s.name,
                          JsonArray(s.y));
    if (!s.low.empty())
      series += fmt::format(",\"low\":{},\"high\":{}", JsonArray(s.low), JsonArray(s.high));
    series += "}";
  }
  return fmt::format(
      "{{\"x\":{},\"x_name\":\"{}\",\"percent\":{},\"box\":[{},{},{},{}],\"range\":{},"
      "\"series\":[{}]}}",
      JsonArray(spec.x), spec.x_name, spec.unit == Unit::kPercent, kLeft, kTop, kRight, kBottom,
      JsonArray({a.x_low, a.x_high, a.y_low, a.y_high}), series);
}

// Over how many points a noisy series' bold line is a mean; 0: the values themselves are drawn.
int SmoothingWidth(const ChartSeries& s) {
  const size_t points = CountFinite(s.y);
  return points >= kSmoothFrom && s.low.empty() ? static_cast<int>(points / 40) * 2 + 3 : 0;
}

// Grid, bands and curves.
std::string Drawing(const ChartSpec& spec, const Axes& a) {
  std::string svg = Grid(a, spec);
  for (size_t i = 0; i < spec.series.size(); ++i) {
    const ChartSeries& s = spec.series[i];
    const std::string css = fmt::format("c{}", i);
    svg += Band(a, spec.x, s, css);
    if (const int width = SmoothingWidth(s)) {
      svg += Curve(a, spec.x, s.y, css + " faint", false);
      svg += Curve(a, spec.x, MovingMean(s.y, width), css, false);
    } else {
      svg += Curve(a, spec.x, s.y, css, CountFinite(s.y) <= 24);
    }
  }
  return svg;
}

std::string Figure(const std::string& title, const std::string& legend, const std::string& caption,
                   const std::string& data, const std::string& label, const std::string& svg) {
  return fmt::format(
      "<figure class=\"card\"><div class=\"head\"><h3>{}</h3><div class=\"legend\">{}</div></div>"
      "<svg viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{}\"{}>{}</svg>"
      "<figcaption>{}</figcaption></figure>\n",
      EscapeHtml(title), legend, kWidth, kHeight, EscapeHtml(label), data, svg,
      EscapeHtml(caption));
}

}  // namespace

std::vector<double> Ticks(double low, double high, int count) {
  const double rough = (high - low) / count;
  const double power = std::pow(10.0, std::floor(std::log10(rough)));
  double step = 10 * power;
  for (const double nice : {1.0, 2.0, 5.0}) {
    if (nice * power >= rough) {
      step = nice * power;
      break;
    }
  }
  std::vector<double> ticks;
  const auto first = static_cast<int64_t>(std::ceil(low / step - 1e-9));
  const auto last = static_cast<int64_t>(std::floor(high / step + 1e-9));
  for (int64_t i = first; i <= last; ++i) ticks.push_back(static_cast<double>(i) * step);
  return ticks;
}

std::vector<double> MovingMean(const std::vector<double>& y, int width) {
  const int64_t half = width / 2, n = static_cast<int64_t>(y.size());
  std::vector<double> mean(y.size(), std::numeric_limits<double>::quiet_NaN());
  for (int64_t i = 0; i < n; ++i) {
    if (!std::isfinite(y[static_cast<size_t>(i)])) continue;
    double sum = 0, count = 0;
    for (int64_t j = std::max<int64_t>(0, i - half); j <= std::min(n - 1, i + half); ++j) {
      const double v = y[static_cast<size_t>(j)];
      if (!std::isfinite(v)) continue;
      sum += v;
      count += 1;
    }
    mean[static_cast<size_t>(i)] = sum / count;
  }
  return mean;
}

std::string LineChart(const ChartSpec& spec) {
  const Axes a = AxesOf(spec);
  std::string legend, caption = spec.caption;
  for (size_t i = 0; i < spec.series.size(); ++i) {
    const ChartSeries& s = spec.series[i];
    if (const int width = SmoothingWidth(s); i == 0 && width > 0) {
      caption += fmt::format(" Bold: mean over {} steps.", width);
    }
    legend += fmt::format("<span class=\"c{}\">{} <b>{}</b></span>", i, EscapeHtml(s.name),
                          FormatValue(Last(s.y), spec.unit));
  }
  const std::string svg = Drawing(spec, a) + "<g class=\"cursor\"></g>";
  const std::string data = fmt::format(" data-chart=\"{}\"", EscapeHtml(TooltipData(spec, a)));
  return Figure(spec.title, legend, caption, data, spec.title + " by " + spec.x_name, svg);
}

std::string LineChartFile(const ChartSpec& spec) {
  constexpr double kHeader = 62;
  std::string legend;
  for (size_t i = 0; i < spec.series.size(); ++i) {
    const ChartSeries& s = spec.series[i];
    legend += fmt::format("<tspan class=\"c{} key\" dx=\"{}\">&#9632;</tspan> {} {}", i,
                          i == 0 ? 0 : 12, EscapeHtml(s.name), FormatValue(Last(s.y), spec.unit));
  }
  return fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0} {1}\" width=\"{2}\" "
      "font-family=\"system-ui,sans-serif\"><style>{3}.key{{fill:currentColor}}"
      ".title{{font-size:16px;font-weight:650;fill:var(--ink)}}</style>"
      "<path d=\"M0 0H{0}V{1}H0Z\" style=\"fill:var(--card)\"/>"
      "<text class=\"title\" x=\"14\" y=\"25\">{4}</text><text x=\"14\" y=\"46\">{5}</text>"
      "<g transform=\"translate(0 {6})\">{7}</g></svg>\n",
      kWidth, kHeight + kHeader, 1.5 * kWidth, kChartStyle, EscapeHtml(spec.title), legend, kHeader,
      Drawing(spec, AxesOf(spec)));
}

std::string Histogram(const HistogramSpec& spec) {
  constexpr double kInf = std::numeric_limits<double>::infinity();
  double low = kInf, high = -kInf;
  for (const auto& values : spec.values) Widen(values, &low, &high);
  if (high - low < 1e-9) {
    low -= 0.5;
    high += 0.5;
  }
  const double bin_width = (high - low) / (spec.num_bins - 1);
  std::vector<std::vector<double>> share(spec.values.size());
  double top = 0;
  for (size_t g = 0; g < spec.values.size(); ++g) {
    share[g].assign(static_cast<size_t>(spec.num_bins), 0);
    for (const double v : spec.values[g]) {
      // Bins are centred on low, low + width, ..., high, so that two-valued rewards stand on ticks.
      const auto bin = static_cast<size_t>(std::lround((v - low) / bin_width));
      share[g][bin] += 1.0 / static_cast<double>(spec.values[g].size());
    }
    top = std::max(top, *std::max_element(share[g].begin(), share[g].end()));
  }
  const Axes a{low - bin_width, high + bin_width, 0, 1.08 * top};
  std::string svg, legend;
  for (const double y : Ticks(0, a.y_high, 4)) {
    svg += fmt::format(
        "<path class=\"grid\" d=\"M{} {:.1f}H{}\"/><text class=\"y\" x=\"{}\" y=\"{:.1f}\">{:.0f} %"
        "</text>",
        kLeft, a.Y(y), kRight, kLeft - 6, a.Y(y) + 4, 100 * y);
  }
  for (const double x : Ticks(low, high, 5)) {
    svg += fmt::format("<text class=\"x\" x=\"{:.1f}\" y=\"{}\">{}</text>", a.X(x), kBottom + 18,
                       FormatValue(std::fabs(x) < 1e-12 ? 0 : x, Unit::kNumber));
  }
  const double slot = (a.X(bin_width) - a.X(0)) * 0.9;
  const double bar = slot / static_cast<double>(spec.values.size());
  for (size_t g = 0; g < spec.values.size(); ++g) {
    for (size_t b = 0; b < share[g].size(); ++b) {
      if (share[g][b] == 0) continue;
      const double value = low + static_cast<double>(b) * bin_width;
      svg += fmt::format(
          "<rect class=\"c{}\" x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\" "
          "rx=\"1.5\" data-tip=\"{}|{}|{}\"/>",
          g, a.X(value) - slot / 2 + static_cast<double>(g) * bar, a.Y(share[g][b]), bar,
          kBottom - a.Y(share[g][b]), EscapeHtml(spec.names[g]), FormatValue(value, Unit::kNumber),
          FormatValue(share[g][b], Unit::kPercent));
    }
    legend += fmt::format("<span class=\"c{}\">{}</span>", g, EscapeHtml(spec.names[g]));
  }
  return Figure(spec.title, legend, spec.caption, "", spec.title, svg);
}

}  // namespace rlvr
