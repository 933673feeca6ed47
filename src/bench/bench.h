// `rlvr bench`: every kernel at a model's shapes and every phase of a step, beside the limits that
// the same run has measured just before.
#ifndef RLVR_BENCH_BENCH_H_
#define RLVR_BENCH_BENCH_H_
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "bench/roofline.h"
#include "model/config.h"

namespace rlvr {

struct BenchOptions {
  ComputeType compute = ComputeType::kBf16;
  bool int8 = false;     // also decoding with weights in 8 bits
  double seconds = 0.2;  // for the repeats of one item
  int repeats = 3;       // at least so many
  int64_t tokens = 0;    // of a training step; 0: about 8192 for small models, 2048 for large ones
  int64_t prompt = 128, response = 128;         // tokens, of prefill and decode
  std::vector<int64_t> sequences = {1, 8, 64};  // decoded together
  std::string folder;  // where a checkpoint is written for a moment; "": none is
  std::string only;    // items whose section or name has this in it; "": all
};

// A kernel's place in a training step of BenchOptions::tokens.
struct StepPart {
  std::string name;  // "products, forward"; "": it has none
  double calls = 0;
};

struct BenchItem {
  std::string section, name;
  Work work;
  Timing timing;
  Peaks peaks;   // measured just before its section
  double share;  // of the limit
  StepPart part;
};

struct BenchReport {
  std::string model;  // "tiny"
  ModelConfig config;
  ComputeType compute = ComputeType::kBf16;
  int64_t tokens = 0;
  bool complete = true;      // not with BenchOptions::only
  std::vector<Peaks> peaks;  // by number of threads: 1 and all
  std::vector<BenchItem> items;
};

// The shapes that the project's figures are about: "tiny", "half-billion".
ModelConfig BenchShape(const std::string& name);

// The model has random weights. progress(done, total, what is measured now) may be empty.
BenchReport RunBench(const std::string& name, const ModelConfig& config,
                     const BenchOptions& options,
                     const std::function<void(int, int, const std::string&)>& progress = {});

// What the kernels of a training step come to, in the order of the items, and the "rest" up to the
// time of the whole step: (part, share of the step).
std::vector<std::pair<std::string, double>> TrainingStepParts(const BenchReport& report);

// A table with a bar for every share; color: for a terminal.
std::string BenchText(const BenchReport& report, bool color);
std::string BenchJson(const BenchReport& report);
// The roofline, both axes logarithmic, with a dot for every item that has operations and bytes.
std::string BenchSvg(const BenchReport& report);

}  // namespace rlvr
#endif  // RLVR_BENCH_BENCH_H_
