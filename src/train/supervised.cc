#include "train/trained_policy.h"
#include "train/supervised.h"

#include <fmt/format.h>

#include <chrono>
#include <filesystem>

#include "base/error.h"
#include "base/interrupt.h"
#include "base/progress.h"
#include "base/size_text.h"
#include "base/thread_pool.h"
#include "eval/eval.h"
#include "eval/policy.h"
#include "model/hf_folder.h"
#include "parallel/mpi.h"
#include "text/bpe_trainer.h"
#include "text/chat.h"
#include "train/activation_memory.h"
#include "train/checkpoint.h"
#include "train/metrics.h"
#include "train/ranks.h"
#include "train/run_folder.h"
#include "train/supervised_examples.h"
#include "train/trainer.h"
#include "train/update.h"

namespace rlvr {
namespace {

namespace fs = std::filesystem;

constexpr const char* kEndOfText = "<|endoftext|>";
constexpr const char* kTurnStart = "<|im_start|>";
constexpr const char* kTurnEnd = "<|im_end|>";

// RUN/start: written once, so that a resumed run does not train the tokenizer again (tokenizer.json
// comes last and says that all is there).
void MakeStartModel(const Recipe& recipe, const ExampleSource& examples,
                    const std::string& folder) {
  std::vector<std::string> texts;
  for (int64_t p = 0; p < recipe.supervised.tokenizer_texts; ++p) {
    for (const Message& message : examples(p).messages) texts.push_back(message.content);
  }
  const Tokenizer tokenizer =
      TrainBpe(texts, {.vocab_size = static_cast<int32_t>(recipe.architecture.vocab_size),
                       .special_tokens = {kEndOfText, kTurnStart, kTurnEnd},
                       .pattern = {}});
  ModelConfig config = recipe.architecture;
  config.eos_token_ids = {tokenizer.TokenId(kTurnEnd), tokenizer.TokenId(kEndOfText)};
  config.pad_token_id = tokenizer.TokenId(kEndOfText);
  Model model(config, ParseComputeType(recipe.compute));
  InitializeParameters(config, model.layout(), StreamKey(recipe.seed, Stream::kInit),
                       model.weights());
  MakeDirectories(folder);
  SaveModel(folder, model, DType::kF32);
  tokenizer.Save(folder, ChatMlTemplate());
}

// Pretraining and sft hold the same things.
class SupervisedTrainer {
 public:
  SupervisedTrainer(const Recipe& recipe, std::string run_folder)
      : recipe_(recipe), run_folder_(std::move(run_folder)), examples_(OpenExamples(recipe)) {
    const std::string start = run_folder_ + "/start";
    if (recipe.kind == "pretrain" && !fs::exists(start + "/tokenizer.json")) {
      MakeStartModel(recipe, examples_, start);
    }
    policy_ = LoadTrained(recipe, recipe.kind == "pretrain" ? start : recipe.model);
    CheckLongestTreeFits(recipe, policy_.model->config(), "the model");
    optimizer_ = std::make_unique<Optimizer>(*policy_.model);
    passes_ = std::make_unique<TreePasses>(policy_.model.get(), BoundOf(recipe));
    gradient_ = std::make_unique<Gradient>(*policy_.model);
  }
  void RestoreLatest() {
    const int64_t latest = LatestCheckpoint(run_folder_);
    if (latest >= 0)
      at_ = LoadCheckpoint(run_folder_, latest, policy_.model.get(), optimizer_.get());
  }
  void Run();

 private:
  Tree MakeTree(const Example& example) const;
  std::vector<Tree> NextTrees();
  Metrics Step();
  void Save() {
    SaveCheckpoint(run_folder_, at_, *policy_.model, *optimizer_, policy_.folder,
                   recipe_.trainer.keep_checkpoints);
  }

