// The protocol of "LLMs Get Lost In Multi-Turn Conversation", arXiv:2505.06120: the same
// instructions told at once and bit by bit, N simulations of each (docs/lost_in_conversation.md).
#ifndef RLVR_EVAL_LOST_IN_CONVERSATION_H_
#define RLVR_EVAL_LOST_IN_CONVERSATION_H_
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/random.h"
#include "data/data.h"
#include "env/environment.h"
#include "eval/conversation_metrics.h"
#include "rollout/rollout.h"

namespace rlvr {

// "full", "concat", "shuffle_concat", "sharded", "recap", "snowball": the order of the paper.
const std::vector<std::string>& ConversationTypes();
// "sharded, full" -> both, in the paper's order; an unknown name is an Error at `place`.
std::vector<std::string> ParseConversationTypes(const std::vector<std::string>& names,
                                                const std::string& place);

// Whether everything is told at once: the one turn is judged whatever it is, so that figures about
// when an answer came say nothing.
bool ToldAtOnce(const std::string& type);

// How the simulations of one instruction begin, and who talks to the policy in each of them.
struct OpenedConversation {
  std::vector<Message> messages;
  ConversationMaker make;
  int num_shards = 1;
};
// (instruction, type, key of the group of simulations) -> the same.
using ConversationOpener =
    std::function<OpenedConversation(const Prompt&, const std::string& type, RandomKey group)>;

// By the environment `sharded`. environment: the section of a recipe, {name: sharded, user: ...};
// its `conversation` is each of `types` in turn.
ConversationOpener OpenSharded(const ConfigNode& environment, const EnvironmentServices& services,
                               const std::vector<std::string>& types);

struct LostInConversationOptions {
  std::vector<std::string> types = {"full", "concat", "sharded"};
  int num_simulations = 10;      // N, of every instruction and type
  int64_t max_instructions = 0;  // the first ones; 0: all
  RolloutOptions rollout;
  uint64_t seed = 0;
};

// One simulation, turn by turn.
struct Transcript {
  struct Turn {
    PolicyTurn policy;
    Reply reply;
    int32_t segment = 0;  // in `tree`: tokens, log-probs, entropies
  };
  std::string type;
  int64_t instruction = 0;  // row of its prompt
  int simulation = 0;
  int num_shards = 1;
  std::vector<Message> opening;
  std::vector<Turn> turns;
  ConversationResult result;
  Finish finish = Finish::kStop;  // kAborted: the other side failed; counts in no metric
  Tree tree;                      // this simulation's chain of segments alone
};

struct LostInConversationResult {
  std::vector<Prompt> prompts;          // the instructions
  std::vector<Transcript> transcripts;  // by type, instruction, simulation
  struct Type {
    std::string name;
    ConversationSummary summary;
    Interval relative;                      // to FULL, in percent; NaN without it
    int64_t failed = 0;                     // conversations that the other side broke off
    int64_t cut = 0;                        // that hit a limit of turns or tokens
    std::map<std::string, double> metrics;  // means of what the environment counted
  };
  std::vector<Type> types;  // in the paper's order
  double seconds = 0;
};

LostInConversationResult EvaluateLostInConversation(
    const Model& model, const Tokenizer& tokenizer, const PromptSource& prompts,
    const ConversationOpener& open, const LostInConversationOptions& options,
    const std::function<void(int64_t, int64_t)>& progress = {});

// What the metrics see of a simulation. Its task is its prompt's data source.
ScoredConversation ScoreTranscript(const Transcript& transcript, const std::string& task);

// For the terminal.
std::string LostInConversationTable(const LostInConversationResult& result);
// One JSON object a line: the summary of each type; the simulations, with their tokens.
std::string SummaryJsonLines(const LostInConversationResult& result);
std::string TranscriptJsonLines(const LostInConversationResult& result, const Tokenizer& tokenizer);

}  // namespace rlvr
#endif  // RLVR_EVAL_LOST_IN_CONVERSATION_H_
