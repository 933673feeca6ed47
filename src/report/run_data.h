// What a run's files say (docs/run_folder.md), read back. Damaged lines throw Error naming file and
// line; a last line without its newline is one still being written and is left out.
#ifndef RLVR_REPORT_RUN_DATA_H_
#define RLVR_REPORT_RUN_DATA_H_
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace rlvr {

// metrics.jsonl as columns: column[name][i] belongs to step[i]; NaN where the step has none.
struct MetricsTable {
  std::vector<int64_t> step;
  std::map<std::string, std::vector<double>> column;
  const std::vector<double>* Find(const std::string& name) const;  // nullptr if absent
};
MetricsTable ReadMetrics(const std::string& run_folder);

// One line of rollouts/ or eval/.
struct TrajectoryRecord {
  int64_t step = 0, prompt_index = 0, occurrence = 0, sample = 0;
  std::string prompt, response, ground_truth, answer, verdict, finish;
  double score = 0, reward = 0;
  std::vector<std::string> tokens;    // [T]
  std::vector<double> logp, entropy;  // [T]
  std::vector<double> advantage;      // [T], or empty: an evaluation has none
  bool right() const { return verdict == "right"; }
};
std::vector<TrajectoryRecord> ReadTrajectories(const std::string& path);

// One turn of a conversation.
struct ConversationTurn {
  std::string role, content;  // "system", "user", "tool" ...; the policy's is "assistant"
  int64_t shard = 0;          // that this message of the user reveals; 0: none
  // Of the policy's turns; empty where nobody has looked.
  std::string strategy, illocution, finish;
  bool right = false;
  double reward = 0;
  std::vector<std::string> tokens;               // [T]
  std::vector<double> logp, entropy, advantage;  // [T], advantage also []
};

struct ConversationRecord {
  std::string type;  // "sharded"; empty outside the protocol
  int64_t prompt_index = 0, sample = 0, num_shards = 0;
  std::string ground_truth, answer, verdict, finish;
  double score = 0;
  std::vector<ConversationTurn> turns;
};

// The lines of a file of rollouts/ or eval/, or of the transcripts of `rlvr eval --protocol`, that
// have `turns`.
std::vector<ConversationRecord> ReadConversations(const std::string& path);

struct Estimate {
  double mean = 0, low = 0, high = 0;
};
// eval/step_N.json
struct EvalRecord {
  int64_t step = 0, k = 0, num_prompts = 0;
  Estimate avg, pass, maj;
  double mean_response_length = 0, clip_ratio = 0;
};
std::vector<EvalRecord> ReadEvals(const std::string& run_folder);  // by rising step; may be empty

// run.json as "key", "value", in the file's order.
std::vector<std::pair<std::string, std::string>> ReadRunInfo(const std::string& run_folder);

// Paths of RUN/FOLDER/*EXTENSION by rising step; empty without the folder.
std::vector<std::string> StepFiles(const std::string& run_folder, const std::string& folder,
                                   const std::string& extension);

}  // namespace rlvr
#endif  // RLVR_REPORT_RUN_DATA_H_
