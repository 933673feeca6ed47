#ifndef RLVR_OBJECTIVE_REWARD_SHAPING_TRAPO_H_
#define RLVR_OBJECTIVE_REWARD_SHAPING_TRAPO_H_
#include <algorithm>
#include <cmath>
#include <map>

#include "objective/batch_stage.h"

namespace rlvr {
// TraPO, arXiv:2512.13106: few prompts have labels; the rest trains on majority votes, and only
// where its pass rate over the epochs has moved like that of labelled prompts.
//   labelled prompts:    the verifier's reward; a share of all prompts, chosen by their index
//   unlabelled prompts:  correct for the group's most frequent answer, else wrong; no answer is no
//                        candidate, and a tie gives no label: wrong for all
//   pass rate of a visit: share of right answers, or of the majority's (no label: 0)
//   score = mean over references of cos(z(h), z(h_ref)),  z(h) = (h - mean) / std, both cut to the
//           shortest reference; 0 where a history stands still
//   trained: with score >= threshold, or among the floor(top n), at least one, best of the batch's n
//   unlabelled groups; others are masked out, as are all in the first `warmup` epochs
// References are the labelled prompts, and unlabelled ones as they were when last accepted. The
// verifier's verdicts stay in the rows, for metrics; a prompt's epoch is how often it was drawn.
struct Trapo {
  static constexpr MethodInfo kInfo{"trapo", "2512.13106",
                                    "unlabelled prompts: r_i = [answer is the majority's], trained "
                                    "where the pass rates' history is like labelled ones'"};
  double labelled = 0.25;
  int64_t warmup = 8;
  double threshold = 0.4;
  double top = 0.1;
  double correct = 1, wrong = 0;
  template <class Visitor>
  void Params(Visitor& p) {
    p("labelled", labelled, 0.0, 1.0);
    p("warmup", warmup, int64_t{0}, int64_t{1} << 40);
    p("threshold", threshold, -1.0, 1.0);
    p("top", top, 0.0, 1.0);
    p("correct", correct, -1e6, 1e6);
    p("wrong", wrong, -1e6, 1e6);
  }

  bool IsLabelled(int64_t prompt) const {
    return RandomKey(0x747261706full)[static_cast<uint64_t>(prompt)].Uniform(0) < labelled;
  }

  void operator()(Rows* rows, const BatchContext& context) const {
    auto& state = context.state->values;
    std::vector<int64_t> unlabelled;  // groups past their warm-up
    double agree = 0, voted = 0;
    for (int64_t g = 0; g < rows->num_groups(); ++g) {
      const bool known = IsLabelled(rows->prompt[g]);
      const double rate = known ? RightShare(*rows, g) : Vote(rows, g, &agree, &voted);
      state[Key(known ? "labelled" : "unlabelled", rows->prompt[g])].push_back(rate);
      if (known) continue;
      if (rows->occurrence[g] < warmup) {
        Mask(rows, g);
      } else {
        unlabelled.push_back(g);
      }
    }
    const auto accepted = Accepted(*rows, unlabelled, state);
    double taken = 0;
    for (size_t i = 0; i < unlabelled.size(); ++i) {
      const int64_t g = unlabelled[i];
      if (!accepted[i]) {
        Mask(rows, g);
        continue;
      }
      taken += 1;
      state[Key("accepted", rows->prompt[g])] = state[Key("unlabelled", rows->prompt[g])];
    }
    if (voted > 0) context.metrics->push_back({"trapo/vote_is_right", agree, voted});
    if (!unlabelled.empty())
      context.metrics->push_back({"trapo/accepted", taken, static_cast<double>(unlabelled.size())});
  }

