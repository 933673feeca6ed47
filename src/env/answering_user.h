// A user who replies to the question that was asked, by shared content words; no model.
#ifndef RLVR_ENV_ANSWERING_USER_H_
#define RLVR_ENV_ANSWERING_USER_H_
#include <memory>

#include "env/user.h"

namespace rlvr {

// The policy asked nothing: the next shard. It asked: the hidden shard that shares most with its
// questions, words that few shards have counting more; if that is a shard told before, it says so;
// if none shares `overlap` words, it says that it does not know. A word before a number ("day 2")
// that labels shards must agree: a question about day 3 is not answered by day 2.
std::unique_ptr<User> MakeAnsweringUser(const UserSettings& settings);

}  // namespace rlvr
#endif  // RLVR_ENV_ANSWERING_USER_H_
