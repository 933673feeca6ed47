#include "train/trained_policy.h"
#include "train/trainer.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <optional>

#include "base/error.h"
#include "base/progress.h"
#include "base/size_text.h"
#include "base/thread_pool.h"
#include "eval/policy.h"
#include "parallel/mpi.h"
#include "train/activation_memory.h"
#include "train/checkpoint.h"
#include "train/collect.h"
#include "train/credit.h"
#include "train/measure.h"
#include "train/ranks.h"
#include "train/rollout_mismatch.h"
#include "train/run_folder.h"
#include "train/stopwatch.h"
#include "train/supervised.h"
#include "train/token_temperature.h"

namespace rlvr {
namespace {

// Advantages of group g's policy tokens: [leaves][n]; 0 for a prefix that is prompt to its leaf.
std::vector<std::vector<double>> LeafAdvantages(const Rows& rows, size_t g, const Tree& tree) {
  std::vector<std::vector<double>> adv;
  for (int64_t s = rows.group_begin[g]; s < rows.group_begin[g + 1]; ++s) {
    const Leaf& leaf = tree.leaves[static_cast<size_t>(s - rows.group_begin[g])];
    adv.emplace_back(static_cast<size_t>(leaf.prefix), 0.0);
    adv.back().insert(adv.back().end(), rows.adv.begin() + rows.begin[s],
                      rows.adv.begin() + rows.begin[s + 1]);
  }
  return adv;
}

// What one run holds in memory. Step() does one step and writes nothing; Run() writes. Every rank has
// one, with the same state after every call; the first one writes and speaks.
class Trainer {
 public:
  Trainer(const Recipe& recipe, std::string run_folder);
  void Restore(int64_t checkpoint);
  int64_t step() const { return at_.step; }
  Metrics Step();
  void Run();
  Tree Replay(int64_t prompt_index, int sample);

 private:
  PolicyUpdate Update();
  void FitTemperature();
  void RunSteps(MetricsLog* log);
  void Record(MetricsLog* log, Metrics metrics, Stopwatch* watch);
  void WriteRollouts();
  void Save();

