// A training pass over one sequence, and a step of decoding after it, at growing lengths: seconds and
// the memory that activations, keys and values and the workspace took. The tiny shape, bf16.
//   long_context [TOKENS = 32768]   (halved three times for the first line)
#include <fmt/format.h>

#include <fstream>
#include <string>
#include <vector>

#include "bench/bench.h"
#include "bench/cases.h"
#include "bench/training_pass.h"
#include "train/run_folder.h"

namespace rlvr {
namespace {

void ResetPeakMemory() { std::ofstream("/proc/self/clear_refs") << "5"; }

// One response of tokens - 1 on a prompt of one token.
void Pass(const Model& model, int64_t tokens, bool recompute) {
  ResetPeakMemory();
  const double before = PeakMemoryGb();
  const auto trees = ArbitraryTrees(model.config(), 1, 1, 1, tokens - 1);
  TreePasses passes(&model, {.recompute = recompute});
  Gradient gradient(model);
  gradient.Clear();
  const auto [forward, backward] = TrainingPass(Pointers(trees), &passes, &gradient);
  const double gb = PeakMemoryGb() - before;
  fmt::print(
      "{:7} tokens{:12}  forward {:7.2f} s  backward {:7.2f} s  {:6.0f} tokens/s  memory "
      "{:5.2f} GiB, {:5.1f} KiB a token\n",
      tokens, recompute ? ", recompute" : "", forward, backward,
      static_cast<double>(tokens) / (forward + backward), gb,
      gb * 1024 * 1024 / static_cast<double>(tokens));
  std::fflush(stdout);
}

}  // namespace
}  // namespace rlvr

int main(int argc, char** argv) {
  using namespace rlvr;
  const int64_t most = argc > 1 ? std::max(64, atoi(argv[1])) : 32768;
  Model model(BenchShape("tiny"), ComputeType::kBf16);
  InitializeParameters(model.config(), model.layout(), RandomKey(1), model.weights());
  model.WeightsChanged(/*for_training=*/true);
  for (const bool recompute : {false, true}) {
    for (int64_t tokens = most / 8; tokens <= most; tokens *= 2) Pass(model, tokens, recompute);
  }
}
