// One token, the same bits: decoded alone, decoded beside others, prefilled, or trained in a packed
// tree; with any number of threads, micro-batches, and with activations kept or made again.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <tuple>

#include "base/thread_pool.h"
#include "model/test_models.h"
#include "tensor/isa.h"

namespace rlvr {
namespace {

constexpr float kTemperature = 0.9f;

// Hidden state and head statistics by (tree, segment, offset).
using Token = std::tuple<size_t, int32_t, int32_t>;
struct State {
  std::vector<float> hidden;                         // [D]
  std::map<int32_t, std::vector<float>> statistics;  // by target, [3]
};
using States = std::map<Token, State>;

void ExpectSameBits(const std::vector<float>& got, const std::vector<float>& want,
                    const std::string& what) {
  ASSERT_EQ(got.size(), want.size()) << what;
  ASSERT_EQ(std::memcmp(got.data(), want.data(), got.size() * sizeof(float)), 0) << what;
}

void ExpectSame(const States& got, const States& want, const std::string& what) {
  ASSERT_EQ(got.size(), want.size()) << what;
  for (const auto& [token, state] : want) {
    const auto& [tree, segment, offset] = token;
    const std::string where = what + ": tree " + std::to_string(tree) + " segment " +
                              std::to_string(segment) + " token " + std::to_string(offset);
    ExpectSameBits(got.at(token).hidden, state.hidden, where);
    for (const auto& [target, values] : state.statistics)
      ExpectSameBits(got.at(token).statistics.at(target), values, where + " statistics");
  }
}

// Tokens that training scores after this one: the next of its segment, or the first of each child.
std::vector<int32_t> Targets(const Tree& tree, int32_t segment, int32_t offset) {
  const Segment& s = tree.segments[segment];
  std::vector<int32_t> targets;
  if (offset + 1 < static_cast<int32_t>(s.tokens.size())) {
    if (s.author == Author::kPolicy) targets.push_back(s.tokens[offset + 1]);
    return targets;
  }
  for (const Segment& child : tree.segments) {
    if (child.parent == segment && child.author == Author::kPolicy)
      targets.push_back(child.tokens[0]);
  }
  return targets;
}

// A sequence to run: the tokens that its cache segment gets, and who owns each.
struct Sequence {
  std::vector<int32_t> tokens;
  std::vector<Token> owner;
  int32_t kv = -1;
};

class Runner {
 public:
  Runner(const Model& model, const std::vector<const Tree*>& trees)
      : model_(model), trees_(trees), cache_(model.config(), model.compute()) {}

  // All sequences side by side, `piece` tokens of each a step (1: decoding); adds to states.
  void Run(std::vector<Sequence*> sequences, int64_t piece, States* states) {
    const int64_t D = model_.config().hidden_size;
    for (int64_t at = 0;; at += piece) {
      TokenBatch batch;
      std::vector<Token> owner;
      for (Sequence* s : sequences) {
        const int64_t n = std::min<int64_t>(piece, static_cast<int64_t>(s->tokens.size()) - at);
        if (n <= 0) continue;
        const int64_t row = batch.size(), position = cache_.EndPosition(s->kv);
        cache_.Append(s->kv, n, &batch.slots);
        cache_.AddRun(s->kv, n, row, nullptr, &batch.table);
        for (int64_t i = 0; i < n; ++i) {
          batch.tokens.push_back(s->tokens[at + i]);
          batch.positions.push_back(static_cast<int32_t>(position + i));
          owner.push_back(s->owner[at + i]);
        }
      }
      if (batch.size() == 0) return;
      std::vector<float> hidden(batch.size() * D);
      Forward(model_, batch, cache_, workspace_, nullptr, {hidden.data(), batch.size(), D});
      for (int64_t r = 0; r < batch.size(); ++r)
        (*states)[owner[r]].hidden.assign(hidden.begin() + r * D, hidden.begin() + (r + 1) * D);
      Score(hidden, owner, states);
    }
  }

  // Every leaf's whole path is a sequence of its own: prompts repeated.
  States Repeated(size_t batch_size, int64_t piece) {
    std::vector<Sequence> all;
    for (size_t i = 0; i < trees_.size(); ++i) {
      for (const Leaf& leaf : trees_[i]->leaves) {
        Sequence s;
        for (const int32_t segment : trees_[i]->Path(leaf.segment)) AddTokens(i, segment, &s);
        all.push_back(s);
      }
    }
    States states;
    for (size_t begin = 0; begin < all.size(); begin += batch_size) {
      std::vector<Sequence*> batch;
      for (size_t i = begin; i < std::min(begin + batch_size, all.size()); ++i) {
        all[i].kv = cache_.AddSegment(-1);
        batch.push_back(&all[i]);
      }
      Run(batch, piece, &states);
      for (Sequence* s : batch) cache_.Release(s->kv);
    }
    return states;
  }

