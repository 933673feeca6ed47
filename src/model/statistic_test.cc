// Every statistic against its definition in double, its gradient against central differences of
// that definition, and its values by hand.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>

#include "base/error.h"
#include "base/random.h"
#include "base/thread_pool.h"
#include "model/head.h"
#include "model/statistic/kl.h"
#include "model/test_models.h"

namespace rlvr {
namespace {

using Kind = Statistic::Kind;
const Statistic kEvery[] = {
    {Kind::kLogp},
    {Kind::kEntropy},
    {Kind::kMaxProb},
    {Kind::kTopkEntropy, 5},
    {Kind::kTopkEntropy, 1},
    {Kind::kTopkEntropy, 1000},
    {Kind::kNucleusEntropy, 0.8f},
    {Kind::kOpenNucleusEntropy, 0.8f},
    {Kind::kFilteredLogp, 0.02f},
    {Kind::kSumP2},
    {Kind::kSumP2Logp},
    {Kind::kLogitMargin},
    {Kind::kLogit},
};

std::vector<float> RandomLogits(size_t V, uint64_t seed) {
  Random random{RandomKey(seed)};
  std::vector<float> z(V);
  for (float& x : z) x = static_cast<float>(3 + 2.5 * random.Normal());
  return z;
}

// The definition, in double. Sets are chosen from `chosen`, so that differences leave them alone.
double Definition(Statistic s, const std::vector<double>& logits, const std::vector<double>& chosen,
                  int32_t token, double temperature) {
  const size_t V = logits.size();
  const auto softmax = [&](const std::vector<double>& l) {
    std::vector<double> p(V);
    double sum = 0;
    for (size_t i = 0; i < V; ++i) sum += p[i] = std::exp(l[i] / temperature);
    for (double& x : p) x /= sum;
    return p;
  };
  const std::vector<double> p = softmax(logits), fixed = softmax(chosen);
  const auto plogp = [](double x) { return x > 0 ? x * std::log(x) : 0; };
  std::vector<size_t> order(V);
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return chosen[a] > chosen[b]; });
  const auto entropy_of = [&](const std::vector<size_t>& set) {
    double mass = 0, h = 0;
    for (const size_t i : set) mass += p[i];
    for (const size_t i : set) h -= plogp(p[i] / mass);
    return h;
  };
  double sum = 0;
  switch (s.kind) {
    case Kind::kLogp:
      return std::log(p[token]);
    case Kind::kEntropy:
      return entropy_of(order);
    case Kind::kMaxProb:
      return p[order[0]];
    case Kind::kTopkEntropy: {
      double rest = 0;
      for (size_t i = 0; i < V; ++i) {
        if (i < static_cast<size_t>(s.parameter)) {
          sum -= plogp(p[order[i]]);
        } else {
          rest += p[order[i]];
        }
      }
      return sum - plogp(rest);
    }
    case Kind::kNucleusEntropy:
    case Kind::kOpenNucleusEntropy: {
      std::vector<size_t> set;
      for (const size_t i : order) {
        if (s.kind == Kind::kOpenNucleusEntropy && sum + fixed[i] >= s.parameter) break;
        if (sum >= s.parameter) break;
        set.push_back(i);
        sum += fixed[i];
      }
      return entropy_of(set);
    }
    case Kind::kFilteredLogp: {
      const double floor = s.parameter * fixed[order[0]];
      for (size_t i = 0; i < V; ++i) sum += fixed[i] >= floor ? p[i] : 0;
      return fixed[token] >= floor ? std::log(p[token] / sum) : -1e4;
    }
    case Kind::kSumP2:
      for (const double x : p) sum += x * x;
      return sum;
    case Kind::kSumP2Logp:
      for (const double x : p) sum += x * plogp(x);
      return sum;
    case Kind::kLogitMargin: {
      double mean = 0;
      for (const double l : logits) {
        sum += std::exp(l / temperature);
        mean += l / temperature / static_cast<double>(V);
      }
      return std::log(sum) - mean;
    }
    case Kind::kLogit:
      return logits[token] / temperature;
    case Kind::kKlToReference:
    case Kind::kKlFromReference:
      break;  // of two rows: below
  }
  return NAN;
}

