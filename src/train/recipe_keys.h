// Every key of a recipe with its range: the one list that serves reading, writing and
// docs/recipes.md. A new key is a line here and its meaning in recipes_markdown.cc.
#ifndef RLVR_TRAIN_RECIPE_KEYS_H_
#define RLVR_TRAIN_RECIPE_KEYS_H_
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "train/recipe.h"

namespace rlvr::recipe_keys {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr int64_t kMany = int64_t{1} << 40;

inline const std::vector<std::string> kKinds = {"rl", "pretrain", "sft"};
inline const std::vector<std::string> kComputes = {"fp32", "bf16"};
inline const std::vector<std::string> kSchedules = {"constant", "linear", "cosine"};
inline const std::vector<std::string> kTruncations = {"error", "left", "right", "middle"};
inline const std::vector<std::string> kGroupOrders = {"mixed", "together"};
inline const std::vector<std::string> kAdmissions = {"mixed", "right", "all"};
inline const std::vector<std::string> kReferenceUpdates = {"none", "ema", "copy"};
inline const std::vector<std::string> kProcessReferences = {"reference", "policy"};
inline const std::vector<std::string> kProcessUpdates = {"none", "before", "after"};
inline const std::vector<std::string> kFlowTimes = {"logit_normal", "score"};
inline const std::vector<std::string> kEvalProtocols = {"none", "lost_in_conversation"};
inline const std::vector<std::string> kFlowNorms = {"minmax", "bilateral"};
inline const std::vector<std::string> kStrategies = {"independent", "branch", "tree"};
inline const std::vector<std::string> kBranchAt = {"entropy", "random", "even"};
inline const std::vector<std::string> kPrefixes = {"once", "per_trajectory"};
inline const std::vector<std::string> kBacktracks = {"frontier", "uct"};
inline const std::vector<std::string> kDepthBonuses = {"sqrt", "log", "linear"};
inline const std::vector<std::string> kTokenTemperatures = {"none", "hapo"};
inline const std::vector<std::string> kSpeculations = {"auto", "none", "always"};
inline const std::vector<std::string> kQuantizations = {"none", "int8"};
inline const std::vector<std::string> kNegatives = {"released", "intended"};
inline const std::vector<std::string> kLikelihoods = {"none", "logp",      "mean_logp",
                                                      "prob", "mean_prob", "jepo"};
inline const std::vector<std::string> kLikelihoodAnswers = {"ground_truth", "target"};
inline const std::vector<std::string> kTurnGains = {"none", "prob", "logp"};
inline const std::vector<std::string> kIllocutions = {"none", "icpo", "icpo_illocution"};
inline const std::vector<std::string> kOverlongs = {"none", "filter", "soft"};

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

// fields: a visitor of train/recipe_fields.h.
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
  f.Map("lora", [&](auto& p) {
    p("rank", r.lora.rank, int64_t{0}, int64_t{1} << 16);
    p("alpha", r.lora.alpha, 0.0, 1e6);
    p("target_modules", r.lora.target_modules);
    p("rslora", r.lora.rslora);
    p("merge", r.lora.merge);
  });
  f.Map("data", [&](auto& p) {
    p.Joined("train", r.data.train);
    p.Joined("validation", r.data.validation);
    p.Map("columns", [&](auto& q) {
      q("prompt", r.data.files.prompt_column);
      q("answer", r.data.files.answer_column);
      q("data_source", r.data.files.source_column);
    });
    p("instruction", r.data.files.instruction);
    p("system", r.data.files.system);
    p.Free("chat_template_kwargs", r.data.chat_template_kwargs);
    p("prompts_per_step", r.data.prompts_per_step, int64_t{1}, kMany);
    p("max_prompt_tokens", r.data.max_prompt_tokens, int64_t{1}, kMany);
    p("filter_overlong_prompts", r.data.filter_overlong_prompts);
    p("truncation", r.data.truncation, kTruncations);
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
    p("quantization", r.rollout.quantization, kQuantizations);
    p("gen_prompts", r.rollout.gen_prompts, int64_t{0}, kMany);
    p.Map("speculation", [&](auto& q) {
      q("name", o.speculation.name, kSpeculations);
      q("max_draft", o.speculation.max_draft, 1, 1 << 16);
      q("memory_mb", o.speculation.memory_mb, int64_t{0}, int64_t{1} << 24);
    });
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
      if (s.on()) s.Params(q);
    });
    p.Map("answers", [&](auto& q) { r.reward.verifiers.answers.Params(q); });
    p.Map("sandbox", [&](auto& q) { r.reward.verifiers.sandbox.Params(q); });
    p.Map("process", [&](auto& q) { r.reward.verifiers.process.Params(q); });
    p.Map("plugin", [&](auto& q) { r.reward.verifiers.plugin.Params(q); });
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
    p("activation_memory", r.update.activation_memory);
    VisitOptimizer(o, p);
  });
  f.Map("parallel", [&](auto& p) {
    p("shards", r.parallel.shards, int64_t{0}, int64_t{1} << 16);
    p("ordered", r.parallel.ordered);
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

}  // namespace rlvr::recipe_keys
#endif  // RLVR_TRAIN_RECIPE_KEYS_H_
