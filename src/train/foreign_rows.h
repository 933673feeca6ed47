// Rows that this step's policy did not sample: an expert's response beside the policy's own, groups
// of earlier steps, and single responses of earlier steps to the same prompt.
#ifndef RLVR_TRAIN_FOREIGN_ROWS_H_
#define RLVR_TRAIN_FOREIGN_ROWS_H_
#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "base/random.h"
#include "data/data.h"
#include "text/tokenizer.h"
#include "train/recipe.h"
#include "tree/tree.h"

namespace rlvr {

// Adds prompt.target, ended by `eos` (-1: by nothing), as one more leaf, to be judged like the
// others. max_tokens: of a response; a longer target, or none, is an Error naming the prompt.
void AddExpertRow(const Tokenizer& tokenizer, const Prompt& prompt, int32_t eos, int64_t max_tokens,
                  Tree* tree);

struct ReplayedGroup {
  int64_t step = 0;  // that sampled it
  int64_t uses = 0;  // how often it has been drawn
  Prompt prompt;
  Tree tree;  // judged; authors as they were
};

// Groups of earlier steps, oldest first.
class ReplayStore {
 public:
  explicit ReplayStore(const ReplaySettings& settings) : settings_(settings) {}

  // Up to settings.groups of the stored ones, drawn without repetition, as kReplay; groups older
  // than max_age leave first. A group that has been drawn max_uses times leaves.
  std::vector<ReplayedGroup> Draw(int64_t step, RandomKey key);
  // Offers a group of this step.
  void Admit(int64_t step, const Prompt& prompt, const Tree& tree);

  int64_t size() const { return static_cast<int64_t>(groups_.size()); }
  std::string Save() const;                                      // bytes for a checkpoint
  void Load(const std::string& bytes, const std::string& path);  // Error naming path if damaged

 private:
  ReplaySettings settings_;
  std::deque<ReplayedGroup> groups_;
};

// The latest right and wrong responses to each prompt.
class ResponseStore {
 public:
  explicit ResponseStore(const ReplaySettings& settings) : settings_(settings) {}

  // Where all leaves of a judged group are right, or none is: adds up to settings.opposites stored
  // responses to its prompt with the other verdict, the newest first, as leaves of kReplay. Returns
  // how many.
  int64_t AddOpposites(int64_t step, Tree* tree) const;
  // Stores what the policy itself said in a judged group.
  void Remember(int64_t step, const Tree& tree);

  std::string Save() const;                                      // bytes for a checkpoint
  void Load(const std::string& bytes, const std::string& path);  // Error naming path if damaged

 private:
  struct Response {
    int64_t step = 0;
    std::vector<Segment> segments;  // a chain below the root
    Leaf leaf;
  };
  ReplaySettings settings_;
  std::map<int64_t, std::array<std::deque<Response>, 2>> by_prompt_;  // wrong, right; oldest first
};

}  // namespace rlvr
#endif  // RLVR_TRAIN_FOREIGN_ROWS_H_
