#include "train/supervised.h"

#include <fmt/format.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/file.h"
#include "base/interrupt.h"
#include "base/progress.h"
#include "base/thread_pool.h"
#include "data/data.h"
#include "data/gsm_micro.h"
#include "eval/eval.h"
#include "eval/policy.h"
#include "model/hf_folder.h"
#include "text/bpe_trainer.h"
#include "text/chat.h"
#include "train/checkpoint.h"
#include "train/metrics.h"
#include "train/run_folder.h"
#include "train/trainer.h"
#include "train/update.h"

namespace rlvr {
namespace {

namespace fs = std::filesystem;

// One sample of text: the model learns to continue the prompt with the response.
struct Example {
  Prompt prompt;
  std::string response;
};
using ExampleSource = std::function<Example(int64_t position)>;

// "gsm_micro" or "gsm_micro:max_steps=4,min_steps=2".
GsmMicroOptions OptionsOf(const std::string& text) {
  const size_t colon = text.find(':');
  if (text.substr(0, colon) != "gsm_micro") {
    throw Error("supervised.text", "'" + text + "' has no worked solutions",
                "pretrain on gsm_micro");
  }
  return ParseGsmMicroOptions(colon == std::string::npos ? "" : text.substr(colon + 1));
}

// Problems in the order of the seed, each with a careful or a sloppy solution; endless.
class GsmMicroExamples {
 public:
  GsmMicroExamples(const Recipe& recipe)
      : options_(OptionsOf(recipe.supervised.text)),
        prompts_(OpenPrompts(recipe.supervised.text, Split::kTrain, recipe.seed)),
        order_(prompts_->size(), recipe.seed),
        seed_(recipe.seed),
        careful_(recipe.supervised.careful) {}

  Example At(int64_t position) {
    const int64_t row = order_.At(position);
    const GsmMicroProblem problem = MakeGsmMicro(options_, seed_, Split::kTrain, row);
    Random random(StreamKey(seed_, Stream::kGenerate)[static_cast<uint64_t>(position)]);
    const bool careful = random.Uniform() < careful_;
    return {prompts_->Get(row),
            careful ? CarefulSolution(problem) : SloppySolution(problem, random)};
  }

 private:
  GsmMicroOptions options_;
  std::unique_ptr<PromptSource> prompts_;
  PromptOrder order_;
  uint64_t seed_;
  double careful_;
};

// {"prompt": text or [{"role", "content"}], "response": text} a line; in the order of the seed,
// endless.
class JsonlExamples {
 public:
  explicit JsonlExamples(const Recipe& recipe)
      : examples_(Read(recipe.supervised.text)),
        order_(static_cast<int64_t>(examples_.size()), recipe.seed) {}
  Example At(int64_t position) { return examples_[static_cast<size_t>(order_.At(position))]; }

 private:
  static std::vector<Example> Read(const std::string& path) {
    std::vector<Example> examples;
    const std::string text = ReadFile(path);
    int64_t number = 0;
    for (size_t begin = 0; begin < text.size(); ++number) {
      const size_t end = std::min(text.find('\n', begin), text.size());
      const std::string line = text.substr(begin, end - begin);
      begin = end + 1;
      if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
      examples.push_back(ParseLine(line, fmt::format("{}:{}", path, number + 1)));
      examples.back().prompt.index = static_cast<int64_t>(examples.size()) - 1;
    }
    if (examples.empty())
      throw Error(path, "no samples", "one {\"prompt\": ..., \"response\": ...} a line");
    return examples;
  }

