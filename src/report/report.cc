#include "report/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "base/config.h"
#include "base/error.h"
#include "base/file.h"
#include "report/chart.h"
#include "report/conversation_view.h"
#include "report/html.h"
#include "report/run_data.h"
#include "report/samples.h"

namespace rlvr {
namespace {

constexpr size_t kFilesPerHistogram = 20;  // bounds the reading of long runs
constexpr size_t kGroupsPerStep = 3, kSamplesPerGroup = 4;

std::string Name(const std::string& run_folder) {
  std::filesystem::path path(run_folder);
  if (path.filename().empty()) path = path.parent_path();
  return std::filesystem::absolute(path).filename().string();
}

std::string Points(double difference) { return fmt::format("{:+.1f} points", 100 * difference); }

std::string IntervalText(const Estimate& e) {
  return fmt::format("{:.1f} to {:.1f} %", 100 * e.low, 100 * e.high);
}

// The result in one line: accuracy before and after with intervals.
std::string Hero(const std::vector<EvalRecord>& evals) {
  if (evals.empty()) return "";
  const EvalRecord &first = evals.front(), &last = evals.back();
  if (evals.size() == 1) {
    return fmt::format(
        "<div class=\"card hero\"><div><div class=\"big\">{:.1f} %</div><div class=\"note\">avg@{} "
        "on held-out problems at step {} &middot; 95 % interval {} &middot; {} problems</div></div>"
        "</div>\n",
        100 * last.avg.mean, last.k, last.step, IntervalText(last.avg), last.num_prompts);
  }
  const double gain = last.avg.mean - first.avg.mean;
  return fmt::format(
      "<div class=\"card hero\"><div><div class=\"big\"><span class=\"from\">{:.1f} %</span> "
      "&rarr; "
      "{:.1f} %</div><div class=\"note\">avg@{} on held-out problems, step {} to step {} &middot; "
      "<span class=\"gain{}\">{}</span></div></div><div class=\"note\">95 % intervals over {} "
      "problems<br>before: {}<br>after: {}</div></div>\n",
      100 * first.avg.mean, 100 * last.avg.mean, last.k, first.step, last.step,
      gain < 0 ? " down" : "", Points(gain), last.num_prompts, IntervalText(first.avg),
      IntervalText(last.avg));
}

std::string Fact(const std::string& name, const std::string& value) {
  return fmt::format("<span>{} <b>{}</b></span>", EscapeHtml(name), EscapeHtml(value));
}

std::string Facts(const std::string& run_folder, const MetricsTable& metrics) {
  std::string html = "<div class=\"facts\">";
  if (!metrics.step.empty()) html += Fact("steps", fmt::format("{}", metrics.step.back()));
  for (const auto& [key, value] : ReadRunInfo(run_folder)) html += Fact(key, value);
  return html + "</div>\n";
}

ChartSpec AccuracyChart(const std::vector<EvalRecord>& evals) {
  const int64_t k = evals.back().k;
  ChartSpec spec{.title = "Held-out accuracy",
                 .caption =
                     "Share of right answers to problems never trained on; bands are 95 % "
                     "intervals over problems.",
                 .unit = Unit::kPercent};
  ChartSeries avg{fmt::format("avg@{}", k), {}, {}, {}}, maj{fmt::format("maj@{}", k), {}, {}, {}},
      pass{fmt::format("pass@{}", k), {}, {}, {}};
  for (const EvalRecord& e : evals) {
    spec.x.push_back(static_cast<double>(e.step));
    for (const auto& [series, value] :
         {std::pair{&avg, &e.avg}, std::pair{&maj, &e.maj}, std::pair{&pass, &e.pass}}) {
      series->y.push_back(value->mean);
      series->low.push_back(value->low);
      series->high.push_back(value->high);
    }
  }
  spec.series = {avg, maj, pass};
  return spec;
}

struct MetricChart {
  const char* title;
  std::vector<const char*> metrics;
  const char* caption;
  Unit unit = Unit::kNumber;
  bool from_zero = false;
};

const std::vector<MetricChart>& MetricCharts() {
  static const std::vector<MetricChart> charts = {
      {"Score", {"critic/score/mean"}, "Mean score of the sampled responses."},
      {"Loss", {"train/loss"}, "Mean negative log-likelihood of the tokens trained on, in nats."},
      {"Entropy",
       {"actor/entropy"},
       "Of the policy's next token, in nats. A fall towards 0 means that sampling no longer "
       "explores.",
       Unit::kNumber,
       true},
      {"Response length", {"response_length/mean"}, "Tokens per response.", Unit::kNumber, true},
      {"Cut at the length limit",
       {"response_length/clip_ratio"},
       "Share of responses that reached max_tokens.",
       Unit::kPercent,
       true},
      {"Clip fraction",
       {"actor/pg_clipfrac"},
       "Share of tokens whose probability ratio left the clip range. 0 when every batch is used "
       "for "
       "one update.",
       Unit::kPercent,
       true},
      {"Gradient norm", {"actor/grad_norm"}, "Before clipping.", Unit::kNumber, true},
      {"Groups without a signal",
       {"batch/solve_none", "batch/solve_all"},
       "Share of sampled groups in which no response or every response is right: their advantages "
       "are zero.",
       Unit::kPercent,
       true},
      {"Learning rate", {"actor/lr"}, "Of the optimizer.", Unit::kNumber, true},
      {"Speed",
       {"perf/sampled_tokens_per_s", "perf/trained_tokens_per_s", "perf/throughput"},
       "Tokens per second: sampled, trained, and the two together over the whole step.",
       Unit::kNumber,
       true},
  };
  return charts;
}

std::string Charts(const MetricsTable& metrics) {
  const std::vector<double> x(metrics.step.begin(), metrics.step.end());
  std::string html;
  for (const MetricChart& chart : MetricCharts()) {
    ChartSpec spec{.title = chart.title,
                   .caption = chart.caption,
                   .x = x,
                   .unit = chart.unit,
                   .from_zero = chart.from_zero};
    for (const char* name : chart.metrics) {
      const std::vector<double>* y = metrics.Find(name);
      if (y != nullptr) spec.series.push_back({name, *y, {}, {}});
    }
    if (!spec.series.empty()) html += LineChart(spec);
  }
  return html;
}

std::vector<double> Rewards(const std::vector<std::string>& paths) {
  std::vector<double> rewards;
  for (const std::string& path : paths) {
    for (const TrajectoryRecord& t : ReadTrajectories(path)) rewards.push_back(t.reward);
  }
  return rewards;
}

std::string RewardHistogram(const std::vector<std::string>& rollouts) {
  const size_t count = std::min(kFilesPerHistogram, rollouts.size() / 2);
  if (count == 0) return "";
  const std::vector<std::string> first(rollouts.begin(),
                                       rollouts.begin() + static_cast<ptrdiff_t>(count));
  const std::vector<std::string> last(rollouts.end() - static_cast<ptrdiff_t>(count),
                                      rollouts.end());
  HistogramSpec spec{
      .title = "Rewards",
      .caption = fmt::format(
          "Of the recorded rollouts of the first and the last {} recorded steps.", count),
      .names = {"first steps", "last steps"},
      .values = {Rewards(first), Rewards(last)}};
  if (spec.values[0].empty() || spec.values[1].empty()) return "";
  return Histogram(spec);
}

// First, last and two between.
std::vector<std::string> ShownSteps(const std::vector<std::string>& rollouts) {
  std::vector<std::string> shown;
  for (size_t i = 0; i < 4 && !rollouts.empty(); ++i) {
    const std::string& path = rollouts[i * (rollouts.size() - 1) / 3];
    if (shown.empty() || shown.back() != path) shown.push_back(path);
  }
  return shown;
}

std::string Samples(const std::string& run_folder, const std::vector<std::string>& rollouts) {
  std::string before_after, steps;
  const std::vector<std::string> evals = StepFiles(run_folder, "eval", ".jsonl");
  if (evals.size() > 1)
    before_after = BeforeAfter(ReadTrajectories(evals.front()), ReadTrajectories(evals.back()));
  for (const std::string& path : ShownSteps(rollouts)) {
    const std::vector<TrajectoryRecord> trajectories = ReadTrajectories(path);
    if (trajectories.empty()) continue;
    steps += fmt::format("<details{}><summary>Step {}</summary>{}</details>\n",
                         steps.empty() ? " open" : "", trajectories[0].step,
                         StepSamples(trajectories, kGroupsPerStep, kSamplesPerGroup));
  }
  if (before_after.empty() && steps.empty()) return "";
  std::string html =
      "<h2>Trajectories</h2><div class=\"switch\">Colour tokens by <div>"
      "<button data-by=\"advantage\" aria-pressed=\"true\">advantage</button>"
      "<button data-by=\"entropy\" aria-pressed=\"false\">entropy</button>"
      "<button data-by=\"logp\" aria-pressed=\"false\">log-prob</button></div>"
      "<span>advantage: green up, red down &middot; entropy: open choices &middot; log-prob: "
      "unlikely tokens</span></div>\n";
  if (!before_after.empty()) {
    html +=
        "<h3>The same held-out problems before and after</h3><p>The typical sample of each: one "
        "with the verdict that most have. Evaluations have no advantage: colour by entropy or "
        "log-prob.</p>" +
        before_after;
  }
  if (!steps.empty()) {
    html +=
        "<h3>Rollouts of training steps</h3><p>Right and wrong samples of one group in turn."
        "</p>" +
        steps;
  }
  return html;
}

// Of the shown steps that have any, and of the first and the last evaluation by a protocol.
std::string ConversationSection(const std::string& run_folder,
                                const std::vector<std::string>& rollouts) {
  std::string html;
  for (const std::string& path : ShownSteps(rollouts)) {
    const std::vector<ConversationRecord> conversations = ReadConversations(path);
    if (conversations.empty()) continue;
    html +=
        fmt::format("<details{}><summary>{}</summary>{}</details>\n", html.empty() ? " open" : "",
                    EscapeHtml(std::filesystem::path(path).stem().string()),
                    ConversationsHtml(conversations, kGroupsPerStep, kSamplesPerGroup));
  }
  const std::vector<std::string> protocol = StepFiles(run_folder, "protocol", ".jsonl");
  for (const std::string& path :
       {protocol.empty() ? "" : protocol.front(), protocol.size() < 2 ? "" : protocol.back()}) {
    if (path.empty()) continue;
    html += fmt::format("<details><summary>Held-out instructions, {}</summary>{}</details>\n",
                        EscapeHtml(std::filesystem::path(path).stem().string()),
                        ConversationsHtml(ReadConversations(path), kGroupsPerStep, 1));
  }
  if (html.empty()) return "";
  return "<h2>Conversations</h2><p>Turn by turn: what the policy did, whether the request could be "
         "answered by then, and its reward. Tokens are coloured as above.</p>" +
         html;
}

std::string MetricsSummary(const MetricsTable& metrics) {
  std::string rows;
  for (const auto& [name, values] : metrics.column) {
    std::vector<double> finite;
    for (const double v : values) {
      if (std::isfinite(v)) finite.push_back(v);
    }
    if (finite.empty()) continue;
    rows += fmt::format("<tr><td>{}</td>", EscapeHtml(name));
    for (const double v :
         {finite.front(), finite.back(), *std::min_element(finite.begin(), finite.end()),
          *std::max_element(finite.begin(), finite.end())}) {
      rows += fmt::format("<td class=\"num\">{}</td>", FormatValue(v, Unit::kNumber));
    }
    rows += "</tr>";
  }
  return "<details><summary>Every metric</summary><div class=\"scroll\"><table><tr><th>metric</th>"
         "<th class=\"num\">first</th><th class=\"num\">last</th><th class=\"num\">lowest</th>"
         "<th class=\"num\">highest</th></tr>" +
         rows + "</table></div></details>\n";
}

// One row per scalar: "policy_loss.eps_high", "0.28".
void RecipeRows(const ConfigNode& node, const std::string& path, std::string* rows) {
  if (node.kind == ConfigNode::Kind::kMap || node.kind == ConfigNode::Kind::kList) {
    const bool map = node.kind == ConfigNode::Kind::kMap;
    for (size_t i = 0; i < node.items.size(); ++i) {
      const std::string key = map ? node.keys[i] : fmt::format("{}", i);
      RecipeRows(node.items[i], path.empty() ? key : path + "." + key, rows);
    }
    if (!node.items.empty()) return;
  }
  const bool empty_list = node.kind == ConfigNode::Kind::kList;
  *rows += fmt::format("<tr><td>{}</td><td>{}</td></tr>", EscapeHtml(path),
                       empty_list ? "none" : EscapeHtml(node.scalar));
}

std::string RecipeTable(const std::string& run_folder) {
  const std::string path = run_folder + "/recipe.yaml";
  std::string rows;
  RecipeRows(ParseConfig(ReadFile(path), path), "", &rows);
  return "<details><summary>The whole recipe</summary><div class=\"scroll\"><table>" + rows +
         "</table></div></details>\n";
}

void RequireRun(const std::string& run_folder) {
  if (std::filesystem::exists(run_folder + "/run.json")) return;
  throw Error(run_folder, "not a run's folder (run.json is missing)",
              "give the folder that training wrote, such as runs/NAME");
}

}  // namespace

std::string WriteReport(const std::string& run_folder) {
  RequireRun(run_folder);
  const MetricsTable metrics = ReadMetrics(run_folder);
  const std::vector<EvalRecord> evals = ReadEvals(run_folder);
  const std::vector<std::string> rollouts = StepFiles(run_folder, "rollouts", ".jsonl");
  const std::string name = EscapeHtml(Name(run_folder));
  // The policy forbids the page every request, whatever a file might smuggle in.
  const std::string page =
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
      "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
      "style-src 'unsafe-inline'; script-src 'unsafe-inline'\">"
      "<title>" +
      name + "</title><style>" + kChartStyle + kPageStyle + kConversationStyle +
      "</style></head>\n<body class=\"by-advantage\"><main>\n<h1>" + name + "</h1>\n" +
      Facts(run_folder, metrics) + Hero(evals) +
      "<h2>Curves</h2><p>Point at a curve for its "
      "values.</p><div class=\"charts\">" +
      (evals.empty() ? "" : LineChart(AccuracyChart(evals))) + Charts(metrics) +
      RewardHistogram(rollouts) + "</div>\n" + Samples(run_folder, rollouts) +
      ConversationSection(run_folder, rollouts) + "<h2>Details</h2>\n" + MetricsSummary(metrics) +
      RecipeTable(run_folder) +
      "<footer>Written by rlvr report. This page loads nothing from anywhere.</footer>\n"
      "<div id=\"tip\" hidden></div></main><script>" +
      kPageScript + "</script></body></html>\n";
  const std::string path = run_folder + "/report.html";
  WriteFileAtomically(path, page);
  return path;
}

void WriteAccuracyPicture(const std::string& run_folder, const std::string& path) {
  RequireRun(run_folder);
  const std::vector<EvalRecord> evals = ReadEvals(run_folder);
  if (evals.empty()) {
    throw Error(run_folder, "has no evaluations to draw", "train with eval.before or eval.every");
  }
  WriteFileAtomically(path, LineChartFile(AccuracyChart(evals)));
}

}  // namespace rlvr
