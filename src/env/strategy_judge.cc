#include "env/strategy_judge.h"

#include <memory>
#include <utility>

#include "base/error.h"
#include "env/chat_model.h"

namespace rlvr {
namespace {

JudgedReading ReadByJudge(const ChatModel& judge, const StrategyJudgeSettings& settings, int tries,
                          const TurnToRead& turn) {
  JudgedReading read{ReadTurn(turn.text, turn.request)};
  int answers = 0;
  const PromptService ask = [&](const std::string& prompt) {
    std::string answer = judge.say({{"user", prompt}}, turn.key[static_cast<uint64_t>(answers)]);
    ++answers;
    return answer;
  };
  TurnStrategy strategy;
  try {
    strategy = JudgeTurnStrategy({turn.intent, turn.shards, settings.answer_description, turn.text},
                                 ask, tries);
  } catch (const ConversationFailed&) {
    throw;
  } catch (const Error&) {
    if (answers < tries) throw;  // it is not about what the judge said
    read.faulty = true;
    return read;
  }
  if (strategy != TurnStrategy::kAnswerAttempt) read.reading.answer.clear();
  read.reading.strategy = strategy;
  return read;
}

}  // namespace

TurnReader MakeTurnReader(const StrategyJudgeSettings& settings,
                          const EnvironmentServices& services) {
  if (settings.name == "rules") return {};
  const bool remote = settings.name == "remote";
  const ChatModel judge =
      remote ? RemoteModel("strategy_judge", settings.endpoint, settings.model)
             : ModelOfRun("strategy_judge", settings.model, settings.endpoint.temperature,
                          settings.endpoint.max_tokens, services);
  // A model of the run would say the same again.
  const int tries = !remote && settings.endpoint.temperature == 0 ? 1 : settings.tries;
  return {[judge, settings, tries](const TurnToRead& turn) {
            return ReadByJudge(judge, settings, tries, turn);
          },
          judge.blocks};
}

}  // namespace rlvr
