// Which prompts a step samples: the seeded order of data/data.h, from which a curriculum may skip
// prompts by what the run knows of them.
//
//   curriculum: {name: uniform}         every prompt in turn
//   pass_rate_band                      prompts whose running pass rate is at or beyond `low` or
//                                       `high` rest for `rest` steps after they were sampled
//   easy_to_hard                        the easiest share of the prompts by the number
//                                       extra_info[key]; the share grows to 1
//   competence_gate                     prompts whose number extra_info[key] (of shards, of steps) is
//                                       within a level, which rises where the policy has become good
//                                       at its hardest ones (RLAAR, arXiv:2510.18731)
//   drive                               all prompts, then the hardest of those sampled so far, then
//                                       the hardest of these, ... (DRIVE, arXiv:2511.06307)
#ifndef RLVR_TRAIN_CURRICULUM_H_
#define RLVR_TRAIN_CURRICULUM_H_
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/config.h"
#include "data/data.h"
#include "train/prompt_state.h"

namespace rlvr {

// Reads the node of a recipe and writes it with every default; unknown names and keys throw Error.
// "decay", of the running pass rates, is a key of every curriculum.
ConfigNode ResolveCurriculum(const ConfigNode* node);

// What one curriculum decides.
class PromptFilter {
 public:
  virtual ~PromptFilter() = default;
  // Before the first draw of a step; again with the same step and state: the same decisions.
  virtual void BeginStep(int64_t step, const PromptState& state) = 0;
  virtual bool Admits(int64_t row) const = 0;
  virtual int GroupSize(int group_size) const { return group_size; }  // of this step
  virtual void Measure(Metrics*) const {}
  // State beside the prompts', for a checkpoint.
  virtual std::vector<int64_t> State() const { return {}; }
  virtual void SetState(const std::vector<int64_t>&) {}
};
// prompts: of the training set, read only where the curriculum orders them.
std::unique_ptr<PromptFilter> MakePromptFilter(const ConfigNode* node, const PromptSource& prompts);

class Curriculum {
 public:
  // families: of the prompts, where those of one are to follow each other; else empty.
  Curriculum(const ConfigNode* node, const PromptSource& prompts, uint64_t seed,
             std::vector<int32_t> families = {});

  struct Draw {
    int64_t row = 0, occurrence = 0;  // occurrence: the pass over the data, from 0
    int64_t skipped = 0;              // prompts that were passed over to get here
    bool forced = false;              // not admitted, and taken all the same
  };
  void BeginStep(int64_t step);
  // The next admitted prompt at or after *position, which moves past it. Where two passes over the
  // data admit none, the next one whatever it is.
  // The same position gives the same draw, until the next step or observation.
  Draw Next(int64_t* position);
  void Count(const Draw& draw);  // one that the step used, for Measure
  int GroupSize(int group_size) const { return filter_->GroupSize(group_size); }

  PromptState& state() { return state_; }
  // prompt_state/*; of curricula other than uniform also curriculum/skipped and curriculum/forced
  // (prompts of this step that were passed over, or taken though not admitted) and their own.
  void Measure(Metrics* metrics) const;

  std::string Save() const;
  void Load(const std::string& bytes, const std::string& path);

 private:
  int64_t size_;
  PromptOrder order_;
  PromptState state_;
  std::unique_ptr<PromptFilter> filter_;
  bool uniform_;
  int64_t skipped_ = 0, forced_ = 0;  // since BeginStep
};

}  // namespace rlvr
#endif  // RLVR_TRAIN_CURRICULUM_H_
