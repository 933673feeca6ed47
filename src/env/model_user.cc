#include "env/model_user.h"

#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "base/error.h"
#include "env/chat_model.h"

namespace rlvr {
namespace {

// Word for word the protocol's (microsoft/lost_in_conversation, prompts/user_agent.txt; MIT).
constexpr std::string_view kUserPrompt =
    R"prompt(You are simulating a user of an interactive LLM system (like ChatGPT).
The user is inherently lazy, and answers in short form, providing only minimal information to the system. You should not be proactive.

Here's the conversation so far:
[[CONVERSATION_SO_FAR]]

Here are the shards that have already been revealed:
[[SHARDS_REVEALED]]

Here are all the shards that have not been revealed yet:
[[SHARDS_NOT_REVEALED]]

You must generate a response to the conversation so far. Here are the rules:
- [Providing a Shard] You can reveal the content of a shard to the system in your response if it will help the system move closer to answering the problem. You should select the shard to reveal that is most "basic" and is the current most relevant shard.
- [One Shard at a Time] You should only reveal at most one shard at a time.
- [Reveal Entire Shard] If you reveal a shard, you must make sure to include *all the information in the shard*. For example, if the shard is "your symptoms are that you have a headache in the mornings", your response can't just be ``yeah I have headaches'', you must say ``yup mostly headaches in the mornings``.
- [Irrelevant Clarifications] If the system asks you a question irrelevant to the shards, asks you a generic question (``Can you give me a hint?``), you should respond with an answer that does not provide a shard. (``I don't know``, ``Is that really important?``, etc.) You should not reveal any information beyond what is available in the shards.
- [No Repeated Shards] You should not reveal the same shard more than once. Carefully review the shards revealed already, and only reveal a shard if its `shard_id` is not on the list.
- [Rephrase Shards] If you reveal a shard, you should rephrase it in a conversational way. Do not copy the shard verbatim.
- [Do Not Ask Questions] Your response should always be declarative sentences, and not questions.
- [Brevity of Response] You should favor being succint. Your answer can also have typos, improper grammar, capitalization, etc. You are simulating a real person talking to an AI, who is in a hurry.
- [Format] Your response should be formatted as a JSON object with the following keys:
    - `response`: The response to the conversation so far.
    - `shard_id`: The shard you are revealing to the system. The shard_id can be an integer, or -1 if you did not reveal any shards.
For example:
{"response": "I don't know", "shard_id": -1}
or:
{"response": "yeah I want it to [...]", "shard_id": 1})prompt";

void Fill(std::string* text, std::string_view field, std::string_view value) {
  const size_t at = text->find(field);
  RLVR_CHECK(at != std::string::npos) << field;
  text->replace(at, field.size(), value);
}

// [{"shard_id": 2, "shard": "..."}]: all but the intent, as Python writes it.
std::string ShardList(const UserContext& context, bool revealed) {
  std::string list;
  for (size_t i = 1; i < context.text.shards.size(); ++i) {
    if ((context.revealed[i] != 0) != revealed) continue;
    const Shard& shard = context.text.shards[i];
    const nlohmann::json text = shard.text;
    list += (list.empty() ? "" : ", ") + ("{\"shard_id\": " + std::to_string(shard.id)) +
            ", \"shard\": " + text.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace) +
            "}";
  }
  return "[" + list + "]";
}

// The shard_id of a reply: 3, 3.0 and "3" are one; nullopt: none of these.
std::optional<int64_t> ShardId(const nlohmann::json& reply) {
  const auto id = reply.find("shard_id");
  if (id == reply.end() || id->is_null()) return -1;
  if (id->is_number_integer()) return id->get<int64_t>();
  if (id->is_number_float()) {
    const double value = id->get<double>();
    if (std::abs(value) > 1e9 || std::floor(value) != value) return std::nullopt;
    return static_cast<int64_t>(value);
  }
  if (!id->is_string()) return std::nullopt;
  const std::string text = id->get<std::string>();
  const size_t sign = text.starts_with('-') ? 1 : 0;
  if (text.size() == sign || text.size() > 9 ||
      text.find_first_not_of("0123456789", sign) != std::string::npos)
    return std::nullopt;
  return std::stoll(text);
}

bool TakeReply(const nlohmann::json& reply, const UserContext& context, UserTurn* turn) {
  const auto response = reply.find("response");
  if (response == reply.end() || !response->is_string()) return false;
  const std::string text = response->get<std::string>();
  if (text.find_first_not_of(" \t\r\n") == std::string::npos) return false;
  const std::optional<int64_t> id = ShardId(reply);
  if (!id) return false;
  if (*id == -1) {
    *turn = {text, -1};
    return true;
  }
  for (size_t i = 1; i < context.text.shards.size(); ++i) {
    if (context.text.shards[i].id != *id || context.revealed[i] != 0) continue;
    *turn = {text, static_cast<int>(i)};
    return true;
  }
  return false;
}

class SimulatedUser : public User {
 public:
  SimulatedUser(ChatModel model, int tries) : model_(std::move(model)), tries_(tries) {}

  UserTurn Next(const UserContext& context) const override {
    const std::vector<Message> prompt = {{"user", UserPrompt(context)}};
    UserTurn turn;
    for (int i = 0; i < tries_; ++i) {
      const RandomKey key = context.key[context.history.size()][static_cast<uint64_t>(i)];
      if (ParseUserReply(model_.say(prompt, key), context, &turn)) return turn;
    }
    turn = RevealNext(context, false);
    turn.faulty = true;
    return turn;
  }
  bool blocks() const override { return model_.blocks; }

 private:
  const ChatModel model_;
  const int tries_;
};

}  // namespace

std::string UserPrompt(const UserContext& context) {
  std::string conversation;
  for (const Message& message : context.history)
    conversation += (conversation.empty() ? "[" : "\n\n[") + message.role + "] " + message.content;
  std::string prompt(kUserPrompt);
  // From the end, so that what is filled in is not searched.
  Fill(&prompt, "[[SHARDS_NOT_REVEALED]]", ShardList(context, false));
  Fill(&prompt, "[[SHARDS_REVEALED]]", ShardList(context, true));
  Fill(&prompt, "[[CONVERSATION_SO_FAR]]", conversation);
  return prompt;
}

bool ParseUserReply(const std::string& reply, const UserContext& context, UserTurn* turn) {
  for (size_t at = reply.find('{'); at != std::string::npos; at = reply.find('{', at + 1)) {
    // The shortest run from here that is JSON.
    for (size_t end = reply.find('}', at); end != std::string::npos;
         end = reply.find('}', end + 1)) {
      const auto parsed =
          nlohmann::json::parse(reply.begin() + static_cast<ptrdiff_t>(at),
                                reply.begin() + static_cast<ptrdiff_t>(end) + 1, nullptr, false);
      if (!parsed.is_object()) continue;
      if (TakeReply(parsed, context, turn)) return true;
      break;
    }
  }
  return false;
}

std::unique_ptr<User> MakeModelUser(const UserSettings& settings,
                                    const EnvironmentServices& services) {
  return std::make_unique<SimulatedUser>(
      ModelOfRun("environment.user", settings.model, settings.endpoint.temperature,
                 settings.endpoint.max_tokens, services),
      settings.tries);
}

std::unique_ptr<User> MakeRemoteUser(const UserSettings& settings) {
  return std::make_unique<SimulatedUser>(
      RemoteModel("environment.user", settings.endpoint, settings.model), settings.tries);
}

}  // namespace rlvr
