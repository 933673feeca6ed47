#include "eval/eval.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "base/error.h"
#include "eval/conversations.h"
#include "eval/coverage.h"
#include "eval/judged_tree.h"
#include "parallel/deal.h"
#include "text/chat.h"

namespace rlvr {
namespace {

// Of more samples maj@k for every k would take minutes.
constexpr int kMostMajoritySamples = 256;

std::vector<int> PowersOfTwo(int k) {
  std::vector<int> ks;
  for (int64_t power = 1; power <= k; power *= 2) ks.push_back(static_cast<int>(power));
  return ks;
}

}  // namespace

double PassAtK(int64_t n, int64_t c, int64_t k) {
  RLVR_CHECK(k >= 1 && k <= n && c >= 0 && c <= n) << n << " " << c << " " << k;
  if (n - c < k) return 1;
  // C(n - c, k) / C(n, k) as a product, which never overflows.
  double none = 1;
  for (int64_t i = n - c + 1; i <= n; ++i)
    none *= 1 - static_cast<double>(k) / static_cast<double>(i);
  return 1 - none;
}

int64_t MajorityVote(const std::vector<std::string>& answers) {
  std::map<std::string, int64_t> votes;
  for (const auto& a : answers) {
    if (!a.empty()) ++votes[a];
  }
  int64_t winner = -1;
  for (size_t i = 0; i < answers.size(); ++i) {
    if (answers[i].empty()) continue;
    if (winner < 0 || votes[answers[i]] > votes[answers[static_cast<size_t>(winner)]])
      winner = static_cast<int64_t>(i);
  }
  return winner;
}

Interval BootstrapMean(const std::vector<double>& per_prompt, RandomKey key) {
  if (per_prompt.empty()) return {};
  const auto n = static_cast<int64_t>(per_prompt.size());
  Interval interval;
  for (const double v : per_prompt) interval.mean += v / static_cast<double>(n);
  constexpr int kResamples = 1000;
  std::vector<double> means(kResamples);
  Random random(key);
  for (double& mean : means) {
    double sum = 0;
    for (int64_t i = 0; i < n; ++i) sum += per_prompt[static_cast<size_t>(random.Int(0, n - 1))];
    mean = sum / static_cast<double>(n);
  }
  std::sort(means.begin(), means.end());
  interval.low = means[25];
  interval.high = means[974];
  return interval;
}

std::vector<int32_t> EncodePrompt(const Tokenizer& tokenizer, const Prompt& prompt) {
  std::vector<Message> messages;
  for (const auto& [role, content] : prompt.messages) messages.push_back({role, content});
  return EncodeOpening(tokenizer, messages);
}

std::vector<std::pair<std::string, double>> JudgeTree(const Tokenizer& tokenizer,
                                                      const Prompt& prompt,
                                                      const Verifier& verifier, double correct,
                                                      double wrong, Tree* tree) {
  std::vector<std::string> responses;
  for (const Leaf& leaf : tree->leaves)
    responses.push_back(tokenizer.Decode(tree->ResponseTokens(leaf), true));
  const JudgedPrompt judged{prompt.messages, prompt.data_source, prompt.ground_truth,
                            prompt.extra_info};
  std::vector<Judgement> judgements = JudgeAll(verifier, judged, responses);
  std::vector<std::pair<std::string, double>> metrics;
  for (size_t i = 0; i < judgements.size(); ++i) {
    Leaf& leaf = tree->leaves[i];
    Judgement& j = judgements[i];
    leaf.verdict = j.verdict;
    leaf.answer = std::move(j.answer);
    leaf.score =
        static_cast<float>(j.score.value_or(j.verdict == Verdict::kRight ? correct : wrong));
    leaf.reward = leaf.score;
    metrics.insert(metrics.end(), j.metrics.begin(), j.metrics.end());
  }
  return metrics;
}

namespace {

// These prompts' samples, judged. No two prompts have to do with each other.
std::vector<JudgedTree> SampleAndJudge(const Model& model, const Tokenizer& tokenizer,
                                       const std::vector<Prompt>& rows,
                                       std::vector<RolloutRequest> requests,
                                       const EvalOptions& options,
                                       const std::function<void(int64_t, int64_t)>& progress) {
  if (rows.empty()) return {};  // more ranks than prompts
  if (options.environment != nullptr)
    OpenConversations(options.environment, tokenizer, rows, requests);
  RolloutStats stats;
  std::vector<Tree> trees =
      Rollout(model, tokenizer, options.rollout, std::move(requests), &stats, progress);
  std::vector<JudgedTree> judged(trees.size());
  std::map<std::string, std::unique_ptr<Verifier>> verifiers;
  for (size_t i = 0; i < trees.size(); ++i) {
    if (options.environment != nullptr) {
      judged[i].results = std::move(stats.results[i]);
    } else {
      auto& verifier = verifiers[trees[i].data_source];
      if (!verifier)
        verifier = options.verifier ? options.verifier(trees[i].data_source)
                                    : MakeVerifier(VerifierForDataSource(trees[i].data_source));
      JudgeTree(tokenizer, rows[i], *verifier, 1, 0, &trees[i]);
    }
    judged[i].tree = std::move(trees[i]);
  }
  return judged;
}

// The same, each rank its share.
std::vector<JudgedTree> SampleOnRanks(const Model& model, const Tokenizer& tokenizer,
                                      const std::vector<Prompt>& rows,
                                      std::vector<RolloutRequest> requests,
                                      const EvalOptions& options,
                                      const std::function<void(int64_t, int64_t)>& progress) {
  if (options.ranks->alone())
    return SampleAndJudge(model, tokenizer, rows, std::move(requests), options, progress);
  const auto share = [&](const std::vector<int64_t>& items, std::string*) {
    std::vector<Prompt> own_rows;
    std::vector<RolloutRequest> own;
    for (const int64_t i : items) {
      own_rows.push_back(rows[static_cast<size_t>(i)]);
      own.push_back(std::move(requests[static_cast<size_t>(i)]));
    }
    std::vector<std::string> bytes;
    for (const JudgedTree& judged :
         SampleAndJudge(model, tokenizer, own_rows, std::move(own), options, progress)) {
      ByteWriter out;
      PutJudgedTree(judged, &out);
      bytes.push_back(out.Take());
    }
    return bytes;
  };
  std::vector<JudgedTree> all;
  const DealtResults dealt = ShareDealt(*options.ranks, static_cast<int64_t>(rows.size()), share);
  for (const std::string& bytes : dealt.items) {
    ByteReader in(bytes);
    all.push_back(GetJudgedTree(&in));
  }
  return all;
}

}  // namespace

EvalResult Evaluate(const Model& model, const Tokenizer& tokenizer, const PromptSource& prompts,
                    const EvalOptions& options,
                    const std::function<void(int64_t, int64_t)>& progress) {
  RLVR_CHECK(options.k >= 1);
  const std::vector<int> ks = options.ks.empty() ? PowersOfTwo(options.k) : options.ks;
  const auto start = std::chrono::steady_clock::now();
  const int64_t n =
      options.max_prompts > 0 ? std::min(options.max_prompts, prompts.size()) : prompts.size();
  const RandomKey key = StreamKey(options.seed, Stream::kEval);
  std::vector<Prompt> rows;
  std::vector<RolloutRequest> requests;
  for (int64_t i = 0; i < n; ++i) {
    rows.push_back(prompts.Get(i));
    RolloutRequest r;
    r.tree.prompt_index = i;
    r.tree.data_source = rows.back().data_source;
    if (options.environment == nullptr)
      r.tree.segments.push_back({.tokens = EncodePrompt(tokenizer, rows.back())});
    r.num_samples = options.k;
    r.key = key[static_cast<uint64_t>(i)];
    requests.push_back(std::move(r));
  }
  std::vector<JudgedTree> judged =
      SampleOnRanks(model, tokenizer, rows, std::move(requests), options, progress);

  EvalResult result;
  ConversationTally tally;
  result.num_prompts = n;
  result.k = options.k;
  std::map<std::string, std::vector<double>> by_source;
  std::vector<double> average, pass, majority;
  std::vector<double> pass_sums(ks.size(), 0.0), majority_sums(ks.size(), 0.0);
  double length = 0, cut = 0, entropy = 0, tokens = 0;
  for (int64_t i = 0; i < n; ++i) {
    const Tree& tree = judged[static_cast<size_t>(i)].tree;
    if (options.environment != nullptr) tally.Add(tree, judged[static_cast<size_t>(i)].results);
    int64_t right = 0;
    std::vector<std::string> answers;
    std::map<std::string, AnswerVotes> votes;
    int64_t silent = 0;
    for (const Leaf& leaf : tree.leaves) {
      right += leaf.verdict == Verdict::kRight;
      if (leaf.answer.empty()) {
        ++silent;
      } else {
        AnswerVotes& v = votes[leaf.answer];
        ++v.votes;
        v.right += leaf.verdict == Verdict::kRight;  // a count until all are in
      }
      answers.push_back(leaf.answer);
      cut += leaf.finish == Finish::kLength;
      for (const int32_t index : tree.Path(leaf.segment)) {
        const Segment& s = tree.segments[static_cast<size_t>(index)];
        if (s.author != Author::kPolicy) continue;
        length += static_cast<double>(s.tokens.size());
        for (const float h : s.entropy) entropy += h;
        tokens += static_cast<double>(s.entropy.size());
      }
    }
    average.push_back(static_cast<double>(right) / options.k);
    by_source[tree.data_source].push_back(average.back());
    pass.push_back(PassAtK(options.k, right, options.k));
    if (right > 0) result.solved.push_back(i);
    std::vector<AnswerVotes> counted;
    for (const auto& [answer, v] : votes)
      counted.push_back({v.votes, v.right / static_cast<double>(v.votes)});
    result.answer_entropy += AnswerEntropy(counted, silent) / static_cast<double>(n);
    result.distinct_answers += static_cast<double>(counted.size()) / static_cast<double>(n);
    for (size_t q = 0; q < ks.size(); ++q) pass_sums[q] += PassAtK(options.k, right, ks[q]);
    if (options.k <= kMostMajoritySamples) {
      const auto at = MajorityAtK(counted, silent, ks);
      for (size_t q = 0; q < ks.size(); ++q) majority_sums[q] += at[q];
    }
    const int64_t vote = MajorityVote(answers);
    majority.push_back(
        vote >= 0 && tree.leaves[static_cast<size_t>(vote)].verdict == Verdict::kRight ? 1 : 0);
    result.outcomes.push_back({.right = right, .majority_right = majority.back() > 0});
  }
  const RandomKey bootstrap = key[~uint64_t{0}];
  result.avg_at_k = BootstrapMean(average, bootstrap[0]);
  result.pass_at_k = BootstrapMean(pass, bootstrap[1]);
  result.maj_at_k = BootstrapMean(majority, bootstrap[2]);
  for (const auto& [source, values] : by_source)
    result.by_source[source] = BootstrapMean(values, bootstrap[3]);
  for (size_t q = 0; q < ks.size(); ++q) {
    const std::string k = std::to_string(ks[q]);
    result.pass_at["pass@" + k] = pass_sums[q] / static_cast<double>(n);
    if (options.k <= kMostMajoritySamples)
      result.maj_at["maj@" + k] = majority_sums[q] / static_cast<double>(n);
  }
  result.conversations = tally.Means();
  const double samples = static_cast<double>(n) * options.k;
  result.mean_response_length = length / samples;
  result.clip_ratio = cut / samples;
  result.mean_entropy = tokens > 0 ? entropy / tokens : 0;
  if (options.keep_samples) {
    for (JudgedTree& j : judged) result.trees.push_back(std::move(j.tree));
    result.prompts = std::move(rows);
  }
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return result;
}

}  // namespace rlvr
