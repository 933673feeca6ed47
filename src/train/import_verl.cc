#include "train/import_verl.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <map>
#include <optional>
#include <set>

#include "base/error.h"
#include "objective/objective.h"
#include "train/key_map.h"

namespace rlvr {
namespace {

// Keys that verl has moved, and what they are called in the table (key_map.h).
const std::pair<const char*, const char*> kOldNames[] = {
    {"reward_model.reward_kwargs.overlong_buffer_cfg.enable",
     "reward_model.overlong_buffer.enable"},
    {"reward_model.reward_kwargs.overlong_buffer_cfg.len", "reward_model.overlong_buffer.len"},
    {"reward_model.reward_kwargs.overlong_buffer_cfg.penalty_factor",
     "reward_model.overlong_buffer.penalty_factor"},
    {"custom_reward_function.overlong_buffer.enable", "reward_model.overlong_buffer.enable"},
    {"custom_reward_function.overlong_buffer.len", "reward_model.overlong_buffer.len"},
    {"custom_reward_function.overlong_buffer.penalty_factor",
     "reward_model.overlong_buffer.penalty_factor"},
    {"actor_rollout_ref.actor.optim.warmup_style",
     "actor_rollout_ref.actor.optim.lr_scheduler_type"},
};

// verl's defaults (verl/trainer/config), of the keys that become something here.
const std::map<std::string, std::string> kDefaults = {
    {"actor_rollout_ref.rollout.dtype", "bfloat16"},
    {"data.train_batch_size", "1024"},
    {"data.max_prompt_length", "512"},
    {"data.max_response_length", "512"},
    {"actor_rollout_ref.rollout.n", "1"},
    {"actor_rollout_ref.rollout.temperature", "1.0"},
    {"reward_model.reward_manager", "naive"},
    {"algorithm.adv_estimator", "gae"},
    {"algorithm.norm_adv_by_std_in_grpo", "true"},
    {"algorithm.gamma", "1.0"},
    {"algorithm.lam", "1.0"},
    {"algorithm.kl_penalty", "kl"},
    {"algorithm.kl_ctrl.kl_coef", "0.001"},
    {"actor_rollout_ref.actor.policy_loss.loss_mode", "vanilla"},
    {"actor_rollout_ref.actor.clip_ratio", "0.2"},
    {"actor_rollout_ref.actor.clip_ratio_c", "3.0"},
    {"actor_rollout_ref.actor.loss_agg_mode", "token-mean"},
    {"actor_rollout_ref.actor.kl_loss_coef", "0.001"},
    {"actor_rollout_ref.actor.kl_loss_type", "low_var_kl"},
    {"actor_rollout_ref.actor.ppo_mini_batch_size", "256"},
    {"actor_rollout_ref.actor.ppo_epochs", "1"},
    {"actor_rollout_ref.actor.optim.lr", "1e-6"},
    {"actor_rollout_ref.actor.optim.weight_decay", "0.01"},
    {"actor_rollout_ref.actor.grad_clip", "1.0"},
    {"critic.optim.lr", "1e-5"},
    {"critic.optim.weight_decay", "0.01"},
    {"critic.cliprange_value", "0.5"},
    {"data.val_max_samples", "-1"},
    {"actor_rollout_ref.rollout.val_kwargs.n", "1"},
    {"actor_rollout_ref.rollout.val_kwargs.temperature", "0"},
    {"actor_rollout_ref.rollout.val_kwargs.do_sample", "false"},
    {"actor_rollout_ref.rollout.val_kwargs.top_p", "1.0"},
    {"trainer.test_freq", "-1"},
    {"trainer.val_before_train", "true"},
    {"trainer.save_freq", "-1"},
};

// In the order of a recipe.
constexpr const char* kSections[] = {"name",        "model",          "compute",   "output",
                                     "seed",        "data",           "rollout",   "reward",
                                     "select",      "reward_shaping", "advantage", "token_weight",
                                     "policy_loss", "regularizer",    "update",    "reference",
                                     "critic",      "eval",           "trainer"};

const MethodDescription* FindMethod(const std::string& stage, const std::string& name) {
  static const std::vector<MethodDescription> methods = DescribeMethods();
  for (const auto& m : methods) {
    if (m.stage == stage && m.name == name) return &m;
  }
  return nullptr;
}
bool Takes(const std::string& stage, const std::string& name, const std::string& parameter) {
  const MethodDescription* m = FindMethod(stage, name);
  return m != nullptr && std::any_of(m->params.begin(), m->params.end(),
                                     [&](const ParamInfo& p) { return p.name == parameter; });
}

// True, None and 1.e-6 as YAML has them; quotes off.
std::string Plain(std::string v) {
  if (v.size() >= 2 && (v.front() == '\'' || v.front() == '"') && v.back() == v.front())
    v = v.substr(1, v.size() - 2);
  if (v == "True") return "true";
  if (v == "False") return "false";
  if (v == "None" || v == "null" || v == "~") return "";
  return v;
}

std::optional<double> Number(const std::string& v) {
  double x = 0;
  const auto [end, error] = std::from_chars(v.data(), v.data() + v.size(), x);
  if (error != std::errc() || end != v.data() + v.size()) return std::nullopt;
  return x;
}

std::string Quoted(const std::string& v) {
  const bool plain = !v.empty() && v.find_first_not_of(
                                       "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRS"
                                       "TUVWXYZ0123456789_./+-") == std::string::npos;
  if (plain && v.front() != '-') return v;
  if (Number(v)) return v;
  std::string out = "\"";
  for (const char c : v) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

// The whole key, not one that begins with it.
bool Mentions(const std::string& text, const std::string& key) {
  for (size_t at = text.find(key); at != std::string::npos; at = text.find(key, at + 1)) {
    const size_t end = at + key.size();
    if (end == text.size() || (text[end] != '_' && text[end] != '.' &&
                               std::isalnum(static_cast<unsigned char>(text[end])) == 0))
      return true;
  }
  return false;
}

class Importer {
 public:
  explicit Importer(const VerlSettings& settings) {
    for (const auto& [key, value] : settings) {
      std::string name = key;
      for (const auto& [old_name, new_name] : kOldNames) {
        if (key == old_name) name = new_name;
      }
      if (given_.count(name) == 0) order_.push_back(name);
      given_[name] = Plain(value);  // the last one counts, as in Hydra
      raw_[name] = value;
      spelled_[name] = key;
    }
  }

  ImportedRecipe Run() {
    RunAndData();
    Reward();
    Advantage();
    PolicyLoss();
    Regularizers();
    Update();
    Evaluation();
    Trainer();
    Same();
    return Finish();
  }

 private:
  // --- verl's side
  bool Given(const std::string& key) const {
    const auto it = given_.find(key);
    return it != given_.end() && !it->second.empty();
  }
  // Given, or verl's default, or "".
  std::string Get(const std::string& key) {
    used_.insert(key);
    if (Given(key)) return given_[key];
    const auto it = kDefaults.find(key);
    return it == kDefaults.end() ? "" : it->second;
  }
  bool True(const std::string& key) { return Get(key) == "true"; }
  int64_t Count(const std::string& key) {
    const std::string v = Get(key);
    const auto x = Number(v);
    if (!x || *x != static_cast<double>(static_cast<int64_t>(*x))) {
      throw Error(key, "'" + v + "' is no whole number", "give it as verl takes it");
    }
    return static_cast<int64_t>(*x);
  }
  // "the keys" for a comment.
  std::string From(const std::vector<std::string>& keys) const {
    std::vector<std::string> given, defaults;
    for (const std::string& key : keys) {
      const bool is_given = Given(key);
      if (!is_given && kDefaults.count(key) == 0) continue;
      const std::string& name = is_given ? spelled_.at(key) : key;
      std::vector<std::string>& names = is_given ? given : defaults;
      if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
    }
    std::string text = fmt::format("{}", fmt::join(given, ", "));
    if (!defaults.empty())
      text +=
          fmt::format("{}verl's default: {}", given.empty() ? "" : "; ", fmt::join(defaults, ", "));
    return text;
  }

  // --- the recipe's side
  void Set(const std::string& ours, const std::string& value, const std::string& comment) {
    const size_t dot = ours.find('.');
    lines_[ours.substr(0, dot)].push_back(
        {dot == std::string::npos ? "" : ours.substr(dot + 1), value, comment});
  }
  void NotHere(const std::string& key, const std::string& why) {
    used_.insert(key);
    if (Given(key))
      result_.not_here.push_back(fmt::format("{}={}  # {}", spelled_[key], raw_[key], why));
  }
  // A value that goes over as it is; nothing if neither given nor a default.
  void Copy(const std::string& key, const std::string& ours) {
    const std::string value = Get(key);
    if (!value.empty()) Set(ours, Quoted(value), From({key}));
  }
  // verl's -1 is our 0.
  void CopyOff(const std::string& key, const std::string& ours) {
    const std::string value = Get(key);
    if (!value.empty()) Set(ours, value == "-1" ? "0" : Quoted(value), From({key}));
  }

  void RunAndData();
  void Reward();
  void Advantage();
  void PolicyLoss();
  void Regularizers();
  void Update();
  void Evaluation();
  void Trainer();
  void Same();
  ImportedRecipe Finish();

  std::vector<std::string> order_;
  std::map<std::string, std::string> given_, raw_, spelled_;
  std::set<std::string> used_;
  struct Line {
    std::string key, value, comment;
  };
  std::map<std::string, std::vector<Line>> lines_;  // by section
  ImportedRecipe result_;
};

void Importer::RunAndData() {
  if (Given("trainer.experiment_name")) {
    std::string name = Get("trainer.experiment_name");
    std::replace(name.begin(), name.end(), '/', '_');
    Set("name", Quoted(name), From({"trainer.experiment_name"}));
  }
  const std::string dtype = Get("actor_rollout_ref.rollout.dtype");
  if (dtype == "bfloat16" || dtype == "float32") {
    Set("compute", dtype == "float32" ? "fp32" : "bf16", From({"actor_rollout_ref.rollout.dtype"}));
  } else {
    NotHere("actor_rollout_ref.rollout.dtype", "compute is bf16 or fp32");
  }
  for (const auto& [key, ours] : {std::pair("data.train_files", "data.train"),
                                  std::pair("data.val_files", "data.validation")}) {
    const std::string value = Get(key);
    if (value.empty()) continue;
    Set(ours, value.front() == '[' ? value : Quoted(value), From({key}));
  }
  Copy("data.train_batch_size", "data.prompts_per_step");
  Copy("data.max_prompt_length", "data.max_prompt_tokens");
  Copy("data.filter_overlong_prompts", "data.filter_overlong_prompts");
  Copy("data.prompt_key", "data.columns.prompt");
  Copy("data.reward_fn_key", "data.columns.data_source");
  const std::string kwargs = "data.apply_chat_template_kwargs.";
  for (const std::string& key : order_) {
    if (key.starts_with(kwargs))
      Copy(key, "data.chat_template_kwargs." + key.substr(kwargs.size()));
  }
  Copy("data.truncation", "data.truncation");
  Copy("actor_rollout_ref.rollout.n", "rollout.group_size");
  Copy("data.max_response_length", "rollout.max_tokens");
  Copy("actor_rollout_ref.rollout.temperature", "rollout.temperature");
  CopyOff("actor_rollout_ref.rollout.top_k", "rollout.top_k");
}

void Importer::Reward() {
  // Verifiers here say right or wrong; verl's scorer of a data source gives the numbers.
  const bool dapo = Get("reward_model.reward_manager") == "dapo";
  Set("reward.correct", "1", "");
  Set("reward.wrong", dapo ? "-1" : "0",
      From({"reward_model.reward_manager"}) +
          (dapo ? "; as verl scores math_dapo, -1" : "; as verl scores gsm8k and MATH, 0"));
  const std::string buffer = "reward_model.overlong_buffer.";
  if (True(buffer + "enable")) {
    Set("reward.overlong.name", "soft", From({buffer + "enable"}));
    Copy(buffer + "len", "reward.overlong.buffer");
    Copy(buffer + "penalty_factor", "reward.overlong.penalty_factor");
  } else {
    for (const char* key : {"len", "penalty_factor"})
      NotHere(buffer + key, "overlong_buffer.enable is false");
  }
  const std::string filter = "algorithm.filter_groups.", rounds = filter + "max_num_gen_batches";
  if (True(filter + "enable")) {
    const std::string cap = Given(rounds) ? Get(rounds) : "0";
    Set("select",
        fmt::format("{{name: dynamic_sampling, max_rounds: {}}}", cap == "0" ? "1000000" : cap),
        From({filter + "enable", rounds}) + (cap == "0" ? "; no limit" : ""));
    const std::string metric = Get(filter + "metric");
    if (metric != "acc" && !metric.empty())
      NotHere(filter + "metric", "groups are kept by right and wrong answers (acc)");
  } else {
    Set("select", "{name: none}", From({filter + "enable"}));
    for (const char* key : {"max_num_gen_batches", "metric"})
      NotHere(filter + key, "filter_groups.enable is false");
  }
}

void Importer::Advantage() {
  const std::string estimator = Get("algorithm.adv_estimator");
  std::vector<std::string> from = {"algorithm.adv_estimator"};
  std::string name = estimator;
  if (estimator == "grpo") {
    from.emplace_back("algorithm.norm_adv_by_std_in_grpo");
    name = True("algorithm.norm_adv_by_std_in_grpo") ? "group_normalized" : "group_centered";
  }
  if (estimator == "gpg") name = "group_centered";
  std::string node = "{name: " + name;
  for (const auto& [key, parameter] :
       {std::pair("algorithm.gamma", "gamma"), std::pair("algorithm.lam", "lambda")}) {
    if (!Takes("advantage", name, parameter)) {
      NotHere(key, name + " has none");
      continue;
    }
    node += fmt::format(", {}: {}", parameter, Get(key));
    from.emplace_back(key);
  }
  const bool known = FindMethod("advantage", name) != nullptr;
  Set("advantage", node + "}",
      From(from) + (known ? "" : "; NOT HERE: choose another (docs/methods.md)"));
  const std::vector<std::string> critic = {"critic.optim.lr",   "critic.optim.weight_decay",
                                           "critic.grad_clip",  "critic.cliprange_value",
                                           "critic.model.path", "trainer.critic_warmup"};
  const std::vector<std::string> ours = {"critic.optimizer.lr",
                                         "critic.optimizer.weight_decay",
                                         "critic.optimizer.grad_clip",
                                         "critic.cliprange_value",
                                         "critic.model",
                                         "critic.warmup_steps"};
  for (size_t i = 0; i < critic.size(); ++i) {
    if (name == "gae") {
      Copy(critic[i], ours[i]);
    } else {
      NotHere(critic[i], name + " has no critic");
    }
  }
}

void Importer::PolicyLoss() {
  const std::string actor = "actor_rollout_ref.actor.", mode_key = actor + "policy_loss.loss_mode";
  const std::string mode = Get(mode_key);
  static const std::map<std::string, std::string> kNames = {
      {"vanilla", "decoupled_clip"}, {"clip_cov", "decoupled_clip"}, {"geo_mean", "gmpo"}};
  const auto renamed = kNames.find(mode);
  const std::string name = renamed == kNames.end() ? mode : renamed->second;
  std::vector<std::string> from = {mode_key};
  std::string node = "{name: " + name;
  // clip_ratio stands for both bounds where they have none.
  const auto bound = [&](const std::string& side) {
    const std::string key = actor + "clip_ratio_" + side;
    from.push_back(Given(key) ? key : actor + "clip_ratio");
    const std::string both = Get(actor + "clip_ratio"), own = Get(key);
    return own.empty() ? both : own;
  };
  for (const char* side : {"low", "high"}) {
    const std::string parameter = std::string("eps_") + side;
    if (Takes("policy_loss", name, parameter)) {
      node += fmt::format(", {}: {}", parameter, bound(side));
    } else {
      NotHere(actor + "clip_ratio_" + side, name + " has no such bound");
    }
  }
  if (Takes("policy_loss", name, "clip_ratio_c")) {
    from.push_back(actor + "clip_ratio_c");
    node += ", clip_ratio_c: " + Get(actor + "clip_ratio_c");
  } else {
    NotHere(actor + "clip_ratio_c", name + " has no dual clip");
  }
  // use_token_level_loss is what loss_agg_mode was called first.
  const std::string first = actor + "use_token_level_loss", agg_key = actor + "loss_agg_mode";
  std::string agg = Get(agg_key);
  if (Given(first) && !Given(agg_key)) agg = True(first) ? "token-mean" : "seq-mean-token-mean";
  used_.insert(first);
  from.push_back(Given(first) ? first : agg_key);
  static const std::map<std::string, std::string> kAggregates = {
      {"token-mean", "token_mean"},
      {"seq-mean-token-mean", "seq_mean_token_mean"},
      {"seq-mean-token-sum", "seq_mean_token_sum"},
      {"seq-mean-token-sum-norm", "token_sum_norm"}};
  if (mode == "gspo") agg = "seq-mean-token-mean";  // whatever loss_agg_mode says
  const auto aggregate = kAggregates.find(agg);
  node += ", aggregate: " + (aggregate == kAggregates.end() ? agg : aggregate->second);
  const std::string factor = actor + "loss_scale_factor";
  if (agg == "seq-mean-token-sum-norm") {
    node += ", constant: " + (Given(factor) ? Get(factor) : Get("data.max_response_length"));
    from.push_back(factor);
  } else {
    NotHere(factor, "loss_agg_mode " + agg + " has none");
  }
  const bool known = FindMethod("policy_loss", name) != nullptr;
  Set("policy_loss", node + "}",
      From(from) + (known ? "" : "; NOT HERE: choose another (docs/methods.md)"));
  if (mode != "clip_cov") return;
  std::string weight =
      fmt::format("[{{name: clip_cov, eps_low: {}, eps_high: {}", bound("low"), bound("high"));
  std::vector<std::string> weight_from = {mode_key};
  for (const char* parameter : {"ratio", "lb", "ub"}) {
    const std::string key = actor + "policy_loss.clip_cov_" + parameter;
    const std::string value = Get(key);
    if (value.empty()) continue;
    weight += fmt::format(", {}: {}", parameter, value);
    weight_from.push_back(key);
  }
  Set("token_weight", weight + "}]", From(weight_from));
}

void Importer::Regularizers() {
  const std::string actor = "actor_rollout_ref.actor.";
  std::vector<std::string> items, from;
  const std::string entropy = actor + "entropy_coeff", coefficient = Get(entropy);
  from = {entropy, actor + "use_kl_loss"};
  if (Number(coefficient).value_or(0) != 0)
    items.push_back(fmt::format("{{name: entropy_bonus, coefficient: {}}}", coefficient));
  if (True(actor + "use_kl_loss")) {
    static const std::map<std::string, std::string> kKinds = {{"low_var_kl", "k3"}, {"k3", "k3"},
                                                              {"kl", "k1"},         {"k1", "k1"},
                                                              {"mse", "k2"},        {"k2", "k2"}};
    const std::string type = Get(actor + "kl_loss_type");
    const auto kind = kKinds.find(type);
    items.push_back(fmt::format("{{name: kl, beta: {}, kind: {}}}", Get(actor + "kl_loss_coef"),
                                kind == kKinds.end() ? type : kind->second));
    for (const char* key : {"kl_loss_coef", "kl_loss_type"}) from.push_back(actor + key);
  } else {
    for (const char* key : {"kl_loss_coef", "kl_loss_type"})
      NotHere(actor + key, "use_kl_loss is false");
  }
  Set("regularizer", fmt::format("[{}]", fmt::join(items, ", ")), From(from));
  const std::string use = "algorithm.use_kl_in_reward", coef = "algorithm.kl_ctrl.kl_coef";
  if (True(use)) {
    Set("reward_shaping", fmt::format("[{{name: kl_penalty, beta: {}}}]", Get(coef)),
        From({use, coef}) + (FindMethod("reward_shaping", "kl_penalty") == nullptr
                                 ? "; NOT HERE: use a regularizer"
                                 : ""));
    if (Get("algorithm.kl_penalty") != "kl") NotHere("algorithm.kl_penalty", "as kl");
  } else {
    NotHere(coef, "use_kl_in_reward is false");
    NotHere("algorithm.kl_penalty", "use_kl_in_reward is false");
  }
  if (Given("actor_rollout_ref.ref.model.path"))
    Copy("actor_rollout_ref.ref.model.path", "reference.model");
}

void Importer::Update() {
  const std::string actor = "actor_rollout_ref.actor.", optim = actor + "optim.";
  const int64_t prompts = Count("data.train_batch_size"), epochs = Count(actor + "ppo_epochs");
  const int64_t mini = std::min(prompts, Count(actor + "ppo_mini_batch_size"));
  Set("update.mini_batch_prompts", std::to_string(mini), From({actor + "ppo_mini_batch_size"}));
  Copy(actor + "ppo_epochs", "update.epochs");
  if (Given(actor + "ppo_max_token_len_per_gpu"))
    Copy(actor + "ppo_max_token_len_per_gpu", "update.micro_batch_tokens");
  for (const auto& [key, ours] :
       {std::pair("lr", "update.lr"), std::pair("weight_decay", "update.weight_decay")})
    Copy(optim + key, ours);
  Copy(actor + "grad_clip", "update.grad_clip");
  const std::string betas = optim + "betas", both = Get(betas);
  if (const size_t comma = both.find(','); both.size() > 2 && comma != std::string::npos) {
    const auto trimmed = [](std::string v) {
      v.erase(0, v.find_first_not_of(' '));
      return v;
    };
    Set("update.beta1", trimmed(both.substr(1, comma - 1)), From({betas}));
    Set("update.beta2", trimmed(both.substr(comma + 1, both.size() - comma - 2)), From({betas}));
  }
  // verl steps its schedule once a training step, we once an optimizer step.
  const int64_t updates = epochs * ((prompts + mini - 1) / mini);
  const std::string steps = optim + "lr_warmup_steps", ratio = optim + "lr_warmup_steps_ratio";
  const std::string total = "trainer.total_training_steps";
  if (Given(steps) && Count(steps) > 0) {
    Set("update.warmup_steps", std::to_string(Count(steps) * updates),
        fmt::format("{}, times {} updates of a step", From({steps}), updates));
    NotHere(ratio, "lr_warmup_steps is given");
  } else if (Given(ratio) && Number(Get(ratio)).value_or(0) > 0) {
    used_.insert(steps);
    if (Given(total)) {
      const double warmup = *Number(Get(ratio)) * static_cast<double>(Count(total));
      Set("update.warmup_steps", std::to_string(static_cast<int64_t>(warmup) * updates),
          fmt::format("{} of {} steps, times {} updates of a step", From({ratio}), Get(total),
                      updates));
    } else {
      NotHere(ratio, "set update.warmup_steps: this share of all optimizer steps");
    }
  } else {
    used_.insert(steps);
    used_.insert(ratio);
  }
  const std::string schedule = optim + "lr_scheduler_type";
  if (Given(schedule)) Copy(schedule, "update.schedule");
  if (Given(optim + "min_lr_ratio")) Copy(optim + "min_lr_ratio", "update.min_lr_ratio");
}

void Importer::Evaluation() {
  const std::string val = "actor_rollout_ref.rollout.val_kwargs.";
  CopyOff("data.val_max_samples", "eval.prompts");
  Copy(val + "n", "eval.k");
  if (True(val + "do_sample")) {
    Copy(val + "temperature", "eval.temperature");
    Copy(val + "top_p", "eval.top_p");
  } else {
    Set("eval.temperature", "0", From({val + "do_sample"}) + ": greedy");
    for (const char* key : {"temperature", "top_p"}) NotHere(val + key, "do_sample is false");
  }
  CopyOff("trainer.test_freq", "eval.every");
  Copy("trainer.val_before_train", "eval.before");
}

void Importer::Trainer() {
  const std::string steps = "trainer.total_training_steps", epochs = "trainer.total_epochs";
  if (Given(steps)) {
    Copy(steps, "trainer.steps");
    NotHere(epochs, "total_training_steps is given");
  } else {
    Set("trainer.steps", "100",
        fmt::format("SET THIS: {} x prompts in data.train / {}",
                    Given(epochs) ? "trainer.total_epochs " + Get(epochs) : "epochs",
                    Get("data.train_batch_size")));
    used_.insert(epochs);
  }
  CopyOff("trainer.save_freq", "trainer.checkpoint_every");
}

// The rest of the table: keys whose values go over as they are.
void Importer::Same() {
  for (const KeyMapping& mapping : KeyMap()) {
    const std::string key(mapping.verl), ours(mapping.ours), how(mapping.how);
    if (key.empty() || !Given(key) || used_.count(key) != 0) continue;
    const bool plain = how.empty() || how == "memory and speed only" || ours == "model" ||
                       ours == "output" || ours == "seed";
    if (ours.empty()) {
      NotHere(key, how);
    } else if (plain && ours.find('[') == std::string::npos) {
      Copy(key, ours);
    } else {
      NotHere(key, "set " + ours + (how.empty() ? "" : ": " + how));
    }
  }
}

ImportedRecipe Importer::Finish() {
  for (const std::string& key : order_) {
    if (used_.count(key) == 0 && Given(key))
      result_.unknown.push_back(fmt::format("{}={}", spelled_[key], raw_[key]));
  }
  std::string& out = result_.yaml;
  out =
      "# Imported from a configuration of verl; each comment names the key that a value is from.\n";
  const auto commented = [](const std::string& comment) {
    return comment.empty() ? "\n" : "  # " + comment + "\n";
  };
  for (const char* section : kSections) {
    const auto it = lines_.find(section);
    if (it == lines_.end()) continue;
    if (it->second.size() == 1 && it->second[0].key.empty()) {
      out += fmt::format("{}: {}", section, it->second[0].value) + commented(it->second[0].comment);
      continue;
    }
    out += fmt::format("{}:\n", section);
    std::string map;  // of the section, that is open
    for (const Line& line : it->second) {
      const size_t dot = line.key.find('.');
      const std::string inner = dot == std::string::npos ? "" : line.key.substr(0, dot);
      if (inner != map && !inner.empty()) out += fmt::format("  {}:\n", inner);
      map = inner;
      out += fmt::format("{}{}: {}", inner.empty() ? "  " : "    ",
                         inner.empty() ? line.key : line.key.substr(dot + 1), line.value) +
             commented(line.comment);
    }
  }
  const auto list = [&](const char* title, const std::vector<std::string>& keys) {
    if (keys.empty()) return;
    out += fmt::format("\n# {}\n", title);
    for (const std::string& key : keys) out += "#   " + key + "\n";
  };
  std::vector<std::string> so_anyway;
  for (const std::string& key : order_) {
    const std::string &name = spelled_[key], setting = name + "=" + raw_[key];
    const auto listed = [&](const std::vector<std::string>& keys) {
      return std::any_of(keys.begin(), keys.end(),
                         [&](const std::string& k) { return k.starts_with(setting); });
    };
    if (!Mentions(out, name) && !listed(result_.not_here) && !listed(result_.unknown))
      so_anyway.push_back(setting);
  }
  list("So without a key", so_anyway);
  list("Nothing here corresponds to", result_.not_here);
  list("Unknown keys, not imported:", result_.unknown);
  return result_;
}

}  // namespace

ImportedRecipe ImportVerl(const VerlSettings& settings) { return Importer(settings).Run(); }

}  // namespace rlvr
