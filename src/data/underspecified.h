// Underspecified prompts beside the original ones (ICPO, arXiv:2601.15330: the training corpus is
// augmented with them; how, no source says, and what is here is ours): a request from which
// something required was taken away.
#ifndef RLVR_DATA_UNDERSPECIFIED_H_
#define RLVR_DATA_UNDERSPECIFIED_H_
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/random.h"
#include "data/data.h"

namespace rlvr {

struct UnderspecifiedSettings {
  double ratio = 0;  // share of underspecified rows among all rows
  // Share of rows that are whole problems told in shards as the underspecified ones are: otherwise
  // the form alone gives the label away.
  double complete = 0;
  // sharded_prefix: the intent and a random subset of the other shards, something required
  //   missing; uniform over the subsets that min_missing and max_missing allow
  // condition_removal: the original text without a required sentence; a problem of one sentence
  //   loses a number ("some")
  // intent_only: the intent
  // mixed: one of the three, drawn for each row
  std::string method = "sharded_prefix";
  // How the shards of a request are told:
  //   concat  bullets of one message
  //   turns   a message of the user's each, and between two of them `reply` as the assistant's
  //           (empty: the user's messages follow each other, which some chat templates refuse)
  //   mixed   one of the two, drawn for each row
  std::string form = "concat";
  std::string reply;
  int64_t min_missing = 1,
          max_missing = 0;  // required shards or sentences; 0: as many as there are
};
const std::vector<std::string>& UnderspecifiedMethods();
const std::vector<std::string>& UnderspecifiedForms();

// What is left of a prompt, with the texts taken away in extra_info ("missing", "illocution":
// "underspecified"); nullopt: nothing required can be taken, or what is left holds all numbers of
// the question in every draw.
std::optional<Prompt> TakeAway(const Prompt& prompt, const UnderspecifiedSettings& settings,
                               RandomKey key);

// Rows: the original ones ("illocution": "specified"), then complete ones in shards, then
// underspecified ones. A row is a function of (prompts, settings, seed, row). Rows of which nothing
// can be taken away, and those whose first shard holds all numbers, are left out of the latter two.
class UnderspecifiedPrompts : public PromptSource {
 public:
  UnderspecifiedPrompts(std::unique_ptr<PromptSource> prompts,
                        const UnderspecifiedSettings& settings, uint64_t seed);
  int64_t size() const override {
    return originals_ + static_cast<int64_t>(complete_.size() + underspecified_.size());
  }
  Prompt Get(int64_t index) const override;
  std::string name() const override;  // with the counts of all kinds of rows
  int64_t num_left_out() const { return left_out_; }
  int64_t num_underspecified() const { return static_cast<int64_t>(underspecified_.size()); }

 private:
  std::unique_ptr<PromptSource> prompts_;
  UnderspecifiedSettings settings_;
  RandomKey key_;
  int64_t originals_;
  std::vector<int64_t> complete_, underspecified_;  // rows of prompts_
  int64_t left_out_ = 0;                            // rows that were tried in vain
};

// prompts itself where ratio and complete are 0.
std::unique_ptr<PromptSource> Underspecify(std::unique_ptr<PromptSource> prompts,
                                           const UnderspecifiedSettings& settings, uint64_t seed);

}  // namespace rlvr
#endif  // RLVR_DATA_UNDERSPECIFIED_H_
