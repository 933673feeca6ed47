#include "report/report.h"

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/file.h"
#include "report/page.h"

namespace rlvr {
namespace {

using Json = nlohmann::ordered_json;
namespace fs = std::filesystem;

constexpr size_t kMaxSamples = 24;

Json ParseAt(const std::string& text, const std::string& place) {
  Json j = Json::parse(text, nullptr, false);
  if (j.is_discarded())
    throw Error(place, "is not JSON",
                "the file is damaged; the run can be resumed from its checkpoint");
  return j;
}

std::vector<Json> ReadLines(const std::string& path) {
  std::vector<Json> rows;
  const std::string text = ReadFile(path);
  int64_t number = 0;
  for (size_t begin = 0; begin < text.size();) {
    size_t end = text.find('\n', begin);
    if (end == std::string::npos) end = text.size();
    ++number;
    if (end > begin)
      rows.push_back(ParseAt(text.substr(begin, end - begin), path + ":" + std::to_string(number)));
    begin = end + 1;
  }
  return rows;
}

std::vector<std::string> SortedFiles(const std::string& folder, const std::string& extension) {
  std::vector<std::string> files;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder, ignored)) {
    if (entry.path().extension() == extension) files.push_back(entry.path().string());
  }
  std::sort(files.begin(), files.end());
  return files;
}

// Some trajectories of the first and the last recorded steps, right and wrong ones.
Json PickSamples(const std::vector<Json>& rows) {
  std::vector<const Json*> picked;
  for (const char* verdict : {"right", "wrong"}) {
    std::vector<const Json*> of;
    for (const Json& row : rows) {
      if (row.value("verdict", "") == verdict) of.push_back(&row);
    }
    const size_t half = kMaxSamples / 4;
    for (size_t i = 0; i < std::min(half, of.size()); ++i) picked.push_back(of[i]);
    for (size_t i = of.size() > half ? std::max(half, of.size() - half) : of.size(); i < of.size();
         ++i)
      picked.push_back(of[i]);
  }
  std::stable_sort(picked.begin(), picked.end(), [](const Json* a, const Json* b) {
    return a->value("step", 0) < b->value("step", 0);
  });
  Json samples = Json::array();
  for (const Json* row : picked) samples.push_back(*row);
  return samples;
}

}  // namespace

std::string WriteReport(const std::string& run) {
  if (!fs::is_directory(run))
    throw Error(run, "no such run folder", "give the folder of a run, such as runs/quickstart");
  Json data;
  data["name"] = fs::path(run).filename().empty() ? fs::path(run).parent_path().filename().string()
                                                  : fs::path(run).filename().string();
  data["metrics"] = ReadLines(run + "/metrics.jsonl");
  data["recipe"] = ReadFile(run + "/recipe.yaml");
  const Json info = ParseAt(ReadFile(run + "/run.json"), run + "/run.json");
  data["summary"] = "rlvr " + info.value("version", std::string("?")) + ", commit " +
                    info.value("git_commit", std::string("?")) + ", " +
                    info.value("compute", std::string("?")) + " on " +
                    info.value("isa", std::string("?")) + ", " +
                    std::to_string(data["metrics"].size()) + " steps";
  data["evals"] = Json::array();
  for (const auto& file : SortedFiles(run + "/eval", ".json"))
    data["evals"].push_back(ParseAt(ReadFile(file), file));
  std::vector<Json> trajectories;
  for (const auto& file : SortedFiles(run + "/rollouts", ".jsonl")) {
    for (auto& row : ReadLines(file)) trajectories.push_back(std::move(row));
  }
  data["rewards"] = Json::array();
  for (const Json& row : trajectories) {
    if (row.contains("reward")) data["rewards"].push_back(row["reward"]);
  }
  data["samples"] = PickSamples(trajectories);

  // Inside a script element only "</" and "<!--" could end it; everything shown goes through text
  // nodes.
  std::string json = data.dump(-1, ' ', false, Json::error_handler_t::replace);
  for (size_t at = 0; (at = json.find('<', at)) != std::string::npos; at += 6)
    json.replace(at, 1, "\\u003c");
  std::string page = kReportPage;
  page.replace(page.find(kReportDataMark), std::string(kReportDataMark).size(), json);
  const std::string path = run + "/report.html";
  WriteFileAtomically(path, page);
  return path;
}

}  // namespace rlvr
