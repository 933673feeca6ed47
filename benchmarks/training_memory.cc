// Peak memory of training steps at one batch of packed tokens, against the sum of what they must
// hold, and the seconds of the second step's passes. A size such as 1GiB is update.activation_memory.
//   training_memory [SHAPE = half-billion] [TOKENS = 2048] [recompute | SIZE]
#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

#include "base/size_text.h"
#include "bench/bench.h"
#include "bench/cases.h"
#include "bench/memory.h"
#include "bench/training_pass.h"
#include "train/run_folder.h"

namespace rlvr {
namespace {

constexpr double kGiB = 1 << 30;

void Print(const char* what, int64_t bytes) {
  fmt::print("{:<52}{:7.2f} GiB\n", what, static_cast<double>(bytes) / kGiB);
}

void Run(const ModelConfig& config, int64_t wanted, const ActivationBound& bound) {
  const TrainingBatch batch = MakeTrainingBatch(config, wanted);
  const std::vector<const Tree*> trees = Pointers(batch.trees);
  PassSeconds seconds;
  int64_t micro_batches = 0, held = 0;
  {
    Model model(config, ComputeType::kBf16);
    InitializeParameters(config, model.layout(), RandomKey(1), model.weights());
    model.WeightsChanged(/*for_training=*/true);
    Gradient gradient(model);
    Optimizer optimizer(model);
    TreePasses passes(&model, bound);
    const auto bounds = passes.MicroBatches(trees, batch.tokens());
    micro_batches = static_cast<int64_t>(bounds.size()) - 1;
    OptimizerSettings settings;
    settings.lr = 1e-6;
    for (int64_t step = 1; step <= 2; ++step) {
      gradient.Clear();
      seconds = {};
      for (size_t m = 0; m + 1 < bounds.size(); ++m) {
        const auto begin = static_cast<size_t>(bounds[m]), end = static_cast<size_t>(bounds[m + 1]);
        const PassSeconds s =
            TrainingPass(std::span(trees).subspan(begin, end - begin), &passes, &gradient);
        seconds.forward += s.forward;
        seconds.backward += s.backward;
      }
      ApplyGradient(settings, step, gradient.Finish(), &model, &optimizer);
    }
    held = passes.TakeMostBytes();
  }
  const int64_t n = config.NumParameters(), T = batch.tokens();
  const int64_t tied = config.tie_word_embeddings ? config.vocab_size * config.hidden_size : 0;
  const int64_t kv = T * KvTokenBytes(config, ComputeType::kBf16);
  const int64_t sum = 20 * n + 4 * tied + kv + held;
  fmt::print("{} million parameters, {} packed tokens, bf16{}, micro-batches: {}\n", n / 1000000, T,
             bound.recompute ? ", recompute" : "", micro_batches);
  if (bound.bytes > 0) {
    fmt::print("activation memory of {}: {} of {} layers kept of all tokens at once\n",
               SizeText(bound.bytes), KeptLayers(config, bound, T), config.num_hidden_layers);
  }
  Print("weights, fp32", 4 * n);
  Print("weights, bf16: as they are and transposed", 4 * n);
  Print("gradient", 4 * n);
  Print("gradient of the head's use of a tied embedding", 4 * tied);
  Print("AdamW's moments", 8 * n);
  Print("keys and values", kv);
  Print("activations and what backward works in", held);
  Print("sum", sum);
  const auto peak = static_cast<int64_t>(PeakMemoryGb() * kGiB);
  Print("peak of the process", peak);
  fmt::print("peak over sum: {:.3f}; without the embedding's second gradient in the sum: {:.3f}\n",
             static_cast<double>(peak) / static_cast<double>(sum),
             static_cast<double>(peak) / static_cast<double>(sum - 4 * tied));
  fmt::print("second step: forward {:.2f} s, backward {:.2f} s\n", seconds.forward,
             seconds.backward);
}

}  // namespace
}  // namespace rlvr

int main(int argc, char** argv) {
  using namespace rlvr;
  const std::string shape = argc > 1 ? argv[1] : "half-billion";
  const int64_t tokens = argc > 2 ? std::max(64, atoi(argv[2])) : 2048;
  const std::string memory = argc > 3 ? argv[3] : "";
  const bool recompute = memory == "recompute";
  const auto bytes = ParseSize(memory);
  if (!memory.empty() && !recompute && !bytes) {
    fmt::print(stderr, "'{}' is neither recompute nor a size such as 1GiB\n", memory);
    return 1;
  }
  Run(BenchShape(shape), tokens, {.recompute = recompute, .bytes = bytes.value_or(0)});
}
