// What a policy can reach, beside how often it is right: maj@k and pass@k for several k from the
// same samples, the entropy of its answers, and which prompts it has gained or lost.
#ifndef RLVR_EVAL_COVERAGE_H_
#define RLVR_EVAL_COVERAGE_H_
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace rlvr {

// One distinct answer among the samples of a prompt.
struct AnswerVotes {
  int64_t votes = 0;
  double right = 0;  // share of them that were judged right
};

// Unbiased maj@k for each k from all n samples of a prompt: the mean, over all subsets of k of
// them, of how right the most frequent answer is; tied answers share the win. silent: samples
// without an answer, which do not vote (a subset of them alone counts as wrong). 1 <= k <= n.
std::vector<double> MajorityAtK(std::span<const AnswerVotes> answers, int64_t silent,
                                std::span<const int> ks);

// G-Pass@k, arXiv:2412.13147: how likely at least a share of k samples, drawn from n of which c are
// right, are right (at least one; threshold 0: pass@k). 1 <= k <= n.
double GPassAtK(int64_t n, int64_t c, int64_t k, double threshold);
// mG-Pass@k: its mean over thresholds from 0.5 to 1, 2/k sum over i from ceil(k/2) + 1 to k of
// G-Pass@k at i/k. 0 for k = 1.
double MeanGPassAtK(int64_t n, int64_t c, int64_t k);

// Shannon entropy, nats, of the answers' frequencies; having none is an answer of its own.
double AnswerEntropy(std::span<const AnswerVotes> answers, int64_t silent);

// The Invisible Leash, arXiv:2507.14843: prompts with a right sample, before (base) and after.
struct SupportChange {
  int64_t preserved = 0, shrunk = 0, expanded = 0;
  // Rates are 0 where their denominators are.
  double retention() const;   // SRR = P / (P + S)
  double discovery() const;   // NDR = E / (P + E)
  double dynamic() const;     // SDS = 2 SRR NDR / (SRR + NDR)
  double net_change() const;  // NSCR = (E - S) / (P + E + S)
};
SupportChange CompareSupport(std::span<const int64_t> base, std::span<const int64_t> now);

}  // namespace rlvr
#endif  // RLVR_EVAL_COVERAGE_H_
