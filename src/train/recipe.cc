#include "train/recipe.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <limits>
#include <map>
#include <set>

#include "base/error.h"
#include "base/file.h"
#include "base/suggest.h"
#include "env/environment.h"
#include "eval/lost_in_conversation.h"
#include "objective/aggregate.h"
#include "objective/coefficient.h"
#include "objective/objective.h"
#include "train/curriculum.h"
#include "verify/reward_term.h"

namespace rlvr {
namespace {

namespace fs = std::filesystem;

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr int64_t kMany = int64_t{1} << 40;

// The visitors of the one list of keys below. Each has operator() for a key with its value and
// range, Map for a section, Method for a section that is one method chosen by its `name`, and Stage
// for a method of src/objective, which reads its own keys; both are given the name by default.

class FieldReader {
 public:
  FieldReader(const ConfigNode* node, const std::string& where)
      : reader_(node, where), where_(where) {}
  template <class... Arguments>
  void operator()(const char* key, Arguments&&... arguments) {
    reader_(key, std::forward<Arguments>(arguments)...);
  }
  template <class Body>
  void Map(const char* key, Body body) {
    FieldReader inner(reader_.Child(key), where_.empty() ? key : where_ + "." + key);
    body(inner);
    inner.Done();
  }
  template <class Body>
  void Method(const char* key, const char*, Body body) {
    Map(key, body);
  }
  void Stage(const char* key, const char*) { reader_.Known(key); }
  void Done() const { reader_.Done(); }

 private:
  ConfigReader reader_;
  std::string where_;
};

ConfigNode Scalar(std::string text) {
  ConfigNode node;
  node.kind = ConfigNode::Kind::kScalar;
  node.scalar = std::move(text);
  return node;
}

class FieldWriter {
 public:
  FieldWriter(ConfigNode* out, const ConfigNode* given) : out_(out), given_(given) {
    out_->kind = ConfigNode::Kind::kMap;
  }
  template <class Value, class... Range>
  void operator()(const char* key, const Value& value, Range&&...) {
    if constexpr (std::is_same_v<Value, std::vector<std::string>>) {
      ConfigNode list;
      list.kind = ConfigNode::Kind::kList;
      for (const auto& item : value) list.items.push_back(Scalar(item));
      out_->Set(key, std::move(list));
    } else {
      out_->Set(key, Scalar(fmt::format("{}", value)));
    }
  }
  template <class Body>
  void Map(const char* key, Body body) {
    ConfigNode map;
    FieldWriter inner(&map, given_ == nullptr ? nullptr : given_->Find(key));
    body(inner);
    out_->Set(key, std::move(map));
  }
  template <class Body>
  void Method(const char* key, const char*, Body body) {
    Map(key, body);
  }
  void Stage(const char* key, const char* default_name);

 private:
  ConfigNode* out_;
  const ConfigNode* given_;
};

// Which sections hold a method: of those, a recipe that names another one inherits nothing.
class MethodFinder {
 public:
  explicit MethodFinder(MethodSections* out, std::string where = "")
      : out_(out), where_(std::move(where)) {}
  template <class... Arguments>
  void operator()(const char*, Arguments&&...) {}
  template <class Body>
  void Map(const char* key, Body body) {
    MethodFinder inner(out_, where_ + key + ".");
    body(inner);
  }
  template <class Body>
  void Method(const char* key, const char* default_name, Body) {
    Stage(key, default_name);
  }
  void Stage(const char* key, const char* default_name) { (*out_)[where_ + key] = default_name; }

 private:
  MethodSections* out_;
  std::string where_;
};

// Every key with its default and range, for docs/recipes.md.
class KeyLister {
 public:
  explicit KeyLister(std::vector<RecipeKey>* out, std::string where = "")
      : out_(out), where_(std::move(where)) {}
  template <class Value, class Number>
  void operator()(const char* key, const Value& value, Number low, Number high) {
    const bool open = static_cast<double>(high) >= static_cast<double>(kMany) ||
                      high == std::numeric_limits<Number>::max();
    Add(key, fmt::format("{}", value),
        open && static_cast<double>(low) <= -static_cast<double>(kMany) ? "a number"
        : open ? fmt::format("from {}", low)
               : fmt::format("{} to {}", low, high));
  }
  void operator()(const char* key, const bool& value) {
    Add(key, value ? "true" : "false", "true, false");
  }
  void operator()(const char* key, const std::string& value) { Add(key, value, "text"); }
  void operator()(const char* key, const std::vector<std::string>&) {
    Add(key, "[]", "list of texts");
  }
  void operator()(const char* key, const std::string& value,
                  const std::vector<std::string>& choices) {
    Add(key, value, fmt::format("{}", fmt::join(choices, ", ")));
  }
  template <class Body>
  void Map(const char* key, Body body) {
    KeyLister inner(out_, where_ + key + ".");
    body(inner);
  }
  template <class Body>
  void Method(const char* key, const char*, Body body) {
    Map(key, body);
  }
  void Stage(const char* key, const char* default_name) { Add(key, default_name, "stage"); }

