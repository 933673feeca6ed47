// DeepSearch, arXiv:2509.25454.
#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "rollout/strategy.h"
#include "tensor/elementwise.h"

namespace rlvr {
namespace {

struct Node {
  int32_t parent = -1;
  std::vector<int32_t> children;
  int depth = 0;
  int32_t segment = 0;
  int64_t visits = 0;
  double value = 0;
  bool terminal = false;   // its trajectory has ended
  bool backed_up = false;  // and is one of the group's
  bool judged = false;
  double outcome = 0;        // of a judged one
  double path_surprise = 0;  // likewise: mean -logp of its whole response
  double surprise = 0;       // mean -logp of its own tokens
  Finish finish = Finish::kLength;
  double q() const { return visits == 0 ? 0 : value / static_cast<double>(visits); }
};

class SearchGrowth : public Growth {
 public:
  SearchGrowth(const SearchSettings& settings, GrowthContext context)
      : settings_(settings), context_(std::move(context)), nodes_(1) {
    if (!context_.judge)
      throw Error("rollout.strategy", "tree search needs verdicts while it samples",
                  "use it to train, with a reward that is a verifier's");
  }

  std::vector<Expansion> Next(Tree* tree, std::span<const Grown> grown) override {
    if (!grown.empty()) BackUpAndSelect(Expand(*tree, grown), tree);
    // A node that has its children is gone through again, down to one that has none.
    while (!Whole(*tree) && Children(current_) >= width_of_[current_]) {
      std::vector<int32_t> candidates;
      for (const int32_t c : nodes_[current_].children) {
        if (!nodes_[c].backed_up) candidates.push_back(c);
      }
      BackUpAndSelect(candidates, tree);
    }
    if (Whole(*tree)) {
      for (const Node& node : nodes_)
        tree->segments[static_cast<size_t>(node.segment)].value = static_cast<float>(node.value);
      PruneToLeaves(tree);
      return {};
    }
    const int wanted = width_of_[current_] - Children(current_);
    const Expansion e{.parent = nodes_[current_].segment,
                      .first_sample = next_sample_,
                      .num_samples = wanted,
                      .max_tokens = context_.max_tokens / settings_.max_depth};
    next_sample_ += wanted;
    return {e};
  }

 private:
  int Children(int32_t node) const { return static_cast<int>(nodes_[node].children.size()); }
  bool Whole(const Tree& tree) const {
    return static_cast<int>(tree.leaves.size()) >= context_.num_samples;
  }

  std::vector<int32_t> Expand(const Tree& tree, std::span<const Grown> grown) {
    std::vector<int32_t> added;
    for (const Grown& g : grown) {
      Node node;
      node.parent = current_;
      node.depth = nodes_[current_].depth + 1;
      node.segment = g.segment;
      node.finish = g.finish;
      node.terminal = !g.open || node.depth >= settings_.max_depth;
      const std::vector<float>& logp = tree.segments[static_cast<size_t>(g.segment)].logp;
      for (const float l : logp) node.surprise -= l / static_cast<double>(logp.size());
      added.push_back(static_cast<int32_t>(nodes_.size()));
      nodes_[current_].children.push_back(added.back());
      nodes_.push_back(std::move(node));
      width_of_.push_back(settings_.width);
    }
    return added;
  }

  void Judge(const Tree& tree, Node* node) const {
    if (node->judged) return;
    node->judged = true;
    const Leaf leaf{.segment = node->segment, .finish = node->finish};
    const LeafJudgement j = context_.judge(tree, leaf);
    const bool incomplete = node->finish == Finish::kLength && !j.answered;
    node->outcome = incomplete ? settings_.incomplete_value : j.right ? 1 : -1;
    double surprise = 0, tokens = 0;
    for (const int32_t s : tree.Path(node->segment)) {
      for (const float logp : tree.segments[static_cast<size_t>(s)].logp) {
        surprise -= logp;
        ++tokens;
      }
    }
    node->path_surprise = surprise / tokens;
  }