 private:
  using State = std::map<std::string, std::vector<double>>;
  static std::string Key(const char* kind, int64_t prompt) {
    return fmt::format("trapo/{}/{}", kind, prompt);
  }
  static void Mask(Rows* rows, int64_t g) {
    std::fill(rows->mask.begin() + rows->begin[rows->group_begin[g]],
              rows->mask.begin() + rows->begin[rows->group_begin[g + 1]], 0.0);
  }
  static double RightShare(const Rows& rows, int64_t g) {
    double right = 0;
    for (int64_t s = rows.group_begin[g]; s < rows.group_begin[g + 1]; ++s) right += rows.right(s);
    return right / static_cast<double>(rows.group_begin[g + 1] - rows.group_begin[g]);
  }
  // Rewards of a group by majority; returns its share.
  double Vote(Rows* rows, int64_t g, double* agree, double* voted) const {
    std::map<int32_t, double> count;
    const int64_t first = rows->group_begin[g], last = rows->group_begin[g + 1];
    for (int64_t s = first; s < last; ++s) {
      if (rows->answer[s] >= 0) count[rows->answer[s]] += 1;
    }
    int32_t majority = -1;
    double most = 0;
    for (const auto& [answer, n] : count) {
      if (n == most) majority = -1;
      if (n > most) {
        most = n;
        majority = answer;
      }
    }
    double right = 0;
    for (int64_t s = first; s < last; ++s) {
      const bool is = majority >= 0 && rows->answer[s] == majority;
      rows->reward[s] = is ? correct : wrong;
      right += is && rows->right(s);
    }
    if (majority < 0) return 0;
    *agree += right > 0;
    *voted += 1;
    return most / static_cast<double>(last - first);
  }
  // (h - mean) / |h - mean| of the first n: cosines do not see the std. Empty where h stands still.
  static std::vector<double> Direction(const std::vector<double>& h, size_t n) {
    std::vector<double> z(h.begin(), h.begin() + static_cast<ptrdiff_t>(n));
    const double mean = MeanOf(z);
    double squares = 0;
    for (double& v : z) {
      v -= mean;
      squares += v * v;
    }
    if (squares < 1e-16) return {};
    for (double& v : z) v /= std::sqrt(squares);
    return z;
  }
  std::vector<char> Accepted(const Rows& rows, const std::vector<int64_t>& groups,
                             const State& state) const {
    std::vector<char> accepted(groups.size(), 0);
    std::vector<const std::vector<double>*> references;
    size_t shortest = SIZE_MAX;
    for (const char* kind : {"trapo/labelled/", "trapo/accepted/"}) {
      for (auto it = state.lower_bound(kind); it != state.end() && it->first.starts_with(kind);
           ++it) {
        if (it->second.size() < 2) continue;  // no direction yet
        references.push_back(&it->second);
        shortest = std::min(shortest, it->second.size());
      }
    }
    if (references.empty()) return accepted;
    std::vector<double> mean;  // of the references' directions: a mean of cosines is one with it
    for (const auto* h : references) {
      const auto z = Direction(*h, shortest);
      mean.resize(shortest, 0.0);
      for (size_t i = 0; i < z.size(); ++i)
        mean[i] += z[i] / static_cast<double>(references.size());
    }
    std::vector<double> score;
    for (const int64_t g : groups) {
      const auto& h = state.at(Key("unlabelled", rows.prompt[g]));
      double s = -kNoScore;
      if (h.size() >= shortest) {
        s = 0;
        const auto z = Direction(h, shortest);
        for (size_t i = 0; i < z.size(); ++i) s += z[i] * mean[i];
      }
      score.push_back(s);
    }
    std::vector<size_t> order(groups.size());
    for (size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::sort(order.begin(), order.end(), [&](size_t a, size_t b) {
      if (score[a] != score[b]) return score[a] > score[b];
      return std::pair(rows.prompt[groups[a]], rows.occurrence[groups[a]]) <
             std::pair(rows.prompt[groups[b]], rows.occurrence[groups[b]]);
    });
    const double share = top * static_cast<double>(groups.size());
    const auto best = top == 0 ? size_t{0} : std::max<size_t>(1, static_cast<size_t>(share + 1e-9));
    for (size_t i = 0; i < order.size(); ++i) {
      const double s = score[order[i]];
      accepted[order[i]] = s > -kNoScore && (i < best || s >= threshold);
    }
    return accepted;
  }
  static constexpr double kNoScore = 9;  // cosines are within +-1
};
}  // namespace rlvr
#endif  // RLVR_OBJECTIVE_REWARD_SHAPING_TRAPO_H_
