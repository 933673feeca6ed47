// Users of sharded conversations: what the other side says after a turn of the policy.
#ifndef RLVR_ENV_USER_H_
#define RLVR_ENV_USER_H_
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "data/shards.h"
#include "env/chat_endpoint.h"
#include "env/environment.h"

namespace rlvr {

// What a user goes by.
struct UserContext {
  const ShardedText& text;
  const std::vector<char>& revealed;    // [shards]; at least one is not
  const std::vector<Message>& history;  // user and assistant, without the system's; the policy's
                                        // turn is the last
  RandomKey key;                        // of the sample's user
};

struct UserTurn {
  std::string text;
  int shard = -1;       // index of the shard that it reveals; -1: none
  bool faulty = false;  // a model's reply could not be read, and the next shard was told verbatim
};

// Stateless: the same context, the same turn (but for endpoints outside). Thread-safe.
class User {
 public:
  virtual ~User() = default;
  virtual UserTurn Next(const UserContext& context) const = 0;
  virtual bool blocks() const { return false; }
};

// Section environment.user. Which keys there are depends on the name.
struct UserSettings {
  std::string name = "scripted";
  // answering
  int overlap = 1;               // content words that a question shares with the shard it is about
  bool rephrase = false;         // shards in other words, as the rephrasing user
  std::string vague = "refuse";  // to questions without content words: refuse or reveal
  // model and remote
  std::string model;
  int tries = 3;                  // to get a reply that can be read
  ChatEndpointSettings endpoint;  // remote

  template <class Visitor>
  void Params(Visitor& p) {
    p("name", name,
      std::vector<std::string>{"answering", "model", "remote", "rephrasing", "scripted"});
    if (name == "answering") {
      p("overlap", overlap, 1, 100);
      p("rephrase", rephrase);
      p("vague", vague, std::vector<std::string>{"refuse", "reveal"});
    }
    if (name == "model" || name == "remote") {
      p("model", model);
      p("tries", tries, 1, 100);
    }
    if (name == "remote") endpoint.Params(p);
  }
};
std::unique_ptr<User> MakeUser(const UserSettings& settings, const EnvironmentServices& services);

// The first hidden shard, and a given one; verbatim or rephrased.
UserTurn RevealNext(const UserContext& context, bool rephrase);
UserTurn Reveal(const UserContext& context, int shard, bool rephrase);

// The shard in other words: one of the data's paraphrases, or where it has none a seeded one of
// Paraphrase. Drawn by key[shard's id].
std::string RephraseShard(const Shard& shard, RandomKey key);
// The text with another opening and other words of the same meaning; all numbers and names stay.
std::string Paraphrase(std::string_view text, RandomKey key);

}  // namespace rlvr
#endif  // RLVR_ENV_USER_H_
