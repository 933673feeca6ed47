#include "train/recipe_validation.h"

#include <fmt/format.h>

#include <charconv>

#include "base/error.h"
#include "base/size_text.h"

namespace rlvr {
namespace {

// What supposes that a response is all that follows the prompt.
void CheckEnvironment(const Recipe& r, const ConfigNode& root) {
  const auto refuse = [&](bool used, const std::string& key) {
    if (!used) return;
    throw Error(PlaceOf(root, "environment"), key + " does not go with an environment",
                "leave one of them out");
  };
  refuse(r.rollout.strategy.name != "independent", "rollout.strategy " + r.rollout.strategy.name);
  refuse(!r.rollout.sampling_context.before.empty() || !r.rollout.sampling_context.after.empty(),
         "rollout.sampling_context");
  refuse(r.expert.rows > 0, "expert.rows");
  refuse(r.likelihood_reward.kind != "none", "likelihood_reward");
}

}  // namespace

std::string PlaceOf(const ConfigNode& root, const std::string& key) {
  const ConfigNode* node = root.Find(key);
  return node == nullptr || node->place.empty() ? root.place + ": " + key : node->place;
}

void CheckTogether(const Recipe& r, const ConfigNode& root) {
  const auto& overlong = r.reward.overlong;
  const int64_t max_tokens = r.rollout.options.max_tokens;
  if (r.kind == "rl") {
    ValidateStrategy(PlaceOf(root, "rollout"), r.rollout.strategy, r.rollout.group_size,
                     max_tokens);
    if (HasEnvironment(root)) CheckEnvironment(r, root);
    if (r.strategy_judge.name != "rules" && r.strategy_judge.model.empty()) {
      throw Error(PlaceOf(root, "strategy_judge"), "no model is named",
                  r.strategy_judge.name == "model"
                      ? "set model to policy, a folder or an embedded model"
                      : "set model to one that the endpoint serves");
    }
  }
  if (r.lora.on()) {
    const std::string place = PlaceOf(root, "lora");
    if (r.kind == "pretrain")
      throw Error(place, "does not go with kind pretrain", "a new model is trained as a whole");
    if (root.Find("stages") != nullptr && !root.Find("stages")->items.empty())
      throw Error(place, "does not go with stages",
                  "train the stages as runs, each from the model/ of the one before");
    if (r.lora.target_modules.empty())
      throw Error(place, "target_modules is empty",
                  "name some of q_proj, k_proj, v_proj, o_proj, "
                  "gate_proj, up_proj, down_proj");
    if (r.lora.alpha <= 0) throw Error(place, "alpha is 0", "adapters would have no effect");
    CheckTargetModules(r.lora.target_modules, place);
    if (r.reference.update != "none")
      throw Error(place, "does not go with reference.update " + r.reference.update,
                  "the reference would follow the weights without the adapters: leave "
                  "reference.update out, or train every weight");
  }
  if (overlong.name == "soft" && (overlong.buffer < 1 || overlong.buffer > max_tokens)) {
    throw Error(PlaceOf(root, "reward"), fmt::format("overlong.buffer is {}", overlong.buffer),
                fmt::format("the soft punishment needs 1 to rollout.max_tokens = {}", max_tokens));
  }
  if (r.data.group_order == "together" && r.data.group_key.empty()) {
    throw Error(PlaceOf(root, "data"), "group_order is together, and no group_key names families",
                "set data.group_key to an entry of the prompts' extra_info");
  }
  const UnderspecifiedSettings& u = r.data.underspecified;
  if (u.ratio + u.complete >= 1) {
    throw Error(PlaceOf(root, "data"),
                "underspecified.ratio and complete leave no room for the original prompts",
                "their sum must be below 1");
  }
  if (u.max_missing != 0 && u.max_missing < u.min_missing) {
    throw Error(PlaceOf(root, "data"), "underspecified.max_missing is less than min_missing",
                "0: as many as there are");
  }
  if (r.data.orders.paraphrase && r.data.orders.count == 1) {
    throw Error(PlaceOf(root, "data"),
                "orders.paraphrase has nothing to do where orders.count is 1",
                "the first order of a problem is in the data's own words; set count to 2 or more");
  }
  if (r.update.mini_batch_prompts > r.data.prompts_per_step) {
    throw Error(PlaceOf(root, "update"),
                fmt::format("mini_batch_prompts is {}", r.update.mini_batch_prompts),
                fmt::format("at most data.prompts_per_step = {}", r.data.prompts_per_step));
  }
  if (!r.update.activation_memory.empty() && !ParseSize(r.update.activation_memory)) {
    throw Error(PlaceOf(root, "update"),
                "activation_memory is '" + r.update.activation_memory + "'",
                "give bytes, above 0: 2GiB, 500MiB; leave it out for no bound");
  }
  if (r.eval.temperature != 0 && r.eval.temperature < 1e-3) {
    throw Error(PlaceOf(root, "eval"), fmt::format("eval.temperature is {}", r.eval.temperature),
                "0 is greedy; else it must be in [0.001, 1000]");
  }
  for (const std::string& k : r.eval.ks) {
    int number = 0;
    const auto [end, error] = std::from_chars(k.data(), k.data() + k.size(), number);
    if (error != std::errc() || end != k.data() + k.size() || number < 1 || number > r.eval.k) {
      throw Error(PlaceOf(root, "eval"), fmt::format("eval.ks has '{}'", k),
                  fmt::format("numbers from 1 to eval.k = {}: ks: [1, 2, 4]", r.eval.k));
    }
  }
  for (const auto& [section, optimizer] :
       {std::pair("update", &r.update.optimizer), std::pair("critic", &r.critic.optimizer),
        std::pair("process_reward", &r.process_reward.optimizer),
        std::pair("flow_reward", &r.flow_reward.optimizer)}) {
    if (optimizer->beta1 < 1 && optimizer->beta2 < 1) continue;
    throw Error(PlaceOf(root, section), "beta1 and beta2 must be below 1",
                "0.9 and 0.999 are usual");
  }
  FlowLayers(PlaceOf(root, "flow_reward"), r.flow_reward, 1);
  if (r.reference.reset_optimizer && r.reference.update != "copy") {
    throw Error(PlaceOf(root, "reference"), "reset_optimizer goes with update: copy",
                "set reference.update=copy, or leave reset_optimizer out");
  }
  if (r.kind != "pretrain" && r.model.empty()) {
    throw Error(root.place, "no model", "give a Hugging Face folder or a name: model=base_tiny");
  }
  if (r.kind == "pretrain") {
    if (r.architecture.vocab_size == 0 || r.architecture.hidden_size == 0) {
      throw Error(PlaceOf(root, "architecture"), "pretrain needs the model's sizes",
                  "give architecture: vocab_size, hidden_size, num_hidden_layers, ...");
    }
    r.architecture.Validate(PlaceOf(root, "architecture"));
  }
  if (r.name.empty() || r.name.find('/') != std::string::npos || r.name == "." || r.name == "..") {
    throw Error(root.place, "'" + r.name + "' cannot name a run's folder",
                "set name; the folder above it is output");
  }
}

}  // namespace rlvr
