#include "objective/objective.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <functional>

#include "base/error.h"
#include "base/file.h"
#include "base/random.h"
#include "objective/aggregate.h"
#include "objective/tape.h"

namespace rlvr {
namespace {

using Doubles = std::vector<double>;

void ExpectNear(const Doubles& got, const Doubles& want, double tolerance) {
  ASSERT_EQ(got.size(), want.size());
  for (size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i], want[i], tolerance) << i;
}

Doubles RandomDoubles(size_t n, uint64_t seed) {
  Random random{RandomKey(seed)};
  Doubles v(n);
  for (auto& x : v) x = random.Normal();
  return v;
}

// --- tape: every operation against central differences

void CheckGradient(const std::function<Field(const Field&)>& f, const Doubles& x) {
  Tape tape;
  const Field in = tape.Input(x);
  const Doubles gradient = tape.Gradient(f(in), in);
  for (size_t i = 0; i < x.size(); ++i) {
    const double h = 1e-6;
    double difference = 0;
    for (const double sign : {1.0, -1.0}) {
      Doubles y = x;
      y[i] += sign * h;
      Tape t;
      for (const double v : f(t.Input(y)).values()) difference += sign * v / (2 * h);
    }
    EXPECT_NEAR(gradient[i], difference, 1e-7 * (1 + std::abs(difference))) << i;
  }
}

TEST(Tape, EveryOperation) {
  const Doubles x = RandomDoubles(6, 1), positive = {0.3, 1.7, 2.5, 0.9, 4.0, 1.1};
  const std::vector<int64_t> ranges = {0, 1, 4, 6};
  const auto other = [](const Field& a) {
    return a.tape()->Constant({0.5, -1.5, 2.0, 1.25, -0.75, 0.4});
  };
  CheckGradient([&](const Field& a) { return a + other(a) * a; }, x);
  CheckGradient([&](const Field& a) { return (a - other(a)) * (2.0 - a); }, x);
  CheckGradient([&](const Field& a) { return other(a) / a + a / other(a) + a / 3.0; }, positive);
  CheckGradient([&](const Field& a) { return -Exp(a) * 0.5 + (a - 1.0) + (1.0 + a); }, x);
  CheckGradient([&](const Field& a) { return Log(a) + Sqrt(a); }, positive);
  CheckGradient([&](const Field& a) { return Abs(a) + Sigmoid(a) * 3.0 + Softplus(a); }, x);
  CheckGradient([&](const Field& a) { return Min(a * a, other(a)) + Max(a, other(a)); }, x);
  CheckGradient([&](const Field& a) { return Clip(a, -0.5, 0.5) * other(a); }, x);
  CheckGradient([&](const Field& a) { return Where({1, 0, 1, 1, 0, 0}, a * a, a * 3.0); }, x);
  CheckGradient([&](const Field& a) { return Sum(a * other(a)) * a; },
                x);  // a scalar meets a field
  CheckGradient(
      [&](const Field& a) { return SegmentSum(a * a, ranges) * SegmentLogSumExp(a, ranges); }, x);
  CheckGradient([&](const Field& a) { return Broadcast(SegmentSum(a, ranges), ranges) * a * a; },
                x);
  CheckGradient([&](const Field& a) { return Gather(a, {5, 0, 0}) * Gather(a, {1, 2, 3}); }, x);
  CheckGradient([&](const Field& a) { return LeaveOneOutMean(a * a, ranges) * other(a); }, x);
}

TEST(Tape, StopGradientAndExtremes) {
  Tape tape;
  const Field a = tape.Input({2, 3});
  ExpectNear(tape.Gradient(StopGradient(a) * a, a), {2, 3}, 0);
  const Field big = tape.Input({1000, -1000});
  ExpectNear(Softplus(big).values(), {1000, 0}, 0);
  ExpectNear(Sigmoid(big).values(), {1, 0}, 0);
  ExpectNear(SegmentLogSumExp(big, {0, 2}).values(), {1000}, 0);
}

// --- policy losses

// One sequence, all tokens counted, logp_old = 0, so that ratios are exp(logp).
ObjectiveBatch OneSequence(const Doubles& adv) {
  ObjectiveBatch b;
  b.sequence_begin = {0, static_cast<int64_t>(adv.size())};
  b.group = {0};
  b.adv = adv;
  b.logp_old.assign(adv.size(), 0);
  b.mask.assign(adv.size(), 1);
  b.total_tokens = static_cast<double>(adv.size());
  b.total_sequences = 1;
  return b;
}

std::unique_ptr<Objective> Make(const std::string& policy_loss,
                                const std::string& regularizers = "[]") {
  const ConfigNode p = ParseConfig(policy_loss, "test"), r = ParseConfig(regularizers, "test");
  return MakeObjective(&p, &r);
}

double MetricOf(const ObjectiveResult& r, const std::string& name) {
  for (const auto& m : r.metrics) {
    if (m.name == name) return m.weight == 0 ? m.sum : m.sum / m.weight;
  }
  return NAN;
}

TEST(DecoupledClip, HandWorked) {  // bounds 0.8 and 1.28
  // token   0: A > 0, r too high   1: A > 0, r inside   2: A < 0, r too low   3: A < 0, r high
  const auto objective = Make("{name: decoupled_clip, aggregate: token_mean}");
  const Doubles logp = {std::log(1.5), std::log(1.25), std::log(0.7), std::log(1.5)};
  const auto r = objective->Evaluate(OneSequence({2, 2, -1, -1}), {logp, {0.1, 0.2, 0.3, 0.4}});
  // 0: min(3, 1.28 * 2)  1: 1.25 * 2 (1.2 would give 2.4)  2: min(-0.7, -0.8)  3: min(-1.5, -1.28)
  EXPECT_NEAR(r.objective, (2.56 + 2.5 - 0.8 - 1.5) / 4, 1e-12);
  // dJ_t/dlogp_t = r_t A_t where the clip is idle, else 0: token 3 is pushed down without limit.
  ExpectNear(r.coefficients[0], {0, 2.5 / 4, 0, -1.5 / 4}, 1e-12);
  ExpectNear(r.coefficients[1], {0, 0, 0, 0}, 0);
  EXPECT_NEAR(MetricOf(r, "actor/pg_clipfrac"), 0.5, 0);
  EXPECT_NEAR(MetricOf(r, "actor/pg_clipfrac_lower"), 0, 0);  // no dual clip
  EXPECT_NEAR(MetricOf(r, "actor/entropy"), 0.25, 1e-12);
  EXPECT_NEAR(MetricOf(r, "actor/pg_loss"), -2.76 / 4, 1e-12);
  EXPECT_NEAR(MetricOf(r, "actor/ppo_kl"),
              -(std::log(1.5) + std::log(1.25) + std::log(0.7) + std::log(1.5)) / 4, 1e-12);
}

TEST(PpoClip, HandWorked) {  // bounds 0.8 and 1.2: the same tokens
  const auto objective = Make("{name: ppo_clip, eps: 0.2, aggregate: token_mean}");
  const Doubles logp = {std::log(1.5), std::log(1.25), std::log(0.7), std::log(1.5)};
  const auto r = objective->Evaluate(OneSequence({2, 2, -1, -1}), {logp, Doubles(4)});
  EXPECT_NEAR(r.objective, (2.4 + 2.4 - 0.8 - 1.5) / 4, 1e-12);
  ExpectNear(r.coefficients[0], {0, 0, 0, -1.5 / 4}, 1e-12);
}

TEST(PolicyLoss,
     DualClipHandWorked) {  // c = 10: token 0 beyond it, token 1 not, tokens 2, 3: A > 0
  for (const std::string name : {"decoupled_clip", "ppo_clip"}) {
    const auto objective = Make("{name: " + name + ", clip_ratio_c: 10}");
    const Doubles logp = {std::log(12), std::log(9), std::log(12), std::log(0.5)};
    const auto r = objective->Evaluate(OneSequence({-1, -2, 1, 1}), {logp, Doubles(4)});
    const double high = name == "ppo_clip" ? 1.2 : 1.28;
    EXPECT_NEAR(r.objective, (-10 - 18 + high + 0.5) / 4, 1e-12) << name;
    ExpectNear(r.coefficients[0], {0, -18.0 / 4, 0, 0.5 / 4}, 1e-12);
    EXPECT_EQ(MetricOf(r, "actor/pg_clipfrac_lower"), 0.25);
    EXPECT_EQ(MetricOf(r, "actor/pg_clipfrac"), 0.25);
  }
}

TEST(Objective, OnPolicyGradientIsThePlainPolicyGradient) {
  for (const auto& method : DescribeMethods()) {
    if (method.stage != "policy_loss") continue;
    const Doubles adv = RandomDoubles(5, 3);
    const auto r =
        Make("name: " + method.name)->Evaluate(OneSequence(adv), {Doubles(5), Doubles(5)});
    for (size_t t = 0; t < 5; ++t) EXPECT_NEAR(r.coefficients[0][t], adv[t] / 5, 1e-15);
  }
}

TEST(Kl,
     HandWorkedK3) {  // d = 0.2: k3 = exp(-0.2) + 0.2 - 1 = 0.0187308; dk3/dlogp = 1 - exp(-0.2)
  const auto objective = Make("{name: ppo_clip}", "[{name: kl, beta: 0.1}]");
  auto batch = OneSequence({0});
  batch.logp_ref = {-0.2};
  const auto r = objective->Evaluate(batch, {{0.0}, {0.0}});
  EXPECT_TRUE(objective->needs_reference());
  EXPECT_NEAR(r.objective, -0.1 * 0.0187307531, 1e-10);
  EXPECT_NEAR(r.coefficients[0][0], -0.1 * (1 - std::exp(-0.2)), 1e-12);
  EXPECT_NEAR(MetricOf(r, "actor/kl_loss"), 0.0187307531, 1e-10);
}

TEST(Kl, HandWorkedK1AndK2) {  // d = 0.2, -0.4: k1 = d, slope 1; k2 = 0.02, 0.08, slope d
  auto batch = OneSequence({0, 0});
  batch.logp_ref = {-0.2, 0.4};
  const auto k1 = Make("{name: ppo_clip}", "[{name: kl, kind: k1, beta: 1}]")
                      ->Evaluate(batch, {{0, 0}, {0, 0}});
  EXPECT_NEAR(k1.objective, 0.1, 1e-15);
  ExpectNear(k1.coefficients[0], {-0.5, -0.5}, 1e-15);
  const auto k2 = Make("{name: ppo_clip}", "[{name: kl, kind: k2, beta: 1}]")
                      ->Evaluate(batch, {{0, 0}, {0, 0}});
  EXPECT_NEAR(k2.objective, -0.05, 1e-15);
  ExpectNear(k2.coefficients[0], {-0.1, 0.2}, 1e-15);
}

TEST(EntropyBonus, HandWorked) {
  const auto r = Make("{name: ppo_clip}", "[{name: entropy_bonus, coefficient: 0.5}]")
                     ->Evaluate(OneSequence({0, 0}), {{0, 0}, {0.6, 1.0}});
  EXPECT_NEAR(r.objective, 0.5 * 0.8, 1e-12);
  ExpectNear(r.coefficients[1], {0.25, 0.25}, 1e-12);
}

// l = [[1, 1], [4]], lengths 2 and 1, C = 8: token-mean 2; seq-mean-token-sum 3;
// seq-mean-token-mean 2.5; Dr. GRPO (1 + 1 + 4) / (2 * 8) = 0.375.
TEST(Aggregate, HandWorked) {
  ObjectiveBatch b;
  b.sequence_begin = {0, 2, 3};
  b.mask = {1, 1, 1};
  b.total_tokens = 3;
  b.total_sequences = 2;
  const Doubles loss = {1, 1, 4};
  for (const auto& [mode, want] :
       std::vector<std::pair<std::string, double>>{{"token_mean", 2},
                                                   {"seq_mean_token_sum", 3},
                                                   {"seq_mean_token_mean", 2.5},
                                                   {"token_sum_norm", 0.375}}) {
    const Doubles weight = Aggregate{mode, 8}.Weights(b);
    double sum = 0;
    for (size_t t = 0; t < 3; ++t) sum += weight[t] * loss[t];
    EXPECT_NEAR(sum, want, 1e-12) << mode;
  }
}

// A batch of three sequences in two groups, one of them masked out by overlong filtering.
ObjectiveBatch ThreeSequences() {
  ObjectiveBatch b;
  b.sequence_begin = {0, 3, 5, 9};
  b.group = {0, 0, 1};
  b.adv = RandomDoubles(9, 5);
  b.logp_old = RandomDoubles(9, 6);
  b.logp_ref = RandomDoubles(9, 7);
  b.mask = {1, 1, 1, 0, 0, 1, 1, 1, 1};
  b.total_tokens = 7;
  b.total_sequences = 2;
  return b;
}

TEST(Objective, FiniteDifferencesOfEveryCombination) {
  std::vector<std::string> losses;
  for (const auto& method : DescribeMethods()) {
    if (method.stage != "policy_loss") continue;
    losses.push_back(method.name);
    losses.push_back(method.name + ", clip_ratio_c: 1.05");
  }
  EXPECT_GE(losses.size(), 4u);
  for (const std::string& loss : losses) {
    for (const auto& mode : Aggregate::Modes()) {
      for (const std::string kind : {"k1", "k2", "k3"}) {
        const auto objective = Make(
            "{name: " + loss + ", aggregate: " + mode +
                (mode == "token_sum_norm" ? ", constant: 10}" : "}"),
            "[{name: kl, kind: " + kind + ", beta: 0.3}, {name: entropy_bonus, coefficient: 0.2}]");
        const ObjectiveBatch b = ThreeSequences();
        std::vector<Doubles> s = {b.logp_old, RandomDoubles(9, 9)};
        for (size_t t = 0; t < 9; ++t) s[0][t] += 0.05 * static_cast<double>(t) - 0.21;
        const auto r = objective->Evaluate(b, s);
        for (size_t i = 0; i < 2; ++i) {
          for (size_t t = 0; t < 9; ++t) {
            const double h = 1e-6, keep = s[i][t];
            s[i][t] = keep + h;
            const double up = objective->Evaluate(b, s).objective;
            s[i][t] = keep - h;
            const double down = objective->Evaluate(b, s).objective;
            s[i][t] = keep;
            EXPECT_NEAR(r.coefficients[i][t], (up - down) / (2 * h), 1e-8)
                << loss << mode << kind << i << " " << t;
          }
        }
        EXPECT_EQ(r.coefficients[0][3], 0);  // a masked token has no gradient
      }
    }
  }
}

// Overlong filtering masks whole responses, and with bad luck a whole batch; what a masked token
// holds, be it an infinite ratio, changes nothing.
TEST(Objective, MaskedTokensCountNowhere) {
  const auto objective =
      Make("{name: ppo_clip}", "[{name: kl}, {name: entropy_bonus, coefficient: 1}]");
  const ObjectiveBatch b = ThreeSequences();
  std::vector<Doubles> s = {RandomDoubles(9, 8), RandomDoubles(9, 9)};
  const auto want = objective->Evaluate(b, s);
  s[0][3] = s[0][4] = 2000;  // exp overflows
  s[1][3] = NAN;
  const auto got = objective->Evaluate(b, s);
  EXPECT_EQ(got.objective, want.objective);
  EXPECT_EQ(got.coefficients, want.coefficients);
  for (size_t i = 0; i < want.metrics.size(); ++i)
    EXPECT_EQ(got.metrics[i].sum, want.metrics[i].sum) << want.metrics[i].name;

  ObjectiveBatch none = b;
  none.mask.assign(9, 0);
  none.total_tokens = none.total_sequences = 0;
  const auto nothing = objective->Evaluate(none, s);
  EXPECT_EQ(nothing.objective, 0);
  EXPECT_EQ(nothing.coefficients, std::vector<Doubles>(2, Doubles(9)));
  for (const auto& m : nothing.metrics) EXPECT_TRUE(m.sum == 0 && m.weight == 0) << m.name;
}

class SplitTest : public testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(Aggregates, SplitTest, testing::ValuesIn(Aggregate::Modes()));

TEST_P(SplitTest, BetweenGroupsChangesNoBitOfTheCoefficients) {
  const auto objective = Make("{name: decoupled_clip, aggregate: " + GetParam() +
                                  (GetParam() == "token_sum_norm" ? ", constant: 7}" : "}"),
                              "[{name: kl}, {name: entropy_bonus}]");
  const ObjectiveBatch whole = ThreeSequences();
  const std::vector<Doubles> s = {RandomDoubles(9, 8), RandomDoubles(9, 9)};
  const auto want = objective->Evaluate(whole, s);
  std::vector<Doubles> got(2);
  double sum = 0;
  std::vector<double> metric_sum(want.metrics.size()), metric_weight(want.metrics.size());
  for (const auto& [from, to, first, last] : {std::tuple{0, 5, 0, 2}, {5, 9, 2, 3}}) {
    ObjectiveBatch part;
    for (int i = first; i <= last; ++i)
      part.sequence_begin.push_back(whole.sequence_begin[i] - from);
    const auto cut = [&, from = from, to = to](const Doubles& v) {
      return Doubles(v.begin() + from, v.begin() + to);
    };
    part.adv = cut(whole.adv);
    part.logp_old = cut(whole.logp_old);
    part.logp_ref = cut(whole.logp_ref);
    part.mask = cut(whole.mask);
    part.total_tokens = whole.total_tokens;
    part.total_sequences = whole.total_sequences;
    const auto r = objective->Evaluate(part, {cut(s[0]), cut(s[1])});
    for (size_t i = 0; i < 2; ++i)
      got[i].insert(got[i].end(), r.coefficients[i].begin(), r.coefficients[i].end());
    sum += r.objective;
    for (size_t i = 0; i < r.metrics.size(); ++i) {
      metric_sum[i] += r.metrics[i].sum;
      metric_weight[i] += r.metrics[i].weight;
    }
  }
  EXPECT_EQ(got, want.coefficients);
  // Sums are added in another order, so only nearly equal.
  EXPECT_NEAR(sum, want.objective, 1e-14);
  for (size_t i = 0; i < want.metrics.size(); ++i) {
    EXPECT_NEAR(metric_sum[i] / metric_weight[i], want.metrics[i].sum / want.metrics[i].weight,
                1e-14)
        << want.metrics[i].name;
  }
}

// --- advantage and select

TEST(GroupNormalized, HandWorked) {
  // r = [1,0,0,0]: mean 0.25, sample std 0.5.
  const auto a = MakeAdvantage(nullptr);
  ExpectNear(a->Estimate(Doubles{1, 0, 0, 0}),
             {0.75 / 0.500001, -0.25 / 0.500001, -0.25 / 0.500001, -0.25 / 0.500001}, 1e-12);
  ExpectNear(a->Estimate(Doubles{0.1, 0.1, 0.1}), {0, 0, 0},
             0);  // rounding in the mean is no variety
  ExpectNear(a->Estimate(Doubles{2}), {2 / 1.000001}, 1e-12);
}

TEST(GroupCentered, HandWorked) {
  const ConfigNode node = ParseConfig("{name: group_centered}", "t");
  ExpectNear(MakeAdvantage(&node)->Estimate(Doubles{1, 0, 0, 0}), {0.75, -0.25, -0.25, -0.25},
             1e-15);
}

Tree GroupWith(const std::vector<Verdict>& verdicts) {
  Tree t;
  for (const Verdict v : verdicts) t.leaves.push_back({.verdict = v});
  return t;
}

TEST(DynamicSampling, KeepsMixedGroups) {
  const ConfigNode node = ParseConfig("{name: dynamic_sampling, max_rounds: 3}", "t");
  const auto s = MakeSelector(&node);
  EXPECT_TRUE(s->Keep(GroupWith({Verdict::kRight, Verdict::kWrong})));
  EXPECT_FALSE(s->Keep(GroupWith({Verdict::kRight, Verdict::kRight})));
  EXPECT_FALSE(s->Keep(GroupWith({Verdict::kWrong, Verdict::kTimedOut})));
  EXPECT_EQ(s->max_rounds(), 3);
  EXPECT_TRUE(MakeSelector(nullptr)->Keep(GroupWith({Verdict::kWrong})));
}

// --- configuration

TEST(Methods, ErrorsNameTheNearest) {
  const auto message = [](const std::string& yaml,
                          const std::string& regularizers = "[]") -> std::string {
    try {
      Make(yaml, regularizers);
    } catch (const Error& e) {
      return e.what();
    }
    return "";
  };
  EXPECT_EQ(message("name: decoupled_clop"),
            "test:1: there is no policy_loss 'decoupled_clop' (did you mean 'decoupled_clip'?)");
  EXPECT_EQ(message("name: decoupled_clip\neps_hihg: 1"),
            "test:2: unknown key 'policy_loss.eps_hihg' (did you mean 'eps_high'?)");
  EXPECT_EQ(message("name: ppo_clip\neps: 2"),
            "test:2: 'policy_loss.eps' is 2 (it must be in [0, 1])");
  EXPECT_EQ(message("name: ppo_clip\naggregate: token_maen"),
            "test:2: 'policy_loss.aggregate' is 'token_maen' (did you mean 'token_mean'?)");
  EXPECT_EQ(message("{name: ppo_clip, aggregate: token_sum_norm}"),
            "test:1: aggregate token_sum_norm needs 'constant' (set it to rollout.max_tokens)");
  EXPECT_EQ(message("{name: ppo_clip, constant: 8}"),
            "test:1: aggregate token_mean reads no 'constant' (leave it out, or choose "
            "token_sum_norm)");
  EXPECT_EQ(message("name: ppo_clip", "- {name: kl}\n- {name: kl, kind: k1}"),
            "test:2: regularizer 'kl' is given twice (remove one of them)");
  EXPECT_EQ(message("name: ppo_clip", "- {beta: 1}"),
            "test:1: a regularizer has no name (write {name: kl, beta: 0.001})");
  EXPECT_EQ(message("name: ppo_clip", "- {name: kl, kidn: k1}"),
            "test:1: unknown key 'regularizer.kidn' (did you mean 'kind'?)");
}

TEST(Methods, AreDescribed) {
  const auto all = DescribeMethods();
  EXPECT_GE(all.size(), 8u);
  for (size_t i = 0; i < all.size(); ++i) {
    EXPECT_FALSE(all[i].summary.empty()) << all[i].name;
    if (i == 0) continue;
    EXPECT_LT(all[i - 1].stage + " " + all[i - 1].name, all[i].stage + " " + all[i].name);
  }
}

// A resolved recipe writes every default out: what is described must read back as the default.
TEST(Methods, DescribedDefaultsReadBack) {
  for (const auto& m : DescribeMethods()) {
    std::string yaml = "name: " + m.name + "\n";
    for (const auto& p : m.params) yaml += p.name + ": " + p.default_value + "\n";
    const ConfigNode node = ParseConfig(yaml, m.name);
    ConfigNode list;
    list.kind = ConfigNode::Kind::kList;
    list.items = {node};
    if (m.stage == "select") {
      EXPECT_NO_THROW(MakeSelector(&node)) << yaml;
    }
    if (m.stage == "advantage") {
      EXPECT_NO_THROW(MakeAdvantage(&node)) << yaml;
    }
    if (m.stage == "policy_loss") {
      EXPECT_NO_THROW(MakeObjective(&node, nullptr)) << yaml;
    }
    if (m.stage == "regularizer") {
      EXPECT_NO_THROW(MakeObjective(nullptr, &list)) << yaml;
    }
  }
}

TEST(Methods, DocumentIsUpToDate) {
  const std::string path = RLVR_SOURCE_DIR "/docs/methods.md";
  if (std::getenv("RLVR_WRITE_DOCS")) WriteFileAtomically(path, MethodsMarkdown());
  EXPECT_EQ(ReadFile(path), MethodsMarkdown())
      << "write it anew: RLVR_WRITE_DOCS=1 build/release/rlvr_objective_test";
}

// --- the published recipes

ConfigNode PublishedRecipe(const std::string& name) {
  return LoadConfig(RLVR_SOURCE_DIR "/recipes/" + name + ".yaml", {});
}

TEST(Recipes, GrpoIsItsFormula) {
  // Two responses of lengths 1 and 2, ratios 1.5, 1, 1, advantages 1 and -1, d = 0.2 everywhere:
  // J = (1.2 / 1 - (1 + 1) / 2) / 2 - 0.04 k3(0.2).
  const ConfigNode recipe = PublishedRecipe("grpo");
  const auto objective = MakeObjective(recipe.Find("policy_loss"), recipe.Find("regularizer"));
  ObjectiveBatch b = OneSequence({1, -1, -1});
  b.sequence_begin = {0, 1, 3};
  b.total_sequences = 2;
  b.logp_old = {-std::log(1.5), 0, 0};
  b.logp_ref = {-0.2, -0.2, -0.2};
  EXPECT_NEAR(objective->Evaluate(b, {Doubles(3), Doubles(3)}).objective, 0.1 - 0.04 * 0.0187307531,
              1e-11);
  EXPECT_EQ(MakeSelector(recipe.Find("select"))->max_rounds(), 1);
  ExpectNear(MakeAdvantage(recipe.Find("advantage"))->Estimate(Doubles{1, 0, 0, 0}),
             {1.499997, -0.499999, -0.499999, -0.499999}, 1e-6);
}

TEST(Recipes, DapoIsItsFormula) {
  // The same tokens: J = (1.28 - 1 - 1) / 3, no reference.
  const ConfigNode recipe = PublishedRecipe("dapo");
  const auto objective = MakeObjective(recipe.Find("policy_loss"), recipe.Find("regularizer"));
  EXPECT_FALSE(objective->needs_reference());
  ObjectiveBatch b = OneSequence({1, -1, -1});
  b.sequence_begin = {0, 1, 3};
  b.total_sequences = 2;
  b.logp_old = {-std::log(1.5), 0, 0};
  EXPECT_NEAR(objective->Evaluate(b, {Doubles(3), Doubles(3)}).objective, -0.24, 1e-12);
  const auto select = MakeSelector(recipe.Find("select"));
  EXPECT_EQ(select->max_rounds(), 10);
  EXPECT_FALSE(select->Keep(GroupWith({Verdict::kRight, Verdict::kRight})));
}

}  // namespace
}  // namespace rlvr
