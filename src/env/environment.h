// The other side of conversations: environments with `reset` and `step`, in this process or outside
// it, by name. docs/environments.md describes each with its settings.
#ifndef RLVR_ENV_ENVIRONMENT_H_
#define RLVR_ENV_ENVIRONMENT_H_
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/config.h"
#include "base/random.h"
#include "data/data.h"
#include "rollout/conversation.h"
#include "verify/turn_strategy.h"
#include "verify/verifier_settings.h"

namespace rlvr {

// One conversation of one sample. Reset comes first, once.
class Environment : public Conversation {
 public:
  // The messages that open the conversation, in the place of the prompt's own: all samples of a
  // group share them, so they may depend on the prompt and the group's key alone. What differs
  // from sample to sample comes of the sample's key. May throw ConversationFailed.
  virtual std::vector<Message> Reset(const Prompt& prompt, RandomKey group, RandomKey sample) = 0;
};

// Makes environments of one kind; shared by all conversations of a run (child processes and
// connections live here). Thread-safe. It outlives what it makes.
class EnvironmentMaker {
 public:
  virtual ~EnvironmentMaker() = default;
  virtual std::unique_ptr<Environment> Make() = 0;
};

struct EnvironmentInfo {
  std::string name, description;
};
const std::vector<EnvironmentInfo>& Environments();  // sorted by name

// What a model of the run is asked: the message after these, drawn with the key.
struct ModelQuestion {
  std::string model;
  std::vector<Message> messages;
  RandomKey key{0};
  float temperature = 1;  // 0: greedy
  int64_t max_tokens = 256;
};

// A turn of the policy and what the user has in mind.
struct TurnToRead {
  std::string text;
  std::string request;              // what the user has said so far
  std::string intent;               // what the user asked for first
  std::vector<std::string> shards;  // the rest of the specification, told or not
  RandomKey key{0};                 // of a judge model
};
struct JudgedReading {
  TurnReading reading;
  bool faulty = false;  // the judge named no class: this is by rules
};
// Strategy and answer of a turn. Without `read`: by rules (ReadTurn).
struct TurnReader {
  std::function<JudgedReading(const TurnToRead&)> read;
  bool blocks = false;  // as Conversation::blocks
};

// What environments may ask of the run they are in.
struct EnvironmentServices {
  // A named model of the run answers. Empty: this run has no models for users and judges. Where
  // `models` is set, who calls it waits for them: then the environment blocks, and asks() them.
  std::function<std::string(const ModelQuestion&)> generate;
  std::shared_ptr<AskedModels> models;
  TurnReader reader;
  VerifierSettings verifiers;     // of those that have settings
  std::string verifier = "auto";  // reward.name; auto: the one of the prompt's data_source
  double correct = 1, wrong = 0;  // scores, reward.correct and reward.wrong
};

// node: the recipe's section `environment`, with `name`. Null, absent or {name: none}: nullptr, and
// prompts are answered in one turn. Unknown names and keys throw Error.
std::unique_ptr<EnvironmentMaker> MakeEnvironment(const ConfigNode* node,
                                                  const EnvironmentServices& services);
// The section with every default written.
ConfigNode ResolveEnvironment(const ConfigNode* node);
// Its max_turns and max_tokens, which every environment has.
ConversationLimits ReadConversationLimits(const ConfigNode* node);

}  // namespace rlvr
#endif  // RLVR_ENV_ENVIRONMENT_H_
