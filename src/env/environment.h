// The other side of conversations: environments with `reset` and `step`, in this process or outside
// it, by name.
#ifndef RLVR_ENV_ENVIRONMENT_H_
#define RLVR_ENV_ENVIRONMENT_H_
#include <memory>
#include <string>
#include <vector>

#include "base/config.h"
#include "base/random.h"
#include "data/data.h"
#include "rollout/conversation.h"

namespace rlvr {

// One conversation of one sample. Reset comes first, once.
class Environment : public Conversation {
 public:
  // The messages that open the conversation, in the place of the prompt's own: all samples of a
  // group share them, so they may depend on the prompt and the group's key alone. What differs
  // from sample to sample comes of the sample's key.
  virtual std::vector<Message> Reset(const Prompt& prompt, RandomKey group, RandomKey sample) = 0;
};

// Makes environments of one kind; shared by all conversations of a run (child processes and
// connections live here). Thread-safe.
class EnvironmentMaker {
 public:
  virtual ~EnvironmentMaker() = default;
  virtual std::unique_ptr<Environment> Make() = 0;
};

struct EnvironmentInfo {
  std::string name, description;
};
const std::vector<EnvironmentInfo>& Environments();  // sorted by name

}  // namespace rlvr
#endif  // RLVR_ENV_ENVIRONMENT_H_