 private:
  void Add(const char* key, std::string value, std::string range) {
    out_->push_back({where_ + key, std::move(value), std::move(range)});
  }
  std::vector<RecipeKey>* out_;
  std::string where_;
};

// A stage's node as given, and the defaults of the parameters that it leaves out.
ConfigNode WithDefaults(const std::string& stage, ConfigNode node) {
  if (node.kind == ConfigNode::Kind::kList) {
    for (auto& item : node.items) item = WithDefaults(stage, std::move(item));
    return node;
  }
  if (node.Find("name") == nullptr) return node;
  const std::string name = node.Find("name")->scalar;  // a copy: Set below moves the items
  for (const auto& method : DescribeMethods()) {
    if (method.stage != stage || method.name != name) continue;
    for (const auto& param : method.params) {
      if (node.Find(param.name) == nullptr)
        node.Set(param.name, ParseConfig(param.default_value, stage));
    }
  }
  return node;
}

void FieldWriter::Stage(const char* key, const char* default_name) {
  const ConfigNode* given = given_ == nullptr ? nullptr : given_->Find(key);
  ConfigNode node = given == nullptr ? ConfigNode{} : *given;
  if (node.kind == ConfigNode::Kind::kNull) {
    node.kind = *default_name ? ConfigNode::Kind::kMap : ConfigNode::Kind::kList;
  }
  if (node.kind == ConfigNode::Kind::kMap && node.Find("name") == nullptr) {
    node.Set("name", Scalar(default_name));
  }
  node = WithDefaults(key, std::move(node));
  if (std::string(key) == "policy_loss" && node.Find("aggregate") == nullptr) {
    node.Set("aggregate", Scalar(Aggregate().mode));
  }
  out_->Set(key, std::move(node));
}

const std::vector<std::string> kKinds = {"rl", "pretrain", "sft"};
const std::vector<std::string> kComputes = {"fp32", "bf16"};
const std::vector<std::string> kSchedules = {"constant", "linear", "cosine"};
const std::vector<std::string> kGroupOrders = {"mixed", "together"};
const std::vector<std::string> kAdmissions = {"mixed", "right", "all"};
const std::vector<std::string> kReferenceUpdates = {"none", "ema", "copy"};
const std::vector<std::string> kProcessReferences = {"reference", "policy"};
const std::vector<std::string> kProcessUpdates = {"none", "before", "after"};
const std::vector<std::string> kFlowTimes = {"logit_normal", "score"};
const std::vector<std::string> kEvalProtocols = {"none", "lost_in_conversation"};
const std::vector<std::string> kFlowNorms = {"minmax", "bilateral"};
const std::vector<std::string> kStrategies = {"independent", "branch", "tree"};
const std::vector<std::string> kBranchAt = {"entropy", "random", "even"};
const std::vector<std::string> kPrefixes = {"once", "per_trajectory"};
const std::vector<std::string> kBacktracks = {"frontier", "uct"};
const std::vector<std::string> kDepthBonuses = {"sqrt", "log", "linear"};
const std::vector<std::string> kTokenTemperatures = {"none", "hapo"};
const std::vector<std::string> kNegatives = {"released", "intended"};
const std::vector<std::string> kLikelihoods = {"none", "logp",      "mean_logp",
                                               "prob", "mean_prob", "jepo"};
const std::vector<std::string> kLikelihoodAnswers = {"ground_truth", "target"};
const std::vector<std::string> kTurnGains = {"none", "prob", "logp"};
const std::vector<std::string> kIllocutions = {"none", "icpo", "icpo_illocution"};
const std::vector<std::string> kOverlongs = {"none", "filter", "soft"};

template <class Fields>
void VisitOptimizer(OptimizerSettings& o, Fields& p) {
  p("lr", o.lr, 0.0, 1e3);
  p("beta1", o.beta1, 0.0, 1.0);
  p("beta2", o.beta2, 0.0, 1.0);
  p("eps", o.eps, 0.0, 1.0);
  p("weight_decay", o.weight_decay, 0.0, 1e3);
  p("grad_clip", o.grad_clip, 0.0, kInfinity);
  p("warmup_steps", o.warmup_steps, int64_t{0}, kMany);
  p("schedule", o.schedule, kSchedules);
  p("min_lr_ratio", o.min_lr_ratio, 0.0, 1.0);
}

// The parameters of the named strategy only, so that another's are unknown keys.
template <class Fields>
void VisitStrategy(StrategySettings& s, Fields& p) {
  p("name", s.name, kStrategies);
  if (s.name == "branch") {
    BranchSettings& b = s.branch;
    p("at", b.at, kBranchAt);
    p("first", b.first, 1, 1 << 20);
    p("branches", b.branches, 1, 1 << 20);
    p("cuts", b.cuts, 1, 1 << 20);
    if (b.at != "even") {
      p("top_k", b.top_k, 1, 1 << 20);
      p("min_characters", b.min_characters, 0, 1 << 20);
    }
    p("prefix", b.prefix, kPrefixes);
  } else if (s.name == "tree") {
    SearchSettings& t = s.tree;
    p("max_depth", t.max_depth, 1, 1 << 20);
    p("width", t.width, 1, 1 << 20);
    p("lambda", t.lambda, 0.0, kInfinity);
    p("backtrack", t.backtrack, kBacktracks);
    p("depth_bonus", t.depth_bonus, kDepthBonuses);
    p("uncertainty", t.uncertainty);
    p("lambda1", t.lambda1, 0.0, kInfinity);
    p("lambda2", t.lambda2, 0.0, kInfinity);
    p("lambda3", t.lambda3, 0.0, kInfinity);
    p("lambda4", t.lambda4, 0.0, kInfinity);
    p("min_weight", t.min_weight, 0.0, 1.0);
    p("incomplete_value", t.incomplete_value, -1.0, 0.0);
    p("deterministic", t.deterministic);
  }
}

// Every key of a recipe with its range: the one list that serves reading and writing.
template <class Fields>
void Visit(Recipe& r, int64_t& seed, Fields& f) {
  f("kind", r.kind, kKinds);
  f("name", r.name);
  f("model", r.model);
  f("compute", r.compute, kComputes);
  f("output", r.output);
  f("seed", seed, int64_t{0}, std::numeric_limits<int64_t>::max());
  f("threads", r.threads, 0, 4096);
  f.Map("architecture", [&](auto& p) {
    ModelConfig& a = r.architecture;
    p("vocab_size", a.vocab_size, int64_t{0}, int64_t{1} << 24);
    p("hidden_size", a.hidden_size, int64_t{0}, int64_t{1} << 20);
    p("num_hidden_layers", a.num_hidden_layers, int64_t{0}, int64_t{4096});
    p("num_attention_heads", a.num_attention_heads, int64_t{0}, int64_t{4096});
    p("num_key_value_heads", a.num_key_value_heads, int64_t{0}, int64_t{4096});
    p("head_dim", a.head_dim, int64_t{0}, int64_t{4096});
    p("intermediate_size", a.intermediate_size, int64_t{0}, int64_t{1} << 22);
    p("max_position_embeddings", a.max_position_embeddings, int64_t{0}, int64_t{1} << 24);
    p("rope_theta", a.rope_theta, 1.0, kInfinity);
    p("rms_norm_eps", a.rms_norm_eps, 0.0, 1.0);
    p("initializer_range", a.initializer_range, 0.0, 10.0);
    p("tie_word_embeddings", a.tie_word_embeddings);
  });
  f.Map("data", [&](auto& p) {
    p("train", r.data.train);
    p("validation", r.data.validation);
    p("prompts_per_step", r.data.prompts_per_step, int64_t{1}, kMany);
    p("max_prompt_tokens", r.data.max_prompt_tokens, int64_t{1}, kMany);
    p("group_key", r.data.group_key);
    p("group_order", r.data.group_order, kGroupOrders);
    p.Map("underspecified", [&](auto& q) {
      UnderspecifiedSettings& u = r.data.underspecified;
      q("ratio", u.ratio, 0.0, 0.99);
      q("complete", u.complete, 0.0, 0.99);
      q("method", u.method, UnderspecifiedMethods());
      q("form", u.form, UnderspecifiedForms());
      q("reply", u.reply);
      q("min_missing", u.min_missing, int64_t{1}, kMany);
      q("max_missing", u.max_missing, int64_t{0}, kMany);
    });
    p.Map("orders", [&](auto& q) {
      q("count", r.data.orders.count, int64_t{1}, kMany);
      q("paraphrase", r.data.orders.paraphrase);
    });
  });
  f.Stage("curriculum", "uniform");
  f.Map("rollout", [&](auto& p) {
    RolloutOptions& o = r.rollout.options;
    p("group_size", r.rollout.group_size, 1, 1 << 20);
    p("temperature", o.sampling.temperature, 1e-3, 1e3);
    p("top_k", o.sampling.top_k, 0, std::numeric_limits<int>::max());
    p("top_p", o.sampling.top_p, 0.0, 1.0);
    p("min_p", o.sampling.min_p, 0.0, 1.0);
    p("max_tokens", o.max_tokens, int64_t{1}, kMany);
    p("stop", o.stop);
    p("max_sequences", o.max_sequences, int64_t{1}, int64_t{1} << 20);
    p("prefill_tokens", o.prefill_tokens, int64_t{1}, kMany);
    p("gen_prompts", r.rollout.gen_prompts, int64_t{0}, kMany);
    p.Method("strategy", "independent", [&](auto& q) { VisitStrategy(r.rollout.strategy, q); });
    p.Map("sampling_context", [&](auto& q) {
      q("before", r.rollout.sampling_context.before);
      q("after", r.rollout.sampling_context.after);
    });
    p.Method("token_temperature", "none", [&](auto& q) {
      TokenTemperatureSettings& t = r.rollout.token_temperature;
      q("name", t.name, kTokenTemperatures);
      if (t.name == "none") return;
      q("tau", t.tau, 0.0, 0.999);
      q("q", t.q, 0.0, 1.0);
      q("negative", t.negative, kNegatives);
    });
  });
  f.Map("reward", [&](auto& p) {
    p("name", r.reward.name);
    p("correct", r.reward.correct, -kInfinity, kInfinity);
    p("wrong", r.reward.wrong, -kInfinity, kInfinity);
    p.Method("overlong", "none", [&](auto& q) {
      q("name", r.reward.overlong.name, kOverlongs);
      q("buffer", r.reward.overlong.buffer, int64_t{0}, kMany);
      q("penalty_factor", r.reward.overlong.penalty_factor, 0.0, kInfinity);
    });
    p.Method("illocution", "none", [&](auto& q) {
      IllocutionSettings& s = r.reward.illocution;
      q("name", s.name, kIllocutions);
      if (!s.on()) return;
      q("penalty_confident", s.penalty_confident, 0.0, kInfinity);
      q("penalty_needless", s.penalty_needless, 0.0, kInfinity);
      q("r_refuse", s.r_refuse, 0.0, 1.0);
      q("r_hedge", s.r_hedge, 0.0, 1.0);
      q("r_discussion", s.r_discussion, 0.0, 1.0);
      q("clarify_requires_missing", s.clarify_requires_missing);
      q("tau", s.tau, 0.0, 1.0);
      q("format", s.format);
    });
    p.Stage("terms", "");
  });
  f.Stage("environment", "none");
  f.Method("strategy_judge", "rules", [&](auto& p) { r.strategy_judge.Params(p); });
  f.Stage("select", "none");
  f.Stage("reward_shaping", "");
  f.Stage("advantage", "group_normalized");
  f.Stage("token_weight", "");
  f.Stage("policy_loss", "decoupled_clip");
  f.Stage("regularizer", "");
  f.Map("update", [&](auto& p) {
    OptimizerSettings& o = r.update.optimizer;
    p("mini_batch_prompts", r.update.mini_batch_prompts, int64_t{0}, kMany);
    p("epochs", r.update.epochs, 1, 1000);
    p("micro_batch_tokens", r.update.micro_batch_tokens, int64_t{1}, kMany);
    p("recompute", r.update.recompute);
    VisitOptimizer(o, p);
  });
  f.Map("expert", [&](auto& p) { p("rows", r.expert.rows, int64_t{0}, int64_t{1}); });
  f.Map("replay", [&](auto& p) {
    p("groups", r.replay.groups, int64_t{0}, kMany);
    p("capacity", r.replay.capacity, int64_t{1}, kMany);
    p("max_age", r.replay.max_age, int64_t{0}, kMany);
    p("max_uses", r.replay.max_uses, int64_t{0}, kMany);
    p("admit", r.replay.admit, kAdmissions);
    p("opposites", r.replay.opposites, int64_t{0}, kMany);
    p("per_prompt", r.replay.per_prompt, int64_t{1}, kMany);
  });
  f.Map("reference", [&](auto& p) {
    p("model", r.reference.model);
    p("update", r.reference.update, kReferenceUpdates);
    p("decay", r.reference.decay, 0.0, 1.0);
    p("every", r.reference.every, int64_t{1}, kMany);
    p("reset_optimizer", r.reference.reset_optimizer);
  });
  f.Map("critic", [&](auto& p) {
    p("model", r.critic.model);
    p("cliprange_value", r.critic.cliprange_value, 0.0, kInfinity);
    p("warmup_steps", r.critic.warmup_steps, int64_t{0}, kMany);
    p.Map("optimizer", [&](auto& q) { VisitOptimizer(r.critic.optimizer, q); });
  });
  f.Map("likelihood_reward", [&](auto& p) {
    LikelihoodRewardSettings& l = r.likelihood_reward;
    p("kind", l.kind, kLikelihoods);
    p("answer", l.answer, kLikelihoodAnswers);
    p("marker", l.marker);
    p("coefficient", l.coefficient, -kInfinity, kInfinity);
    p("gradient", l.gradient, 0.0, kInfinity);
  });
  f.Map("turn_gain", [&](auto& p) {
    TurnGainSettings& g = r.turn_gain;
    p("kind", g.kind, kTurnGains);
    p("answer", g.answer, kLikelihoodAnswers);
    p("marker", g.marker);
    p("coefficient", g.coefficient, -kInfinity, kInfinity);
  });
  f.Map("process_reward", [&](auto& p) {
    p("model", r.process_reward.model);
    p("reference", r.process_reward.reference, kProcessReferences);
    p("beta", r.process_reward.beta, 0.0, kInfinity);
    p("update", r.process_reward.update, kProcessUpdates);
    p.Map("optimizer", [&](auto& q) { VisitOptimizer(r.process_reward.optimizer, q); });
  });
  f.Map("flow_reward", [&](auto& p) {
    FlowRewardSettings& w = r.flow_reward;
    p("coefficient", w.coefficient, -kInfinity, kInfinity);
    p("layers", w.layers);
    p("width", w.width, int64_t{0}, int64_t{1} << 20);
    p("blocks", w.blocks, int64_t{0}, int64_t{4096});
    p("time", w.time, 0.0, 0.999);
    p("train_time", w.train_time, kFlowTimes);
    p("norm", w.norm, kFlowNorms);
    p("threshold", w.threshold, 0.0, 1.0);
    p("top_k", w.top_k, int64_t{0}, kMany);
    p("gamma", w.gamma, 0.0, 100.0);
    p("update", w.update, kProcessUpdates);
    p("wrong_weight", w.wrong_weight, 0.0, 1.0);
    p("warmup_steps", w.warmup_steps, int64_t{0}, kMany);
    p.Map("optimizer", [&](auto& q) { VisitOptimizer(w.optimizer, q); });
  });
  f.Map("eval", [&](auto& p) {
    p("prompts", r.eval.prompts, int64_t{0}, kMany);
    p("k", r.eval.k, 1, 1 << 20);
    p("ks", r.eval.ks);
    p("every", r.eval.every, int64_t{0}, kMany);
    p("before", r.eval.before);
    p("after", r.eval.after);
    p("temperature", r.eval.temperature, 0.0, 1e3);
    p("top_p", r.eval.top_p, 0.0, 1.0);
    p("protocol", r.eval.protocol, kEvalProtocols);
    p("types", r.eval.types);
    p("simulations", r.eval.simulations, 1, 1 << 20);
    p.Stage("environment", "sharded");
  });
  f.Map("trainer", [&](auto& p) {
    p("steps", r.trainer.steps, int64_t{0}, kMany);
    p("checkpoint_every", r.trainer.checkpoint_every, int64_t{0}, kMany);
    p("keep_checkpoints", r.trainer.keep_checkpoints, 1, 1 << 20);
    p("rollouts_every", r.trainer.rollouts_every, int64_t{0}, kMany);
    p("rollout_groups", r.trainer.rollout_groups, int64_t{0}, kMany);
  });
  f.Stage("stages", "");
  f.Map("supervised", [&](auto& p) {
    p("tokens_per_step", r.supervised.tokens_per_step, int64_t{1}, kMany);
    p("text", r.supervised.text);
    p("careful", r.supervised.careful, 0.0, 1.0);
    p("loss_on_prompt", r.supervised.loss_on_prompt);
    p("tokenizer_texts", r.supervised.tokenizer_texts, int64_t{1}, kMany);
  });
}

const MethodSections& RecipeMethods() {
  static const auto* methods = [] {
    auto* found = new MethodSections;
    Recipe defaults;
    int64_t seed = 0;
    MethodFinder finder(found);
    Visit(defaults, seed, finder);
    return found;
  }();
  return *methods;
}

// Sections that a recipe of this kind does not read would only mislead.
void DropUnread(const std::string& kind, ConfigNode* resolved) {
  static const std::set<std::string> kSupervised = {"architecture", "supervised"};
  static const std::set<std::string> kRl = {"reward",         "select",
                                            "reward_shaping", "advantage",
                                            "token_weight",   "policy_loss",
                                            "regularizer",    "critic",
                                            "expert",         "replay",
                                            "reference",      "process_reward",
                                            "curriculum",     "likelihood_reward",
                                            "flow_reward",    "stages",
                                            "turn_gain",      "environment",
                                            "strategy_judge"};
  ConfigNode kept = *resolved;
  kept.keys.clear();
  kept.items.clear();
  for (size_t i = 0; i < resolved->keys.size(); ++i) {
    const std::string& key = resolved->keys[i];
    if ((kind == "rl" ? kSupervised : kRl).count(key) ||
        (key == "architecture" && kind != "pretrain"))
      continue;
    kept.Set(key, resolved->items[i]);
  }
  *resolved = std::move(kept);
}

// "recipes/dapo.yaml:12" of a section for errors about how its keys go together.
std::string PlaceOf(const ConfigNode& root, const std::string& key) {
  const ConfigNode* node = root.Find(key);
  return node == nullptr || node->place.empty() ? root.place + ": " + key : node->place;
}

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

std::vector<std::string> RecipeFolders() {
  std::vector<std::string> folders;
  if (const char* given = std::getenv("RLVR_RECIPES"); given != nullptr)
    folders.emplace_back(given);
  folders.emplace_back("recipes");
  folders.emplace_back(RLVR_SOURCE_DIR "/recipes");
  return folders;
}

// "# DAPO, arXiv:2503.14476." -> "DAPO, arXiv:2503.14476."; empty without a comment.
std::string FirstComment(const std::string& path) {
  const std::string text = ReadFile(path);
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    const size_t hash = text.find('#', begin);
    if (hash < end) {
      const size_t start = text.find_first_not_of("# ", hash);
      return start < end ? text.substr(start, end - start) : "";
    }
    begin = end + 1;
  }
  return "";
}

// Checks what eval.protocol reads, and writes its environment's defaults where there is one.
void ResolveProtocol(const Recipe& r, const ConfigNode& root, ConfigNode* eval) {
  const std::string place = PlaceOf(root, "eval");
  ParseConversationTypes(ProtocolTypes(r), place + ": eval.types");
  const ConfigNode environment = ResolveEnvironment(eval->Find("environment"));
  if (environment.Find("name")->scalar != "sharded") {
    throw Error(place, "eval.environment is " + environment.Find("name")->scalar,
                "the protocol's conversations are held in {name: sharded}");
  }
  if (r.eval.protocol != "none") eval->Set("environment", environment);
}

// A recipe without its stages.
Recipe ReadRecipe(const ConfigNode& root, const std::string& name) {
  Recipe r;
  r.name = name;
  int64_t seed = 0;
  FieldReader reader(&root, "");
  Visit(r, seed, reader);
  reader.Done();
  r.seed = static_cast<uint64_t>(seed);
  r.reward.illocution.correct = r.reward.correct;
  r.reward.illocution.wrong = r.reward.wrong;
  CheckTogether(r, root);
  r.rollout.options.conversation = ReadConversationLimits(root.Find("environment"));
  if (r.kind == "rl") {  // each throws Error at the line of a wrong name or parameter
    const auto selector = MakeSelector(root.Find("select"));
    const int64_t per_round =
        r.rollout.gen_prompts > 0 ? r.rollout.gen_prompts : r.data.prompts_per_step;
    if (per_round <
        (r.data.prompts_per_step + selector->max_rounds() - 1) / selector->max_rounds()) {
      throw Error(PlaceOf(root, "rollout"),
                  fmt::format("gen_prompts is {}: {} rounds cannot fill data.prompts_per_step = {}",
                              per_round, selector->max_rounds(), r.data.prompts_per_step),
                  "raise gen_prompts or select.max_rounds");
    }
    Needs needs;
    for (const int64_t step : {int64_t{1}, r.trainer.steps}) {  // both ends of its schedules
      const auto at_step = [&](const char* stage) -> ConfigNode {
        const ConfigNode* node = root.Find(stage);
        return node ? ResolveCoefficients(*node, stage, step, {}) : ConfigNode{};
      };
      const ConfigNode shaping = at_step("reward_shaping"), advantage = at_step("advantage"),
                       weight = at_step("token_weight"), loss = at_step("policy_loss"),
                       regularizer = at_step("regularizer");
      if (const ConfigNode* terms = RewardTermsNode(root)) {
        const ConfigNode resolved = ResolveCoefficients(*terms, "reward.terms", step, {});
        MakeRewardTerms(&resolved);
      }
      needs.Add(MakeRewardShaping(&shaping).needs());
      needs.Add(MakeAdvantage(&advantage).needs());
      needs.Add(MakeObjective(&weight, &loss, &regularizer)->needs());
    }
    if (r.reference.update != "none" && !needs.reference &&
        !(needs.process_reward && r.process_reward.reference == "reference")) {
      throw Error(PlaceOf(root, "reference"),
                  "update is " + r.reference.update + ", but no method reads the reference",
                  "add regularizer: [{name: kl}], or leave reference.update out");
    }
  }
  FieldWriter writer(&r.resolved, &root);
  Visit(r, seed, writer);
  ResolveProtocol(r, root, r.resolved.FindMutable("eval"));
  r.resolved.FindMutable("reward")->Set("terms", ResolveRewardTerms(RewardTermsNode(root)));
  r.resolved.Set("environment", ResolveEnvironment(root.Find("environment")));
  r.resolved.Set("curriculum", ResolveCurriculum(root.Find("curriculum")));
  const ConfigNode* stages = root.Find("stages");
  if (stages == nullptr || stages->items.empty()) DropUnread(r.kind, &r.resolved);
  return r;
}

// What a stage may not change: it belongs to the run.
const std::set<std::string> kOfTheRun = {"name",  "output",  "seed",         "threads",
                                         "model", "compute", "architecture", "stages"};

// One item of `stages`: its keys on top of the whole recipe.
Recipe LoadStage(const std::string& path, std::vector<std::string> overrides,
                 const ConfigNode& item, int64_t index, const Recipe& whole, int64_t first_step) {
  const std::string place =
      fmt::format("{}: stage {}", item.place.empty() ? path : item.place, index + 1);
  int64_t steps = 0;
  if (item.kind != ConfigNode::Kind::kMap)
    throw Error(place, "is no map of keys", "write - {steps: 50, rollout: {max_tokens: 64}}");
  for (size_t i = 0; i < item.keys.size(); ++i) {
    const std::string& key = item.keys[i];
    if (kOfTheRun.count(key))
      throw Error(place, "'" + key + "' belongs to the whole run", "set it outside of stages");
    if (key == "steps") {
      ConfigNode only;
      only.kind = ConfigNode::Kind::kMap;
      only.Set(key, item.items[i]);
      ConfigReader reader(&only, "stages");
      reader("steps", steps, int64_t{1}, kMany);
    } else {
      overrides.push_back(key + "=" + ToYaml(item.items[i]));
    }
  }
  if (steps == 0) throw Error(place, "has no steps", "write - {steps: 50, ...}");
  overrides.push_back(fmt::format("trainer.steps={}", first_step + steps));
  overrides.emplace_back("stages=[]");
  Recipe stage;
  try {
    stage = ReadRecipe(LoadConfig(path, overrides, RecipeMethods()), whole.name);
  } catch (const Error& e) {
    throw Error(place, e.what(), "a stage's keys are the recipe's");
  }
  if (stage.kind != "rl" && !(stage.kind == "sft" && index == 0)) {
    throw Error(place, "a stage of kind " + stage.kind,
                "stages are of kind rl; the first one may be sft");
  }
  stage.first_step = first_step;
  return stage;
}

}  // namespace

