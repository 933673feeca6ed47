#!/usr/bin/env bash
# rlvr import verl: its output is a recipe that train accepts, from a command line and from a file.
source "$(dirname "$0")/common.sh"
make_model

line='python3 -m verl.trainer.main_ppo algorithm.adv_estimator=grpo actor_rollout_ref.model.path=model
  data.train_files=gsm_micro data.val_files=gsm_micro data.train_batch_size=8 data.max_response_length=24 data.max_prompt_length=64
  actor_rollout_ref.rollout.n=4 actor_rollout_ref.actor.ppo_mini_batch_size=4 trainer.total_training_steps=2
  actor_rollout_ref.actor.clip_ratio_high=0.28 trainer.nnodes=4 trainer.my_own_key=7'
"$rlvr" import verl "$line" >imported.yaml 2>import.err || fail "import: $(cat import.err)"
[ "$(cat import.err)" = "keys without a counterpart: 1, unknown: 1 (named at the recipe's end)" ] || fail "$(cat import.err)"
grep -q 'trainer.nnodes=4  # one process' imported.yaml || fail "trainer.nnodes is not named: $(cat imported.yaml)"
grep -q 'trainer.my_own_key=7' imported.yaml || fail "an unknown key is not named: $(cat imported.yaml)"
"$rlvr" train imported.yaml --dry-run >dry.out || fail "dry run"
grep -q 'eps_high: 0.28' dry.out || fail "clip_ratio_high is lost: $(cat dry.out)"
grep -q 'group_size: 4' dry.out || fail "rollout.n is lost: $(cat dry.out)"

printf '%s\n' "$line" | tr '\n' ' ' >run.sh
sed -i '1i # a script\nbsz=$((2 * 4))' run.sh
sed -i 's/train_batch_size=8/train_batch_size=${bsz}/' run.sh
"$rlvr" import verl run.sh 2>/dev/null | cmp - imported.yaml || fail "a file with the command line gives another recipe"
cat >config.yaml <<'Y'
algorithm: {adv_estimator: grpo}
data: {train_batch_size: 8, train_files: gsm_micro, max_prompt_length: 64, max_response_length: 24}
actor_rollout_ref: {model: {path: model}, actor: {ppo_mini_batch_size: '${data.train_batch_size}'}}
Y
"$rlvr" import verl config.yaml 2>/dev/null >yaml.yaml
"$rlvr" train yaml.yaml --dry-run | grep -q 'mini_batch_prompts: 8' || fail "YAML: $(cat yaml.yaml)"
unset no_such_variable
fails_with 'no_such_variable is not set' "$rlvr" import verl 'data.train_batch_size=${no_such_variable}'
fails_with "no setting" "$rlvr" import verl 'python3 main.py'
echo "verl's configurations become recipes"
