#include "env/judge.h"

#include <algorithm>

namespace rlvr {

JudgedReading AttemptJudge::Read(const TurnToRead& turn) const {
  if (has_judge()) return services_.reader.read(turn);
  return {ReadTurn(turn.text, turn.request)};
}

Judgement AttemptJudge::Judge(const Prompt& prompt, std::string_view text,
                              const TurnReading& reading) {
  const Verifier& verifier = VerifierFor(prompt.data_source);
  Judgement judged = verifier.Judge(text, prompt.ground_truth);
  if (judged.verdict != Verdict::kWrong || !judged.answer.empty() || reading.answer.empty())
    return judged;
  std::string answer = reading.answer;
  std::replace(answer.begin(), answer.end(), '\n', ' ');
  return verifier.Judge("Answer: " + answer, prompt.ground_truth);
}

float AttemptJudge::Score(Verdict verdict) const {
  return static_cast<float>(verdict == Verdict::kRight ? services_.correct : services_.wrong);
}

const Verifier& AttemptJudge::VerifierFor(const std::string& data_source) {
  const std::string name =
      services_.verifier == "auto" ? VerifierForDataSource(data_source) : services_.verifier;
  const std::lock_guard lock(mutex_);
  std::unique_ptr<Verifier>& verifier = verifiers_[name];
  if (verifier == nullptr) verifier = MakeVerifier(name, services_.verifiers);
  return *verifier;
}

}  // namespace rlvr
