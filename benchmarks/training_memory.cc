// Peak memory of training steps at one batch of packed tokens, against the sum of what they must
// hold.
//   training_memory [SHAPE = half-billion] [TOKENS = 2048] [recompute]
#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

#include "bench/bench.h"
#include "bench/cases.h"
#include "bench/memory.h"
#include "train/run_folder.h"
#include "train/update.h"

namespace rlvr {
namespace {

constexpr double kGiB = 1 << 30;

void Print(const char* what, int64_t bytes) {
  fmt::print("{:<52}{:7.2f} GiB\n", what, static_cast<double>(bytes) / kGiB);
}

void Run(const ModelConfig& config, int64_t wanted, bool recompute) {
  const TrainingBatch batch = MakeTrainingBatch(config, wanted);
  std::vector<const Tree*> trees;
  for (const Tree& tree : batch.trees) trees.push_back(&tree);
  {
    Model model(config, ComputeType::kBf16);
    InitializeParameters(config, model.layout(), RandomKey(1), model.weights());
    model.WeightsChanged(/*for_training=*/true);
    Gradient gradient(model);
    Optimizer optimizer(model);
    TreePasses passes(&model, {.recompute = recompute});
    OptimizerSettings settings;
    settings.lr = 1e-6;
    for (int64_t step = 1; step <= 2; ++step) {
      gradient.Clear();
      const PackedTrees& packed = passes.Forward(trees, kTrained, true);
      const std::vector<std::vector<float>> coefficients(
          1, std::vector<float>(packed.predictions.size(), 1e-4f));
      passes.Backward(1, kLogpOnly, coefficients, &gradient);
      ApplyGradient(settings, step, gradient.Finish(), &model, &optimizer);
    }
  }
  const int64_t n = config.NumParameters(), T = batch.tokens();
  const int64_t tied = config.tie_word_embeddings ? config.vocab_size * config.hidden_size : 0;
  TokenCounts tokens;
  tokens.micro_batch = T;
  tokens.unit = 8 * batch.length;
  const int64_t kv = T * KvTokenBytes(config, ComputeType::kBf16);
  const int64_t activations = ActivationBytes(config, tokens, recompute);
  const int64_t sum = 20 * n + 4 * tied + kv + activations;
  fmt::print("{} million parameters, {} packed tokens, bf16{}\n", n / 1000000, T,
             recompute ? ", recompute" : "");
  Print("weights, fp32", 4 * n);
  Print("weights, bf16: as they are and transposed", 4 * n);
  Print("gradient", 4 * n);
  Print("gradient of the head's use of a tied embedding", 4 * tied);
  Print("AdamW's moments", 8 * n);
  Print("keys and values", kv);
  Print("activations and what backward works in", activations);
  Print("sum", sum);
  const auto peak = static_cast<int64_t>(PeakMemoryGb() * kGiB);
  Print("peak of the process", peak);
  fmt::print("peak over sum: {:.3f}; without the embedding's second gradient in the sum: {:.3f}\n",
             static_cast<double>(peak) / static_cast<double>(sum),
             static_cast<double>(peak) / static_cast<double>(sum - 4 * tied));
}

}  // namespace
}  // namespace rlvr

int main(int argc, char** argv) {
  using namespace rlvr;
  const std::string shape = argc > 1 ? argv[1] : "half-billion";
  const int64_t tokens = argc > 2 ? std::max(64, atoi(argv[2])) : 2048;
  Run(BenchShape(shape), tokens, argc > 3 && std::string(argv[3]) == "recompute");
}
