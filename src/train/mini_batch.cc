// One mini-batch, from its groups to new weights. With several ranks each runs the shards of groups
// that are its own, and two things are exchanged beside the gradient: statistics that an objective over
// the whole mini-batch needs of all groups, and what the groups add to the objective and its metrics.
#include <algorithm>

#include "base/error.h"
#include "parallel/bytes.h"
#include "train/recorded.h"
#include "train/term_bytes.h"
#include "train/update.h"

namespace rlvr {

class MiniBatchRun {
 public:
  MiniBatchRun(Updater* updater, std::span<const Tree* const> trees, const Rows& rows,
               const Totals& totals, bool on_policy, RandomKey key);
  // The gradient of all groups, in the updater's gradient; result() without the optimizer's step.
  void Run();
  UpdateResult& result() { return result_; }

 private:
  struct GroupValue {  // of a separable objective
    double objective = 0;
    std::vector<MetricTerm> terms;
  };
  struct MicroBatch {
    size_t begin = 0, end = 0;  // groups
  };
  std::vector<MicroBatch> MicroBatches(int64_t shard) const;
  std::span<const Tree* const> TreesOf(MicroBatch m) const {
    return trees_.subspan(m.begin, m.end - m.begin);
  }
  void Score(MicroBatch m);  // after its Forward
  void ScoreOwnShards();
  ObjectiveResult Evaluate(size_t begin, size_t end);
  void AddShard(int64_t shard, Gradient* gradient);
  MicroBatch OwnGroups(int rank) const;
  void ShareStatistics();
  void ShareGroups();

