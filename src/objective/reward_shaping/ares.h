#ifndef RLVR_OBJECTIVE_REWARD_SHAPING_ARES_H_
#define RLVR_OBJECTIVE_REWARD_SHAPING_ARES_H_
#include <algorithm>
#include <cctype>
#include <cmath>

#include "objective/batch_stage.h"

namespace rlvr {
// ARES's difficulty-aware entropy reward (AEPO), arXiv:2510.08457, as the released code has it.
//   h_t    mean of the window's next tokens' entropies; of the 10 likeliest tokens, all others as one
//   tau    0.99 tau + 0.01 median over responses of the 95th percentile of h, after each step
//   N_i    positions whose token is a trigger word and whose h_t >= tau: windows of hard thinking
//   bucket of a group by its share of right responses: easy >= 2/3, medium >= 1/3, hard
//   N*     round(mean N of the bucket),  alpha += lr (mean N - N*), hard: lr (N* - mean N), in [0, 2]
// With D = N_i - N*, M = max(1, f N*), huber(u) = u^2 / (2k), u - k / 2 from k on, s(u) = 1 / (1 +
// exp(-u / T)), cap c = alpha, hard: 1.2 alpha, the reward gets
//   easy, right    -min(c, huber(max(D - M, 0)) / (M + k) c)          too much thinking costs
//   medium, right  the same of max(|D| - M, 0)                        and too little
//   hard, right    s(D + M) c for D >= -M, else -min(c, huber(-D - M) / (M + k) c / 2)
//   wrong          s(max(D - M, 0)) c, times .6 easy, .8 medium       more thinking is encouraged
// Here a trigger is the sampled token, in the code the likeliest one; tau of the first step is that
// step's own, as there are no passes over the data before training; the list of triggers is ours.
// ARES's KL coefficient by bucket and its branching rollouts are not part of this.
struct Ares {
  static constexpr MethodInfo kInfo{
      "ares", "2510.08457",
      "r_i + e(D_i), D_i: trigger words before uncertain windows, above their mean in groups as "
      "hard"};
  static constexpr Statistic kEntropy{Statistic::Kind::kTopkEntropy, 10};
  std::vector<std::string> triggers = {"wait",    "but",     "however", "so",   "then",
                                       "because", "perhaps", "maybe",   "check"};
  int64_t window = 4;
  double percentile = 0.95, decay = 0.99, alpha = 0.5, alpha_lr = 0.05, alpha_max = 2;
  template <class Visitor>
  void Params(Visitor& p) {
    p("triggers", triggers);
    p("window", window, int64_t{1}, int64_t{1} << 20);
    p("percentile", percentile, 0.0, 1.0);
    p("decay", decay, 0.0, 1.0);
    p("alpha", alpha, 0.0, 100.0);  // of the first step
    p("alpha_lr", alpha_lr, 0.0, 100.0);
    p("alpha_max", alpha_max, 0.0, 100.0);
  }
  Needs needs() const { return {.statistics = {}, .behaviour = {kEntropy}}; }

  void operator()(Rows* rows, const BatchContext& context) const {
    if (context.tokenizer == nullptr)
      throw Error("reward_shaping ares", "trigger words need a tokenizer", "run it in a training");
    const Column h = WindowMeans(*rows);
    std::vector<double>& tau = context.state->values["ares/tau"];
    const double now = Threshold(*rows, h);
    if (tau.empty()) tau = {now};
    Column N;  // [S]
    for (int64_t s = 0; s < rows->num_rows(); ++s)
      N.push_back(Count(*rows, *context.tokenizer, s, h, tau[0]));
    tau = {decay * tau[0] + (1 - decay) * now};

    std::vector<int> bucket;
    Column means[3];
    for (int64_t g = 0; g < rows->num_groups(); ++g) {
      const int64_t first = rows->group_begin[g], n = rows->group_begin[g + 1] - first;
      double right = 0;
      for (int64_t s = first; s < first + n; ++s) right += rows->right(s);
      bucket.push_back(3 * right >= 2 * static_cast<double>(n) ? 0
                       : 3 * right >= static_cast<double>(n)   ? 1
                                                               : 2);
      means[bucket.back()].push_back(MeanOf(std::span(N).subspan(first, n)));
    }
    std::vector<double>& alphas = context.state->values["ares/alpha"];
    if (alphas.empty()) alphas.assign(3, alpha);
    double target[3] = {};
    for (int d = 0; d < 3; ++d) {
      if (means[d].empty()) continue;
      const double mean = MeanOf(means[d]);
      target[d] = std::nearbyint(mean);
      const double too_many = d == 2 ? target[d] - mean : mean - target[d];
      alphas[d] = std::clamp(alphas[d] + alpha_lr * too_many, 0.0, alpha_max);
    }
    const auto group = GroupOfRows(*rows);
    for (int64_t s = 0; s < rows->num_rows(); ++s) {
      const int d = bucket[group[s]];
      rows->reward[s] += Shaping(d, rows->right(s), N[s], target[d], alphas[d]);
    }
    context.metrics->push_back({"reward_shaping/ares_high_entropy_tokens", OrderFreeSum(N),
                                static_cast<double>(N.size())});
  }