TEST(Statistics, AgreeWithTheirDefinitionsInDouble) {
  for (const size_t V : {1, 7, 40, 700}) {
    for (const float temperature : {1.0f, 0.7f}) {
      for (int32_t round = 0; round < 3; ++round) {
        const std::vector<float> z = RandomLogits(V, V + round);
        std::vector<double> x(z.begin(), z.end());
        const std::vector<double> chosen = x;
        const RowStats stats = ComputeRowStats(z, temperature);
        const auto token = static_cast<int32_t>(round == 0 ? stats.argmax : (round * 11) % V);
        const StatisticRow row{stats, z, token, temperature};
        for (const Statistic& s : kEvery) {
          const std::string what = ToString(s) + " V " + std::to_string(V);
          const double want = Definition(s, x, chosen, token, temperature);
          EXPECT_NEAR(StatisticValue(s, row), want, 1e-6 * (10 + std::abs(want))) << what;
          const StatisticGradient g = StatisticBackward(s, row, 1.5f);
          std::vector<float> d(V);
          RowGradient(z, stats, temperature, g.dense, d);
          if (g.spike_token >= 0) d[g.spike_token] += g.spike / temperature;
          for (const auto& [i, spike] : g.spikes) d[i] += spike / temperature;
          for (size_t i = 0; i < V; ++i) {
            const double h = 1e-5, keep = x[i];
            x[i] = keep + h;
            const double up = Definition(s, x, chosen, token, temperature);
            x[i] = keep - h;
            const double down = Definition(s, x, chosen, token, temperature);
            x[i] = keep;
            EXPECT_NEAR(d[i], 1.5 * (up - down) / (2 * h), 1e-5) << what << " logit " << i;
          }
        }
      }
    }
  }
}

TEST(Statistics, DivergencesFromASecondRow) {
  const auto softmax = [](const std::vector<double>& z, double temperature) {
    std::vector<double> p;
    double sum = 0;
    for (const double x : z) sum += p.emplace_back(std::exp(x / temperature));
    for (double& x : p) x /= sum;
    return p;
  };
  const auto divergence = [](const std::vector<double>& p, const std::vector<double>& q) {
    double sum = 0;
    for (size_t i = 0; i < p.size(); ++i) sum += p[i] * (std::log(p[i]) - std::log(q[i]));
    return sum;
  };
  for (const size_t V : {1, 7, 300}) {
    const float temperature = 0.7f;
    const std::vector<float> z = RandomLogits(V, V), other = RandomLogits(V, V + 50);
    const RowStats stats = ComputeRowStats(z, temperature),
                   second = ComputeRowStats(other, temperature);
    const StatisticRow row{stats, z, 0, temperature, &second, other};
    std::vector<double> x(z.begin(), z.end());
    const std::vector<double> q = softmax({other.begin(), other.end()}, temperature);
    for (const Kind kind : {Kind::kKlToReference, Kind::kKlFromReference}) {
      const auto value = [&] {
        const std::vector<double> p = softmax(x, temperature);
        return kind == Kind::kKlToReference ? divergence(p, q) : divergence(q, p);
      };
      EXPECT_NEAR(StatisticValue({kind}, row), value(), 1e-5 * (1 + value()));
      const StatisticGradient g = StatisticBackward({kind}, row, 1.5f);
      std::vector<float> d(V), mixed;
      RowGradient(z, stats, temperature, g.dense, d);
      MixedGradient(row, g.p_log_q, g.q, &mixed);
      for (size_t i = 0; i < V; ++i) {
        const double h = 1e-5, keep = x[i];
        x[i] = keep + h;
        const double up = value();
        x[i] = keep - h;
        const double down = value();
        x[i] = keep;
        EXPECT_NEAR(d[i] + mixed[i] / temperature, 1.5 * (up - down) / (2 * h), 1e-5)
            << ToString(Statistic{kind}) << " logit " << i;
      }
    }
  }
  // p = (0.5, 0.5), q = (0.25, 0.75): D(p || q) = 0.5 log 2 + 0.5 log(2 / 3).
  const std::vector<float> p = {0, 0}, q = {0, std::log(3.0f)};
  const RowStats of_p = ComputeRowStats(p, 1), of_q = ComputeRowStats(q, 1);
  EXPECT_NEAR(StatisticValue({Kind::kKlToReference}, {of_p, p, 0, 1, &of_q, q}), 0.1438410, 1e-6);
  // D(q || p) = 0.25 log(1 / 2) + 0.75 log(3 / 2).
  EXPECT_NEAR(StatisticValue({Kind::kKlFromReference}, {of_p, p, 0, 1, &of_q, q}), 0.1308120, 1e-6);
}

