// Which prompts a step's batch is made of: the first ones, in their order, until so many groups are
// kept. What was sampled beyond them counts as never sampled. So the batch does not depend on how
// many groups were sampled at a time, nor on whose verdict came first.
#ifndef RLVR_TRAIN_BATCH_FILL_H_
#define RLVR_TRAIN_BATCH_FILL_H_
#include <cstdint>
#include <vector>

namespace rlvr {

class BatchFill {
 public:
  // wanted: groups to keep. most: prompts that may be tried for them. share: of groups that are kept,
  // as a first guess.
  BatchFill(int64_t wanted, int64_t most, double share);

  // Whether to sample one more prompt, by its chance of being needed: that fewer of the groups
  // before it are kept than are wanted. Those whose verdict is not known are kept with the share seen
  // so far. A prompt that is needed whatever they come to is always wanted.
  bool Wants(double least_chance) const;
  double Chance() const;  // of the next prompt, 0 where there may be none

  int64_t Add();  // a prompt: its number, from 0
  void Decide(int64_t group, bool kept);

  // Groups from this number on are surplus: enough of those before it are known to be kept.
  int64_t end() const { return end_; }
  // The batch is the kept groups before end(): none of those is undecided.
  bool full() const { return num_kept_ >= wanted_ && first_undecided_ >= end_; }
  // All prompts that may be tried were, and are decided: there is no more to come.
  bool spent() const { return size() == most_ && first_undecided_ == most_; }
  bool over() const { return full() || spent(); }
  int64_t size() const { return static_cast<int64_t>(states_.size()); }
  int64_t num_kept() const { return num_kept_; }

 private:
  enum class State : uint8_t { kUndecided, kDropped, kKept };

  int64_t wanted_, most_;
  double share_;
  std::vector<State> states_;  // by group
  int64_t num_kept_ = 0, num_decided_ = 0;
  int64_t first_undecided_ = 0;
  int64_t end_;
};

}  // namespace rlvr
#endif  // RLVR_TRAIN_BATCH_FILL_H_
