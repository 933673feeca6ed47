#include "bench/bench.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "base/error.h"
#include "base/suggest.h"
#include "base/thread_pool.h"
#include "bench/cases.h"

namespace rlvr {
namespace {

constexpr int64_t kLargeModel = 100'000'000;  // parameters
constexpr std::chrono::seconds kPeaksHold(5);

}  // namespace

ModelConfig BenchShape(const std::string& name) {
  ModelConfig c;
  c.head_dim = 64;
  c.num_key_value_heads = 2;
  c.max_position_embeddings = 32768;
  if (name == "tiny") {
    c.vocab_size = 512;
    c.hidden_size = 256;
    c.num_hidden_layers = 6;
    c.num_attention_heads = 4;
    c.intermediate_size = 768;
  } else if (name == "half-billion") {
    c.vocab_size = 151936;
    c.hidden_size = 896;
    c.num_hidden_layers = 24;
    c.num_attention_heads = 14;
    c.intermediate_size = 4864;
  } else {
    throw Error("--shape", "there is no shape '" + name + "'",
                DidYouMean(name, {"tiny", "half-billion"}) + "; or give a config.json");
  }
  return c;
}

BenchModel::BenchModel(const ModelConfig& config, const BenchOptions& options)
    : model(config, options.compute) {
  if (options.int8) model.QuantizeSampler();
  InitializeParameters(config, model.layout(), RandomKey(1), model.weights());
  model.WeightsChanged(/*for_training=*/true);
}

double BodyGflop(const ModelConfig& c, double keys) {
  const double embedding =
      static_cast<double>((c.tie_word_embeddings ? 1 : 2) * c.vocab_size * c.hidden_size);
  const double weights = static_cast<double>(c.NumParameters()) - embedding;
  const double heads =
      static_cast<double>(c.num_hidden_layers * c.num_attention_heads * c.head_dim);
  return 1e-9 * (2 * weights + 4 * heads * keys);
}

double HeadGflop(const ModelConfig& c) {
  return 2e-9 * static_cast<double>(c.vocab_size) * static_cast<double>(c.hidden_size);
}

int32_t ArbitraryToken(const ModelConfig& config, int64_t i) {
  return static_cast<int32_t>((i * 7919 + 13) % config.vocab_size);
}

std::vector<Tree> ArbitraryTrees(const ModelConfig& config, int64_t count, int64_t prompt,
                                 int64_t responses, int64_t response) {
  std::vector<Tree> trees(static_cast<size_t>(count));
  int64_t i = 0;
  for (Tree& tree : trees) {
    tree.prompt_index = &tree - trees.data();
    for (int64_t s = 0; s <= responses; ++s) {
      Segment segment;
      segment.parent = s == 0 ? -1 : 0;
      segment.author = s == 0 ? Author::kPrompt : Author::kPolicy;
      segment.sample = static_cast<int32_t>(s - 1);
      for (int64_t t = s == 0 ? prompt : response; t > 0; --t)
        segment.tokens.push_back(ArbitraryToken(config, i++));
      tree.segments.push_back(std::move(segment));
    }
  }
  return trees;
}

TrainingBatch MakeTrainingBatch(const ModelConfig& config, int64_t tokens) {
  TrainingBatch batch;
  batch.length = std::max<int64_t>(2, std::min<int64_t>(128, tokens / 8));
  batch.trees = ArbitraryTrees(config, std::max<int64_t>(1, tokens / (8 * batch.length)),
                               batch.length, 7, batch.length);
  return batch;
}

std::vector<std::pair<std::string, double>> TrainingStepParts(const BenchReport& report) {
  std::vector<std::pair<std::string, double>> parts;
  double whole = 0, sum = 0;
  for (const BenchItem& item : report.items) {
    if (item.name.rfind(kTrainingStep, 0) == 0) whole = item.timing.seconds;
    if (item.part.calls == 0) continue;
    auto at = std::find_if(parts.begin(), parts.end(),
                           [&](const auto& part) { return part.first == item.part.name; });
    if (at == parts.end()) at = parts.insert(at, {item.part.name, 0});
    at->second += item.part.calls * item.timing.seconds;
    sum += item.part.calls * item.timing.seconds;
  }
  if (whole == 0 || !report.complete) return {};
  parts.emplace_back("rest", whole - sum);
  for (auto& part : parts) part.second /= whole;
  return parts;
}

BenchReport RunBench(const std::string& name, const ModelConfig& config, const BenchOptions& given,
                     const std::function<void(int, int, const std::string&)>& progress) {
  BenchOptions options = given;
  if (options.tokens == 0) options.tokens = config.NumParameters() < kLargeModel ? 8192 : 2048;
  const int64_t context = config.context_length();
  if (options.prompt + options.response > context) {
    throw Error("--prompt and --response",
                fmt::format("are {} tokens together, the model's context is {}",
                            options.prompt + options.response, context),
                "give fewer");
  }
  BenchReport report{.model = name,
                     .config = config,
                     .compute = options.compute,
                     .tokens = options.tokens,
                     .complete = options.only.empty()};
  const int threads = NumThreads();
  report.peaks.push_back(MeasurePeaks(1));
  if (threads > 1) report.peaks.push_back(MeasurePeaks(threads));

  BenchModel model(config, options);
  std::vector<BenchCase> cases = KernelCases(&model, options);
  for (BenchCase& c : PhaseCases(&model, options)) cases.push_back(std::move(c));
  std::erase_if(cases, [&](const BenchCase& c) {
    return (c.section + ": " + c.name).find(options.only) == std::string::npos;
  });
  if (cases.empty())
    throw Error("--only", "no item has '" + options.only + "' in its name",
                "rlvr bench without it lists them all");
  const auto total = static_cast<int>(cases.size());
  Peaks peaks;
  auto since_peaks = std::chrono::steady_clock::now();
  for (int i = 0; i < total; ++i) {
    BenchCase& c = cases[static_cast<size_t>(i)];
    if (progress) progress(i, total, c.name);
    // The machine may be another one some seconds later.
    if (i == 0 || std::chrono::steady_clock::now() - since_peaks > kPeaksHold) {
      peaks = MeasurePeaks(threads);
      since_peaks = std::chrono::steady_clock::now();
    }
    Peaks limits = peaks;
    if (c.bandwidth) limits.read_gbs = c.bandwidth();
    const Timing timing = c.measure();
    report.items.push_back(
        {c.section, c.name, c.work, timing, limits, Share(c.work, timing, limits), c.part});
    c.measure = nullptr;  // and its buffers with it
  }
  if (progress) progress(total, total, "");
  return report;
}

}  // namespace rlvr
