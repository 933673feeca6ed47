// A training pass over 16 responses on one prompt, the prompt shared in a tree or repeated for each
// response: shared_prompt [REPEATS]. In turn in one process; checks that log-probs have the same bits
// and prints how far apart the gradients are. The tiny shape, bf16.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "bench/bench.h"
#include "model/head.h"
#include "model/pack_tree.h"

namespace rlvr {
namespace {

constexpr int64_t kPrompt = 1024, kResponse = 128, kResponses = 16;

Segment Tokens(RandomKey key, int64_t n, int32_t parent) {
  Segment s;
  s.parent = parent;
  s.author = parent < 0 ? Author::kPrompt : Author::kPolicy;
  for (int64_t t = 0; t < n; ++t)
    s.tokens.push_back(static_cast<int32_t>(512 * key.Uniform(static_cast<uint64_t>(t))));
  return s;
}

struct Pass {
  std::vector<Tree> trees;
  int64_t tokens = 0;
  std::vector<float> logp, gradient;
  std::vector<double> seconds;
};

// Forward, head and backward of all the trees.
void Train(const Model& model, Pass* pass) {
  const auto start = std::chrono::steady_clock::now();
  const int64_t D = model.config().hidden_size;
  std::vector<const Tree*> pointers;
  for (const Tree& tree : pass->trees) pointers.push_back(&tree);
  KvCache cache(model.config(), model.compute());
  const PackedTrees packed = PackTrees(pointers, Author::kPolicy, &cache);
  const int64_t T = packed.batch.size();
  std::vector<int64_t> rows;
  std::vector<int32_t> targets;
  for (const Prediction& p : packed.predictions) {
    rows.push_back(p.row);
    targets.push_back(p.target);
  }
  AlignedBuffer<float> hidden(T * D), dhidden(T * D);
  Workspace workspace;
  Activations activations;
  Forward(model, packed.batch, cache, workspace, &activations, {hidden.data(), T, D});
  std::vector<float> coefficients;  // as advantages would be: another one for each token
  for (size_t i = 0; i < rows.size(); ++i)
    coefficients.push_back(static_cast<float>(std::sin(static_cast<double>(targets[i]))));
  std::vector<float> logp(rows.size()), tied(model.config().vocab_size * D);
  pass->gradient.assign(static_cast<size_t>(model.layout().total), 0.0f);
  const Statistic wanted[] = {Statistic::kLogp};
  HeadBackward(model, {hidden.data(), T, D}, rows, targets, 1, wanted, {coefficients},
               packed.batch.unit_begin, {dhidden.data(), T, D}, pass->gradient.data(), {logp},
               tied.data());
  Backward(model, packed.batch, cache, workspace, activations, {dhidden.data(), T, D},
           pass->gradient.data());
  AddTiedGradient(model, tied.data(), pass->gradient.data());
  pass->tokens = T;
  // By response: the predictions of a shared prompt's last row come first.
  std::vector<std::vector<float>> by_segment;
  for (size_t i = 0; i < logp.size(); ++i) {
    const Prediction& p = packed.predictions[i];
    const auto response = static_cast<size_t>(p.tree + p.segment - 1);
    if (by_segment.size() <= response) by_segment.resize(response + 1);
    by_segment[response].push_back(logp[i]);
  }
  pass->logp.clear();
  for (const auto& values : by_segment)
    pass->logp.insert(pass->logp.end(), values.begin(), values.end());
  pass->seconds.push_back(
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
}

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

int Main(int repeats) {
  Model model(BenchShape("tiny"), ComputeType::kBf16);
  InitializeParameters(model.config(), model.layout(), RandomKey(1), model.weights());
  model.WeightsChanged(true);
  Pass shared, apart;
  shared.trees.resize(1);
  const Segment prompt = Tokens(RandomKey(2), kPrompt, -1);
  shared.trees[0].segments = {prompt};
  for (int64_t r = 0; r < kResponses; ++r) {
    const Segment response = Tokens(RandomKey(3)[static_cast<uint64_t>(r)], kResponse, 0);
    shared.trees[0].segments.push_back(response);
    apart.trees.emplace_back().segments = {prompt, response};
  }
  for (int i = 0; i <= repeats; ++i) {
    Train(model, &shared);
    Train(model, &apart);
  }
  for (Pass* pass : {&shared, &apart}) pass->seconds.erase(pass->seconds.begin());
  const bool same =
      shared.logp.size() == apart.logp.size() &&
      std::memcmp(shared.logp.data(), apart.logp.data(), shared.logp.size() * sizeof(float)) == 0;
  double difference = 0, norm = 0;
  for (size_t i = 0; i < shared.gradient.size(); ++i) {
    difference += std::pow(double{shared.gradient[i]} - apart.gradient[i], 2);
    norm += std::pow(double{apart.gradient[i]}, 2);
  }
  fmt::print(
      "{} responses of {} tokens on a prompt of {}, medians of {}:\n"
      "shared {} tokens {:.3f} s, apart {} tokens {:.3f} s: {:.2f} times faster\n"
      "{} log-probs: {}; gradients differ by {:.1e} of their norm\n",
      kResponses, kResponse, kPrompt, repeats, shared.tokens, Median(shared.seconds), apart.tokens,
      Median(apart.seconds), Median(apart.seconds) / Median(shared.seconds), shared.logp.size(),
      same ? "the same bits" : "DIFFERENT BITS", std::sqrt(difference / norm));
  return same ? 0 : 1;
}

}  // namespace
}  // namespace rlvr

int main(int argc, char** argv) { return rlvr::Main(argc > 1 ? std::max(1, atoi(argv[1])) : 5); }
