// Sampling with weights in 8 bits against bf16: int8_rollouts SHAPE [SEQUENCES [RESPONSE [PAIRS]]],
// SHAPE as of rlvr bench (tiny, half-billion), random weights. Runs of one kind and the other in turn;
// prints tokens a second of each and the median of the pairs' ratios, and what scoring the samples
// with the policy that trains takes.
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <vector>

#include "base/thread_pool.h"
#include "bench/bench.h"
#include "bench/cases.h"
#include "rollout/rollout.h"
#include "text/bpe_trainer.h"
#include "train/stopwatch.h"
#include "train/update.h"

namespace rlvr {
namespace {

double Median(std::vector<double> v) {
  std::sort(v.begin(), v.end());
  return v[v.size() / 2];
}

void Run(const std::string& shape, int64_t sequences, int64_t response, int pairs) {
  const ModelConfig config = BenchShape(shape);
  Model model(config, ComputeType::kBf16);
  InitializeParameters(config, model.layout(), RandomKey(1), model.weights());
  model.QuantizeSampler();
  model.WeightsChanged(/*for_training=*/false);
  const Tokenizer tokenizer =
      TrainBpe(std::vector<std::string>{"one two three"}, {.vocab_size = 260});
  RolloutOptions options;
  options.max_sequences = sequences;
  options.max_tokens = response;
  options.speculation.name = "none";
  std::vector<Tree> trees;
  const auto sample = [&](const Model& m) {
    std::vector<RolloutRequest> requests;
    requests.push_back({.tree = ArbitraryTrees(config, 1, 128, 0, 0)[0],
                        .num_samples = static_cast<int>(sequences),
                        .key = RandomKey(7)});
    Stopwatch watch;
    trees = Rollout(m, tokenizer, options, std::move(requests));
    return watch.Lap();
  };
  sample(model);
  sample(model.sampler());
  std::vector<double> bf16, int8, ratios, scoring;
  TreePasses passes(&model);
  for (int i = 0; i < pairs; ++i) {
    bf16.push_back(sample(model));
    int8.push_back(sample(model.sampler()));
    ratios.push_back(bf16.back() / int8.back());
    const Tree* pointers[] = {&trees[0]};
    Stopwatch watch;
    ScoreTrees(&passes, pointers, kLogpOnly, 1, 16384);
    scoring.push_back(watch.Lap());
  }
  const auto tokens = static_cast<double>(sequences * response);
  const auto [low, high] = std::minmax_element(ratios.begin(), ratios.end());
  fmt::print(
      "{}, {} sequence(s), prompt 128, response {}, {} threads: bf16 {:.1f} tokens/s, int8 {:.1f} "
      "tokens/s, ratio {:.2f} ({:.2f} .. {:.2f}, {} pairs); scoring {:.3f} s beside {:.3f} s of "
      "int8 sampling: {:.2f} with it\n",
      shape, sequences, response, NumThreads(), tokens / Median(bf16), tokens / Median(int8),
      Median(ratios), *low, *high, pairs, Median(scoring), Median(int8),
      Median(bf16) / (Median(int8) + Median(scoring)));
}

}  // namespace
}  // namespace rlvr

int main(int argc, char** argv) {
  const auto number = [&](int i, int64_t otherwise) {
    return argc > i ? std::atoll(argv[i]) : otherwise;
  };
  rlvr::Run(argc > 1 ? argv[1] : "tiny", number(2, 1), number(3, 64),
            static_cast<int>(number(4, 7)));
}
