// What `rlvr bench` measures, ready to run.
#ifndef RLVR_BENCH_CASES_H_
#define RLVR_BENCH_CASES_H_
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "bench/bench.h"
#include "model/model.h"
#include "train/optimizer.h"
#include "tree/tree.h"

namespace rlvr {

// What items share: a random model, its gradient and moments.
struct BenchModel {
  BenchModel(const ModelConfig& config, const BenchOptions& options);
  Model model;
  std::unique_ptr<Gradient> gradient;    // from the first training item on
  std::unique_ptr<Optimizer> optimizer;  // likewise
};

inline constexpr const char* kTrainingStep = "training step, ";  // its line begins so

struct BenchCase {
  std::string section, name;
  Work work;
  std::function<Timing()> measure;
  std::function<double()> bandwidth = {};  // GB/s that limit it; empty: memory's
  StepPart part = {};
};

// Kernels take the weights of one layer after the other, as a pass through the model does.
std::vector<BenchCase> KernelCases(BenchModel* model, const BenchOptions& options);
std::vector<BenchCase> PhaseCases(BenchModel* model, const BenchOptions& options);

// Operations of a forward pass on one token without the head: two for each weight of a product, and
// those of attention over `keys` keys; and of the head.
double BodyGflop(const ModelConfig& config, double keys);
double HeadGflop(const ModelConfig& config);

// `count` trees of one prompt and `responses` responses of arbitrary tokens.
std::vector<Tree> ArbitraryTrees(const ModelConfig& config, int64_t count, int64_t prompt,
                                 int64_t responses, int64_t response);
// About `tokens` of a training batch: prompts with seven responses each, all of one length.
struct TrainingBatch {
  std::vector<Tree> trees;
  int64_t length = 0;  // of each prompt and response
  int64_t tokens() const { return static_cast<int64_t>(trees.size()) * 8 * length; }
};
TrainingBatch MakeTrainingBatch(const ModelConfig& config, int64_t tokens);
int32_t ArbitraryToken(const ModelConfig& config, int64_t i);

}  // namespace rlvr
#endif  // RLVR_BENCH_CASES_H_
