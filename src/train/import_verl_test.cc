#include "train/import_verl.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/config_difference.h"
#include "base/error.h"
#include "base/file.h"
#include "train/recipe.h"

namespace rlvr {
namespace {

// What the recipe says, checked as a run would.
Recipe Load(const ImportedRecipe& imported) {
  const std::string path = testing::TempDir() + "/imported.yaml";
  WriteFileAtomically(path, imported.yaml);
  return LoadRecipe(path, {"model=base_tiny", "data.train=gsm_micro", "data.validation=gsm_micro"});
}
Recipe Load(const std::string& command_line) {
  return Load(ImportVerl(ParseVerlCommandLine(command_line)));
}
std::string ValueOf(const Recipe& recipe, const std::string& key) {
  for (const auto& [name, value] : FlattenConfig(recipe.resolved)) {
    if (name == key) return value;
  }
  return "";
}
bool Names(const std::vector<std::string>& keys, const std::string& key) {
  return std::any_of(keys.begin(), keys.end(),
                     [&](const std::string& k) { return k.starts_with(key + "="); });
}

// The settings of DAPO's published run (verl, recipe/dapo), with the shell's variables put in.
constexpr const char* kDapo = R"(python3 -m recipe.dapo.src.main_dapo \
  data.train_files=data/dapo-math-17k.parquet data.val_files=data/aime-2024.parquet \
  data.prompt_key=prompt data.truncation='left' \
  data.max_prompt_length=2048 data.max_response_length=20480 \
  data.gen_batch_size=1536 data.train_batch_size=512 actor_rollout_ref.rollout.n=16 \
  algorithm.adv_estimator=grpo algorithm.kl_ctrl.kl_coef=0.0 \
  actor_rollout_ref.actor.kl_loss_coef=0.0 \
  actor_rollout_ref.actor.clip_ratio_low=0.2 actor_rollout_ref.actor.clip_ratio_high=0.28 \
  algorithm.filter_groups.enable=True algorithm.filter_groups.max_num_gen_batches=10 \
  algorithm.filter_groups.metric=acc actor_rollout_ref.model.use_remove_padding=True \
  actor_rollout_ref.actor.ppo_max_token_len_per_gpu=22528 \
  actor_rollout_ref.model.path="models/Qwen2.5-32B" \
  +actor_rollout_ref.model.override_config.attention_dropout=0. \
  actor_rollout_ref.model.enable_gradient_checkpointing=True \
  actor_rollout_ref.actor.optim.lr=1e-6 actor_rollout_ref.actor.optim.lr_warmup_steps=10 \
  actor_rollout_ref.actor.optim.weight_decay=0.1 \
  actor_rollout_ref.actor.ppo_mini_batch_size=32 actor_rollout_ref.actor.entropy_coeff=0 \
  actor_rollout_ref.actor.grad_clip=1.0 actor_rollout_ref.actor.use_token_level_loss=True \
  actor_rollout_ref.rollout.tensor_model_parallel_size=4 \
  actor_rollout_ref.rollout.temperature=1.0 actor_rollout_ref.rollout.top_p=1.0 \
  actor_rollout_ref.rollout.top_k="-1" \
  actor_rollout_ref.rollout.val_kwargs.temperature=1.0 \
  actor_rollout_ref.rollout.val_kwargs.do_sample=True actor_rollout_ref.rollout.val_kwargs.n=1 \
  reward_model.reward_manager=dapo custom_reward_function.overlong_buffer.enable=True \
  custom_reward_function.overlong_buffer.len=4096 \
  custom_reward_function.overlong_buffer.penalty_factor=1.0 \
  trainer.logger=['console','wandb'] trainer.project_name="DAPO" \
  trainer.experiment_name="DAPO-Qwen2.5-32B" trainer.n_gpus_per_node=8 \
  +trainer.val_before_train=True trainer.test_freq=5 trainer.save_freq=5 \
  trainer.total_epochs=1 trainer.resume_mode=auto)";

TEST(ImportVerl, DaposRunIsDaposRecipe) {
  const ImportedRecipe imported = ImportVerl(ParseVerlCommandLine(kDapo));
  const Recipe r = Load(imported), dapo = LoadRecipe("dapo", {"model=base_tiny"});
  // The recipe of the paper was written from the paper and that script: same values, but for the
  // dual clip, which the paper does not have, and for warm-up: 10 steps of the script, 20 of the
  // paper, 16 updates each.
  for (const char* key : {"data.prompts_per_step",
                          "data.max_prompt_tokens",
                          "rollout.group_size",
                          "rollout.temperature",
                          "rollout.max_tokens",
                          "rollout.gen_prompts",
                          "reward.correct",
                          "reward.wrong",
                          "reward.overlong.name",
                          "reward.overlong.buffer",
                          "reward.overlong.penalty_factor",
                          "select.name",
                          "select.max_rounds",
                          "advantage.name",
                          "policy_loss.name",
                          "policy_loss.eps_low",
                          "policy_loss.eps_high",
                          "policy_loss.aggregate",
                          "regularizer",
                          "update.mini_batch_prompts",
                          "update.epochs",
                          "update.lr",
                          "update.weight_decay",
                          "update.grad_clip",
                          "update.schedule",
                          "eval.temperature"}) {
    ASSERT_NE(ValueOf(r, key), "") << key;
    EXPECT_EQ(ValueOf(r, key), ValueOf(dapo, key)) << key;
  }
  EXPECT_EQ(ValueOf(r, "policy_loss.clip_ratio_c"), "3.0");  // verl's default
  EXPECT_EQ(r.update.optimizer.warmup_steps, 160);
  EXPECT_EQ(r.update.micro_batch_tokens, 22528);
  EXPECT_TRUE(r.update.recompute);
  EXPECT_EQ(r.rollout.options.sampling.top_k, 0);
  EXPECT_EQ(r.name, "DAPO-Qwen2.5-32B");
  EXPECT_EQ(r.eval.every, 5);
  EXPECT_TRUE(r.eval.before);
  EXPECT_EQ(r.trainer.checkpoint_every, 5);
}

TEST(ImportVerl, EveryKeyIsInTheRecipeOrNamed) {
  const VerlSettings settings = ParseVerlCommandLine(kDapo);
  EXPECT_EQ(settings.size(), 49u);
  const ImportedRecipe imported = ImportVerl(settings);
  for (const auto& [key, value] : settings) {
    EXPECT_NE(imported.yaml.find(key), std::string::npos) << key << "\n" << imported.yaml;
  }
  // Groups are kept by right and wrong answers anyway.
  EXPECT_NE(imported.yaml.find("#   algorithm.filter_groups.metric=acc\n"), std::string::npos);
  EXPECT_EQ(ValueOf(Load(imported), "data.truncation"), "left");
  EXPECT_TRUE(Names(imported.not_here, "trainer.project_name"));
  EXPECT_TRUE(Names(imported.not_here, "actor_rollout_ref.actor.kl_loss_coef"));
  EXPECT_TRUE(Names(imported.unknown, "actor_rollout_ref.rollout.tensor_model_parallel_size"));
  EXPECT_FALSE(Names(imported.not_here, "actor_rollout_ref.rollout.n"));
}

TEST(ImportVerl, VariablesOfTheChatTemplate) {
  const ImportedRecipe imported = ImportVerl(ParseVerlCommandLine(
      "python -m verl.trainer.main_ppo +data.apply_chat_template_kwargs.enable_thinking=False"));
  EXPECT_TRUE(imported.unknown.empty());
  const auto kwargs = Load(imported).data.chat_template_kwargs;
  ASSERT_EQ(kwargs.size(), 1u);
  EXPECT_EQ(kwargs.at("enable_thinking"), "false");
}

TEST(ImportVerl, WhatIsLeftOutHasVerlsDefault) {
  // verl/trainer/config/ppo_trainer.yaml: GAE with a critic, both bounds 0.2, 1024 prompts, greedy
  // validation.
  const ImportedRecipe imported = ImportVerl({{"trainer.total_training_steps", "7"}});
  const Recipe r = Load(imported);
  EXPECT_EQ(ValueOf(r, "advantage.name"), "gae");
  EXPECT_EQ(ValueOf(r, "policy_loss.eps_high"), "0.2");
  EXPECT_EQ(r.data.prompts_per_step, 1024);
  EXPECT_EQ(r.update.mini_batch_prompts, 256);
  EXPECT_EQ(r.update.optimizer.weight_decay, 0.01);
  EXPECT_EQ(r.critic.optimizer.lr, 1e-5);
  EXPECT_EQ(r.eval.temperature, 0);
  EXPECT_EQ(r.trainer.steps, 7);
  EXPECT_NE(imported.yaml.find("  prompts_per_step: 1024  # verl's default: data.train_batch_size"),
            std::string::npos)
      << imported.yaml;
}

TEST(ImportVerl, MethodsAndRegularizers) {
  const std::string base =
      "trainer.total_training_steps=3 algorithm.adv_estimator=grpo "
      "data.max_response_length=64 ";
  Recipe r = Load(base +
                  "actor_rollout_ref.actor.use_kl_loss=True actor_rollout_ref.actor.kl_loss_coef="
                  "0.02 actor_rollout_ref.actor.kl_loss_type=mse "
                  "actor_rollout_ref.actor.entropy_coeff=0.01 "
                  "algorithm.norm_adv_by_std_in_grpo=False "
                  "actor_rollout_ref.actor.loss_agg_mode=seq-mean-token-sum-norm");
  EXPECT_EQ(ValueOf(r, "advantage.name"), "group_centered");
  EXPECT_EQ(ValueOf(r, "policy_loss.aggregate"), "token_sum_norm");
  EXPECT_EQ(ValueOf(r, "policy_loss.constant"), "64");
  const ConfigNode& list = *r.resolved.Find("regularizer");
  ASSERT_EQ(list.items.size(), 2u);
  EXPECT_EQ(list.items[0].Find("coefficient")->scalar, "0.01");
  EXPECT_EQ(list.items[1].Find("beta")->scalar, "0.02");
  EXPECT_EQ(list.items[1].Find("kind")->scalar, "k2");

  r = Load(base +
           "actor_rollout_ref.actor.policy_loss.loss_mode=gspo "
           "actor_rollout_ref.actor.clip_ratio_low=0.0003 "
           "actor_rollout_ref.actor.clip_ratio_high=0.0004 "
           "actor_rollout_ref.actor.loss_agg_mode=token-mean");
  EXPECT_EQ(ValueOf(r, "policy_loss.name"), "gspo");
  EXPECT_EQ(ValueOf(r, "policy_loss.eps_high"), "0.0004");
  // verl's GSPO averages over responses whatever loss_agg_mode says.
  EXPECT_EQ(ValueOf(r, "policy_loss.aggregate"), "seq_mean_token_mean");

  r = Load(base +
           "actor_rollout_ref.actor.policy_loss.loss_mode=clip_cov "
           "actor_rollout_ref.actor.policy_loss.clip_cov_ratio=0.001 "
           "actor_rollout_ref.actor.clip_ratio=0.3");
  EXPECT_EQ(ValueOf(r, "policy_loss.eps_low"), "0.3");
  EXPECT_EQ(r.resolved.Find("token_weight")->items[0].Find("ratio")->scalar, "0.001");
  EXPECT_EQ(r.resolved.Find("token_weight")->items[0].Find("eps_high")->scalar, "0.3");
}

TEST(ImportVerl, AMethodThatIsNotHereIsRefusedByItsName) {
  const ImportedRecipe imported =
      ImportVerl(ParseVerlCommandLine("algorithm.adv_estimator=remax_of_tomorrow"));
  EXPECT_NE(imported.yaml.find("advantage: {name: remax_of_tomorrow}  # algorithm.adv_estimator; "
                               "NOT HERE"),
            std::string::npos)
      << imported.yaml;
  EXPECT_THROW(Load(imported), Error);
}

TEST(ImportVerl, YamlWithReferencesAndNulls) {
  const VerlSettings settings = ParseVerlYaml(
      "data: {train_batch_size: 8, max_response_length: 32, shuffle: true, seed: null}\n"
      "algorithm: {adv_estimator: grpo}\n"
      "actor_rollout_ref:\n  rollout: {n: 4}\n"
      "  actor: {ppo_mini_batch_size: '${data.train_batch_size}'}\n"
      "trainer: {logger: [console, wandb], total_training_steps: 2}\n",
      "test.yaml");
  const ImportedRecipe imported = ImportVerl(settings);
  const Recipe r = Load(imported);
  EXPECT_EQ(r.data.prompts_per_step, 8);
  EXPECT_EQ(r.update.mini_batch_prompts, 8);
  EXPECT_EQ(r.rollout.group_size, 4);
  EXPECT_TRUE(Names(imported.not_here, "trainer.logger"));
  EXPECT_TRUE(imported.unknown.empty());
}

TEST(ParseVerlCommandLine, WordsAsTheShellHasThem) {
  const VerlSettings settings = ParseVerlCommandLine(
      "VLLM_USE_V1=1 python3 -m verl.trainer.main_ppo --config-name=x \\\n"
      "  a.b='x y' ++c.d=\"z\" 'e.f=[1, 2]' g.h=['p', 'q']");
  EXPECT_EQ(settings,
            (VerlSettings{{"a.b", "x y"}, {"c.d", "z"}, {"e.f", "[1, 2]"}, {"g.h", "['p', 'q']"}}));
  EXPECT_EQ(ParseVerlCommandLine("bsz=8\npython3 data.train_batch_size=${bsz} a.b=$((bsz * 2))"),
            (VerlSettings{{"data.train_batch_size", "8"}, {"a.b", "16"}}));
  EXPECT_THROW(ParseVerlCommandLine("a.b='x"), Error);
  EXPECT_THROW(ParseVerlCommandLine("python3 main.py"), Error);
}

}  // namespace
}  // namespace rlvr
