#include "verify/plugin/plugin_verifier.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <array>
#include <cmath>
#include <cstring>

#include "base/error.h"
#include "verify/plugin/reward_plugin.h"

namespace rlvr {
namespace {

rlvr_text TextOf(std::string_view text) { return {text.data(), text.size()}; }

template <size_t n>
std::string TextIn(const char (&text)[n]) {
  return std::string(text, strnlen(text, n));
}

class PluginVerifier : public Verifier {
 public:
  explicit PluginVerifier(const PluginSettings& settings)
      : place_("reward.plugin: " + settings.file) {
    if (settings.file.empty())
      throw Error("reward.plugin.file", "the reward `plugin` needs a shared object",
                  "name it: plugin: {file: ./libmine.so}");
    // Without a slash the loader would look in its own folders only.
    const bool has_folder = settings.file.find('/') != std::string::npos;
    const std::string path = has_folder ? settings.file : "./" + settings.file;
    library_ = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (library_ == nullptr)
      throw Error(place_, dlerror(), "build it with g++ -shared -fPIC, see docs/own_reward.md");
    try {
      Open(settings.options);
    } catch (...) {
      dlclose(library_);
      throw;
    }
  }
  ~PluginVerifier() override {
    plugin_->destroy(object_);
    dlclose(library_);
  }
  PluginVerifier(const PluginVerifier&) = delete;
  PluginVerifier& operator=(const PluginVerifier&) = delete;

  Judgement Judge(std::string_view response, std::string_view ground_truth) const override {
    JudgedPrompt prompt;
    prompt.ground_truth = ground_truth;
    return JudgePrompt(prompt, response);
  }

  Judgement JudgePrompt(const JudgedPrompt& prompt, std::string_view response) const override {
    std::vector<rlvr_text> roles, contents;
    for (const auto& [role, content] : prompt.messages) {
      roles.push_back(TextOf(role));
      contents.push_back(TextOf(content));
    }
    const rlvr_reward_request request = {
        .roles = roles.data(),
        .contents = contents.data(),
        .num_messages = roles.size(),
        .response = TextOf(response),
        .ground_truth = TextOf(prompt.ground_truth),
        .data_source = TextOf(prompt.data_source),
        .extra_info = TextOf(prompt.extra_info),
    };
    rlvr_reward_reply reply{};
    plugin_->judge(object_, &request, &reply);
    Judgement j;
    j.reason = TextIn(reply.reason);
    if (reply.verdict < RLVR_RIGHT || reply.verdict > RLVR_BROKEN || !std::isfinite(reply.score))
      return {Verdict::kBroken, "", "the plug-in's verdict or score is none"};
    j.verdict = static_cast<Verdict>(reply.verdict);
    static_assert(static_cast<int>(Verdict::kBroken) == RLVR_BROKEN);
    j.answer = TextIn(reply.answer);
    if (j.verdict == Verdict::kRight || j.verdict == Verdict::kWrong) j.score = reply.score;
    for (int i = 0; i < std::min(reply.num_metrics, RLVR_REWARD_PLUGIN_METRICS); ++i)
      j.metrics.emplace_back(TextIn(reply.metrics[i].name), reply.metrics[i].value);
    return j;
  }

 private:
  void Open(const std::string& options) {
    using Entry = const rlvr_reward_plugin* (*)();
    const auto entry = reinterpret_cast<Entry>(dlsym(library_, "rlvr_reward_plugin_entry"));
    if (entry == nullptr)
      throw Error(place_, "it has no function rlvr_reward_plugin_entry",
                  "write RLVR_REWARD_PLUGIN(YourClass) in it, see docs/own_reward.md");
    plugin_ = entry();
    if (plugin_ == nullptr || plugin_->version != RLVR_REWARD_PLUGIN_VERSION)
      throw Error(
          place_,
          fmt::format("it speaks version {} of the interface, this program {}",
                      plugin_ == nullptr ? 0 : plugin_->version, RLVR_REWARD_PLUGIN_VERSION),
          "build it again with this version's reward_plugin.h");
    std::array<char, RLVR_REWARD_PLUGIN_TEXT> error{};
    object_ = plugin_->make(options.c_str(), error.data());
    error.back() = '\0';
    if (object_ == nullptr)
      throw Error(place_, std::string("it cannot begin: ") + error.data(),
                  "see reward.plugin.options");
  }

  const std::string place_;
  void* library_ = nullptr;
  const rlvr_reward_plugin* plugin_ = nullptr;
  void* object_ = nullptr;
};

}  // namespace

std::unique_ptr<Verifier> MakePluginVerifier(const PluginSettings& settings) {
  return std::make_unique<PluginVerifier>(settings);
}

}  // namespace rlvr
