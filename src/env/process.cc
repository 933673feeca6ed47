#include "env/process.h"

#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "base/error.h"
#include "env/judge.h"

namespace rlvr {
namespace {

constexpr size_t kMostMessages = 64;  // of one reply

[[noreturn]] void ReplyBroken(const std::string& what) {
  throw ConversationFailed(Verdict::kBroken, "environment", what);
}

// A value of the reply, by its key; nullopt where it is absent or null.
template <class Value>
std::optional<Value> Take(const nlohmann::json& reply, const char* key) {
  const auto it = reply.find(key);
  if (it == reply.end() || it->is_null()) return std::nullopt;
  bool fits = false;
  if constexpr (std::is_same_v<Value, bool>) fits = it->is_boolean();
  if constexpr (std::is_same_v<Value, std::string>) fits = it->is_string();
  if constexpr (std::is_same_v<Value, float>) fits = it->is_number();
  if (!fits) ReplyBroken(std::string("'") + key + "' of the reply is of the wrong kind");
  const auto value = it->get<Value>();
  if constexpr (std::is_same_v<Value, float>) {
    if (!std::isfinite(value)) ReplyBroken(std::string("'") + key + "' of the reply is not finite");
  }
  return value;
}

template <class Value>
Value TakeNamed(const nlohmann::json& reply, const char* key, std::initializer_list<Value> values,
                Value absent) {
  const auto name = Take<std::string>(reply, key);
  if (!name) return absent;
  for (const Value value : values)
    if (*name == ToString(value)) return value;
  ReplyBroken(std::string("'") + key + "' of the reply is unknown: " + name->substr(0, 40));
}

std::vector<Message> TakeMessages(const nlohmann::json& reply) {
  std::vector<Message> messages;
  const auto it = reply.find("messages");
  if (it == reply.end() || it->is_null()) return messages;
  if (!it->is_array() || it->size() > kMostMessages)
    ReplyBroken("'messages' of the reply is no list, or too long");
  for (const auto& item : *it) {
    if (!item.is_object()) ReplyBroken("a message of the reply is no object");
    const auto role = Take<std::string>(item, "role"), content = Take<std::string>(item, "content");
    if (!content) ReplyBroken("a message of the reply has no content");
    messages.push_back({role.value_or("user"), *content});
    const std::string& name = messages.back().role;
    if (name != "user" && name != "tool" && name != "system")
      ReplyBroken("a message's role is user, tool or system, not " + name.substr(0, 40));
  }
  return messages;
}

class ProcessConversation : public Environment {
 public:
  ProcessConversation(WorkerPool* pool, const EnvironmentServices& services)
      : pool_(*pool), services_(services), id_(pool->NewId()) {}
  ~ProcessConversation() override { Close(false); }

  std::vector<Message> Reset(const Prompt& prompt, RandomKey group, RandomKey sample) override {
    worker_ = &pool_.Choose();
    nlohmann::json messages = nlohmann::json::array();
    for (const auto& [role, content] : prompt.messages)
      messages.push_back({{"role", role}, {"content", content}});
    const auto extra = nlohmann::json::parse(prompt.extra_info, nullptr, false);
    nlohmann::json request = {
        {"op", "reset"},
        {"prompt",
         {{"messages", messages},
          {"data_source", prompt.data_source},
          {"ground_truth", prompt.ground_truth},
          {"extra_info", extra.is_discarded() ? nlohmann::json(nullptr) : extra},
          {"index", prompt.index}}},
        {"group_seed", group.value() >> 11},  // numbers that any language's JSON can hold
        {"seed", sample.value() >> 11}};
    const nlohmann::json reply = Ask(std::move(request));
    std::vector<Message> opening = TakeMessages(reply);
    if (opening.empty())
      for (const auto& [role, content] : prompt.messages) opening.push_back({role, content});
    key_ = sample[kJudgeKey];
    RememberRequest(opening);
    return opening;
  }

  Reply Step(const PolicyTurn& turn) override {
    const nlohmann::json answer = Ask({{"op", "step"},
                                       {"turn", turn.turn},
                                       {"text", turn.text},
                                       {"num_tokens", turn.num_tokens},
                                       {"finish", ToString(turn.finish)}});
    Reply reply;
    reply.done = Take<bool>(answer, "done").value_or(false);
    reply.messages = TakeMessages(answer);
    if (!reply.done && reply.messages.empty())
      ReplyBroken("the reply has neither messages nor \"done\": true");
    TurnOutcome& outcome = reply.outcome;
    outcome.reward = Take<float>(answer, "reward").value_or(0);
    outcome.illocution =
        TakeNamed(answer, "illocution",
                  {Illocution::kUnknown, Illocution::kSpecified, Illocution::kUnderspecified},
                  Illocution::kUnknown);
    outcome.right = Take<bool>(answer, "right").value_or(false);
    outcome.strategy = Strategy(answer, turn);
    if (reply.done) reply.messages.clear();
    RememberRequest(reply.messages);
    verdict_ = TakeNamed(answer, "verdict",
                         {Verdict::kRight, Verdict::kWrong, Verdict::kTimedOut, Verdict::kBroken},
                         verdict_);
    if (const auto score = Take<float>(answer, "score")) score_ = *score;
    if (auto given = Take<std::string>(answer, "answer")) answer_ = std::move(*given);
    TakeMetrics(answer);
    return reply;
  }