  // The prompt prefilled once, the segments below it decoded on its pages, a generation at a time.
  States Shared() {
    States states;
    std::map<std::pair<size_t, int32_t>, Sequence> done;
    for (bool found = true; found;) {
      found = false;
      std::vector<Sequence*> batch;
      std::vector<std::pair<size_t, int32_t>> ready;
      for (size_t i = 0; i < trees_.size(); ++i) {
        for (int32_t s = 0; s < static_cast<int32_t>(trees_[i]->segments.size()); ++s) {
          const int32_t parent = trees_[i]->segments[s].parent;
          if (!done.contains({i, s}) && (parent < 0 || done.contains({i, parent})))
            ready.emplace_back(i, s);
        }
      }
      const bool prompts = done.empty();
      for (const auto& [i, s] : ready) {
        const int32_t parent = trees_[i]->segments[s].parent;
        Sequence& sequence = done[{i, s}];
        sequence.kv = cache_.AddSegment(parent < 0 ? -1 : done.at({i, parent}).kv);
        AddTokens(i, s, &sequence);
        batch.push_back(&sequence);
        found = true;
      }
      Run(batch, prompts ? 1000 : 1, &states);
    }
    cache_.Clear();
    return states;
  }

 private:
  void AddTokens(size_t tree, int32_t segment, Sequence* s) const {
    const auto& tokens = trees_[tree]->segments[segment].tokens;
    for (int32_t t = 0; t < static_cast<int32_t>(tokens.size()); ++t) {
      s->tokens.push_back(tokens[t]);
      s->owner.emplace_back(tree, segment, t);
    }
  }

  void Score(const std::vector<float>& hidden, const std::vector<Token>& owner, States* states) {
    const int64_t D = model_.config().hidden_size;
    std::vector<float> rows;
    std::vector<std::pair<Token, int32_t>> scored;
    std::vector<int32_t> targets;
    for (size_t r = 0; r < owner.size(); ++r) {
      const auto& [tree, segment, offset] = owner[r];
      for (const int32_t target : Targets(*trees_[tree], segment, offset)) {
        rows.insert(rows.end(), hidden.begin() + r * D, hidden.begin() + (r + 1) * D);
        scored.emplace_back(owner[r], target);
        targets.push_back(target);
      }
    }
    const auto n = static_cast<int64_t>(targets.size());
    std::vector<std::vector<float>> values(3, std::vector<float>(n));
    HeadForward(model_, {rows.data(), n, D}, targets, kTemperature, kAllStatistics,
                {values.begin(), values.end()});
    for (int64_t r = 0; r < n; ++r)
      (*states)[scored[r].first].statistics[scored[r].second] = {values[0][r], values[1][r],
                                                                 values[2][r]};
  }