Recipe LoadRecipe(const std::string& path_or_name, const std::vector<std::string>& overrides) {
  const std::string path = FindRecipe(path_or_name);
  const std::string name = fs::path(path).stem().string();
  ConfigNode root = LoadConfig(path, overrides, RecipeMethods());
  Recipe whole = ReadRecipe(root, name);
  const ConfigNode* stages = root.Find("stages");
  if (stages == nullptr || stages->items.empty()) return whole;
  if (whole.kind != "rl")
    throw Error(PlaceOf(root, "stages"), "a recipe of kind " + whole.kind + " has no stages",
                "the recipe's kind is rl; its first stage may be sft");
  int64_t steps = 0;
  std::vector<Recipe> made;
  for (size_t i = 0; i < stages->items.size(); ++i) {
    made.push_back(
        LoadStage(path, overrides, stages->items[i], static_cast<int64_t>(i), whole, steps));
    steps = made.back().trainer.steps;
  }
  auto all = overrides;
  all.push_back(fmt::format("trainer.steps={}", steps));
  whole = ReadRecipe(LoadConfig(path, all, RecipeMethods()), name);
  whole.stages = std::move(made);
  return whole;
}

std::vector<RecipeKey> RecipeKeys() {
  std::vector<RecipeKey> keys;
  Recipe defaults;
  int64_t seed = 0;
  KeyLister lister(&keys);
  Visit(defaults, seed, lister);
  return keys;
}

