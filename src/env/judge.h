// The verifier of a run, for attempts in conversations.
#ifndef RLVR_ENV_JUDGE_H_
#define RLVR_ENV_JUDGE_H_
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "env/environment.h"
#include "verify/verify.h"

namespace rlvr {

// Child of a sample's key: of the judge of its turns.
constexpr uint64_t kJudgeKey = 0x7368617268ull;

// Thread-safe.
class AttemptJudge {
 public:
  explicit AttemptJudge(const EnvironmentServices& services) : services_(services) {}
  JudgedReading Read(const TurnToRead& turn) const;
  bool has_judge() const { return services_.reader.read != nullptr; }
  bool blocks() const { return services_.reader.blocks; }
  AskedModels* models() const { return services_.models.get(); }
  // The verifier's own extraction; where that finds no answer, the answer that the turn's reading
  // found.
  Judgement Judge(const Prompt& prompt, std::string_view text, const TurnReading& reading);
  float Score(Verdict verdict) const;

 private:
  const Verifier& VerifierFor(const std::string& data_source);
  const EnvironmentServices services_;
  std::mutex mutex_;
  std::map<std::string, std::unique_ptr<Verifier>> verifiers_;
};

}  // namespace rlvr
#endif  // RLVR_ENV_JUDGE_H_
