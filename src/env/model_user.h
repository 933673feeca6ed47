// Users simulated by a language model, with the protocol's own prompt: a model of the run, or one
// behind an OpenAI-compatible endpoint.
#ifndef RLVR_ENV_MODEL_USER_H_
#define RLVR_ENV_MODEL_USER_H_
#include <memory>
#include <string>

#include "env/user.h"

namespace rlvr {

std::unique_ptr<User> MakeModelUser(const UserSettings& settings,
                                    const EnvironmentServices& services);
std::unique_ptr<User> MakeRemoteUser(const UserSettings& settings);

// The protocol's prompt for a simulated user, arXiv:2505.06120, filled in.
std::string UserPrompt(const UserContext& context);
// {"response", "shard_id"} wherever it stands in a model's reply. False: there is none, its
// response is blank, or its shard is not a hidden one.
bool ParseUserReply(const std::string& reply, const UserContext& context, UserTurn* turn);

}  // namespace rlvr
#endif  // RLVR_ENV_MODEL_USER_H_
