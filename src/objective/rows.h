// Trajectories as rows of policy tokens: what every stage after sampling reads and writes. One row
// per leaf, as if trajectories shared nothing; groups are consecutive rows, in the order of the
// batch.
#ifndef RLVR_OBJECTIVE_ROWS_H_
#define RLVR_OBJECTIVE_ROWS_H_
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "tree/tree.h"

namespace rlvr {

// Which tokens, or rows, a reduction sees together. A task is all groups of one data_source in the
// batch at hand; a family all groups with one name in data.group_key; a batch is the rollout batch
// where rewards and advantages are made, and the mini-batch where a loss is. No scope depends on how
// memory forced a batch to be split.
enum class Scope : uint8_t { kToken, kResponse, kGroup, kFamily, kTask, kBatch };
const char* ToString(Scope scope);  // "token", "response", "group", "family", "task", "batch"
Scope ParseScope(const std::string& name);

struct Rows {
  std::vector<int64_t> begin = {0};        // [S + 1] tokens of row s: begin[s] .. begin[s + 1]
  std::vector<int64_t> group_begin = {0};  // [G + 1] rows of group g

  // Groups [G].
  std::vector<int64_t> prompt, occurrence;  // together the group's key in its run
  std::vector<int32_t> task;                // equal for equal data_source
  std::vector<int32_t> family;  // equal for equal Tree::family; a group without one is its own

  // Rows [S].
  std::vector<double> score;         // the verifier's
  std::vector<double> reward;        // score plus shaping
  std::vector<Verdict> verdict;      // right, wrong, timed out, broken
  std::vector<char> truncated;       // ended by max_tokens
  std::vector<char> foreign;         // not sampled by this policy in this step: expert, replay
  std::vector<char> replayed;        // of those, sampled in an earlier step: logp_old is known
  std::vector<int32_t> answer;       // equal within a group for equal extracted answers; -1: none
  std::vector<int64_t> answer_hash;  // of its text, to compare groups; 0: none
  std::vector<int32_t> sample;       // index in the group, for random keys

  // Tokens [T].
  std::vector<int32_t> token;  // id
  std::vector<int32_t> turn;   // 0 for the first run of policy tokens on the path, 1, ...
  // What the policy last read before the turn: a hash of the prompt, or of what the other side wrote
  // since the policy's last turn. Equal states of one group's rows are one environment state.
  std::vector<int64_t> state;
  std::vector<int32_t> step;       // 0 for the first segment of the row, 1, ...: branches and
                                   // a search's nodes begin new ones
  std::vector<double> step_value;  // what a tree search backed up to the step; else 0
  // Of the turn that the token is in (TurnOutcome); 0 and unknown outside conversations. `reward`
  // of the row holds the sum of its turns' rewards too.
  std::vector<double> turn_reward;
  std::vector<Illocution> illocution;
  std::vector<TurnStrategy> strategy;
  std::vector<double> logp_old;     // of the policy that sampled
  std::vector<double> entropy_old;  // likewise, nats
  // Of the distribution that tokens were drawn from, where that was not the policy (a quantised one, a
  // truncated one); empty where all were the policy's: SamplerLogp() then gives logp_old.
  std::vector<double> sampler_logp;
  std::vector<double> adv;     // advantage
  std::vector<double> weight;  // multiplies the policy loss; no denominator sees it
  std::vector<double> mask;    // 1: in the loss and its denominators; 0: in neither

  std::vector<double> token_reward;  // of the token itself; rewards per row come at its end
  // [T] What an advantage method leaves for its loss, by a name that begins with its own.
  std::map<std::string, std::vector<double>> more;

  // Only where some method declares the need (Needs), else empty.
  std::vector<double> logp_ref;                          // [T] of the reference model
  std::vector<double> value;                             // [T] of the critic, before each token
  std::vector<double> value_target;                      // [T] what the critic is trained towards
  std::map<std::string, std::vector<double>> behaviour;  // [T] ToString(statistic) of the policy
                                                         // that sampled
  int64_t num_tokens() const { return static_cast<int64_t>(token.size()); }
  int64_t num_rows() const { return static_cast<int64_t>(reward.size()); }
  int64_t num_groups() const { return static_cast<int64_t>(prompt.size()); }
  int64_t length(int64_t row) const { return begin[row + 1] - begin[row]; }
  const std::vector<double>& SamplerLogp() const {
    return sampler_logp.empty() ? logp_old : sampler_logp;
  }
  bool right(int64_t row) const { return verdict[row] == Verdict::kRight; }
  // Each an Error of a program's fault if nobody declared the need.
  const std::vector<double>& Behaviour(const std::string& statistic) const;
};

// Rows of groups [first, last), renumbered from 0.
Rows Part(const Rows& rows, int64_t first, int64_t last);

// Group of each row [S]; row of each token [T]; group of each token [T].
std::vector<int32_t> GroupOfRows(const Rows& rows);
std::vector<int32_t> RowOfTokens(const Rows& rows);

// What a whole mini-batch counts, whatever part of it is at hand: the denominators.
struct Totals {
  double tokens = 0;     // unmasked
  double sequences = 0;  // rows with an unmasked token
  double groups = 0;     // groups with such a row
};
Totals CountTotals(const Rows& rows);

}  // namespace rlvr
#endif  // RLVR_OBJECTIVE_ROWS_H_
