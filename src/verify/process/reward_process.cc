#include "verify/process/reward_process.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/worker_pool.h"

namespace rlvr {
namespace {

using Json = nlohmann::json;

constexpr size_t kMostMetrics = 64, kLongestText = 4096;

Judgement BrokenReply(const std::string& what) {
  return {Verdict::kBroken, "", "the reply's " + what};
}

// What the process says, as a judgement.
Judgement ReadReply(const Json& reply) {
  Judgement j;
  const auto score = reply.find("score");
  if (score == reply.end() || !(score->is_number() || score->is_boolean()))
    return BrokenReply("score is no number");
  j.score = score->is_boolean() ? (score->get<bool>() ? 1.0 : 0.0) : score->get<double>();
  if (!std::isfinite(*j.score) || std::abs(*j.score) > 1e30)
    return BrokenReply("score is not finite");
  j.verdict = *j.score > 0 ? Verdict::kRight : Verdict::kWrong;
  for (const auto& [key, value] : reply.items()) {
    if (key == "id" || key == "score") continue;
    if (key == "verdict" || key == "reason" || key == "answer") {
      if (value.is_null()) continue;
      if (!value.is_string()) return BrokenReply(key + " is no text");
      const std::string text = value.get<std::string>();
      if (key == "reason") j.reason = text.substr(0, kLongestText);
      if (key == "answer") j.answer = text.substr(0, kLongestText);
      if (key != "verdict") continue;
      bool known = false;
      for (const Verdict v :
           {Verdict::kRight, Verdict::kWrong, Verdict::kTimedOut, Verdict::kBroken}) {
        if (text != ToString(v)) continue;
        j.verdict = v;
        known = true;
      }
      if (!known) return BrokenReply("verdict is unknown: " + text.substr(0, 40));
    } else if ((value.is_number() || value.is_boolean()) && j.metrics.size() < kMostMetrics) {
      const double number = value.is_boolean() ? (value.get<bool>() ? 1 : 0) : value.get<double>();
      if (!std::isfinite(number)) return BrokenReply(key + " is not finite");
      j.metrics.emplace_back(key, number);
    }
  }
  return j;
}

class RewardProcess : public Verifier {
 public:
  explicit RewardProcess(const RewardProcessSettings& settings)
      : settings_(settings),
        pool_({.place = "reward.process",
               .command = settings.command,
               .timeout = settings.timeout,
               .start_timeout = settings.start_timeout,
               .restarts = settings.restarts,
               .max_line = settings.max_line,
               .says_end = false},
              settings.workers, settings.log) {}

  Judgement Judge(std::string_view response, std::string_view ground_truth) const override {
    JudgedPrompt prompt;
    prompt.ground_truth = ground_truth;
    return JudgePrompt(prompt, response);
  }

  Judgement JudgePrompt(const JudgedPrompt& prompt, std::string_view response) const override {
    Json messages = Json::array();
    for (const auto& [role, content] : prompt.messages)
      messages.push_back({{"role", role}, {"content", content}});
    const Json extra = Json::parse(prompt.extra_info, nullptr, false);
    Json question = {{"messages", messages},
                     {"response", response},
                     {"ground_truth", prompt.ground_truth},
                     {"data_source", prompt.data_source},
                     {"extra_info", extra.is_discarded() ? Json(nullptr) : extra}};
    for (int tries = 0;; ++tries) {
      const int64_t id = pool_.NewId();
      question["id"] = id;
      // What the policy writes need not be UTF-8; JSON must be.
      const std::string line = question.dump(-1, ' ', false, Json::error_handler_t::replace);
      Worker& worker = pool_.Choose();
      try {
        const std::string reply = worker.Ask(id, line);
        worker.Close(id, true);
        return ReadReply(Json::parse(reply, nullptr, false));
      } catch (const WorkerFailed& failed) {
        worker.Close(id, false);
        if (tries < settings_.retries) continue;
        return {failed.fault == WorkerFault::kTimedOut ? Verdict::kTimedOut : Verdict::kBroken, "",
                failed.what_alone};
      }
    }
  }

  int concurrency() const override { return settings_.workers * settings_.in_flight; }

 private:
  const RewardProcessSettings settings_;
  mutable WorkerPool pool_;
};

}  // namespace

std::unique_ptr<Verifier> MakeRewardProcess(const RewardProcessSettings& settings) {
  if (settings.command.empty())
    throw Error("reward.process.command", "the reward `process` needs a command",
                "write it as a list: command: [python3, reward.py]");
  return std::make_unique<RewardProcess>(settings);
}

}  // namespace rlvr