  const Model& model_;
  std::vector<const Tree*> trees_;
  KvCache cache_;
  Workspace workspace_;
};

States StatesOf(const TrainingPass& pass, const std::vector<const Tree*>& trees, int64_t D) {
  States states;
  int64_t row = 0;
  for (size_t i = 0; i < trees.size(); ++i) {
    for (int32_t s = 0; s < static_cast<int32_t>(trees[i]->segments.size()); ++s) {
      const auto length = static_cast<int32_t>(trees[i]->segments[s].tokens.size());
      for (int32_t t = 0; t < length; ++t, ++row)
        states[{i, s, t}].hidden.assign(pass.hidden.begin() + row * D,
                                        pass.hidden.begin() + (row + 1) * D);
    }
  }
  for (size_t i = 0; i < pass.packed.predictions.size(); ++i) {
    const Prediction& p = pass.packed.predictions[i];
    const auto tree = static_cast<size_t>(p.tree);
    const int32_t parent = trees[tree]->segments[p.segment].parent;
    const Token before =
        p.offset > 0 ? Token(tree, p.segment, p.offset - 1)
                     : Token(tree, parent,
                             static_cast<int32_t>(trees[tree]->segments[parent].tokens.size()) - 1);
    states[before].statistics[p.target] = {pass.values[0][i], pass.values[1][i], pass.values[2][i]};
  }
  return states;
}

class Bits : public testing::TestWithParam<std::tuple<ComputeType, std::string>> {
 protected:
  Bits() {
    for (uint64_t seed : {1, 2, 3}) storage_.push_back(RandomTree(config_, seed, 11));
    for (const Tree& tree : storage_) trees_.push_back(&tree);
  }
  ~Bits() override { SetNumThreads(0); }
  ComputeType compute_ = std::get<0>(GetParam());
  ModelConfig config_ = OfFamily(std::get<1>(GetParam()), SmallConfig(true));
  std::vector<Tree> storage_;
  std::vector<const Tree*> trees_;
};

TEST_P(Bits, DecodePrefillAndTrainingAgree) {
  const Model model = RandomModel(config_, compute_, 4, 0.15);
  std::vector<float> gradient(model.layout().total), tied(config_.vocab_size * config_.hidden_size);
  SetNumThreads(1);
  const States want = StatesOf(Train(model, trees_, kTemperature, kAllLayers, &gradient, &tied),
                               trees_, config_.hidden_size);
  for (const int threads : {1, 2}) {
    SetNumThreads(threads);
    const std::string with = " with " + std::to_string(threads) + " threads";
    Runner runner(model, trees_);
    ExpectSame(runner.Repeated(1, 1), want, "decoding one sequence" + with);
    ExpectSame(runner.Repeated(7, 1), want, "decoding seven sequences" + with);
    ExpectSame(runner.Repeated(1, 1000), want, "prefill of one sequence" + with);
    ExpectSame(runner.Repeated(7, 1000), want, "prefill of seven sequences" + with);
    ExpectSame(runner.Repeated(3, 29), want, "prefill in pieces" + with);
    ExpectSame(runner.Shared(), want, "decoding on shared prompts" + with);
    std::fill(tied.begin(), tied.end(), 0.0f);
    const TrainingPass again = Train(model, trees_, kTemperature, 1, &gradient, &tied);
    ExpectSame(StatesOf(again, trees_, config_.hidden_size), want, "training" + with);
  }
}

TEST_P(Bits, AStatisticOfAnotherTokenDiffers) {  // ExpectSame can fail
  const Model model = RandomModel(config_, compute_, 4, 0.15);
  Runner runner(model, trees_);
  const States states = runner.Shared();
  EXPECT_NE(states.at({0, 1, 3}).hidden, states.at({0, 1, 4}).hidden);
  EXPECT_NE(states.at({0, 1, 3}).hidden, states.at({1, 1, 3}).hidden);
}

TEST_P(Bits, GradientDoesNotDependOnSplitThreadsOrRecomputation) {
  for (const bool adapters : {false, true}) {
    const Model model = adapters ? RandomLoraModel(config_, compute_, 4, 0.15)
                                 : RandomModel(config_, compute_, 4, 0.15);
    SetNumThreads(1);
    const auto want = GradientOf(model, trees_, {0, 3}, kTemperature, kAllLayers);
    EXPECT_TRUE(std::any_of(want.begin(), want.end(), [](float g) { return g != 0; }));
    for (const int threads : {1, 2}) {
      SetNumThreads(threads);
      const std::string with =
          std::string(adapters ? ", adapters" : "") + ", " + std::to_string(threads) + " threads";
      ExpectSameBits(GradientOf(model, trees_, {0, 3}, kTemperature, kAllLayers), want,
                     "whole" + with);
      ExpectSameBits(GradientOf(model, trees_, {0, 1, 3}, kTemperature, kAllLayers), want,
                     "1 + 2 trees" + with);
      ExpectSameBits(GradientOf(model, trees_, {0, 2, 3}, kTemperature, 1), want,
                     "2 + 1 trees, recomputed" + with);
      ExpectSameBits(GradientOf(model, trees_, {0, 1, 2, 3}, kTemperature, 1), want,
                     "tree by tree, recomputed" + with);
    }
  }
}

TEST_P(Bits, GradientDoesNotDependOnTheNumberOfKeptLayers) {
  ModelConfig deep = config_;
  deep.num_hidden_layers = 4;
  if (!deep.sliding_layers.empty()) deep.sliding_layers = {false, true, false, true};
  const Model model = RandomModel(deep, compute_, 4, 0.15);
  SetNumThreads(1);
  const auto want = GradientOf(model, trees_, {0, 3}, kTemperature, kAllLayers);
  for (const int threads : {1, 2}) {
    SetNumThreads(threads);
    for (int64_t kept = 1; kept <= deep.num_hidden_layers; ++kept) {
      const std::string with =
          std::to_string(kept) + " layers kept, " + std::to_string(threads) + " threads";
      ExpectSameBits(GradientOf(model, trees_, {0, 3}, kTemperature, kept), want, with);
      ExpectSameBits(GradientOf(model, trees_, {0, 2, 3}, kTemperature, kept), want,
                     with + ", 2 + 1 trees");
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Families, Bits,
                         testing::Combine(testing::Values(ComputeType::kFp32, ComputeType::kBf16),
                                          testing::ValuesIn(FamilyNames())),
                         [](const auto& info) {
                           return ToString(std::get<0>(info.param)) +
                                  ("_" + std::get<1>(info.param));
                         });

TEST(InstructionSets, Fp32IsTheSameOnAll) {
  std::vector<float> want;
  for (const Isa isa : SupportedIsas()) {
    SetIsa(isa);
    const Model model = RandomModel(TinyConfig(false), ComputeType::kFp32, 4, 0.3);
    const Tree tree = RandomTree(TinyConfig(false), 9, 4);
    const auto gradient = GradientOf(model, {&tree}, {0, 1}, kTemperature, kAllLayers);
    if (want.empty()) want = gradient;
    ExpectSameBits(gradient, want, ToString(isa));
  }
  SetIsa(SupportedIsas().back());
}

}  // namespace
}  // namespace rlvr
