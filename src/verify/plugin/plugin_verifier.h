// Rewards from shared objects (reward_plugin.h).
#ifndef RLVR_VERIFY_PLUGIN_PLUGIN_VERIFIER_H_
#define RLVR_VERIFY_PLUGIN_PLUGIN_VERIFIER_H_
#include <memory>
#include <string>

#include "verify/verify.h"

namespace rlvr {

struct PluginSettings {  // reward.plugin
  std::string file;      // a shared object
  std::string options;   // text that it is given

  template <class Visitor>
  void Params(Visitor& p) {
    p("file", file);
    p("options", options);
  }
};

// Throws Error where the file is no such object, or speaks another version.
std::unique_ptr<Verifier> MakePluginVerifier(const PluginSettings& settings);

}  // namespace rlvr
#endif  // RLVR_VERIFY_PLUGIN_PLUGIN_VERIFIER_H_
