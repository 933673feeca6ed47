#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/progress.h"
#include "report/comparison_report.h"
#include "report/html.h"

namespace rlvr {
namespace {

using Json = nlohmann::ordered_json;

std::string Percent(const Interval& i) {
  return fmt::format("{:.1f} % [{:.1f}, {:.1f}]", 100 * i.mean, 100 * i.low, 100 * i.high);
}

std::string Points(const Interval& i) {
  return fmt::format("{:+.1f} [{:+.1f}, {:+.1f}]", 100 * i.mean, 100 * i.low, 100 * i.high);
}

// Columns aligned, the first to the left and the others to the right; two spaces between.
std::string Align(const std::vector<std::vector<std::string>>& rows) {
  std::vector<size_t> width(rows[0].size());
  for (const auto& row : rows) {
    for (size_t c = 0; c < row.size(); ++c) width[c] = std::max(width[c], row[c].size());
  }
  std::string text;
  for (const auto& row : rows) {
    for (size_t c = 0; c < row.size(); ++c) {
      text += c == 0 ? fmt::format("{:<{}}", row[c], width[c])
                     : fmt::format("  {:>{}}", row[c], width[c]);
    }
    text += "\n";
  }
  return text;
}

Json ToJson(const Interval& i) { return {{"mean", i.mean}, {"low", i.low}, {"high", i.high}}; }

Json ToJson(const SeedCurves& curves) {
  const SeedBand band = BandOverSeeds(curves);
  return {{"step", curves.x},
          {"by_seed", curves.by_seed},
          {"mean", band.mean},
          {"lowest", band.low},
          {"highest", band.high}};
}

}  // namespace

double BeforeTraining(const ComparisonResult& result) {
  const auto curve = result.recipes[0].curves.find("val/avg");
  if (curve == result.recipes[0].curves.end() || curve->second.x[0] != 0)
    return std::numeric_limits<double>::quiet_NaN();
  return BandOverSeeds(curve->second).mean[0];
}

std::string DifferenceInWords(const ComparisonResult& result, const RecipeResult& recipe) {
  const Interval& d = recipe.avg_difference;
  const std::string interval =
      fmt::format("95 % interval {:+.1f} to {:+.1f}", 100 * d.low, 100 * d.high);
  const std::string& baseline = result.recipes[0].name;
  if (d.low > 0 || d.high < 0) {
    return fmt::format("{} is {:.1f} points {} {}: {}", recipe.name, 100 * std::fabs(d.mean),
                       d.mean > 0 ? "above" : "below", baseline, interval);
  }
  return fmt::format("{} and {} cannot be told apart by these runs: {:+.1f} points, {}",
                     recipe.name, baseline, 100 * d.mean, interval);
}

std::string ComparisonText(const ComparisonResult& result) {
  const auto at_k = [&](const char* name) { return fmt::format("{}@{}", name, result.k); };
  std::vector<std::vector<std::string>> rows = {
      {"recipe", at_k("avg") + " [95 %]", "difference [95 %]", at_k("pass"), at_k("maj"), "entropy",
       "length", "sampled", "trained", "time"}};
  for (size_t i = 0; i < result.recipes.size(); ++i) {
    const RecipeResult& r = result.recipes[i];
    rows.push_back({r.name, Percent(r.avg), i == 0 ? "-" : Points(r.avg_difference),
                    FormatValue(r.pass.mean, Unit::kPercent),
                    FormatValue(r.maj.mean, Unit::kPercent), fmt::format("{:.3f}", r.entropy),
                    fmt::format("{:.1f}", r.response_length),
                    FormatValue(r.sampled_tokens, Unit::kNumber),
                    FormatValue(r.trained_tokens, Unit::kNumber), FormatDuration(r.seconds)});
  }
  std::string text = Align(rows);
  text += fmt::format(
      "Held-out: {} prompts x {} samples x {} seed{} after {} steps. Tokens and time are of one "
      "run.\n",
      result.num_prompts, result.k, result.files.seeds.size(),
      result.files.seeds.size() == 1 ? "" : "s", result.steps);
  const double before = BeforeTraining(result);
  if (std::isfinite(before))
    text += fmt::format("Before training: avg@{} {:.1f} %.\n", result.k, 100 * before);
  for (size_t i = 1; i < result.recipes.size(); ++i)
    text += DifferenceInWords(result, result.recipes[i]) + "\n";
  for (const std::string& warning : result.warnings) text += "warning: " + warning + "\n";
  return text;
}

std::string ComparisonJson(const ComparisonResult& result) {
  Json json = {{"name", result.files.name},
               {"baseline", result.recipes[0].name},
               {"seeds", result.files.seeds},
               {"steps", result.steps},
               {"k", result.k},
               {"num_prompts", result.num_prompts},
               {"notes", result.files.notes},
               {"warnings", result.warnings}};
  const std::string k = fmt::format("{}", result.k);
  Json recipes = Json::array();
  for (const RecipeResult& r : result.recipes) {
    Json curves = Json::object();
    for (const auto& [metric, curve] : r.curves) curves[metric] = ToJson(curve);
    recipes.push_back({{"recipe", r.name},
                       {"avg@" + k, ToJson(r.avg)},
                       {"pass@" + k, ToJson(r.pass)},
                       {"maj@" + k, ToJson(r.maj)},
                       {"difference",
                        {{"avg@" + k, ToJson(r.avg_difference)},
                         {"pass@" + k, ToJson(r.pass_difference)},
                         {"maj@" + k, ToJson(r.maj_difference)}}},
                       {"avg_by_seed", r.avg_by_seed},
                       {"entropy", r.entropy},
                       {"response_length", r.response_length},
                       {"clip_ratio", r.clip_ratio},
                       {"sampled_tokens", r.sampled_tokens},
                       {"trained_tokens", r.trained_tokens},
                       {"seconds", r.seconds},
                       {"curves", curves}});
  }
  json["recipes"] = recipes;
  Json differences = Json::array();
  for (const ConfigDifference& d : result.differences) {
    Json row = {{"key", d.key}};
    for (size_t i = 0; i < d.values.size(); ++i)
      row["values"][result.recipes[i].name] = d.values[i];
    differences.push_back(row);
  }
  json["differences"] = differences;
  return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string WriteComparison(const ComparisonResult& result) {
  WriteFileAtomically(result.files.folder + "/compare.json", ComparisonJson(result));
  const std::string path = result.files.folder + "/compare.html";
  WriteFileAtomically(path, ComparisonPage(result));
  return path;
}

}  // namespace rlvr