  ConversationResult End(Finish finish) override {
    Close(finish == Finish::kStop);
    const double by_verdict = verdict_ == Verdict::kRight ? services_.correct : services_.wrong;
    if (services_.reader.read) metrics_["judge_faults"] = judge_faults_;
    return {verdict_, answer_, score_.value_or(static_cast<float>(by_verdict)), metrics_};
  }

  bool blocks() const override { return true; }
  AskedModels* asks() const override {
    return services_.reader.blocks ? services_.models.get() : nullptr;
  }

 private:
  nlohmann::json Ask(nlohmann::json request) {
    request["id"] = id_;
    // What the policy writes need not be UTF-8; JSON must be.
    const std::string line = request.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    try {
      return nlohmann::json::parse(worker_->Ask(id_, line), nullptr, false);
    } catch (const WorkerFailed& failed) {
      throw ConversationFailed(
          failed.fault == WorkerFault::kTimedOut ? Verdict::kTimedOut : Verdict::kBroken,
          "environment", failed.what_alone);
    }
  }
  TurnStrategy Strategy(const nlohmann::json& answer, const PolicyTurn& turn) {
    if (const auto name = Take<std::string>(answer, "strategy")) {
      try {
        return ParseTurnStrategy(*name);
      } catch (const Error&) {
        ReplyBroken("'strategy' of the reply is unknown: " + name->substr(0, 40));
      }
    }
    if (!services_.reader.read) return ClassifyTurn(turn.text, request_);
    const JudgedReading read =
        services_.reader.read({.text = turn.text,
                               .request = request_,
                               .intent = intent_,
                               .shards = {},
                               .key = key_[static_cast<uint64_t>(turn.turn)]});
    judge_faults_ += read.faulty ? 1 : 0;
    return read.reading.strategy;
  }
  void RememberRequest(const std::vector<Message>& messages) {
    for (const Message& message : messages) {
      if (message.role != "user") continue;
      if (intent_.empty()) intent_ = message.content;
      request_ += (request_.empty() ? "" : "\n") + message.content;
    }
  }
  void TakeMetrics(const nlohmann::json& answer) {
    const auto it = answer.find("metrics");
    if (it == answer.end() || it->is_null()) return;
    if (!it->is_object() || it->size() > kMostMessages)
      ReplyBroken("'metrics' of the reply is no object, or too large");
    for (const auto& [name, value] : it->items())
      if (const auto number = Take<float>(*it, name.c_str())) metrics_[name] = *number;
  }
  void Close(bool complete) {
    if (worker_ != nullptr) worker_->Close(id_, complete);
    worker_ = nullptr;
  }

  WorkerPool& pool_;
  const EnvironmentServices& services_;
  const int64_t id_;
  Worker* worker_ = nullptr;
  std::string intent_, request_;  // the user's first message; all of them
  RandomKey key_{0};              // of a judge of strategies
  int judge_faults_ = 0;
  Verdict verdict_ = Verdict::kWrong;
  std::string answer_;
  std::optional<float> score_;
  std::map<std::string, double> metrics_;
};

class ProcessMaker : public EnvironmentMaker {
 public:
  ProcessMaker(const ProcessSettings& settings, const EnvironmentServices& services)
      : services_(services),
        pool_({.place = "environment",
               .command = settings.command,
               .timeout = settings.timeout,
               .start_timeout = settings.start_timeout,
               .restarts = settings.restarts,
               .max_line = settings.max_line},
              settings.workers, settings.log) {}
  std::unique_ptr<Environment> Make() override {
    return std::make_unique<ProcessConversation>(&pool_, services_);
  }

 private:
  const EnvironmentServices services_;
  WorkerPool pool_;
};

}  // namespace

std::unique_ptr<EnvironmentMaker> MakeProcess(const ProcessSettings& settings,
                                              const EnvironmentServices& services) {
  if (settings.command.empty())
    throw Error("environment.command", "the environment `process` needs a command",
                "write it as a list: command: [python3, game.py]");
  return std::make_unique<ProcessMaker>(settings, services);
}

}  // namespace rlvr