  Recipe recipe_;
  std::string run_folder_;
  Communicator& ranks_ = World();
  Policy policy_;
  Progression at_;
  Optimizer optimizer_;
  StepMethods methods_;
  std::unique_ptr<Updater> updater_;
  std::unique_ptr<Collector> collector_;
  std::unique_ptr<CreditAssignment> credit_;
  StepBatch batch_;    // of the last step, for rollouts/
  double norm_ = 0;    // of the last gradient
  bool whole_ = true;  // weights and at_ are those of a whole, recorded step
};

Trainer::Trainer(const Recipe& recipe, std::string run_folder)
    : recipe_(recipe),
      run_folder_(std::move(run_folder)),
      policy_(LoadTrained(recipe, recipe.model)),
      at_{.step = recipe.first_step},
      optimizer_(*policy_.model),
      methods_(MakeMethods(recipe_, at_.step + 1, at_.state)) {
  const auto& update = recipe_.update;
  const Needs needs = methods_.needs();
  CheckLongestTreeFits(recipe_, policy_.model->config(), "the policy");
  updater_ = std::make_unique<Updater>(
      policy_.model.get(), methods_.objective.get(), update.optimizer,
      CountUpdates(recipe_, needs).policy, recipe_.rollout.options.sampling.score_temperature(),
      update.micro_batch_tokens, BoundOf(recipe_), ShardsOf(recipe_, &ranks_));
  collector_ = std::make_unique<Collector>(recipe_, policy_, updater_->passes(), &ranks_);
  credit_ =
      std::make_unique<CreditAssignment>(recipe_, policy_, needs, updater_->passes(), &ranks_);
  updater_->SetReference(credit_->reference());
}

// One step of reinforcement learning.
Metrics Trainer::Step() {
  const int64_t step = at_.step + 1;
  batch_ =
      collector_->Collect(step, at_.position, at_.state);  // prompts -> rollout -> reward -> select
  methods_ = MakeMethods(recipe_, step, at_.state);        // coefficients of this step
  updater_->SetObjective(methods_.objective.get());
  whole_ = false;
  credit_->Assign(step, methods_, &at_.state, &batch_);  // rewards -> an advantage for every token
  credit_->UpdateCritic(step, &batch_);
  Stopwatch watch;
  const PolicyUpdate update = Update();  // objective -> coefficients -> gradients -> weights
  const double seconds = watch.Lap();
  FitTemperature();
  at_.step = step;
  at_.position = batch_.position;
  collector_->Observe(step, batch_);
  credit_->AfterStep(step, &optimizer_);

  Metrics metrics = MeasureStep(batch_, update);
  metrics["training/global_step"] = static_cast<double>(step);
  metrics["training/epoch"] =
      static_cast<double>(at_.position) / static_cast<double>(collector_->num_prompts());
  metrics["timing_s/update_actor"] = seconds;
  if (recipe_.rollout.quantization != "none") MeasureMismatch(batch_.rows, &metrics);
  collector_->Measure(&metrics);
  credit_->MeasureTimes(&metrics);
  // A step without an update has not moved what controllers steer.
  if (update.updates > 0) UpdateMethodControllers(recipe_, metrics, &at_.state);
  return metrics;
}

PolicyUpdate Trainer::Update() {
  PolicyUpdate sum;
  if (credit_->PolicyWaits(at_.step + 1)) return sum;
  const auto trees = batch_.Pointers();
  for (int epoch = 0; epoch < recipe_.update.epochs; ++epoch) {
    ForEachMiniBatch(recipe_, trees, [&](int64_t begin, int64_t end, auto part) {
      const bool on_policy = sum.updates == 0;  // no weight has changed since sampling
      const RandomKey key = StreamKey(
          recipe_.seed, Stream::kObjective)[0][static_cast<uint64_t>(optimizer_.step + 1)];
      UpdateResult result = updater_->MiniBatch(part, Part(batch_.rows, begin, end), on_policy, key,
                                                &optimizer_, credit_->MoreGradient(begin, end));
      if (!result.applied) {
        ++sum.skipped;
        return;
      }
      ++sum.updates;
      sum.grad_norm += norm_ = result.gradient.norm;
      sum.lr = result.gradient.lr;
      sum.objective += result.objective;
      sum.probs_diff_max = std::max(sum.probs_diff_max, result.probs_diff_max);
      sum.trained_tokens += result.trained_tokens;
      for (MetricTerm& term : result.terms) {  // a mini-batch's whole: their mean
        if (term.weight == 0) term.weight = 1;
      }
      AddTerms(result.terms, &sum.terms);
    });
  }
  if (sum.updates > 0) {
    sum.grad_norm /= static_cast<double>(sum.updates);
    sum.objective /= static_cast<double>(sum.updates);
  }
  return sum;
}

// What the next step's sampling is told of this step's entropies.
void Trainer::FitTemperature() {
  const TokenTemperatureSettings& settings = recipe_.rollout.token_temperature;
  if (settings.name == "none") return;
  const Rows& rows = batch_.rows;
  std::vector<double> entropy;
  for (int64_t s = 0; s < rows.num_rows(); ++s) {
    for (int64_t t = rows.begin[s]; t < rows.begin[s + 1] && !rows.foreign[s]; ++t)
      entropy.push_back(rows.entropy_old[t]);
  }
  SaveTokenTemperature(FitTokenTemperature(settings, entropy), &at_.state);
}

// Evaluation, metrics, rollouts and checkpoint of the step that was just made.
void Trainer::Record(MetricsLog* log, Metrics metrics, Stopwatch* watch) {
  const int64_t step = at_.step;
  const auto& t = recipe_.trainer;
  const bool last = step == t.steps;
  double seconds = watch->Lap();
  metrics["perf/throughput"] = metrics["perf/total_tokens"] / seconds;
  if (metrics["perf/trained_tokens"] > 0) {
    metrics["perf/trained_tokens_per_s"] =
        metrics["perf/trained_tokens"] / metrics["timing_s/update_actor"];
  }
  if ((recipe_.eval.every > 0 && step % recipe_.eval.every == 0) || (last && recipe_.eval.after)) {
    EvaluateAndRecord(recipe_, run_folder_, step, *policy_.model, *policy_.tokenizer, &metrics,
                      &ranks_);
    metrics["timing_s/eval"] = watch->Lap();
    seconds += metrics["timing_s/eval"];
  }
  metrics["timing_s/step"] = seconds;
  metrics["perf/max_memory_gb"] = PeakMemoryGb();
  metrics["perf/activation_memory_gib"] = Gib(updater_->passes()->TakeMostBytes());
  if (ranks_.first()) {
    if (t.rollouts_every > 0 && step % t.rollouts_every == 0) WriteRollouts();
    log->Write(step, metrics);
  }
  whole_ = true;
  if (last || (t.checkpoint_every > 0 && step % t.checkpoint_every == 0)) Save();
}

void Trainer::WriteRollouts() {
  std::vector<RecordedGroup> groups;
  for (size_t g = 0; g < batch_.trees.size(); ++g) {
    if (static_cast<int64_t>(g) == recipe_.trainer.rollout_groups) break;
    groups.push_back(
        {&batch_.prompts[g], &batch_.trees[g], LeafAdvantages(batch_.rows, g, batch_.trees[g])});
  }
  WriteTrajectories(run_folder_ + "/rollouts/" + StepName(at_.step) + ".jsonl", at_.step,
                    *policy_.tokenizer, groups);
}

void Trainer::Save() {
  if (!ranks_.first()) return;
  collector_->Save(&at_.files);
  credit_->Save(&at_.files);
  SaveCheckpoint(run_folder_, at_, *policy_.model, optimizer_, policy_.folder,
                 recipe_.trainer.keep_checkpoints, credit_->OtherModels());
}

void Trainer::Restore(int64_t checkpoint) {
  at_ = LoadCheckpoint(run_folder_, checkpoint, policy_.model.get(), &optimizer_,
                       credit_->OtherModels());
  const std::string folder = CheckpointFolder(run_folder_, checkpoint);
  collector_->Load(at_.files, folder);
  credit_->Load(at_.files, folder);
}

void Trainer::RunSteps(MetricsLog* log) {
  if (at_.step == 0 && recipe_.eval.before) {
    Metrics metrics;
    EvaluateAndRecord(recipe_, run_folder_, 0, *policy_.model, *policy_.tokenizer, &metrics,
                      &ranks_);
    if (log != nullptr) log->Write(0, metrics);
  }
  const int64_t first = at_.step, todo = recipe_.trainer.steps - first;
  std::optional<Progress> progress;
  std::string note;
  if (ranks_.first()) {
    progress.emplace(recipe_.name, todo);
    collector_->on_progress = [&](double share) {
      progress->Update(at_.step - first, fmt::format("{}  sampling {:.0f} %", note, 100 * share));
    };
  }
  while (at_.step < recipe_.trainer.steps) {
    if (StopOnRanks(ranks_, at_.step, at_.position, norm_)) throw Interrupted("");
    Stopwatch watch;
    Metrics metrics = Step();
    note = fmt::format("score {:.3f}  entropy {:.3f}  length {:.0f}", metrics["critic/score/mean"],
                       metrics["actor/entropy"], metrics["response_length/mean"]);
    Record(log, std::move(metrics), &watch);
    if (progress) progress->Update(at_.step - first, note);
  }
  collector_->on_progress = nullptr;
}

void Trainer::Run() {
  std::optional<MetricsLog> log;
  if (ranks_.first()) {
    WarnOfMismatch(recipe_);
    CutRunFolder(run_folder_, at_.step > 0 ? at_.step : -1);
    log.emplace(run_folder_, at_.step > 0 ? at_.step : -1);
  }
  try {
    RunSteps(log ? &*log : nullptr);
  } catch (const Interrupted&) {
    if (whole_ && at_.step > 0 && LatestCheckpoint(run_folder_) != at_.step) Save();
    throw Interrupted(fmt::format("stopped after step {} of {}; go on with: rlvr resume {}",
                                  at_.step, recipe_.trainer.steps, run_folder_));
  }
  if (ranks_.first()) ExportModel(run_folder_ + "/model", *policy_.model, policy_.folder);
}

Tree Trainer::Replay(int64_t prompt_index, int sample) {
  const int64_t step = at_.step + 1;
  const auto sampled = static_cast<int64_t>(ReadMetrics(run_folder_, step)["select/sampled"]);
  return collector_->CollectOne(step, at_.position, at_.state, sampled, prompt_index, sample);
}

// The stages that are not done yet, one after the other, each as a run of its own from the model that
// the one before ended with.
void RunStages(const Recipe& recipe, const std::string& run_folder) {
  for (size_t i = 0; i < recipe.stages.size(); ++i) {
    Recipe stage = recipe.stages[i];
    const int64_t latest = LatestCheckpointOnRanks(World(), run_folder);
    if (latest >= stage.trainer.steps && i + 1 < recipe.stages.size()) continue;
    if (stage.first_step > 0)
      stage.model = StageModelOnRanks(World(), run_folder, stage.first_step);
    if (stage.kind != "rl") {
      ResumeSupervised(run_folder, stage);
      continue;
    }
    Trainer trainer(stage, run_folder);
    if (latest > stage.first_step) trainer.Restore(latest);
    trainer.Run();
  }
}

// The stage that makes this step; without stages the recipe itself.
Recipe StageOf(const Recipe& recipe, const std::string& run_folder, int64_t step) {
  for (Recipe stage : recipe.stages) {
    if (step > stage.trainer.steps) continue;
    if (stage.first_step > 0) stage.model = StageModel(run_folder, stage.first_step);
    return stage;
  }
  return recipe;
}

}  // namespace

void Train(const Recipe& given) {
  if (given.kind != "rl")
    throw Error(given.name, "a recipe of kind " + given.kind, "run it with rlvr " + given.kind);
  Recipe recipe = given;
  PrepareRanks(World(), /*new_run=*/true, &recipe);
  const auto start = [&] { return World().first() ? StartRunFolder(recipe) : RunFolder(recipe); };
  if (!recipe.stages.empty()) {
    FindModelFolder(recipe.model);  // before the folder: a wrong model leaves nothing behind
    return RunStages(recipe, start());
  }
  Trainer trainer(recipe, RunFolder(recipe));  // likewise
  start();
  trainer.Run();
}

void Resume(const std::string& run_folder, const ResumeOptions& options) {
  Recipe recipe = LoadRunRecipe(run_folder);
  CheckIsa(run_folder, recipe, options.other_isa);
  if (options.threads > 0) recipe.threads = options.threads;
  if (recipe.kind != "rl") RefuseRanks(World(), "kind " + recipe.kind);
  PrepareRanks(World(), /*new_run=*/false, &recipe);
  if (recipe.kind != "rl") return ResumeSupervised(run_folder, recipe);
  if (!recipe.stages.empty()) return RunStages(recipe, run_folder);
  Trainer trainer(recipe, run_folder);
  const int64_t latest = LatestCheckpointOnRanks(World(), run_folder);
  if (latest >= 0) trainer.Restore(latest);
  trainer.Run();
}

Tree ReplaySample(const std::string& run_folder, int64_t step, int64_t prompt_index, int sample) {
  const Recipe whole = LoadRunRecipe(run_folder);
  CheckIsa(run_folder, whole, /*other_isa=*/false);
  ReadMetrics(run_folder, step);  // an Error if the run has not come so far
  SetNumThreads(whole.threads);
  const Recipe recipe = StageOf(whole, run_folder, step);
  if (recipe.kind != "rl")
    throw Error(run_folder, "a run of kind " + recipe.kind, "only rl runs have samples");
  Trainer trainer(recipe, run_folder);
  int64_t from = -1;
  for (const int64_t checkpoint : ListCheckpoints(run_folder)) {
    if (checkpoint > recipe.first_step && checkpoint < step) from = checkpoint;
  }
  if (from >= 0) trainer.Restore(from);
  Progress progress("replay", step - 1 - trainer.step());
  for (const int64_t first = trainer.step(); trainer.step() < step - 1;) {
    trainer.Step();
    progress.Update(trainer.step() - first);
  }
  return trainer.Replay(prompt_index, sample);
}

}  // namespace rlvr
