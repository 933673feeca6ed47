// Phases of a step: what tokens a second come to, with everything that stands between the kernels.
#include <fmt/format.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <filesystem>

#include "base/file.h"
#include "bench/cases.h"
#include "bench/memory.h"
#include "bench/training_pass.h"
#include "rollout/rollout.h"
#include "text/bpe_trainer.h"
#include "train/checkpoint.h"
#include "train/recipe.h"
#include "train/stopwatch.h"

namespace rlvr {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kPrefillTokens = 2048;
constexpr double kShortSeconds = 1;

// Of what a pass reads of the weights, the transposed copies for training left out.
double ForwardWeightBytes(const Model& model) {
  int64_t bytes = model.packed_head().bytes();
  for (const Model::PackedLayer& l : model.packed_layers())
    bytes += l.qkv.bytes() + l.o.bytes() + l.gate_up.bytes() + l.down.bytes();
  return static_cast<double>(bytes);
}

BenchCase Prefill(BenchModel* m, const BenchOptions& o) {
  const Model& model = m->model;
  const ModelConfig& c = model.config();
  const int64_t count = std::max<int64_t>(1, kPrefillTokens / o.prompt);
  const double n = static_cast<double>(count * o.prompt);
  const double weights =
      ForwardWeightBytes(model) - static_cast<double>(model.packed_head().bytes());
  const Work work = {model.compute(), n * BodyGflop(c, static_cast<double>(o.prompt) / 2),
                     1e-9 * (weights + n * static_cast<double>(KvTokenBytes(c, model.compute()))),
                     n};
  return {"phases", fmt::format("prefill, {} prompts of {} tokens", count, o.prompt), work,
          [&model, o, count] {
            const auto trees = ArbitraryTrees(model.config(), count, o.prompt, 0, 0);
            TreePasses passes(&model);
            return Measure(o.seconds, o.repeats, [&] {
              passes.Forward(Pointers(trees), Authors(Author::kPolicy), /*for_backward=*/false);
            });
          }};
}

// `n` prompts, one response each, through the scheduler as a run samples them.
std::vector<RolloutRequest> Requests(const ModelConfig& config, int64_t n, int64_t prompt) {
  std::vector<RolloutRequest> requests;
  for (Tree& tree : ArbitraryTrees(config, n, prompt, 0, 0)) {
    requests.push_back({.tree = std::move(tree)});
    requests.back().key = RandomKey(7)[requests.size()];
  }
  return requests;
}

// Prompts are run too: the time of a response of one token is taken off.
BenchCase Decode(const Model& model, const BenchOptions& o, int64_t sequences) {
  const bool int8 = model.packed_layers()[0].qkv.int8();
  const ModelConfig& c = model.config();
  const auto n = static_cast<double>(sequences), steps = static_cast<double>(o.response - 1);
  const double keys = static_cast<double>(o.prompt) + static_cast<double>(o.response) / 2;
  const Work work = {model.compute(), n * steps * (BodyGflop(c, keys) + HeadGflop(c)),
                     1e-9 * steps *
                         (ForwardWeightBytes(model) +
                          n * (keys + 1) * static_cast<double>(KvTokenBytes(c, model.compute()))),
                     n * steps};
  return {
      "phases",
      fmt::format("decode{}, {} sequence{}, prompt {}, response {}", int8 ? " in int8" : "",
                  sequences, sequences == 1 ? "" : "s", o.prompt, o.response),
      work, [&model, o, sequences] {
        const Tokenizer tokenizer = TrainBpe(std::vector<std::string>{"one two three"},
                                             {.vocab_size = 260, .special_tokens = {}});
        RolloutOptions options;
        options.max_sequences = sequences;
        const auto sample = [&](int64_t tokens) {
          options.max_tokens = tokens;
          auto requests = Requests(model.config(), sequences, o.prompt);
          Stopwatch watch;
          Rollout(model, tokenizer, options, std::move(requests));
          return watch.Lap();
        };
        // Prompts and one token. Where that is short it is measured each time: the first time
        // finds its memory new, and one slow moment of the machine would be in every difference.
        double first = sample(1);
        const bool brief = first < kShortSeconds;
        if (brief) sample(o.response);
        // Of few tokens on a busy machine a difference may be negative: the loop's end must not
        // depend on it.
        std::vector<double> times;
        double spent = 0;
        do {
          if (brief) first = sample(1);
          const double whole = sample(o.response);
          spent += whole;
          times.push_back(whole - first);
        } while (static_cast<int>(times.size()) < o.repeats || spent < o.seconds);
        return Timing{std::max(Median(times), 1e-9), static_cast<int>(times.size())};
      }};
}

// Forward, head, backward, AdamW and packing, as the trainer does them, with a recipe's default
// micro-batches.
BenchCase Train(BenchModel* m, const BenchOptions& o, bool recompute) {
  const ModelConfig& c = m->model.config();
  const int64_t T = MakeTrainingBatch(c, o.tokens).tokens();
  // Model-FLOP utilisation: 6 operations a parameter and token, the embedding counted once.
  const Work work = {m->model.compute(),
                     6e-9 * static_cast<double>(c.NumParameters()) * static_cast<double>(T), 0,
                     static_cast<double>(T)};
  return {"phases",
          fmt::format("{}{} tokens{} (MFU)", kTrainingStep, T, recompute ? ", recompute" : ""),
          work, [m, o, recompute, &c] {
            Model& model = m->model;
            if (!m->gradient) m->gradient = std::make_unique<Gradient>(model);
            if (!m->optimizer) m->optimizer = std::make_unique<Optimizer>(model);
            const auto trees = MakeTrainingBatch(c, o.tokens).trees;
            const std::vector<const Tree*> pointers = Pointers(trees);
            const auto bounds = SplitMicroBatches(pointers, Recipe().update.micro_batch_tokens);
            TreePasses passes(&model, {.recompute = recompute});
            OptimizerSettings settings;
            settings.lr = 1e-9;
            return Measure(o.seconds, o.repeats, [&] {
              m->gradient->Clear();
              for (size_t i = 0; i + 1 < bounds.size(); ++i) {
                const auto begin = static_cast<size_t>(bounds[i]);
                const size_t end = static_cast<size_t>(bounds[i + 1]);
                TrainingPass(std::span(pointers).subspan(begin, end - begin), &passes,
                             m->gradient.get());
              }
              ApplyGradient(settings, 1, m->gradient->Finish(), &model, m->optimizer.get());
            });
          }};
}

// One plain file, synced: 10^9 bytes a second.
double DiskWriteGBs(const std::string& folder, double gb) {
  const std::string data(static_cast<size_t>(std::clamp(gb, 1e-3, 0.25) * 1e9), 'x');
  const std::string path = folder + "/rlvr_bench_file";
  Stopwatch watch;
  WriteFileAtomically(path, data);
  const double seconds = watch.Lap();
  fs::remove(path);
  return 1e-9 * static_cast<double>(data.size()) / seconds;
}

// Weights and moments in fp32, with checksums, onto the disk.
BenchCase Save(BenchModel* m, const BenchOptions& o) {
  const double gb = 12e-9 * static_cast<double>(m->model.layout().total);
  return {"checkpoint",
          "saving",
          {ComputeType::kFp32, 0, gb, 0},
          [m, o] {
            if (!m->optimizer) m->optimizer = std::make_unique<Optimizer>(m->model);
            const std::string run = o.folder + "/rlvr_bench_checkpoint";
            const std::string tokenizer = run + "/tokenizer";
            fs::create_directories(tokenizer);
            TrainBpe(std::vector<std::string>{"one two three"}, {.vocab_size = 260})
                .Save(tokenizer, "");
            int64_t step = 0;
            const Timing timing = Measure(o.seconds, 1, [&] {
              Progression at;
              at.step = ++step;
              SaveCheckpoint(run, at, m->model, *m->optimizer, tokenizer, /*keep=*/1);
            });
            fs::remove_all(run);
            return timing;
          },
          [folder = o.folder, gb] { return DiskWriteGBs(folder, gb); }};
}

}  // namespace

std::vector<BenchCase> PhaseCases(BenchModel* model, const BenchOptions& options) {
  std::vector<BenchCase> cases;
  cases.push_back(Prefill(model, options));
  for (const int64_t n : options.sequences) {
    if (options.response <= 1) continue;
    cases.push_back(Decode(model->model, options, n));
    if (options.int8) cases.push_back(Decode(model->model.sampler(), options, n));
  }
  cases.push_back(Train(model, options, /*recompute=*/false));
  if (!options.folder.empty()) cases.push_back(Save(model, options));
  return cases;
}

}  // namespace rlvr
