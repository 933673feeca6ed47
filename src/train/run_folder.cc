#include "train/run_folder.h"

#include <errno.h>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <string.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/error.h"
#include "base/file.h"
#include "base/progress.h"
#include "base/thread_pool.h"
#include "eval/coverage.h"
#include "tensor/isa.h"
#include "train/conversations.h"
#include "train/protocol_evaluation.h"
#include "train/recipe_prompts.h"

namespace rlvr {
namespace {

namespace fs = std::filesystem;

std::string CommandLine() {
  std::string command = ReadFile("/proc/self/cmdline");
  while (!command.empty() && command.back() == '\0') command.pop_back();
  for (char& c : command) {
    if (c == '\0') c = ' ';
  }
  return command;
}

std::string Quote(const std::string& text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

// The policy's tokens of one trajectory with what sampling recorded.
struct Response {
  std::vector<int32_t> tokens;
  std::vector<float> logp, entropy;
  int32_t sample = -1;
};

Response ResponseOf(const Tree& tree, const Leaf& leaf) {
  Response r;
  for (const int32_t s : tree.Path(leaf.segment)) {
    const Segment& segment = tree.segments[static_cast<size_t>(s)];
    if (!kTrained.Contains(segment.author)) continue;
    r.tokens.insert(r.tokens.end(), segment.tokens.begin(), segment.tokens.end());
    r.logp.insert(r.logp.end(), segment.logp.begin(), segment.logp.end());
    r.entropy.insert(r.entropy.end(), segment.entropy.begin(), segment.entropy.end());
    r.logp.resize(r.tokens.size());  // nothing is recorded of an expert: 0
    r.entropy.resize(r.tokens.size());
    r.sample = segment.sample;
  }
  return r;
}

// One number where all tokens have the same, else a list of them.
std::string AdvantageJson(const std::vector<double>& advantage) {
  const bool equal = std::all_of(advantage.begin(), advantage.end(),
                                 [&](double a) { return a == advantage.front(); });
  return equal && !advantage.empty() ? fmt::format("{}", advantage.front())
                                     : fmt::format("[{}]", fmt::join(advantage, ","));
}

// The segments after the prompt, where somebody else than the policy wrote one: who said what, how
// many of the line's tokens it is (none of the other side's), and what became of a turn. Of a single
// response what its label and strategy are, where it has a label.
std::string TurnsJson(const Tokenizer& tokenizer, const Tree& tree, const Leaf& leaf) {
  std::string turns;
  bool conversation = false;
  TurnOutcome last;
  for (const int32_t index : tree.Path(leaf.segment)) {
    const Segment& s = tree.segments[static_cast<size_t>(index)];
    if (index == 0) continue;
    const bool policy = kTrained.Contains(s.author);
    conversation = conversation || !policy;
    if (!turns.empty()) turns += ",";
    turns += fmt::format("{{\"author\":\"{}\",\"text\":{},\"num_tokens\":{}", ToString(s.author),
                         Quote(tokenizer.Decode(s.tokens)), policy ? s.tokens.size() : 0);
    if (policy) {
      last = s.outcome;
      turns += fmt::format(",\"reward\":{},\"illocution\":\"{}\",\"strategy\":\"{}\",\"right\":{}",
                           s.outcome.reward, ToString(s.outcome.illocution),
                           ToString(s.outcome.strategy), s.outcome.right);
    }
    turns += "}";
  }
  if (conversation) return "\"turns\":[" + turns + "],";
  if (last.illocution == Illocution::kUnknown) return "";
  return fmt::format("\"illocution\":\"{}\",\"strategy\":\"{}\",", ToString(last.illocution),
                     ToString(last.strategy));
}

std::string Line(int64_t step, const Tokenizer& tokenizer, const RecordedGroup& group,
                 size_t leaf_index) {
  const Tree& tree = *group.tree;
  const Leaf& leaf = tree.leaves[leaf_index];
  const Response r = ResponseOf(tree, leaf);
  std::string pieces;
  for (const int32_t token : r.tokens) {
    if (!pieces.empty()) pieces += ",";
    pieces += Quote(tokenizer.TokenBytes(token));
  }
  const std::string advantage =
      group.advantage.empty()
          ? ""
          : fmt::format("\"advantage\":{},", AdvantageJson(group.advantage[leaf_index]));
  const std::string family =
      tree.family.empty() ? "" : fmt::format("\"family\":{},", Quote(tree.family));
  return fmt::format(
      "{{\"step\":{},\"prompt_index\":{},\"occurrence\":{},\"sample\":{},\"data_source\":{},{}"
      "\"prompt\":{},\"response\":{},\"ground_truth\":{},\"answer\":{},\"verdict\":\"{}\","
      "\"finish\":\"{}\",\"score\":{},\"reward\":{},{}{}\"tokens\":[{}],\"token_ids\":[{}],"
      "\"logp\":[{}],\"entropy\":[{}]}}\n",
      step, tree.prompt_index, tree.occurrence, r.sample, Quote(tree.data_source), family,
      Quote(tokenizer.Decode(tree.segments[0].tokens)), Quote(tokenizer.Decode(r.tokens)),
      Quote(group.prompt->ground_truth), Quote(leaf.answer), ToString(leaf.verdict),
      ToString(leaf.finish), leaf.score, leaf.reward, advantage, TurnsJson(tokenizer, tree, leaf),
      pieces, fmt::join(r.tokens, ","), fmt::join(r.logp, ","), fmt::join(r.entropy, ","));
}

// Without waiting for the disk, which every step would pay for: what a crash damages here belongs
// to steps that resuming makes again.
void WriteUnsynced(const std::string& path, const std::string& content) {
  std::FILE* file = std::fopen(path.c_str(), "wb");
  const bool written =
      file != nullptr && std::fwrite(content.data(), 1, content.size(), file) == content.size();
  const int error = errno;
  if (file == nullptr || std::fclose(file) != 0 || !written) {
    throw Error(
        path, std::string("cannot write: ") + strerror(written ? errno : error),
        "free some disk space or check the permissions; the run goes on from its last checkpoint");
  }
}

// Prompts gained and lost since the evaluation before training, where the run made one.
void AddSupportChange(const std::string& run_folder, int64_t step,
                      const std::vector<int64_t>& solved, nlohmann::json* summary,
                      Metrics* metrics) {
  const std::string base = run_folder + "/eval/" + StepName(0) + ".json";
  if (step == 0 || !fs::exists(base)) return;
  const auto before = nlohmann::json::parse(ReadFile(base), nullptr, false);
  if (!before.is_object() || !before.contains("solved")) return;
  const SupportChange change = CompareSupport(before["solved"].get<std::vector<int64_t>>(), solved);
  (*summary)["support"] = {
      {"preserved", change.preserved}, {"shrunk", change.shrunk}, {"expanded", change.expanded}};
  (*metrics)["val/support_retention"] = change.retention();
  (*metrics)["val/support_discovery"] = change.discovery();
  (*metrics)["val/support_dynamic"] = change.dynamic();
  (*metrics)["val/support_net_change"] = change.net_change();
}

nlohmann::json ToJson(const Interval& interval) {
  return {{"mean", interval.mean}, {"low", interval.low}, {"high", interval.high}};
}

}  // namespace

std::string StepName(int64_t step) { return fmt::format("step_{:06}", step); }

double PeakMemoryGb() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / (1024.0 * 1024.0);
}

std::string RunFolder(const Recipe& recipe) { return recipe.output + "/" + recipe.name; }

std::string StartRunFolder(const Recipe& recipe) {
  const std::string folder = RunFolder(recipe);
  if (fs::exists(folder + "/run.json")) {
    throw Error(folder, "there is a run in this folder already",
                "go on with it: rlvr resume " + folder +
                    "; or give the new one another name: name=" + recipe.name + "_2");
  }
  MakeDirectories(folder);
  WriteFileAtomically(folder + "/recipe.yaml", ToYaml(recipe.resolved));
  const auto now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  const nlohmann::json run = {{"version", RLVR_VERSION},
                              {"git_commit", RLVR_GIT_COMMIT},
                              {"isa", ToString(ActiveIsa())},
                              {"threads", NumThreads()},
                              {"compute", recipe.compute},
                              {"seed", recipe.seed},
                              {"started", fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(now))},
                              {"command", CommandLine()}};
  // Last: a folder with run.json is a run that can be resumed.
  WriteFileAtomically(folder + "/run.json",
                      run.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
  return folder;
}

std::string StageModel(const std::string& run_folder, int64_t step) {
  const std::string folder = run_folder + "/stages/" + StepName(step), part = folder + ".part";
  if (fs::exists(folder)) return folder;
  MakeDirectories(run_folder + "/stages");
  fs::remove_all(part);
  try {
    fs::copy(run_folder + "/checkpoints/" + StepName(step) + "/hf", part,
             fs::copy_options::recursive);
    fs::rename(part, folder);
  } catch (const fs::filesystem_error& e) {
    throw Error(folder, e.what(), "the next stage starts from this copy of the checkpoint");
  }
  return folder;
}

Recipe LoadRunRecipe(const std::string& run_folder) {
  if (!fs::exists(run_folder + "/run.json") || !fs::exists(run_folder + "/recipe.yaml")) {
    throw Error(run_folder, "not a run's folder (run.json or recipe.yaml is missing)",
                "check the path");
  }
  return LoadRecipe(run_folder + "/recipe.yaml", {});
}

void CheckIsa(const std::string& run_folder, const Recipe& recipe, bool other_isa) {
  const std::string path = run_folder + "/run.json";
  const auto run = nlohmann::json::parse(ReadFile(path), nullptr, false);
  if (!run.is_object() || !run.contains("isa"))
    throw Error(path, "is damaged", "it should name the run's isa");
  const std::string isa = run["isa"].get<std::string>();
  if (other_isa || isa == ToString(ActiveIsa()) || recipe.compute == "fp32") return;
  throw Error(path,
              fmt::format("the run computes in bf16 on {}, this machine's best is {}", isa,
                          ToString(ActiveIsa())),
              "its bits may differ from there on; set RLVR_ISA=" + isa +
                  " if this machine can, or allow it with --other-isa");
}

void CutRunFolder(const std::string& run_folder, int64_t last_step) {
  for (const char* sub : {"rollouts", "eval", "protocol"}) {
    std::error_code error;
    std::vector<fs::path> late;
    for (const auto& entry : fs::directory_iterator(run_folder + "/" + sub, error)) {
      const std::string stem = entry.path().stem().string();
      if (stem > StepName(last_step) || last_step < 0) late.push_back(entry.path());
    }
    for (const auto& path : late) fs::remove(path);
  }
}

void WriteTrajectories(const std::string& path, int64_t step, const Tokenizer& tokenizer,
                       std::span<const RecordedGroup> groups) {
  MakeDirectories(fs::path(path).parent_path().string());
  std::string lines;
  for (const RecordedGroup& group : groups) {
    for (size_t leaf = 0; leaf < group.tree->leaves.size(); ++leaf)
      lines += Line(step, tokenizer, group, leaf);
  }
  WriteUnsynced(path, lines);
}

void EvaluateAndRecord(const Recipe& recipe, const std::string& run_folder, int64_t step,
                       const Model& model, const Tokenizer& tokenizer, Metrics* metrics,
                       Communicator* ranks) {
  const auto prompts = OpenValidationPrompts(recipe);
  EvalOptions options;
  options.k = recipe.eval.k;
  options.ks = EvalKs(recipe);
  options.max_prompts = recipe.eval.prompts;
  options.rollout = recipe.rollout.options;
  options.rollout.sampling = {.temperature = static_cast<float>(recipe.eval.temperature),
                              .top_p = static_cast<float>(recipe.eval.top_p)};
  // A step that has changed the weights is recorded whole, its evaluation included.
  options.rollout.interruptible = step == 0;
  const auto environment =
      MakeEnvironment(recipe.resolved.Find("environment"), ServicesOf(recipe, model, tokenizer));
  options.environment = environment.get();
  options.seed = recipe.seed;
  // Data sets know built-in verifiers alone: one that the recipe sets up judges here too.
  for (const VerifierInfo& info : FurtherVerifiers()) {
    if (info.name != recipe.reward.name) continue;
    options.verifier = [&](const std::string&) {
      return MakeVerifier(recipe.reward.name, recipe.reward.verifiers);
    };
  }
  options.keep_samples = true;
  const int64_t num_prompts =
      options.max_prompts > 0 ? std::min(options.max_prompts, prompts->size()) : prompts->size();
  options.ranks = ranks;
  std::optional<Progress> progress;
  if (ranks->first())
    progress.emplace(fmt::format("evaluation at step {}", step), num_prompts * options.k);
  const EvalResult result =
      Evaluate(model, tokenizer, *prompts, options, [&](int64_t done, int64_t) {
        if (progress) progress->Update(done * ranks->size());  // the others are about as far
      });
  if (!ranks->first()) return;
  const std::string k = fmt::format("{}", result.k);
  nlohmann::json summary = {{"step", step},
                            {"k", result.k},
                            {"num_prompts", result.num_prompts},
                            {"avg@" + k, ToJson(result.avg_at_k)},
                            {"pass@" + k, ToJson(result.pass_at_k)},
                            {"maj@" + k, ToJson(result.maj_at_k)},
                            {"mean_response_length", result.mean_response_length},
                            {"clip_ratio", result.clip_ratio},
                            {"pass_at", result.pass_at},
                            {"maj_at", result.maj_at},
                            {"answer_entropy", result.answer_entropy},
                            {"distinct_answers", result.distinct_answers},
                            {"solved", result.solved}};
  for (const auto& [source, interval] : result.by_source)
    summary["by_source"][source] = ToJson(interval);
  std::vector<RecordedGroup> groups;
  for (size_t i = 0; i < result.trees.size(); ++i)
    groups.push_back({&result.prompts[i], &result.trees[i], {}});
  const std::string stem = run_folder + "/eval/" + StepName(step);
  for (const auto& at : {result.pass_at, result.maj_at}) {
    for (const auto& [name, value] : at) (*metrics)["val/" + name] = value;
  }
  (*metrics)["val/answer_entropy"] = result.answer_entropy;
  (*metrics)["val/distinct_answers"] = result.distinct_answers;
  AddSupportChange(run_folder, step, result.solved, &summary, metrics);
  WriteTrajectories(stem + ".jsonl", step, tokenizer, groups);
  WriteUnsynced(stem + ".json", summary.dump(2) + "\n");
  (*metrics)["val/avg@" + k] = result.avg_at_k.mean;
  (*metrics)["val/pass@" + k] = result.pass_at_k.mean;
  (*metrics)["val/maj@" + k] = result.maj_at_k.mean;
  (*metrics)["val/response_length"] = result.mean_response_length;
  (*metrics)["val/clip_ratio"] = result.clip_ratio;
  (*metrics)["val/entropy"] = result.mean_entropy;
  for (const auto& [name, value] : result.conversations) (*metrics)["val/env/" + name] = value;
  EvaluateProtocol(recipe, run_folder, step, model, tokenizer, metrics);
}

}  // namespace rlvr
