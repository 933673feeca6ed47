// A batch without rounds: prompts are taken up as slots get free, groups are judged on a thread of their
// own while others are sampled, and sampling ends when the batch is decided.
#include <chrono>
#include <deque>
#include <exception>
#include <utility>

#include "rollout/feed.h"
#include "train/collect.h"
#include "train/judge_thread.h"
#include "train/stopwatch.h"

namespace rlvr {

// Models that judge, and what scores trees, run on the threads that sample; the other strategies sample
// a group in rounds; an environment opens its conversations side by side. With stored opposites what is
// kept depends on the groups before. The ranks deal out rounds.
bool SamplesContinuously(const Recipe& recipe, int num_ranks) {
  const auto& context = recipe.rollout.sampling_context;
  return num_ranks == 1 && !HasEnvironment(recipe.resolved) &&
         recipe.rollout.strategy.name == "independent" && context.before.empty() &&
         context.after.empty() && recipe.strategy_judge.name == "rules" &&
         recipe.replay.opposites == 0;
}

class Collector::Feed : public GroupFeed {
 public:
  Feed(Collector* collector, int64_t step, BatchFill* fill, StepTally* tally, StepBatch* batch)
      : c_(*collector),
        step_(step),
        fill_(*fill),
        tally_(*tally),
        batch_(*batch),
        position_(batch->position),
        end_(fill->end()) {}

  std::optional<RolloutRequest> Next() override {
    if (!asks_) return {};
    asks_ = !broken_ && fill_.Wants(c_.least_chance);
    if (!asks_) return {};
    fill_.Add();
    Group& group = groups_.emplace_back();
    try {
      group.drawn.draw = c_.curriculum_.Next(&position_);
      group.drawn.position = position_;
      Round round;
      c_.AddRequest(step_, group.drawn.draw, &round);
      c_.Open(&round);
      CheckRequest(*c_.policy_.model, round.requests[0]);
      group.drawn.prompt = std::move(round.prompts[0]);
      group.judged.truncated = round.truncated[0] != 0;
      ++num_begun_;
      return std::move(round.requests[0]);
    } catch (...) {
      group.error = std::current_exception();
      broken_ = true;  // so it is the last of groups_
      return {};
    }
  }

  void Ended(int64_t number, Tree tree, std::vector<ConversationResult>) override {
    if (number >= fill_.end()) return;
    Group& group = groups_[static_cast<size_t>(number)];
    for (const Segment& s : tree.segments)
      group.tokens += s.author == Author::kPolicy ? static_cast<int64_t>(s.tokens.size()) : 0;
    group.judged.tree = std::move(tree);
    judges_.Add(number, [this, &group] {
      c_.Judge(group.drawn.prompt, &group.judged.tree, &group.judged.terms);
    });
    if (c_.on_progress) {
      c_.on_progress(static_cast<double>(batch_.trees.size()) /
                     static_cast<double>(c_.recipe_.data.prompts_per_step));
    }
  }

  std::vector<int64_t> TakeCancelled() override {
    TakeJudged();
    std::vector<int64_t> cancelled;
    for (int64_t g = fill_.end(); g < std::min(end_, num_begun_); ++g) {
      judges_.Cancel(g);
      cancelled.push_back(g);
    }
    end_ = fill_.end();
    return cancelled;
  }

  bool Wait() override {
    if (fill_.over()) return false;
    Stopwatch watch;
    judges_.Wait(std::chrono::milliseconds(100));
    seconds_waited_ += watch.Lap();
    return true;
  }

  // After sampling.
  void Finish(const RolloutStats& stats, double seconds) {
    batch_.rollout = stats;
    batch_.groups_in_vain = num_begun_ - static_cast<int64_t>(num_taken_);
    batch_.tokens_in_vain = stats.sampled_tokens - tokens_taken_;
    batch_.seconds_rollout = seconds - seconds_waited_;
    batch_.seconds_reward = seconds_waited_;
    batch_.seconds_judge = judges_.seconds();
  }

 private:
  struct Group {
    Drawn drawn;
    JudgedGroup judged;
    int64_t tokens = 0;
    bool decided = false;
    std::exception_ptr error;
  };

  void TakeJudged() {
    const std::vector<JudgeThread::Judged> all = judges_.Take();
    for (const JudgeThread::Judged& judged : all) {
      Group& group = groups_[static_cast<size_t>(judged.group)];
      group.error = judged.error;
      group.decided = !judged.error;
      const Tree& tree = group.judged.tree;
      if (group.decided)
        fill_.Decide(judged.group, !tree.leaves.empty() && c_.selector_->Keep(tree));
      asks_ = true;
    }
    if (!all.empty() || broken_) TakeInOrder();
  }

  // The groups that are decided, up to the first that is not. An error counts when its turn has come:
  // whether a run meets it must not depend on the clock.
  void TakeInOrder() {
    for (; num_taken_ < groups_.size(); ++num_taken_) {
      if (static_cast<int64_t>(num_taken_) >= fill_.end()) return;
      Group& group = groups_[num_taken_];
      if (group.error) std::rethrow_exception(group.error);
      if (!group.decided) return;
      tokens_taken_ += group.tokens;
      c_.Take(step_, std::move(group.drawn), std::move(group.judged), &tally_, &batch_);
    }
  }

  Collector& c_;
  int64_t step_;
  BatchFill& fill_;
  StepTally& tally_;
  StepBatch& batch_;
  int64_t position_;          // behind the prompts that were drawn
  int64_t end_;               // of the fill, when last looked at
  int64_t num_begun_ = 0;     // groups that are or were sampled
  std::deque<Group> groups_;  // in the order of the prompts
  size_t num_taken_ = 0;      // that are part of the step
  int64_t tokens_taken_ = 0;
  bool asks_ = true;  // whether another prompt is wanted may have changed
  bool broken_ = false;
  double seconds_waited_ = 0;
  JudgeThread judges_;  // the last: it works on groups_
};

void Collector::CollectContinuously(int64_t step, const RunState& state, BatchFill* fill,
                                    StepTally* tally, StepBatch* batch) {
  Stopwatch watch;
  RolloutStats stats;
  Feed feed(this, step, fill, tally, batch);
  RolloutFeed(policy_.model->sampler(), *policy_.tokenizer, OptionsOf(state), &feed, &stats);
  if (recipe_.rollout.quantization != "none") Rescore(&batch->trees);
  feed.Finish(stats, watch.Lap());
}

}  // namespace rlvr