  // bucket 0 easy, 1 medium, 2 hard.
  static double Shaping(int bucket, bool right, double N, double target, double alpha) {
    constexpr double kMargin[] = {0.15, 0.25, 0.35}, kKappa[] = {2, 3, 4}, kT[] = {2, 2.5, 3},
                     kCap[] = {1, 1, 1.2}, kWrong[] = {0.6, 0.8, 1};
    const double D = N - target, M = std::max(1.0, kMargin[bucket] * std::max(target, 1.0));
    const double k = kKappa[bucket], c = alpha * kCap[bucket];
    const auto huber = [k](double u) { return u <= k ? u * u / (2 * k) : u - k / 2; };
    const auto s = [T = kT[bucket]](double u) { return 1 / (1 + std::exp(-u / T)); };
    if (!right) return s(std::max(D - M, 0.0)) * c * kWrong[bucket];
    if (bucket == 0) return -std::min(c, huber(std::max(D - M, 0.0)) / (M + k) * c);
    if (bucket == 1) return -std::min(c, huber(std::max(std::abs(D) - M, 0.0)) / (M + k) * c);
    return D >= -M ? s(D + M) * c : -std::min(c, 0.5 * huber(-D - M) / (M + k) * c);
  }

 private:
  // [T]; NaN where fewer than `window` tokens follow.
  Column WindowMeans(const Rows& rows) const {
    const Column& H = rows.Behaviour(ToString(kEntropy));
    Column h(H.size(), NAN);
    for (int64_t s = 0; s < rows.num_rows(); ++s) {
      for (int64_t t = rows.begin[s]; t + window < rows.begin[s + 1]; ++t) {
        h[t] = 0;
        for (int64_t i = 1; i <= window; ++i) h[t] += H[t + i] / static_cast<double>(window);
      }
    }
    return h;
  }
  // Median over responses of the percentile of h; responses too short for a window are not seen.
  double Threshold(const Rows& rows, const Column& h) const {
    Column of_rows;
    for (int64_t s = 0; s < rows.num_rows(); ++s) {
      Column shown;
      for (int64_t t = rows.begin[s]; t < rows.begin[s + 1]; ++t) {
        if (!std::isnan(h[t])) shown.push_back(h[t]);
      }
      if (!shown.empty()) of_rows.push_back(QuantileOf(shown, percentile));
    }
    return of_rows.empty() ? 0 : QuantileOf(of_rows, 0.5);
  }
  double Count(const Rows& rows, const Tokenizer& tokenizer, int64_t s, const Column& h,
               double tau) const {
    double n = 0;
    for (int64_t t = rows.begin[s]; t < rows.begin[s + 1]; ++t) {
      if (std::isnan(h[t]) || h[t] < tau) continue;
      const int32_t token[] = {rows.token[t]};
      std::string word;
      for (const char c : tokenizer.Decode(token)) {
        if (std::isspace(static_cast<unsigned char>(c)) == 0)
          word += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
      }
      n += std::find(triggers.begin(), triggers.end(), word) != triggers.end();
    }
    return n;
  }
};
}  // namespace rlvr
#endif  // RLVR_OBJECTIVE_REWARD_SHAPING_ARES_H_