  Recipe recipe_;
  std::string run_folder_;
  ExampleSource examples_;
  Policy policy_;
  std::unique_ptr<Optimizer> optimizer_;
  std::unique_ptr<TreePasses> passes_;
  std::unique_ptr<Gradient> gradient_;
  Progression at_;
};

Tree SupervisedTrainer::MakeTree(const Example& example) const {
  const int64_t context = policy_.model->config().context_length();
  Tree tree = MakeExampleTree(*policy_.tokenizer, policy_.model->config().eos_token_ids, example,
                              recipe_.supervised.loss_on_prompt);
  const int64_t n = tree.NumTokens();
  if (n <= context) return tree;
  throw Error(fmt::format("{}: sample {}", recipe_.supervised.text, example.index),
              fmt::format("has {} tokens, the model's context is {}", n, context),
              "remove it, or use a model with a longer context");
}

std::vector<Tree> SupervisedTrainer::NextTrees() {
  std::vector<Tree> trees;
  for (int64_t tokens = 0;;) {
    Tree tree = MakeTree(examples_(at_.position));
    tokens += tree.NumTokens();
    if (tokens > recipe_.supervised.tokens_per_step && !trees.empty()) return trees;
    trees.push_back(std::move(tree));
    ++at_.position;
  }
}

Metrics SupervisedTrainer::Step() {
  const std::vector<Tree> trees = NextTrees();
  std::vector<const Tree*> pointers;
  int64_t predicted = 0;
  for (const Tree& tree : trees) {
    pointers.push_back(&tree);
    for (const Segment& segment : tree.segments) {
      if (segment.author == Author::kExpert)
        predicted += static_cast<int64_t>(segment.tokens.size());
    }
  }
  constexpr Statistic kWanted[] = {Statistic::kLogp};
  const auto coefficient = static_cast<float>(-1.0 / static_cast<double>(predicted));
  const auto bounds = passes_->MicroBatches(pointers, recipe_.update.micro_batch_tokens);
  double loss = 0;
  int64_t tokens = 0;
  gradient_->Clear();
  for (size_t m = 0; m + 1 < bounds.size(); ++m) {
    const auto micro = std::span(pointers).subspan(static_cast<size_t>(bounds[m]),
                                                   static_cast<size_t>(bounds[m + 1] - bounds[m]));
    const PackedTrees& packed = passes_->Forward(micro, Author::kExpert, /*for_backward=*/true);
    const std::vector<std::vector<float>> coefficients = {
        std::vector<float>(packed.predictions.size(), coefficient)};
    const auto values = passes_->Backward(1.0f, kWanted, coefficients, gradient_.get());
    for (const float logp : values[0]) loss -= logp;
    tokens += packed.batch.size();
  }
  const AppliedGradient applied =
      ApplyGradient(recipe_.update.optimizer, recipe_.trainer.steps, gradient_->Finish(),
                    policy_.model.get(), optimizer_.get());
  ++at_.step;
  return {{"train/loss", loss / static_cast<double>(predicted)},
          {"train/grad_norm", applied.norm},
          {"train/lr", applied.lr},
          {"train/tokens", static_cast<double>(tokens)},
          {"train/loss_tokens", static_cast<double>(predicted)},
          {"train/samples", static_cast<double>(at_.position)},
          {"training/global_step", static_cast<double>(at_.step)}};
}

void SupervisedTrainer::Run() {
  const int64_t first = at_.step, steps = recipe_.trainer.steps,
                every = recipe_.trainer.checkpoint_every;
  CutRunFolder(run_folder_, first > 0 ? first : -1);
  MetricsLog log(run_folder_, first > 0 ? first : -1);
  Progress progress(recipe_.name, steps - first);
  int64_t saved = LatestCheckpoint(run_folder_);
  try {
    while (at_.step < steps) {
      if (InterruptRequested()) throw Interrupted("");
      const auto start = std::chrono::steady_clock::now();
      Metrics metrics = Step();
      const auto seconds = [&] {
        return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
      };
      metrics["perf/throughput"] = metrics["train/tokens"] / seconds();
      if (at_.step == steps && recipe_.eval.after) {
        const double before = seconds();
        EvaluateAndRecord(recipe_, run_folder_, at_.step, *policy_.model, *policy_.tokenizer,
                          &metrics);
        metrics["timing_s/eval"] = seconds() - before;
      }
      metrics["timing_s/step"] = seconds();
      metrics["perf/max_memory_gb"] = PeakMemoryGb();
      metrics["perf/activation_memory_gib"] = Gib(passes_->TakeMostBytes());
      log.Write(at_.step, metrics);
      if (at_.step == steps || (every > 0 && at_.step % every == 0)) {
        Save();
        saved = at_.step;
      }
      progress.Update(at_.step - first,
                      fmt::format("loss {:.3f}  {:.0f} tokens/s", metrics["train/loss"],
                                  metrics["perf/throughput"]));
    }
  } catch (const Interrupted&) {
    // Only the evaluation after the last step can stop in mid-step: that step is made again.
    if (at_.step > 0 && at_.step < steps && saved != at_.step) Save();
    throw Interrupted(fmt::format("stopped after step {} of {}; go on with: rlvr resume {}",
                                  at_.step, steps, run_folder_));
  }
  ExportModel(run_folder_ + "/model", *policy_.model, policy_.folder);
}

void CheckKind(const Recipe& recipe, const std::string& kind) {
  if (recipe.kind != kind)
    throw Error(recipe.name, "a recipe of kind " + recipe.kind, "run it with rlvr " + recipe.kind);
}

void StartSupervised(const Recipe& recipe) {
  RefuseRanks(World(), "kind " + recipe.kind);
  SetNumThreads(recipe.threads);
  if (recipe.kind == "pretrain") {
    OpenExamples(recipe);  // a wrong name leaves no folder behind
    return SupervisedTrainer(recipe, StartRunFolder(recipe)).Run();
  }
  SupervisedTrainer trainer(recipe, RunFolder(recipe));  // nor does a wrong model
  StartRunFolder(recipe);
  trainer.Run();
}

}  // namespace

void Pretrain(const Recipe& recipe) {
  CheckKind(recipe, "pretrain");
  StartSupervised(recipe);
}

void Sft(const Recipe& recipe) {
  CheckKind(recipe, "sft");
  StartSupervised(recipe);
}

void ResumeSupervised(const std::string& run_folder, const Recipe& recipe) {
  RefuseRanks(World(), "kind " + recipe.kind);
  SupervisedTrainer trainer(recipe, run_folder);
  trainer.RestoreLatest();
  trainer.Run();
}

}  // namespace rlvr
