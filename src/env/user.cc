#include "env/user.h"

#include <algorithm>

#include "env/answering_user.h"
#include "env/model_user.h"

namespace rlvr {
namespace {

// The shards in order, one a turn, whatever the policy says.
class ScriptedUser : public User {
 public:
  explicit ScriptedUser(bool rephrase) : rephrase_(rephrase) {}
  UserTurn Next(const UserContext& context) const override {
    return RevealNext(context, rephrase_);
  }

 private:
  const bool rephrase_;
};

}  // namespace

UserTurn RevealNext(const UserContext& context, bool rephrase) {
  const auto hidden = std::find(context.revealed.begin(), context.revealed.end(), 0);
  return Reveal(context, static_cast<int>(hidden - context.revealed.begin()), rephrase);
}

UserTurn Reveal(const UserContext& context, int shard, bool rephrase) {
  const Shard& told = context.text.shards[static_cast<size_t>(shard)];
  return {rephrase ? RephraseShard(told, context.key) : told.text, shard};
}

std::unique_ptr<User> MakeUser(const UserSettings& settings, const EnvironmentServices& services) {
  if (settings.name == "answering") return MakeAnsweringUser(settings);
  if (settings.name == "model") return MakeModelUser(settings, services);
  if (settings.name == "remote") return MakeRemoteUser(settings);
  return std::make_unique<ScriptedUser>(settings.name == "rephrasing");
}

}  // namespace rlvr