// p = (0.5, 0.3, 0.15, 0.05).
class ByHand : public testing::Test {
 protected:
  double Value(Statistic s, int32_t token = 0) const {
    return StatisticValue(s, {ComputeRowStats(z_, 1), z_, token, 1});
  }
  const std::vector<float> z_ = {std::log(0.5f), std::log(0.3f), std::log(0.15f), std::log(0.05f)};
};

TEST_F(ByHand, Values) {
  const auto plogp = [](double p) { return p * std::log(p); };
  // The two likeliest, and 0.2 for the rest.
  EXPECT_NEAR(Value({Kind::kTopkEntropy, 2}), -plogp(0.5) - plogp(0.3) - plogp(0.2), 1e-6);
  // 0.5 + 0.3 stays below 0.85 and 0.15 crosses: open keeps (0.625, 0.375).
  EXPECT_NEAR(Value({Kind::kOpenNucleusEntropy, 0.85f}), 0.661563, 1e-6);
  EXPECT_NEAR(Value({Kind::kNucleusEntropy, 0.85f}),
              -plogp(0.5 / 0.95) - plogp(0.3 / 0.95) - plogp(0.15 / 0.95), 1e-6);
  // One token crosses at once: nothing is left, or that token alone.
  EXPECT_EQ(Value({Kind::kOpenNucleusEntropy, 0.4f}), 0);
  EXPECT_NEAR(Value({Kind::kNucleusEntropy, 0.4f}), 0, 1e-7);
  // 0.2 of the largest is 0.1: 0.05 is out, the others share 0.95.
  EXPECT_NEAR(Value({Kind::kFilteredLogp, 0.2f}, 2), std::log(0.15 / 0.95), 1e-6);
  EXPECT_EQ(Value({Kind::kFilteredLogp, 0.2f}, 3), Statistic::kFilteredOut);
  EXPECT_NEAR(Value({Kind::kSumP2}), 0.25 + 0.09 + 0.0225 + 0.0025, 1e-7);
  EXPECT_NEAR(Value({Kind::kSumP2Logp}),
              0.5 * plogp(0.5) + 0.3 * plogp(0.3) + 0.15 * plogp(0.15) + 0.05 * plogp(0.05), 1e-7);
  // log sum exp is log 1 here.
  EXPECT_NEAR(Value({Kind::kLogitMargin}), -std::log(0.5 * 0.3 * 0.15 * 0.05) / 4, 1e-6);
  EXPECT_NEAR(Value({Kind::kLogit}, 1), std::log(0.3), 1e-7);
}

TEST_F(ByHand, EqualLogitsAreChosenByTheLowerId) {
  const std::vector<float> z = {0, 1, 1, 1};  // top-2: ids 1 and 2
  const RowStats stats = ComputeRowStats(z, 1);
  const StatisticGradient g = StatisticBackward({Kind::kTopkEntropy, 2}, {stats, z, 0, 1}, 1);
  ASSERT_EQ(g.spikes.size(), 2);
  EXPECT_EQ(g.spikes[0].first, 1);
  EXPECT_EQ(g.spikes[1].first, 2);
}

TEST(Statistics, Names) {
  EXPECT_EQ(ParseStatistic("kl_to_reference"), Statistic{Kind::kKlToReference});
  EXPECT_TRUE(ReadsSecondModel({Kind::kKlFromReference}));
  EXPECT_FALSE(ReadsSecondModel(Statistic::kLogp));
  for (const Statistic& s : kEvery) EXPECT_EQ(ParseStatistic(ToString(s)), s) << ToString(s);
  EXPECT_EQ(ToString(Statistic{Kind::kTopkEntropy, 20}), "topk_entropy(20)");
  EXPECT_EQ(ToString(Statistic{Kind::kNucleusEntropy, 0.8f}), "nucleus_entropy(0.8)");
  for (const char* wrong : {"", "entropi", "entropy(3)", "topk_entropy", "topk_entropy()",
                            "topk_entropy(2.5)", "topk_entropy(0)", "nucleus_entropy(1.5)",
                            "nucleus_entropy(0.8", "nucleus_entropy(0.8x)"}) {
    EXPECT_THROW(ParseStatistic(wrong), Error) << wrong;
  }
}