  // Of the candidates that ended one becomes a trajectory of the group: a right one before a wrong
  // one before an incomplete one, then the one of the smallest mean -logp. The others are visited.
  void BackUpAndSelect(const std::vector<int32_t>& candidates, Tree* tree) {
    int32_t best = -1;
    const auto rank = [](const Node& n) { return n.outcome == 1 ? 0 : n.outcome == -1 ? 1 : 2; };
    for (const int32_t c : candidates) {
      Node& node = nodes_[c];
      if (!node.terminal) {
        ++node.visits;
        continue;
      }
      Judge(*tree, &node);
      if (best < 0 || rank(node) < rank(nodes_[best]) ||
          (rank(node) == rank(nodes_[best]) && node.path_surprise < nodes_[best].path_surprise))
        best = c;
    }
    if (best >= 0) {
      const double outcome = nodes_[best].outcome;
      const int length = nodes_[best].depth + 1;
      for (int32_t n = best; n >= 0; n = nodes_[n].parent) {
        ++nodes_[n].visits;
        if (outcome != 0)
          nodes_[n].value =
              BackUp(nodes_[n].value, outcome, nodes_[n].depth, length, settings_.min_weight);
      }
      nodes_[best].backed_up = true;
      tree->leaves.push_back({.segment = nodes_[best].segment, .finish = nodes_[best].finish});
      if (Whole(*tree)) return;
    }
    int32_t next = -1;
    if (best < 0) {
      next = BestChild(current_);
    } else if (settings_.backtrack == "uct") {
      next = BestChild(0);
    }
    if (next < 0) next = BestFrontier();
    current_ = next >= 0 ? next : Leftover();
  }

  // -1 if all have ended.
  int32_t BestChild(int32_t node) {
    std::vector<int32_t> open;
    std::vector<double> score;
    for (const int32_t c : nodes_[node].children) {
      if (nodes_[c].terminal) continue;
      open.push_back(c);
      score.push_back(
          SiblingScore(nodes_[c].value, nodes_[c].visits, nodes_[node].visits, settings_.lambda));
    }
    if (open.empty()) return -1;
    const auto top = std::max_element(score.begin(), score.end());
    if (settings_.deterministic) return open[static_cast<size_t>(top - score.begin())];
    const double max = *top;
    double total = 0;
    for (double& s : score) {
      s = ExpF(static_cast<float>(s - max));
      total += s;
    }
    double aim = total * context_.key[kSiblingKey].Uniform(draws_++);
    size_t i = 0;
    while (i + 1 < open.size() && aim >= score[i]) aim -= score[i++];
    return open[i];
  }

  // The first of the best in depth-first order; -1 if there is none.
  int32_t BestFrontier() const {
    int32_t best = -1;
    double best_score = -std::numeric_limits<double>::infinity();
    std::vector<int32_t> stack = {0};
    while (!stack.empty()) {
      const int32_t n = stack.back();
      stack.pop_back();
      const Node& node = nodes_[n];
      stack.insert(stack.end(), node.children.rbegin(), node.children.rend());
      if (n == 0 || node.terminal || Children(n) >= width_of_[n]) continue;
      const double score =
          FrontierScore(settings_, {nodes_[node.parent].q(), node.q(), node.surprise, node.depth});
      if (score <= best_score) continue;
      best_score = score;
      best = n;
    }
    return best;
  }

  // Where nothing is left to expand, trajectories that were passed over come to their turn; where
  // none is left either, the root has as many children more.
  int32_t Leftover() {
    for (const Node& node : nodes_) {
      if (node.terminal && !node.backed_up) return node.parent;
    }
    width_of_[0] += settings_.width;
    return 0;
  }

  static constexpr uint64_t kSiblingKey = (uint64_t{1} << 32) + 1;  // samples' keys are below

  SearchSettings settings_;
  GrowthContext context_;
  std::vector<Node> nodes_;
  std::vector<int> width_of_ = {settings_.width};  // children that each node is to have
  int32_t current_ = 0;
  int32_t next_sample_ = 0;
  uint64_t draws_ = 0;
};

}  // namespace

double SiblingScore(double value, int64_t visits, int64_t parent_visits, double lambda) {
  if (visits == 0) return 0;
  const auto n = static_cast<double>(visits);
  const double bonus =
      parent_visits == 0 ? 0 : lambda * std::sqrt(std::log(static_cast<double>(parent_visits)) / n);
  return value / n + bonus;
}

double FrontierScore(const SearchSettings& s, const FrontierTerms& node) {
  const double depth = node.depth;
  const double bonus = s.depth_bonus == "sqrt"  ? std::sqrt(depth / s.max_depth)
                       : s.depth_bonus == "log" ? std::log(depth + 1)
                                                : depth;
  return s.lambda1 * std::tanh(node.q_parent) + s.lambda4 * std::tanh(node.q) +
         (s.uncertainty ? s.lambda2 * node.mean_surprise : 0) + s.lambda3 * bonus;
}

double BackUp(double value, double outcome, int depth, int length, double min_weight) {
  const double step = std::max((depth + 1) / static_cast<double>(length), min_weight) * outcome;
  if (value * outcome >= 0) return value + step;
  return outcome > 0 ? step : value;
}

std::unique_ptr<Growth> MakeSearchGrowth(const SearchSettings& settings, GrowthContext context) {
  return std::make_unique<SearchGrowth>(settings, std::move(context));
}

}  // namespace rlvr
