#include "eval/coverage.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "base/error.h"

namespace rlvr {
namespace {

// C(n, a) for a = 0 to n, in doubles: exact where they are integers below 2^53.
std::vector<double> Binomials(int64_t n) {
  std::vector<double> c(static_cast<size_t>(n) + 1, 1);
  for (int64_t a = 1; a <= n; ++a) {
    c[static_cast<size_t>(a)] =
        c[static_cast<size_t>(a) - 1] * static_cast<double>(n - a + 1) / static_cast<double>(a);
  }
  return c;
}

// P(at least `least` of k samples are right), of n with c right: a hypergeometric tail.
double AtLeast(int64_t n, int64_t c, int64_t k, int64_t least) {
  RLVR_CHECK(k >= 1 && k <= n && c >= 0 && c <= n) << n << " " << c << " " << k;
  double sum = 0;
  for (int64_t i = std::max<int64_t>(least, k - (n - c)); i <= std::min(c, k); ++i) {
    const auto log_choose = [](int64_t a, int64_t b) {
      const auto x = static_cast<double>(a), y = static_cast<double>(b);
      return std::lgamma(x + 1) - std::lgamma(y + 1) - std::lgamma(x - y + 1);
    };
    sum += std::exp(log_choose(c, i) + log_choose(n - c, k - i) - log_choose(n, k));
  }
  return std::min(sum, 1.0);
}

double Rate(int64_t part, int64_t whole) {
  return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

}  // namespace

double GPassAtK(int64_t n, int64_t c, int64_t k, double threshold) {
  // A product like 0.1 * 10 may lie a little above the whole number that is meant.
  const auto least = static_cast<int64_t>(std::ceil(static_cast<double>(k) * threshold - 1e-9));
  return AtLeast(n, c, k, std::max<int64_t>(least, 1));
}

double MeanGPassAtK(int64_t n, int64_t c, int64_t k) {
  double sum = 0;
  for (int64_t i = (k + 1) / 2 + 1; i <= k; ++i) sum += AtLeast(n, c, k, i);
  return 2 * sum / static_cast<double>(k);
}

std::vector<double> MajorityAtK(std::span<const AnswerVotes> answers, int64_t silent,
                                std::span<const int> ks) {
  int64_t n = silent;
  for (const AnswerVotes& a : answers) n += a.votes;
  const int largest = *std::max_element(ks.begin(), ks.end());
  RLVR_CHECK(largest <= n && *std::min_element(ks.begin(), ks.end()) >= 1) << largest << " " << n;
  const auto K = static_cast<size_t>(largest);
  std::vector<double> all = Binomials(n), out(ks.size(), 0.0);
  for (size_t j = 0; j < answers.size(); ++j) {
    if (answers[j].right == 0) continue;
    const auto own = Binomials(answers[j].votes);
    for (int64_t v = 1; v <= std::min<int64_t>(answers[j].votes, largest); ++v) {
      // ways[t][s]: to choose s samples of the other answers, none with more than v, t with just v.
      std::vector<std::vector<double>> ways(1, std::vector<double>(K + 1, 0.0));
      ways[0][0] = 1;
      const auto convolve = [&](int64_t votes, bool may_tie) {
        const auto c = Binomials(votes);
        const int64_t most = may_tie ? std::min(votes, v) : votes;
        std::vector<std::vector<double>> next(ways.size() + (may_tie && votes >= v ? 1 : 0),
                                              std::vector<double>(K + 1, 0.0));
        for (size_t t = 0; t < ways.size(); ++t) {
          for (int64_t a = 0; a <= most; ++a) {
            auto& to = next[t + (may_tie && a == v ? 1 : 0)];
            for (size_t s = 0; s + static_cast<size_t>(a) <= K; ++s)
              to[s + static_cast<size_t>(a)] += ways[t][s] * c[static_cast<size_t>(a)];
          }
        }
        ways = std::move(next);
      };
      convolve(silent, false);
      for (size_t i = 0; i < answers.size(); ++i) {
        if (i != j) convolve(answers[i].votes, true);
      }
      for (size_t q = 0; q < ks.size(); ++q) {
        if (ks[q] < v) continue;
        double wins = 0;
        for (size_t t = 0; t < ways.size(); ++t)
          wins += ways[t][static_cast<size_t>(ks[q] - v)] / static_cast<double>(t + 1);
        out[q] +=
            answers[j].right * own[static_cast<size_t>(v)] * wins / all[static_cast<size_t>(ks[q])];
      }
    }
  }
  return out;
}

double AnswerEntropy(std::span<const AnswerVotes> answers, int64_t silent) {
  int64_t n = silent;
  for (const AnswerVotes& a : answers) n += a.votes;
  double entropy = 0;
  const auto add = [&](int64_t votes) {
    if (votes == 0) return;
    const double p = static_cast<double>(votes) / static_cast<double>(n);
    entropy -= p * std::log(p);
  };
  add(silent);
  for (const AnswerVotes& a : answers) add(a.votes);
  return entropy;
}

double SupportChange::retention() const { return Rate(preserved, preserved + shrunk); }
double SupportChange::discovery() const { return Rate(expanded, preserved + expanded); }
double SupportChange::dynamic() const {
  const double r = retention(), d = discovery();
  return r + d == 0 ? 0 : 2 * r * d / (r + d);
}
double SupportChange::net_change() const {
  return Rate(expanded - shrunk, preserved + expanded + shrunk);
}

SupportChange CompareSupport(std::span<const int64_t> base, std::span<const int64_t> now) {
  const std::set<int64_t> before(base.begin(), base.end()), after(now.begin(), now.end());
  SupportChange change;
  for (const int64_t row : before) ++(after.count(row) ? change.preserved : change.shrunk);
  for (const int64_t row : after) change.expanded += before.count(row) == 0;
  return change;
}

}  // namespace rlvr