// Through the fused head: the forward and the backward pass give one value, bit for bit, however
// the rows are split and on any number of threads.
TEST(Statistics, SameBitsForwardAndBackwardWhateverTheSplit) {
  const Model model = RandomModel(TinyConfig(true), ComputeType::kFp32, 1, 0.5);
  const int64_t T = 90, D = 16;
  std::vector<float> hidden(T * D);
  Random random{RandomKey(4)};
  for (float& x : hidden) x = static_cast<float>(random.Normal());
  std::vector<int64_t> rows(T);
  std::iota(rows.begin(), rows.end(), 0);
  std::vector<int32_t> targets(T);
  for (auto& t : targets) t = static_cast<int32_t>(random.Int(0, 36));
  // A second model with another width, of which two statistics read the rows.
  const Model other = RandomModel(TinyConfig(false), ComputeType::kFp32, 2, 0.5);
  const int64_t D2 = other.config().hidden_size;
  ASSERT_EQ(other.config().vocab_size, model.config().vocab_size);
  std::vector<float> other_hidden(T * D2);
  for (float& x : other_hidden) x = static_cast<float>(random.Normal());
  const auto second = [&](int64_t begin, int64_t length) -> SecondRows {
    return {&other, {other_hidden.data() + begin * D2, length, D2}};
  };
  std::vector<Statistic> all(std::begin(kEvery), std::end(kEvery));
  all.push_back({Kind::kKlToReference});
  all.push_back({Kind::kKlFromReference});
  const size_t n = all.size();
  const std::vector<std::vector<float>> coefficients(n, std::vector<float>(T, 0.3f));

  const auto backward = [&](const std::vector<int64_t>& calls, std::vector<float>* gradients) {
    std::vector<std::vector<float>> values(n, std::vector<float>(T));
    std::vector<float> dhidden(T * D), gradient(model.layout().total, 0.0f);
    for (size_t c = 0; c + 1 < calls.size(); ++c) {
      const int64_t begin = calls[c], end = calls[c + 1], length = end - begin;
      std::vector<std::span<float>> out;
      std::vector<std::span<const float>> in;
      for (size_t i = 0; i < n; ++i) {
        out.emplace_back(values[i].data() + begin, length);
        in.emplace_back(coefficients[i].data() + begin, length);
      }
      const int64_t unit[] = {0, length};
      HeadBackward(model, {hidden.data() + begin * D, length, D},
                   std::span(rows).first(static_cast<size_t>(length)),
                   {targets.data() + begin, static_cast<size_t>(length)}, 0.9f, all, in, unit,
                   {dhidden.data() + begin * D, length, D}, gradient.data(), out, nullptr,
                   second(begin, length));
    }
    *gradients = dhidden;
    return values;
  };
  const auto forward = [&](const std::vector<int64_t>& calls) {
    std::vector<std::vector<float>> values(n, std::vector<float>(T));
    for (size_t c = 0; c + 1 < calls.size(); ++c) {
      const int64_t begin = calls[c], length = calls[c + 1] - begin;
      std::vector<std::span<float>> out;
      for (size_t i = 0; i < n; ++i) out.emplace_back(values[i].data() + begin, length);
      HeadForward(model, {hidden.data() + begin * D, length, D},
                  {targets.data() + begin, static_cast<size_t>(length)}, 0.9f, all, out,
                  second(begin, length));
    }
    return values;
  };
  std::vector<float> d1, d2;
  const auto whole = backward({0, T}, &d1);
  EXPECT_EQ(backward({0, 7, 8, 60, T}, &d2), whole);
  EXPECT_EQ(d1, d2);
  EXPECT_EQ(forward({0, T}), whole);
  EXPECT_EQ(forward({0, 1, 40, T}), whole);
  const int threads = NumThreads();
  for (const int n_threads : {1, 3}) {
    SetNumThreads(n_threads);
    EXPECT_EQ(backward({0, T}, &d2), whole);
    EXPECT_EQ(d1, d2);
  }
  SetNumThreads(threads);
}

}  // namespace
}  // namespace rlvr
