#include "verify/verifier_settings.h"

#include <algorithm>

#include "verify/format/format_verifiers.h"
#include "verify/instructions/instruction_verifier.h"
#include "verify/sandbox/code_verifier.h"

namespace rlvr {

std::unique_ptr<Verifier> MakeFurtherVerifier(const std::string& name,
                                              const VerifierSettings& settings) {
  if (name == "code") return MakeCodeVerifier(settings.sandbox);
  if (name == "exact") return MakeExactVerifier();
  if (name == "ifeval") return MakeInstructionVerifier(false);
  if (name == "ifeval_loose") return MakeInstructionVerifier(true);
  if (name == "json_schema") return MakeJsonSchemaVerifier();
  if (name == "plugin") return MakePluginVerifier(settings.plugin);
  if (name == "process") return MakeRewardProcess(settings.process);
  if (name == "regex") return MakeRegexVerifier();
  return nullptr;
}

std::unique_ptr<Verifier> MakeVerifier(const std::string& name, const VerifierSettings& settings) {
  std::unique_ptr<Verifier> verifier = MakeFurtherVerifier(name, settings);
  return verifier ? std::move(verifier) : MakeVerifier(name, settings.answers);
}

const std::vector<VerifierInfo>& FurtherVerifiers() {
  static const std::vector<VerifierInfo> list = {
      {"code", "the response's program passes unit tests in a sandbox (docs/sandbox.md)", ""},
      {"exact", "the final answer, or the whole response without one, is the ground truth", ""},
      {"ifeval", "every instruction of IFEval is followed, strictly", "arXiv:2311.07911"},
      {"ifeval_loose", "the same, also where markdown or a first or last line is in the way",
       "arXiv:2311.07911"},
      {"json_schema", "the response is JSON that the schema in the ground truth describes", ""},
      {"plugin", "a shared object of your own (docs/own_reward.md)", ""},
      {"process", "a process of your own, in any language (docs/own_reward.md)", ""},
      {"regex", "the expression in the ground truth matches", ""},
  };
  return list;
}

std::string FurtherVerifierForDataSource(const std::string& data_source) {
  static const std::vector<std::string> code = {"apps",          "code",
                                                "code_contests", "codecontests",
                                                "codeforces",    "humaneval",
                                                "humanevalplus", "livecodebench",
                                                "lcb",           "mbpp",
                                                "mbppplus",      "primeintellect",
                                                "taco",          "verifiable-coding"};
  std::string name = data_source.substr(data_source.rfind('/') + 1);
  std::transform(name.begin(), name.end(), name.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  if (std::find(code.begin(), code.end(), name) != code.end()) return "code";
  return name == "ifeval" ? "ifeval" : "";
}

}  // namespace rlvr
