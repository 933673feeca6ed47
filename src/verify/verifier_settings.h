// Verifiers that have settings of their own: programs in a sandbox, child processes, shared objects.
#ifndef RLVR_VERIFY_VERIFIER_SETTINGS_H_
#define RLVR_VERIFY_VERIFIER_SETTINGS_H_
#include <memory>
#include <string>
#include <vector>

#include "verify/plugin/plugin_verifier.h"
#include "verify/process/reward_process.h"
#include "verify/sandbox/sandbox.h"
#include "verify/verify.h"

namespace rlvr {

struct VerifierSettings {
  AnswerOptions answers;          // of the graders of mathematical answers
  SandboxSettings sandbox;        // code
  RewardProcessSettings process;  // process
  PluginSettings plugin;          // plugin
};

// Any verifier by name; those that have no settings are MakeVerifier's. Throws Error.
std::unique_ptr<Verifier> MakeVerifier(const std::string& name, const VerifierSettings& settings);

// Those with settings and those of src/verify/instructions and src/verify/format, with the defaults;
// null: another name.
std::unique_ptr<Verifier> MakeFurtherVerifier(const std::string& name,
                                              const VerifierSettings& settings = {});
const std::vector<VerifierInfo>& FurtherVerifiers();
// "code" and "ifeval" for the data sets that they are for; empty: another.
std::string FurtherVerifierForDataSource(const std::string& data_source);

}  // namespace rlvr
#endif  // RLVR_VERIFY_VERIFIER_SETTINGS_H_
