// Who tells what the policy's turns do: rules, or a judge model with the protocol's own prompt.
#ifndef RLVR_ENV_STRATEGY_JUDGE_H_
#define RLVR_ENV_STRATEGY_JUDGE_H_
#include <string>
#include <vector>

#include "env/chat_endpoint.h"
#include "env/environment.h"

namespace rlvr {

// A recipe's section strategy_judge. Which keys there are depends on the name.
struct StrategyJudgeSettings {
  std::string name = "rules";
  // model and remote
  std::string model;
  int tries = 3;  // to get an answer that names a class
  // Of the task, as the judge is told; the protocol's for maths.
  std::string answer_description =
      "The answer should be a single number (it could be decimal, or negative, or a fraction, "
      "etc.).";
  // model: temperature and max_tokens; remote: all
  ChatEndpointSettings endpoint = {.temperature = 0};

  template <class Visitor>
  void Params(Visitor& p) {
    p("name", name, std::vector<std::string>{"model", "remote", "rules"});
    if (name == "rules") return;
    p("model", model);
    p("tries", tries, 1, 100);
    p("answer_description", answer_description);
    if (name == "remote") {
      endpoint.Params(p);
    } else {
      p("temperature", endpoint.temperature, 0.0, 100.0);
      p("max_tokens", endpoint.max_tokens, 1, 1 << 20);
    }
  }
};

// Rules: a reader without `read`. The judge's class comes with the answer that the rules find,
// where both see an attempt. What names no class, in all tries, is read by rules and faulty. Its
// `read` throws ConversationFailed where the judge does not answer at all.
TurnReader MakeTurnReader(const StrategyJudgeSettings& settings,
                          const EnvironmentServices& services);

}  // namespace rlvr
#endif  // RLVR_ENV_STRATEGY_JUDGE_H_