  static Example ParseLine(const std::string& line, const std::string& place) {
    const auto json = nlohmann::json::parse(line, nullptr, false);
    const std::string remedy =
        R"(write {"prompt": text or [{"role", "content"}, ...], "response": text})";
    if (!json.is_object()) throw Error(place, "is no JSON object", remedy);
    if (!json.contains("prompt") || !json.contains("response") || !json["response"].is_string()) {
      throw Error(place, "needs prompt and response", remedy);
    }
    Example example;
    example.response = json["response"].get<std::string>();
    const auto& prompt = json["prompt"];
    if (prompt.is_string()) {
      example.prompt.messages.emplace_back("user", prompt.get<std::string>());
      return example;
    }
    if (!prompt.is_array())
      throw Error(place, "the prompt is neither text nor a list of messages", remedy);
    for (const auto& message : prompt) {
      if (!message.is_object() || !message.contains("role") || !message.contains("content") ||
          !message["role"].is_string() || !message["content"].is_string()) {
        throw Error(place, "a message needs role and content", remedy);
      }
      example.prompt.messages.emplace_back(message["role"].get<std::string>(),
                                           message["content"].get<std::string>());
    }
    return example;
  }

  std::vector<Example> examples_;
  PromptOrder order_;
};

ExampleSource OpenExamples(const Recipe& recipe) {
  if (recipe.kind == "pretrain") {
    return
        [source = std::make_shared<GsmMicroExamples>(recipe)](int64_t p) { return source->At(p); };
  }
  return [source = std::make_shared<JsonlExamples>(recipe)](int64_t p) { return source->At(p); };
}

constexpr const char* kEndOfText = "<|endoftext|>";
constexpr const char* kTurnStart = "<|im_start|>";
constexpr const char* kTurnEnd = "<|im_end|>";

// RUN/start: written once, so that a resumed run does not train the tokenizer again (tokenizer.json
// comes last and says that all is there).
void MakeStartModel(const Recipe& recipe, const ExampleSource& examples,
                    const std::string& folder) {
  std::vector<std::string> texts;
  for (int64_t p = 0; p < recipe.supervised.tokenizer_texts; ++p) {
    const Example example = examples(p);
    for (const auto& [role, content] : example.prompt.messages) texts.push_back(content);
    texts.push_back(example.response);
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
    policy_ = LoadPolicy(recipe.kind == "pretrain" ? start : recipe.model,
                         ParseComputeType(recipe.compute),
                         /*for_training=*/true);
    optimizer_ = std::make_unique<Optimizer>(policy_.model->layout());
    passes_ = std::make_unique<TreePasses>(policy_.model.get(), recipe.update.recompute);
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

// A prompt and one expert segment, the response with its end token; where the loss is on the prompt
// too, all but the first token is the expert's.
Tree SupervisedTrainer::MakeTree(const Example& example) const {
  const Tokenizer& tokenizer = *policy_.tokenizer;
  Tree tree;
  tree.prompt_index = example.prompt.index;
  Segment root, response;
  root.tokens = EncodePrompt(tokenizer, example.prompt);
  response.parent = 0;
  response.author = Author::kExpert;
  response.tokens = tokenizer.Encode(example.response, /*parse_special=*/false);
  const auto& eos = policy_.model->config().eos_token_ids;
  if (!eos.empty()) response.tokens.push_back(eos.front());
  const auto n = static_cast<int64_t>(root.tokens.size() + response.tokens.size());
  if (n > policy_.model->config().max_position_embeddings) {
    throw Error(fmt::format("{}: sample {}", recipe_.supervised.text, example.prompt.index),
                fmt::format("has {} tokens, the model's context is {}", n,
                            policy_.model->config().max_position_embeddings),
                "remove it, or use a model with a longer context");
  }
  if (recipe_.supervised.loss_on_prompt && root.tokens.size() > 1) {
    response.tokens.insert(response.tokens.begin(), root.tokens.begin() + 1, root.tokens.end());
    root.tokens.resize(1);
  }
  tree.segments = {std::move(root), std::move(response)};
  tree.leaves.push_back({.segment = 1});
  return tree;
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
    predicted += static_cast<int64_t>(tree.segments[1].tokens.size());
  }
  constexpr Statistic kWanted[] = {Statistic::kLogp};
  const auto coefficient = static_cast<float>(-1.0 / static_cast<double>(predicted));
  const auto bounds = SplitMicroBatches(pointers, recipe_.update.micro_batch_tokens);
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
  SupervisedTrainer trainer(recipe, run_folder);
  trainer.RestoreLatest();
  trainer.Run();
}

}  // namespace rlvr