bool ReadsFlowReward(const ConfigNode& recipe) {
  const ConfigNode* advantage = recipe.Find("advantage");
  if (advantage == nullptr) return false;
  const auto is_rlfr = [](const ConfigNode& node) {
    const ConfigNode* name = node.Find("name");
    return name != nullptr && name->scalar == "rlfr";
  };
  if (advantage->kind != ConfigNode::Kind::kList) return is_rlfr(*advantage);
  return std::any_of(advantage->items.begin(), advantage->items.end(), is_rlfr);
}

const ConfigNode* RewardTermsNode(const ConfigNode& recipe) {
  const ConfigNode* reward = recipe.Find("reward");
  return reward == nullptr ? nullptr : reward->Find("terms");
}

bool HasEnvironment(const ConfigNode& recipe) {
  const ConfigNode* environment = recipe.Find("environment");
  const ConfigNode* name = environment == nullptr ? nullptr : environment->Find("name");
  return name != nullptr && name->scalar != "none";
}

int64_t MostResponseTokens(const Recipe& recipe) {
  const RolloutOptions& o = recipe.rollout.options;
  if (!HasEnvironment(recipe.resolved)) return o.max_tokens;
  const int64_t turns = o.conversation.max_turns * o.max_tokens;
  return o.conversation.max_tokens > 0 ? std::min(turns, o.conversation.max_tokens) : turns;
}

