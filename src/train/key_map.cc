#include "train/key_map.h"

#include <fmt/format.h>

namespace rlvr {
namespace {

const KeyMapping kKeys[] = {
    // the run
    {"actor_rollout_ref.model.path", "model", "model",
     "a Hugging Face folder; TRL's is GRPOTrainer's argument"},
    {"trainer.experiment_name", "run_name", "name", ""},
    {"trainer.default_local_dir", "output_dir", "output",
     "the folder above the run's, which is name"},
    {"data.seed", "seed", "seed", "one seed for order, sampling and initial weights"},
    {"actor_rollout_ref.rollout.dtype", "bf16", "compute", "bfloat16, true: bf16; float32: fp32"},
    {"trainer.project_name", "", "", "runs are told apart by output and name"},
    {"trainer.logger", "report_to", "",
     "metrics.jsonl and TensorBoard's events are always written"},
    {"trainer.resume_mode", "", "", "a run goes on by the command `rlvr resume RUN`"},
    {"trainer.nnodes", "", "", "one process on one machine"},
    {"trainer.n_gpus_per_node", "", "", "one process on one machine"},

    // data
    {"data.train_files", "train_dataset", "data.train",
     "files of JSON lines or Parquet; docs/prompts.md lists the layouts"},
    {"data.val_files", "eval_dataset", "data.validation", "as data.train"},
    {"data.train_batch_size", "generation_batch_size", "data.prompts_per_step",
     "prompts; TRL counts responses: divide by num_generations"},
    {"data.max_prompt_length", "max_prompt_length", "data.max_prompt_tokens",
     "newer TRL has no such key"},
    {"data.filter_overlong_prompts", "", "data.filter_overlong_prompts", ""},
    {"data.truncation", "", "data.truncation", ""},
    {"data.shuffle", "shuffle_dataset", "", "always shuffled, by seed"},
    {"data.apply_chat_template_kwargs", "chat_template_kwargs", "data.chat_template_kwargs",
     "a map"},
    {"data.prompt_key", "", "data.columns.prompt", "prompt by default"},
    {"data.reward_fn_key", "", "data.columns.data_source", "data_source by default"},

    // rollout
    {"actor_rollout_ref.rollout.n", "num_generations", "rollout.group_size", ""},
    {"data.max_response_length", "max_completion_length", "rollout.max_tokens", ""},
    {"actor_rollout_ref.rollout.temperature", "temperature", "rollout.temperature", ""},
    {"actor_rollout_ref.rollout.top_p", "top_p", "rollout.top_p", ""},
    {"actor_rollout_ref.rollout.top_k", "top_k", "rollout.top_k", "verl's -1 is 0"},
    {"actor_rollout_ref.rollout.min_p", "min_p", "rollout.min_p", ""},
    {"", "generation_kwargs.stop", "rollout.stop", "a list of texts"},
    {"actor_rollout_ref.rollout.max_num_seqs", "", "rollout.max_sequences",
     "memory and speed only"},
    {"actor_rollout_ref.rollout.max_num_batched_tokens", "", "rollout.prefill_tokens",
     "memory and speed only"},
    {"data.gen_batch_size", "", "rollout.gen_prompts", ""},
    {"actor_rollout_ref.rollout.quantization", "", "rollout.quantization", "int8; verl's is fp8"},
    {"algorithm.rollout_correction.rollout_is", "vllm_importance_sampling_correction", "",
     "sampling's log-probs are training's, bit for bit: nothing to correct but with "
     "rollout.quantization; then token_weight: [{name: rollout_is}]"},

    // reward
    {"custom_reward_function.path", "reward_funcs", "reward.name",
     "a built-in verifier, or auto: by the prompt's data_source"},
    {"reward_model.overlong_buffer.enable", "", "reward.overlong.name", "True: soft"},
    {"reward_model.overlong_buffer.len", "", "reward.overlong.buffer", ""},
    {"reward_model.overlong_buffer.penalty_factor", "", "reward.overlong.penalty_factor", ""},
    {"", "mask_truncated_completions", "reward.overlong.name", "true: filter"},

    // select, advantage
    {"algorithm.filter_groups.enable", "", "select.name", "True: dynamic_sampling"},
    {"algorithm.filter_groups.max_num_gen_batches", "", "select[dynamic_sampling].max_rounds",
     "verl's 0 is no limit: give a large number"},
    {"algorithm.filter_groups.metric", "", "", "groups are kept by right and wrong answers (acc)"},
    {"algorithm.adv_estimator", "", "advantage.name",
     "grpo: group_normalized; gae, rloo, opo, reinforce_plus_plus, reinforce_plus_plus_baseline: "
     "the same names"},
    {"algorithm.norm_adv_by_std_in_grpo", "scale_rewards", "advantage.name",
     "True, group: group_normalized; False, none: group_centered"},
    {"algorithm.gamma", "", "advantage[gae].gamma", ""},
    {"algorithm.lam", "", "advantage[gae].lambda", ""},

    // token_weight, policy_loss
    {"actor_rollout_ref.actor.policy_loss.loss_mode", "importance_sampling_level",
     "policy_loss.name",
     "vanilla, token: decoupled_clip; gspo, sequence: gspo; gpg: gpg; cispo: cispo; geo_mean: "
     "gmpo; "
     "sapo: sapo; clip_cov: decoupled_clip with token_weight clip_cov"},
    {"", "sapo_temperature_pos", "policy_loss[sapo].tau_pos", ""},
    {"", "sapo_temperature_neg", "policy_loss[sapo].tau_neg", ""},
    {"actor_rollout_ref.actor.policy_loss.clip_cov_ratio", "", "token_weight[clip_cov].ratio", ""},
    {"actor_rollout_ref.actor.policy_loss.clip_cov_lb", "", "token_weight[clip_cov].lb", ""},
    {"actor_rollout_ref.actor.policy_loss.clip_cov_ub", "", "token_weight[clip_cov].ub", ""},
    {"", "top_entropy_quantile", "token_weight[forking_tokens].rho", ""},
    {"actor_rollout_ref.actor.clip_ratio", "", "policy_loss[ppo_clip].eps",
     "where clip_ratio_low and clip_ratio_high are not given"},
    {"actor_rollout_ref.actor.clip_ratio_low", "epsilon", "policy_loss[decoupled_clip].eps_low",
     ""},
    {"actor_rollout_ref.actor.clip_ratio_high", "epsilon_high",
     "policy_loss[decoupled_clip].eps_high", "TRL's default is epsilon"},
    {"actor_rollout_ref.actor.clip_ratio_c", "delta", "policy_loss[decoupled_clip].clip_ratio_c",
     "verl's default is 3.0, TRL's and ours none (inf)"},
    {"actor_rollout_ref.actor.loss_agg_mode", "loss_type", "policy_loss.aggregate",
     "token-mean, dapo, bnpo: token_mean; seq-mean-token-mean, grpo: seq_mean_token_mean; "
     "seq-mean-token-sum: seq_mean_token_sum; seq-mean-token-sum-norm, dr_grpo: token_sum_norm "
     "(older verl: token_sum)"},
    {"actor_rollout_ref.actor.loss_scale_factor", "", "policy_loss.constant",
     "of token_sum_norm and token_sum; null, and TRL's dr_grpo: rollout.max_tokens"},

    // regularizer, reference
    {"actor_rollout_ref.actor.entropy_coeff", "", "regularizer[entropy_bonus].coefficient",
     "0: leave the method out"},
    {"actor_rollout_ref.actor.use_kl_loss", "", "regularizer[kl]", "True: with the method kl"},
    {"actor_rollout_ref.actor.kl_loss_coef", "beta", "regularizer[kl].beta",
     "0: leave the method out"},
    {"actor_rollout_ref.actor.kl_loss_type", "", "regularizer[kl].kind",
     "low_var_kl, k3: k3; kl, k1: k1; mse, k2: k2; TRL's is k3"},
    {"algorithm.use_kl_in_reward", "", "", "False only: a KL belongs in regularizer"},
    {"algorithm.kl_ctrl.kl_coef", "", "", "of use_kl_in_reward"},
    {"actor_rollout_ref.ref.model.path", "", "reference.model", ""},
    {"", "sync_ref_model", "reference.update", "true: ema"},
    {"", "ref_model_mixup_alpha", "reference.decay", "1 - alpha"},
    {"", "ref_model_sync_steps", "reference.every", ""},

    // update
    {"actor_rollout_ref.actor.ppo_mini_batch_size", "per_device_train_batch_size",
     "update.mini_batch_prompts",
     "prompts; TRL: responses, times processes and gradient_accumulation_steps, divided by "
     "num_generations"},
    {"actor_rollout_ref.actor.ppo_epochs", "num_iterations", "update.epochs", ""},
    {"actor_rollout_ref.actor.ppo_max_token_len_per_gpu", "", "update.micro_batch_tokens",
     "memory and speed only"},
    {"actor_rollout_ref.actor.ppo_micro_batch_size_per_gpu", "", "",
     "micro-batches are counted in tokens: update.micro_batch_tokens"},
    {"actor_rollout_ref.model.enable_gradient_checkpointing", "gradient_checkpointing",
     "update.recompute", ""},
    {"actor_rollout_ref.actor.optim.lr", "learning_rate", "update.lr", ""},
    {"actor_rollout_ref.actor.optim.lr_warmup_steps", "warmup_steps", "update.warmup_steps",
     "optimizer steps; verl counts training steps: times the mini-batches of a step; -1: by ratio"},
    {"actor_rollout_ref.actor.optim.lr_warmup_steps_ratio", "warmup_ratio", "update.warmup_steps",
     "the ratio times all optimizer steps"},
    {"actor_rollout_ref.actor.optim.lr_scheduler_type", "lr_scheduler_type", "update.schedule",
     "constant, linear, cosine; warmup_style in older verl"},
    {"actor_rollout_ref.actor.optim.min_lr_ratio", "lr_scheduler_kwargs.min_lr_rate",
     "update.min_lr_ratio", ""},
    {"actor_rollout_ref.actor.optim.weight_decay", "weight_decay", "update.weight_decay", ""},
    {"actor_rollout_ref.actor.optim.betas", "adam_beta1", "update.beta1", "verl: the first of two"},
    {"actor_rollout_ref.actor.optim.betas", "adam_beta2", "update.beta2",
     "verl: the second of two"},
    {"", "adam_epsilon", "update.eps", ""},
    {"actor_rollout_ref.actor.grad_clip", "max_grad_norm", "update.grad_clip", ""},

    // critic, process_reward
    {"critic.model.path", "", "critic.model", ""},
    {"critic.optim.lr", "", "critic.optimizer.lr", ""},
    {"critic.optim.weight_decay", "", "critic.optimizer.weight_decay", ""},
    {"critic.grad_clip", "", "critic.optimizer.grad_clip", ""},
    {"critic.cliprange_value", "", "critic.cliprange_value", ""},
    {"trainer.critic_warmup", "", "critic.warmup_steps", ""},
    {"reward_model.model.path", "", "process_reward.model", "of verl's PRIME recipe, as below"},
    {"reward_model.model.ref_type", "", "process_reward.reference", "freeze: reference"},
    {"reward_model.model.beta_train", "", "process_reward.beta", ""},
    {"reward_model.model.update", "", "process_reward.update", ""},
    {"reward_model.model.optim.lr", "", "process_reward.optimizer.lr", ""},
    {"reward_model.model.optim.grad_clip", "", "process_reward.optimizer.grad_clip", ""},

    // eval
    {"data.val_max_samples", "", "eval.prompts", "verl's -1 is 0"},
    {"actor_rollout_ref.rollout.val_kwargs.n", "num_generations_eval", "eval.k", ""},
    {"actor_rollout_ref.rollout.val_kwargs.temperature", "", "eval.temperature", ""},
    {"actor_rollout_ref.rollout.val_kwargs.do_sample", "", "eval.temperature", "False: 0"},
    {"actor_rollout_ref.rollout.val_kwargs.top_p", "", "eval.top_p", ""},
    {"trainer.test_freq", "eval_steps", "eval.every", "verl's -1 is 0"},
    {"trainer.val_before_train", "eval_on_start", "eval.before", ""},

    // trainer
    {"trainer.total_training_steps", "max_steps", "trainer.steps",
     "training steps; TRL counts optimizer steps: divide by those of a training step"},
    {"trainer.total_epochs", "num_train_epochs", "trainer.steps",
     "epochs times prompts / data.prompts_per_step"},
    {"trainer.save_freq", "save_steps", "trainer.checkpoint_every", "verl's -1 is 0"},
    {"trainer.max_actor_ckpt_to_keep", "save_total_limit", "trainer.keep_checkpoints", ""},
    {"trainer.rollout_data_dir", "log_completions", "trainer.rollouts_every",
     "given, true: 1; rollouts/ of the run's folder"},
    {"trainer.log_val_generations", "num_completions_to_print", "trainer.rollout_groups",
     "groups of a training step, not single responses of a validation"},
};

std::string Code(std::string_view key) { return key.empty() ? "" : fmt::format("`{}`", key); }

}  // namespace

std::span<const KeyMapping> KeyMap() { return kKeys; }

std::string KeyMapMarkdown() {
  std::string out = "| verl | TRL | here | the value |\n|---|---|---|---|\n";
  for (const KeyMapping& key : kKeys) {
    out += fmt::format("| {} | {} | {} | {} |\n", Code(key.verl), Code(key.trl), Code(key.ours),
                       key.how);
  }
  return out;
}

}  // namespace rlvr