  Updater& u_;
  std::span<const Tree* const> trees_;
  const Rows& rows_;
  const Totals& totals_;
  const bool on_policy_;
  const RandomKey key_;
  const std::vector<Statistic>& wanted_;
  const std::vector<int64_t> shard_bounds_;  // [shards + 1] groups
  // What sampling recorded are the bits that training would compute: no pass is needed to have them.
  bool recorded_ = false;
  std::vector<std::vector<SegmentField<float>>> statistics_;     // [wanted][trees]
  std::vector<std::vector<SegmentField<double>>> coefficients_;  // likewise
  std::vector<GroupValue> groups_;                               // [trees]
  UpdateResult result_;
};

MiniBatchRun::MiniBatchRun(Updater* updater, std::span<const Tree* const> trees, const Rows& rows,
                           const Totals& totals, bool on_policy, RandomKey key)
    : u_(*updater),
      trees_(trees),
      rows_(rows),
      totals_(totals),
      on_policy_(on_policy),
      key_(key),
      wanted_(updater->objective_->needs().statistics),
      shard_bounds_(SplitShards(trees, updater->shards_.num_shards)),
      statistics_(wanted_.size()),
      coefficients_(wanted_.size()),
      groups_(trees.size()) {
  recorded_ = on_policy &&
              std::all_of(wanted_.begin(), wanted_.end(),
                          [](const Statistic& s) {
                            return s == Statistic::kLogp || s == Statistic::kEntropy;
                          }) &&
              std::none_of(rows.foreign.begin(), rows.foreign.end(), [](char f) { return f != 0; });
  for (size_t i = 0; i < wanted_.size(); ++i) {
    statistics_[i].resize(trees.size());
    coefficients_[i].resize(trees.size());
    for (size_t g = 0; recorded_ && g < trees.size(); ++g)
      statistics_[i][g] = Recorded(*trees[g], wanted_[i]);
  }
}

std::vector<MiniBatchRun::MicroBatch> MiniBatchRun::MicroBatches(int64_t shard) const {
  const auto begin = static_cast<size_t>(shard_bounds_[static_cast<size_t>(shard)]),
             end = static_cast<size_t>(shard_bounds_[static_cast<size_t>(shard) + 1]);
  const auto bounds =
      u_.passes_.MicroBatches(trees_.subspan(begin, end - begin), u_.micro_batch_tokens_);
  std::vector<MicroBatch> micro;
  for (size_t m = 0; m + 1 < bounds.size(); ++m) {
    micro.push_back(
        {begin + static_cast<size_t>(bounds[m]), begin + static_cast<size_t>(bounds[m + 1])});
  }
  return micro;
}

void MiniBatchRun::Score(MicroBatch m) {
  const auto values = u_.passes_.Score(u_.temperature_, wanted_);
  for (size_t i = 0; i < wanted_.size(); ++i) {
    auto fields = ScatterToTrees(u_.passes_.packed(), TreesOf(m), values[i]);
    std::move(fields.begin(), fields.end(),
              statistics_[i].begin() + static_cast<ptrdiff_t>(m.begin));
  }
}

void MiniBatchRun::ScoreOwnShards() {
  const ShardRange own = u_.shards_.own();
  for (int64_t shard = own.begin; shard < own.end; ++shard) {
    for (const MicroBatch m : MicroBatches(shard)) {
      u_.passes_.Forward(TreesOf(m), kTrained, false);
      Score(m);
    }
  }
}

// Fills the coefficients of groups [begin, end).
ObjectiveResult MiniBatchRun::Evaluate(size_t begin, size_t end) {
  std::vector<std::vector<double>> values;
  for (const auto& fields : statistics_) {
    values.push_back(LeafRows(trees_.subspan(begin, end - begin),
                              std::span(fields).subspan(begin, end - begin)));
  }
  const bool whole = begin == 0 && end == trees_.size();
  ObjectiveResult r = whole ? u_.objective_->Evaluate(rows_, totals_, values, key_)
                            : u_.objective_->Evaluate(Part(rows_, static_cast<int64_t>(begin),
                                                           static_cast<int64_t>(end)),
                                                      totals_, values, key_);
  for (size_t i = 0; i < wanted_.size(); ++i) {
    size_t cursor = 0;
    for (size_t g = begin; g < end; ++g)
      coefficients_[i][g] = SumOntoTokens(*trees_[g], r.coefficients[i], &cursor);
  }
  return r;
}

void MiniBatchRun::AddShard(int64_t shard, Gradient* gradient) {
  for (const MicroBatch m : MicroBatches(shard)) {
    const PackedTrees& packed = u_.passes_.Forward(TreesOf(m), kTrained, true);
    if (u_.objective_->separable()) {
      if (!recorded_) Score(m);
      // Group by group, so that sums over groups do not depend on the micro-batches' borders.
      for (size_t g = m.begin; g < m.end; ++g) {
        ObjectiveResult r = Evaluate(g, g + 1);
        groups_[g] = {r.objective, std::move(r.metrics)};
      }
    }
    std::vector<std::vector<float>> loss(wanted_.size());  // minus: the loss is -J
    for (size_t i = 0; i < wanted_.size(); ++i) {
      for (const Prediction& p : packed.predictions) {
        const auto& field = coefficients_[i][m.begin + static_cast<size_t>(p.tree)];
        loss[i].push_back(static_cast<float>(
            -field[static_cast<size_t>(p.segment)][static_cast<size_t>(p.offset)]));
      }
    }
    const auto values = u_.passes_.Backward(u_.temperature_, wanted_, loss, gradient);
    if (on_policy_) {
      result_.probs_diff_max =
          std::max(result_.probs_diff_max, CompareWithRecorded(packed, TreesOf(m), values[0]));
    }
    result_.trained_tokens += packed.batch.size();
  }
}

MiniBatchRun::MicroBatch MiniBatchRun::OwnGroups(int rank) const {
  const ShardRange own = ShardsOfRank(u_.shards_.num_shards, rank, u_.shards_.ranks->size());
  return {static_cast<size_t>(shard_bounds_[static_cast<size_t>(own.begin)]),
          static_cast<size_t>(shard_bounds_[static_cast<size_t>(own.end)])};
}

// Statistics of every group, after each rank has scored its own.
void MiniBatchRun::ShareStatistics() {
  Communicator& ranks = *u_.shards_.ranks;
  if (ranks.alone()) return;
  ByteWriter out;
  const MicroBatch own = OwnGroups(ranks.rank());
  for (auto& fields : statistics_) {
    for (size_t g = own.begin; g < own.end; ++g) {
      for (const std::vector<float>& segment : fields[g]) out.Put(segment);
    }
  }
  const auto all = ranks.AllGather(out.Take());
  for (int r = 0; r < ranks.size(); ++r) {
    ByteReader in(all[static_cast<size_t>(r)]);
    const MicroBatch theirs = OwnGroups(r);
    for (auto& fields : statistics_) {
      for (size_t g = theirs.begin; g < theirs.end; ++g) {
        fields[g].resize(trees_[g]->segments.size());
        for (std::vector<float>& segment : fields[g]) segment = in.GetVector<float>();
      }
    }
  }
}

// What each group adds to the objective, and the counts over all shards.
void MiniBatchRun::ShareGroups() {
  Communicator& ranks = *u_.shards_.ranks;
  if (ranks.alone()) return;
  ByteWriter out;
  out.Put(result_.trained_tokens);
  out.Put(result_.probs_diff_max);
  const MicroBatch own = OwnGroups(ranks.rank());
  for (size_t g = own.begin; g < own.end; ++g) {
    out.Put(groups_[g].objective);
    PutTerms(groups_[g].terms, &out);
  }
  const auto all = ranks.AllGather(out.Take());
  result_.trained_tokens = 0;
  for (int r = 0; r < ranks.size(); ++r) {
    ByteReader in(all[static_cast<size_t>(r)]);
    result_.trained_tokens += in.Get<int64_t>();
    result_.probs_diff_max = std::max(result_.probs_diff_max, in.Get<double>());
    const MicroBatch theirs = OwnGroups(r);
    for (size_t g = theirs.begin; g < theirs.end; ++g) {
      groups_[g].objective = in.Get<double>();
      groups_[g].terms = GetTerms(&in);
    }
  }
}

void MiniBatchRun::Run() {
  if (!u_.objective_->separable()) {  // its scope is the mini-batch: all statistics come first
    if (!recorded_) {
      ScoreOwnShards();
      ShareStatistics();
    }
    const ObjectiveResult r = Evaluate(0, trees_.size());
    result_.objective = r.objective;
    AddTerms(r.metrics, &result_.terms);
  }
  SumOverShards(
      u_.shards_, [this](int64_t shard, Gradient* gradient) { AddShard(shard, gradient); },
      &u_.gradient_);
  ShareGroups();
  for (const GroupValue& g : groups_) {  // in order, on every rank
    result_.objective += g.objective;
    AddTerms(g.terms, &result_.terms);
  }
}

Updater::Updater(Model* model, const Objective* objective, const OptimizerSettings& settings,
                 int64_t total_steps, float temperature, int64_t micro_batch_tokens,
                 const ActivationBound& bound, const GradientShards& shards)
    : model_(model),
      objective_(objective),
      settings_(settings),
      total_steps_(total_steps),
      temperature_(temperature),
      micro_batch_tokens_(micro_batch_tokens),
      shards_(shards),
      passes_(model, bound),
      gradient_(*model) {}

UpdateResult Updater::MiniBatch(std::span<const Tree* const> trees, const Rows& rows,
                                bool on_policy, RandomKey key, Optimizer* optimizer,
                                const GradientTerm& more) {
  RLVR_CHECK(rows.num_groups() == static_cast<int64_t>(trees.size()));
  const auto& wanted = objective_->needs().statistics;
  const bool compares = std::any_of(wanted.begin(), wanted.end(), ReadsSecondModel);
  RLVR_CHECK(!compares || reference_) << "an objective that compares models, and no reference";
  const Totals totals = CountTotals(rows);
  if (totals.tokens == 0 && !more) return {};
  UpdateResult result;
  if (totals.tokens == 0) {  // only the further term has a gradient
    gradient_.Clear();
  } else {
    passes_.SetSecond(compares ? reference_ : nullptr);
    MiniBatchRun run(this, trees, rows, totals, on_policy, key);
    run.Run();
    passes_.SetSecond(nullptr);
    result = std::move(run.result());
  }
  if (more) more(&passes_, &gradient_);
  result.applied = true;
  result.gradient = ApplyGradient(settings_, total_steps_, gradient_.Finish(), model_, optimizer);
  return result;
}

}  // namespace rlvr
