// Terms that a recipe adds to the verifier's score, by rules alone:
//   reward = score + sum of coefficient * term
//
//   reward:
//     correct: 1
//     wrong: 0
//     terms:
//       - {name: format, parts: ["<think>", "</think>"], coefficient: 0.2}
//       - {name: repetition, coefficient: {schedule: linear, from: 0, to: 1, steps: 50}}
//
// docs/rewards.md describes each with its formula.
#ifndef RLVR_VERIFY_REWARD_TERM_H_
#define RLVR_VERIFY_REWARD_TERM_H_
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/config.h"

namespace rlvr {

// One judged response.
struct JudgedResponse {
  std::string_view text;        // without special tokens
  int64_t num_tokens = 0;       // with them
  int64_t max_tokens = 0;       // of a response
  bool right = false;           // the verifier's verdict
  bool truncated = false;       // ended by max_tokens
  std::string_view extra_info;  // of the prompt, JSON text
  std::string place;            // of the prompt, for errors
};

class RewardTerm {
 public:
  virtual ~RewardTerm() = default;
  virtual double operator()(const JudgedResponse& response) const = 0;  // before the coefficient
};

struct WeightedTerm {
  std::string name;
  double coefficient = 1;
  std::unique_ptr<RewardTerm> term;
};

// node: reward.terms, a list (null: none), with numbers for coefficients. Unknown names, keys and a
// name that occurs twice throw Error.
std::vector<WeightedTerm> MakeRewardTerms(const ConfigNode* node);
// The node with every default written; coefficients may be schedules.
ConfigNode ResolveRewardTerms(const ConfigNode* node);

struct RewardTermInfo {
  std::string name, description, source;
};
const std::vector<RewardTermInfo>& RewardTerms();  // sorted by name

}  // namespace rlvr
#endif  // RLVR_VERIFY_REWARD_TERM_H_
