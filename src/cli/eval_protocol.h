// `rlvr eval --protocol`: evaluations other than samples of single questions.
#ifndef RLVR_CLI_EVAL_PROTOCOL_H_
#define RLVR_CLI_EVAL_PROTOCOL_H_
#include <functional>
#include <string>

#include "cli/command.h"
#include "eval/lost_in_conversation.h"
#include "eval/policy.h"

namespace rlvr {

struct ProtocolArguments {
  std::string name;  // empty: no protocol
  std::vector<std::string> types = {"full", "concat", "sharded"};
  int simulations = 10;
  // Names or YAML; model and url are set in them, where given.
  std::string user = "scripted", user_model, user_url;
  std::string judge = "rules", judge_model, judge_url;
  // YAML: further settings of the environment. The longest of the paper's mathematics instructions
  // has 12 shards; a user that is not asked for them may need some turns more.
  std::string environment = "{max_turns: 36}";
  std::string replay, json, transcripts;
};
void AddProtocolOptions(CLI::App& command, ProtocolArguments* arguments);

// Recorded conversations judged again; instructions: a JSONL file.
void RunReplay(const ProtocolArguments& arguments, const std::string& instructions);
// What the policy, loaded once all else has been read, does in conversations about the instructions
// of `data`.
void RunProtocol(const ProtocolArguments& arguments, const std::function<Policy()>& load,
                 const std::string& data, const std::string& split, const EvalOptions& options);

}  // namespace rlvr
#endif  // RLVR_CLI_EVAL_PROTOCOL_H_
