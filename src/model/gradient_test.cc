// The whole model against its plain double-precision reference (model_ref.h): values and the
// gradient of every parameter.
#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "model/model_ref.h"
#include "model/test_models.h"

namespace rlvr {
namespace {

constexpr double kTemperature = 0.7;

// statistic i of every policy token of the tree, by (segment, offset).
template <class Real>
using Values = std::map<std::pair<int32_t, int32_t>, std::array<Real, 3>>;

// Each leaf's path is one full trajectory of its own; a token on several paths is taken once.
template <class Real>
Values<Real> ReferenceValues(const ModelConfig& config, const ParameterLayout& layout,
                             const std::vector<Real>& weights, const Tree& tree) {
  using std::exp;
  Values<Real> values;
  for (const Leaf& leaf : tree.leaves) {
    std::vector<int32_t> tokens;
    std::vector<std::pair<int32_t, int32_t>> owner;
    for (const int32_t s : tree.Path(leaf.segment)) {
      for (size_t i = 0; i < tree.segments[s].tokens.size(); ++i) {
        tokens.push_back(tree.segments[s].tokens[i]);
        owner.emplace_back(s, static_cast<int32_t>(i));
      }
    }
    const auto hidden = ref::Hidden(config, layout, weights, tokens);
    for (size_t t = 1; t < tokens.size(); ++t) {
      if (tree.segments[owner[t].first].author != Author::kPolicy || values.contains(owner[t]))
        continue;
      const auto logp = ref::LogProbs(config, layout, weights, hidden[t - 1], kTemperature);
      Real entropy = 0.0, largest = logp[0];
      for (const Real& l : logp) {
        entropy = entropy - exp(l) * l;
        if (ref::ValueOf(l) > ref::ValueOf(largest)) largest = l;
      }
      values[owner[t]] = {logp[tokens[t]], entropy, exp(largest)};
    }
  }
  return values;
}

template <class Real>
Real ReferenceObjective(const ModelConfig& config, const ParameterLayout& layout,
                        const std::vector<Real>& weights, std::span<const Tree* const> trees) {
  Real sum = 0.0;
  for (const Tree* tree : trees) {
    for (const auto& [token, values] : ReferenceValues(config, layout, weights, *tree)) {
      const Prediction p{.segment = token.first, .offset = token.second};
      for (size_t s = 0; s < 3; ++s) sum = sum + Real(double{Coefficient(*tree, p, s)}) * values[s];
    }
  }
  return sum;
}

std::vector<double> ReferenceGradient(const Model& model, std::span<const Tree* const> trees) {
  std::vector<ref::Var> weights(model.layout().total);
  ref::Var::Record().clear();
  for (int64_t i = 0; i < model.layout().total; ++i)
    weights[i] = ref::Var::Make(model.weights()[i], {}, 0, {}, 0);
  const ref::Var objective = ReferenceObjective(model.config(), model.layout(), weights, trees);
  std::vector<double> gradient = ref::Gradient(objective);
  gradient.resize(model.layout().total);
  ref::Var::Record().clear();
  return gradient;
}

class Gradient : public testing::TestWithParam<std::string> {
 protected:
  Gradient()
      : config_(OfFamily(GetParam(), TinyConfig(true))),
        model_(RandomModel(config_, ComputeType::kFp32, 3, 0.35)),
        a_(RandomTree(config_, 1, 2)),
        b_(RandomTree(config_, 2, 1)) {}
  ModelConfig config_;
  Model model_;
  Tree a_, b_;
  std::vector<const Tree*> trees_ = {&a_, &b_};
};

TEST_P(Gradient, ValuesAgreeWithTheReference) {
  std::vector<float> gradient(model_.layout().total),
      tied(config_.vocab_size * config_.hidden_size);
  const TrainingPass pass = Train(model_, trees_, kTemperature, kAllLayers, &gradient, &tied);
  const std::vector<double> weights(model_.weights(), model_.weights() + model_.layout().total);
  const std::array<Values<double>, 2> want = {
      ReferenceValues(config_, model_.layout(), weights, a_),
      ReferenceValues(config_, model_.layout(), weights, b_)};
  ASSERT_EQ(pass.packed.predictions.size(), want[0].size() + want[1].size());
  for (size_t i = 0; i < pass.packed.predictions.size(); ++i) {
    const Prediction& p = pass.packed.predictions[i];
    for (size_t s = 0; s < 3; ++s) {
      EXPECT_NEAR(pass.values[s][i], want[p.tree].at({p.segment, p.offset})[s], 5e-6)
          << ToString(kAllStatistics[s]) << " of segment " << p.segment << " token " << p.offset;
    }
  }
}

// The reference's own derivatives, before anything is compared with them.
TEST_P(Gradient, ReferenceAgreesWithCentralDifferences) {
  const auto want = ReferenceGradient(model_, trees_);
  const std::vector<double> weights(model_.weights(), model_.weights() + model_.layout().total);
  const auto slope = [&](const std::vector<double>& direction) {
    constexpr double kStep = 1e-6;
    std::vector<double> up = weights, down = weights;
    for (size_t i = 0; i < weights.size(); ++i) {
      up[i] += kStep * direction[i];
      down[i] -= kStep * direction[i];
    }
    return (ReferenceObjective(config_, model_.layout(), up, trees_) -
            ReferenceObjective(config_, model_.layout(), down, trees_)) /
           (2 * kStep);
  };
  // One parameter at a time from every array, then random directions through all of them.
  Random random{RandomKey(11)};
  for (const Parameter& p : model_.layout().parameters) {
    for (int i = 0; i < 6; ++i) {
      const int64_t at = p.offset + random.Int(0, p.size() - 1);
      std::vector<double> direction(weights.size(), 0.0);
      direction[at] = 1;
      EXPECT_NEAR(slope(direction), want[at], 1e-6) << p.name << " element " << at - p.offset;
    }
  }
  for (int i = 0; i < 10; ++i) {
    std::vector<double> direction(weights.size());
    double dot = 0;
    for (size_t j = 0; j < weights.size(); ++j) {
      direction[j] = random.Normal();
      dot += direction[j] * want[j];
    }
    EXPECT_NEAR(slope(direction), dot, 1e-5 * std::max(1.0, std::abs(dot)));
  }
}

TEST_P(Gradient, OfEveryParameterAgreesWithTheReference) {
  const auto want = ReferenceGradient(model_, trees_);
  const auto got = GradientOf(model_, trees_, {0, 2}, kTemperature, kAllLayers);
  for (const Parameter& p : model_.layout().parameters) {
    double largest = 0;
    for (int64_t i = p.offset; i < p.offset + p.size(); ++i)
      largest = std::max(largest, std::abs(want[i]));
    EXPECT_GT(largest, 1e-3) << p.name << " does not matter to the objective";
    for (int64_t i = p.offset; i < p.offset + p.size(); ++i)
      ASSERT_NEAR(got[i], want[i], 1e-5 * largest) << p.name << " element " << i - p.offset;
  }
}

// Rounding to bf16 is straight-through: the gradient is that of fp32 but for the noise of 8-bit
// mantissas.
TEST_P(Gradient, OfBf16IsThatOfFp32ButForRounding) {
  const auto want = ReferenceGradient(model_, trees_);
  const Model rounded = RandomModel(config_, ComputeType::kBf16, 3, 0.35);
  const auto got = GradientOf(rounded, trees_, {0, 2}, kTemperature, kAllLayers);
  for (const Parameter& p : model_.layout().parameters) {
    double dot = 0, a = 0, b = 0;
    for (int64_t i = p.offset; i < p.offset + p.size(); ++i) {
      dot += got[i] * want[i];
      a += double{got[i]} * got[i];
      b += want[i] * want[i];
    }
    EXPECT_GT(dot / std::sqrt(a * b), 0.99) << p.name;
    EXPECT_NEAR(std::sqrt(a / b), 1, 0.05) << p.name;
  }
}

// A prompt that its responses share is computed once; its gradient is the sum over copies of it but for
// rounding: in bf16 the sum is rounded where each copy's gradient would be.
TEST_P(Gradient, OfASharedPromptIsTheSumOverCopies) {
  Tree shared;
  shared.prompt_index = 1;
  Random random{RandomKey(8)};
  for (const int64_t length : {12, 5, 7, 3, 6}) {
    Segment& s = shared.segments.emplace_back();
    s.parent = shared.segments.size() == 1 ? -1 : 0;
    s.author = s.parent < 0 ? Author::kPrompt : Author::kPolicy;
    for (int64_t i = 0; i < length; ++i)
      s.tokens.push_back(static_cast<int32_t>(random.Int(0, config_.vocab_size - 1)));
  }
  std::vector<Tree> copies(4, shared);  // of each one response is left
  std::vector<const Tree*> pointers;
  for (size_t r = 0; r < copies.size(); ++r) {
    for (size_t s = 1; s < copies[r].segments.size(); ++s)
      if (s != r + 1) copies[r].segments[s].tokens.clear();
    pointers.push_back(&copies[r]);
  }
  for (const auto& [compute, bound] :
       {std::pair(ComputeType::kFp32, 1e-6), std::pair(ComputeType::kBf16, 1e-2)}) {
    const Model model = RandomModel(config_, compute, 3, 0.35);
    const auto once = GradientOf(model, {&shared}, {0, 1}, kTemperature, kAllLayers);
    const auto apart = GradientOf(model, pointers, {0, 4}, kTemperature, kAllLayers);
    double difference = 0, norm = 0;
    for (size_t i = 0; i < once.size(); ++i) {
      difference += std::pow(double{once[i]} - apart[i], 2);
      norm += std::pow(double{apart[i]}, 2);
    }
    EXPECT_LT(std::sqrt(difference), bound * std::sqrt(norm)) << ToString(compute);
    EXPECT_GT(norm, 1e-2);
  }
}

INSTANTIATE_TEST_SUITE_P(Families, Gradient, testing::ValuesIn(FamilyNames()), NameOfFamily);

}  // namespace
}  // namespace rlvr
