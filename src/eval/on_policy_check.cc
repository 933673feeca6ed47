#include "eval/on_policy_check.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "base/thread_pool.h"
#include "eval/eval.h"
#include "eval/policy.h"
#include "model/head.h"
#include "model/pack_tree.h"

namespace rlvr {
namespace {

constexpr int64_t kSamples = 8;  // of each prompt

// Each sample as a tree of its own, with its own copy of the prompt.
std::vector<Tree> Separate(const std::vector<Tree>& trees) {
  std::vector<Tree> chains;
  for (const Tree& tree : trees) {
    for (const Leaf& leaf : tree.leaves) {
      Tree chain;
      chain.segments = {tree.segments[0], tree.segments[static_cast<size_t>(leaf.segment)]};
      chain.segments[1].parent = 0;
      chains.push_back(std::move(chain));
    }
  }
  return chains;
}

// Log-probs and entropies of every prediction by the packed training forward, and whose they are.
struct Scores {
  std::vector<Prediction> predictions;
  std::vector<float> logp, entropy;
};
Scores Score(const Model& model, const std::vector<Tree>& trees) {
  std::vector<const Tree*> pointers;
  for (const Tree& t : trees) pointers.push_back(&t);
  KvCache cache(model.config(), model.compute());
  const PackedTrees packed = PackTrees(pointers, Author::kPolicy, &cache);
  const int64_t T = packed.batch.size(), D = model.config().hidden_size;
  AlignedBuffer<float> hidden(T * D);
  Workspace workspace;
  Activations activations;
  Forward(model, packed.batch, cache, workspace, &activations, {hidden.data(), T, D});
  // Statistics of the predicting rows, gathered.
  const auto n = static_cast<int64_t>(packed.predictions.size());
  AlignedBuffer<float> rows(n * D);
  std::vector<int32_t> targets;
  for (int64_t i = 0; i < n; ++i) {
    std::copy_n(hidden.data() + packed.predictions[static_cast<size_t>(i)].row * D, D,
                rows.data() + i * D);
    targets.push_back(packed.predictions[static_cast<size_t>(i)].target);
  }
  std::vector<float> logp(static_cast<size_t>(n)), entropy(static_cast<size_t>(n));
  const Statistic wanted[] = {Statistic::kLogp, Statistic::kEntropy};
  HeadForward(model, {rows.data(), n, D}, targets, 1.0f, wanted, {logp, entropy});
  return {packed.predictions, std::move(logp), std::move(entropy)};
}

void Compare(const Model& model, const std::vector<Tree>& trees, OnPolicyReport::Row* row) {
  const Scores own = Score(model.sampler(), trees);
  row->int8 = &model.sampler() != &model;
  const Scores trained = row->int8 ? Score(model, trees) : Scores{};
  for (size_t i = 0; i < own.predictions.size(); ++i) {
    const Prediction& p = own.predictions[i];
    const Segment& s = trees[static_cast<size_t>(p.tree)].segments[static_cast<size_t>(p.segment)];
    const auto t = static_cast<size_t>(p.offset);
    ++row->tokens;
    row->mismatches +=
        std::bit_cast<uint32_t>(own.logp[i]) != std::bit_cast<uint32_t>(s.logp[t]) ||
        std::bit_cast<uint32_t>(own.entropy[i]) != std::bit_cast<uint32_t>(s.entropy[t]);
    if (!row->int8) continue;
    const double pi = trained.logp[i], mu = own.logp[i];
    row->logp_abs_diff += std::abs(pi - mu);
    row->probs_diff_max = std::max(row->probs_diff_max, std::abs(std::exp(pi) - std::exp(mu)));
  }
  if (row->tokens > 0) row->logp_abs_diff /= static_cast<double>(row->tokens);
}

}  // namespace

void CheckOnPolicy(const Model& model, const Tokenizer& tokenizer, int64_t max_tokens,
                   OnPolicyReport* report) {
  const int threads_before = NumThreads();
  const auto prompts = OpenPrompts("gsm_micro", Split::kTest, 0);
  for (const int64_t batch_size : {1, 7, 64}) {
    for (const int threads : {1, 2}) {
      SetNumThreads(threads);
      RolloutOptions options;
      options.max_tokens = max_tokens;
      options.max_sequences = batch_size;
      std::vector<RolloutRequest> requests;
      // Half again as many sequences as go together, so that slots are refilled too.
      for (int64_t i = 0; i * kSamples < batch_size + batch_size / 2; ++i) {
        RolloutRequest r;
        r.tree.segments.push_back({.tokens = EncodePrompt(tokenizer, prompts->Get(i))});
        r.num_samples = kSamples;
        r.key = RandomKey(17)[static_cast<uint64_t>(i)];
        requests.push_back(std::move(r));
      }
      const auto trees = Rollout(model.sampler(), tokenizer, options, std::move(requests));
      for (const bool shared : {true, false}) {
        OnPolicyReport::Row row{model.compute(), batch_size, threads, shared};
        Compare(model, shared ? trees : Separate(trees), &row);
        report->rows.push_back(row);
      }
    }
  }
  SetNumThreads(threads_before);
}

OnPolicyReport CheckOnPolicy(const std::string& model_folder, bool int8) {
  OnPolicyReport report;
  for (const ComputeType compute : {ComputeType::kFp32, ComputeType::kBf16}) {
    const Policy policy = LoadPolicy(model_folder, compute, false);
    if (int8) {
      policy.model->QuantizeSampler();
      policy.model->WeightsChanged(false);
    }
    CheckOnPolicy(*policy.model, *policy.tokenizer, 100, &report);
  }
  return report;
}

}  // namespace rlvr