std::vector<std::string> ProtocolTypes(const Recipe& recipe) {
  if (!recipe.eval.types.empty()) return recipe.eval.types;
  return LostInConversationOptions().types;
}

std::vector<int> EvalKs(const Recipe& recipe) {
  std::vector<int> ks;
  for (const std::string& k : recipe.eval.ks) ks.push_back(std::stoi(k));
  return ks;
}

std::string FindRecipe(const std::string& name) {
  if (fs::is_regular_file(name)) return name;
  const bool is_path = name.find('/') != std::string::npos;
  const std::string file = fs::path(name).extension() == ".yaml" ? name : name + ".yaml";
  if (!is_path) {
    for (const auto& folder : RecipeFolders()) {
      if (fs::is_regular_file(folder + "/" + file)) return folder + "/" + file;
    }
  }
  std::vector<std::string> known;
  for (const auto& [known_name, description] : ListRecipes()) known.push_back(known_name);
  throw Error(name, "no such recipe", is_path ? "check the path" : DidYouMean(name, known));
}

std::vector<std::pair<std::string, std::string>> ListRecipes() {
  std::map<std::string, std::string> recipes;  // the first folder that has a name wins
  for (const auto& folder : RecipeFolders()) {
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(folder, error)) {
      if (entry.path().extension() != ".yaml") continue;
      recipes.emplace(entry.path().stem().string(), entry.path().string());
    }
  }
  std::vector<std::pair<std::string, std::string>> list;
  for (const auto& [name, path] : recipes) list.emplace_back(name, FirstComment(path));
  return list;
}

}  // namespace rlvr
