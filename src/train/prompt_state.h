// What a run knows of each prompt it has sampled. It lasts over the whole run and is saved in
// checkpoints; a curriculum (train/curriculum.h) chooses prompts by it.
#ifndef RLVR_TRAIN_PROMPT_STATE_H_
#define RLVR_TRAIN_PROMPT_STATE_H_
#include <cstdint>
#include <map>
#include <string>

#include "train/metrics.h"

namespace rlvr {

struct PromptRecord {
  int64_t times = 0;               // groups sampled
  int64_t samples = 0, right = 0;  // responses of all of them
  double pass_rate = 0;   // running: the first group's share, then decay towards each new one
  int64_t last_step = 0;  // that sampled it
};

class PromptState {
 public:
  // decay: weight of the former pass rate where a new group comes; 0: the last group alone counts.
  explicit PromptState(double decay = 0.5) : decay_(decay) {}

  // A group of this prompt: `right` of `samples` responses (at least 1) were right.
  void Observe(int64_t row, int64_t step, int64_t samples, int64_t right);
  const PromptRecord* Find(int64_t row) const;  // null: never sampled
  const std::map<int64_t, PromptRecord>& records() const { return records_; }  // by row

  // prompt_state/seen (distinct prompts), prompt_state/pass_rate (mean of the running ones),
  // prompt_state/solved and prompt_state/unsolved (shares at 1 and at 0); none before the first.
  void Measure(Metrics* metrics) const;

  std::string Save() const;                                      // bytes for a checkpoint
  void Load(const std::string& bytes, const std::string& path);  // Error naming path if damaged

 private:
  double decay_;
  std::map<int64_t, PromptRecord> records_;
};

}  // namespace rlvr
#endif  // RLVR_TRAIN_PROMPT_STATE_H_
