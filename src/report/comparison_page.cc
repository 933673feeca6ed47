#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/progress.h"
#include "report/chart.h"
#include "report/comparison_report.h"
#include "report/html.h"

namespace rlvr {
namespace {

constexpr size_t kMostCurves = 8;  // colours of a chart

struct CurveChart {
  const char* metric;
  const char* title;
  const char* caption;
  Unit unit = Unit::kNumber;
  bool from_zero = false;
};

constexpr CurveChart kCharts[] = {
    {"val/avg", "Held-out accuracy", "Share of right samples on problems never trained on.",
     Unit::kPercent},
    {"val/pass", "Held-out pass@k", "Share of problems with at least one right sample.",
     Unit::kPercent},
    {"val/maj", "Held-out maj@k", "Share of problems whose most frequent answer is right.",
     Unit::kPercent},
    {"critic/score/mean", "Training score",
     "Mean score of the responses trained on; selection moves it."},
    {"actor/entropy", "Entropy", "Of the policy's next token, in nats.", Unit::kNumber, true},
    {"response_length/mean", "Response length", "Tokens per response.", Unit::kNumber, true},
    {"response_length/clip_ratio", "Cut at the length limit",
     "Share of responses that reached max_tokens.", Unit::kPercent, true},
    {"actor/pg_clipfrac", "Clip fraction",
     "Share of tokens whose probability ratio left the clip range.", Unit::kPercent, true},
    {"actor/grad_norm", "Gradient norm", "Before clipping.", Unit::kNumber, true},
    {"tokens/sampled", "Tokens sampled so far", "The budget: groups that were not kept included.",
     Unit::kNumber, true},
};

// One metric of all recipes: means over seeds, bands from the lowest to the highest seed.
std::string Chart(const ComparisonResult& result, const CurveChart& chart) {
  ChartSpec spec{.title = chart.title,
                 .caption = chart.caption,
                 .unit = chart.unit,
                 .from_zero = chart.from_zero,
                 .band_name = "seeds"};
  const size_t shown = std::min(kMostCurves, result.recipes.size());
  bool any = false;
  for (size_t r = 0; r < shown; ++r) {
    const auto curves = result.recipes[r].curves.find(chart.metric);
    if (curves == result.recipes[r].curves.end()) continue;
    any = true;
    spec.x.insert(spec.x.end(), curves->second.x.begin(), curves->second.x.end());
  }
  if (!any) return "";
  std::sort(spec.x.begin(), spec.x.end());
  spec.x.erase(std::unique(spec.x.begin(), spec.x.end()), spec.x.end());
  const bool bands = result.files.seeds.size() > 1;
  for (size_t r = 0; r < shown; ++r) {  // also without values: colours stay the recipes'
    constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
    ChartSeries series{result.recipes[r].name, std::vector<double>(spec.x.size(), kNan), {}, {}};
    if (bands) series.low = series.high = series.y;
    const auto curves = result.recipes[r].curves.find(chart.metric);
    if (curves != result.recipes[r].curves.end()) {
      const SeedBand band = BandOverSeeds(curves->second);
      for (size_t i = 0; i < band.mean.size(); ++i) {
        const auto at = static_cast<size_t>(
            std::lower_bound(spec.x.begin(), spec.x.end(), curves->second.x[i]) - spec.x.begin());
        series.y[at] = band.mean[i];
        if (!bands) continue;
        series.low[at] = band.low[i];
        series.high[at] = band.high[i];
      }
    }
    spec.series.push_back(std::move(series));
  }
  return LineChart(spec);
}

std::string Cell(const std::string& text) { return "<td class=\"num\">" + text + "</td>"; }

std::string PercentCell(const Interval& i) {
  return Cell(
      fmt::format("<b>{:.1f} %</b> [{:.1f}, {:.1f}]", 100 * i.mean, 100 * i.low, 100 * i.high));
}

const char* DirectionClass(const Interval& d) {
  return d.low > 0 ? "better" : d.high < 0 ? "worse" : "";
}

std::string DifferenceCell(const Interval& d, bool baseline) {
  if (baseline) return Cell("baseline");
  return Cell(fmt::format("<b class=\"{}\">{:+.1f}</b> [{:+.1f}, {:+.1f}]", DirectionClass(d),
                          100 * d.mean, 100 * d.low, 100 * d.high));
}

std::string Table(const std::vector<std::string>& head, const std::string& rows) {
  std::string html = "<div class=\"card scroll\"><table class=\"even\"><tr><th>recipe</th>";
  for (const std::string& name : head) html += "<th class=\"num\">" + name + "</th>";
  return html + "</tr>" + rows + "</table></div>\n";
}

std::string ResultTable(const ComparisonResult& result) {
  std::string rows;
  for (size_t i = 0; i < result.recipes.size(); ++i) {
    const RecipeResult& r = result.recipes[i];
    rows += "<tr><td>" + EscapeHtml(r.name) + "</td>" + PercentCell(r.avg) +
            DifferenceCell(r.avg_difference, i == 0) + PercentCell(r.pass) +
            DifferenceCell(r.pass_difference, i == 0) + PercentCell(r.maj) +
            DifferenceCell(r.maj_difference, i == 0) + "</tr>";
  }
  const auto at_k = [&](const char* name) { return fmt::format("{}@{}", name, result.k); };
  return Table({at_k("avg"), "difference", at_k("pass"), "difference", at_k("maj"), "difference"},
               rows);
}

// What the recipes are like besides being right, and what they cost.
std::string CostTable(const ComparisonResult& result) {
  std::string rows;
  for (const RecipeResult& r : result.recipes) {
    std::string by_seed;
    for (const double v : r.avg_by_seed)
      by_seed += fmt::format("{}{:.1f}", by_seed.empty() ? "" : " &middot; ", 100 * v);
    rows += "<tr><td>" + EscapeHtml(r.name) + "</td>" + Cell(by_seed) +
            Cell(fmt::format("{:.3f}", r.entropy)) +
            Cell(fmt::format("{:.1f}", r.response_length)) +
            Cell(FormatValue(r.clip_ratio, Unit::kPercent)) +
            Cell(FormatValue(r.sampled_tokens, Unit::kNumber)) +
            Cell(FormatValue(r.trained_tokens, Unit::kNumber)) + Cell(FormatDuration(r.seconds)) +
            "</tr>";
  }
  return Table({fmt::format("avg@{} by seed", result.k), "entropy", "length", "cut",
                "tokens sampled", "tokens trained", "time"},
               rows);
}

// The difference of every recipe to the baseline as a dot with its interval, beside the line of 0.
std::string DifferencePlot(const ComparisonResult& result) {
  constexpr double kLeft = 170, kRight = 620, kRow = 26, kTop = 8;
  double low = 0, high = 0;
  for (const RecipeResult& r : result.recipes) {
    low = std::min(low, r.avg_difference.low);
    high = std::max(high, r.avg_difference.high);
  }
  const double margin = std::max(0.05 * (high - low), 0.002);
  low -= margin;
  high += margin;
  const auto x = [&](double d) { return kLeft + (d - low) / (high - low) * (kRight - kLeft); };
  const double bottom = kTop + kRow * static_cast<double>(result.recipes.size() - 1);
  std::string svg;
  for (const double tick : Ticks(low, high, 6)) {
    const double points = std::fabs(tick) < 1e-12 ? 0 : 100 * tick;
    svg += fmt::format(
        "<path class=\"grid\" d=\"M{0:.1f} {1}V{2}\"{5}/><text class=\"x\" x=\"{0:.1f}\" y=\"{3}\">"
        "{4}</text>",
        x(tick), kTop, bottom, bottom + 18, points == 0 ? "0" : fmt::format("{:+.3g}", points),
        points == 0 ? " style=\"stroke:var(--soft)\"" : "");
  }
  for (size_t i = 1; i < result.recipes.size(); ++i) {
    const Interval& d = result.recipes[i].avg_difference;
    const double y = kTop + kRow * (static_cast<double>(i) - 0.5);
    svg += fmt::format(
        "<text class=\"y\" x=\"{}\" y=\"{:.1f}\">{}</text><g class=\"c{}\"><path class=\"line\" "
        "d=\"M{:.1f} {:.1f}H{:.1f}\"/><circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"5\"/></g>",
        kLeft - 12, y + 4, EscapeHtml(result.recipes[i].name), i % kMostCurves, x(d.low), y,
        x(d.high), x(d.mean), y);
  }
  return fmt::format(
      "<figure class=\"card\"><h3>Points of avg@{} above or below {}</h3><svg viewBox=\"0 0 640 "
      "{}\" style=\"max-width:640px\" role=\"img\" aria-label=\"Differences to the "
      "baseline\">{}</svg><figcaption>Paired by "
      "seed and held-out problem; the line is the 95 % interval. A line that crosses 0 has not "
      "told the two apart.</figcaption></figure>\n",
      result.k, EscapeHtml(result.recipes[0].name), bottom + 26, svg);
}

std::string List(const std::vector<std::string>& lines) {
  std::string items;
  for (const std::string& line : lines) items += "<li>" + EscapeHtml(line) + "</li>";
  return items;
}

std::string Notices(const ComparisonResult& result) {
  std::string html;
  if (!result.warnings.empty())
    html +=
        "<div class=\"card warn\"><h3>Warnings</h3><ul>" + List(result.warnings) + "</ul></div>\n";
  if (!result.files.notes.empty()) {
    html += "<div class=\"card warn soft\"><h3>Notes</h3><ul>" + List(result.files.notes) +
            "</ul></div>\n";
  }
  return html;
}

std::string DifferenceTable(const ComparisonResult& result) {
  if (result.differences.empty()) return "<p>Nothing: the recipes are the same.</p>\n";
  std::string head, rows;
  for (const RecipeResult& r : result.recipes) head += "<th>" + EscapeHtml(r.name) + "</th>";
  for (const ConfigDifference& d : result.differences) {
    rows += "<tr><td>" + EscapeHtml(d.key) + "</td>";
    for (const std::string& value : d.values)
      rows += "<td>" + (value.empty() ? "-" : EscapeHtml(value)) + "</td>";
    rows += "</tr>";
  }
  return "<div class=\"card scroll\"><table><tr><th>key</th>" + head + "</tr>" + rows +
         "</table></div>\n";
}

}  // namespace

std::string ComparisonPage(const ComparisonResult& result) {
  const std::string name = EscapeHtml(result.files.name);
  std::string words, charts;
  for (size_t i = 1; i < result.recipes.size(); ++i)
    words += "<p>" + EscapeHtml(DifferenceInWords(result, result.recipes[i])) + ".</p>";
  for (const CurveChart& chart : kCharts) charts += Chart(result, chart);
  const auto fact = [](const char* what, const auto& value) {
    return fmt::format("<span>{} <b>{}</b></span>", what, value);
  };
  return "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
         "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">"
         "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
         "style-src 'unsafe-inline'; script-src 'unsafe-inline'\">"
         "<title>" +
         name + "</title><style>" + kChartStyle + kPageStyle +
         "</style></head>\n<body><main>\n<h1>" + name + "</h1>\n<div class=\"facts\">" +
         fact("recipes", result.recipes.size()) +
         fact("seeds", fmt::format("{}", fmt::join(result.files.seeds, " "))) +
         fact("steps", result.steps) + fact("held-out problems", result.num_prompts) +
         fact("samples of each", result.k) +
         fact("avg before training", FormatValue(BeforeTraining(result), Unit::kPercent)) +
         "</div>\n<h2>Result after the last step</h2>" + words + ResultTable(result) +
         "<p>Intervals are 95 %, by a bootstrap that resamples seeds and held-out problems; a "
         "difference is in points and paired by seed and problem. Tokens and time are of one "
         "run.</p>\n" +
         CostTable(result) + Notices(result) +
         (result.recipes.size() > 1 ? DifferencePlot(result) : "") +
         "<h2>Curves</h2><p>Mean over seeds; the band goes from the lowest to the highest seed." +
         (result.recipes.size() > kMostCurves
              ? fmt::format(" The first {} recipes are drawn.", kMostCurves)
              : "") +
         " Point at a curve for its values.</p><div class=\"charts\">" + charts +
         "</div>\n<h2>What differs between the recipes</h2>\n" + DifferenceTable(result) +
         "<footer>Written by rlvr compare. This page loads nothing from anywhere.</footer>\n"
         "<div id=\"tip\" hidden></div></main><script>" +
         kPageScript + "</script></body></html>\n";
}

}  // namespace rlvr
