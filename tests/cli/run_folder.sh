#!/usr/bin/env bash
# docs/run_folder.md names every file and every metric that runs write, with a critic, a process reward model, a moving
# reference, replay and masks; and no metric that it names goes unwritten by all of them, of those that these recipes have.
# Usage: run_folder.sh RLVR FOLDER
source "$(dirname "$0")/common.sh"
document=$here/../../docs/run_folder.md
make_model
small=(trainer.steps=2 eval.every=1 update.mini_batch_prompts=4)
train critic "${small[@]}" advantage.name=gae policy_loss.name=gspo critic.optimizer.lr=1e-3
train reward "${small[@]}" advantage.name=prime reference.update=ema replay.groups=1 replay.admit=all \
  rollout.quantization=int8 'token_weight=[{name: clip_cov}, {name: forking_tokens}, {name: rollout_is}, {name: ais}]' 'regularizer=[{name: kl}, {name: kl_full}]'
train talk "${small[@]}" data.train=gsm_micro:shards=true,max_steps=2 data.validation=gsm_micro:shards=true,max_steps=2 \
  environment.name=sharded environment.max_turns=3 data.max_prompt_tokens=400 eval.protocol=lost_in_conversation

# `a/{b,c}` in the document is a/b and a/c.
grep -o '`[^`]*`' "$document" | tr -d '`' | grep -E '^(step|[a-z_]+_rate|[a-z_{},]+/[A-Za-z0-9_@{},/]*[A-Za-z0-9_@{}])$' | while read -r name; do
  eval "printf '%s\\n' $name"
done | sort -u >documented
for run in critic reward talk; do
  # What the document names as a family: k, LABEL, STRATEGY, TYPE, and NAME of what an environment or a protocol counts.
  grep -oE '"[^"]+":' "runs/$run/metrics.jsonl" | tr -d '":' | sed -E 's/@[0-9]+$/@k/
    s#^(response_length|entropy|reward|strategy)/(under)?specified#\1/LABEL#; s#^(strategy/LABEL)/.*#\1/STRATEGY#
    s#^(val/)?env/.*#&|\1env/NAME#; s#^env/(aborted|timed_out|broken|num_turns)\|.*#env/\1#; s#^.*\|##
    s#^val/lic/[a-z_]+/.*#val/lic/TYPE/NAME#'
done | sort -u >written
missing=$(comm -13 documented written | tr '\n' ' ')
[ -z "$missing" ] || fail "docs/run_folder.md has no metric $missing"
[ "$(comm -12 documented written | wc -l)" -ge 60 ] || fail "too few metrics: $(cat written)"
# What is documented and not written is of methods that these runs do not have.
gone=$(comm -23 documented written | sed -E '/^(train\/|token_weight\/|actor\/((gpg|copo|is|gmpo|kl_cov|cov|entropy_band|lp_reg|epo|peak)_)|reward_shaping\/|trapo\/|spear\/|advantage\/|likelihood\/|reward\/NAME|curriculum\/|flow_reward\/|timing_s\/flow_reward|replay\/opposites|reward_model\/pair)/d')
[ -z "$gone" ] || fail "no run has" $gone

# Files: by their name, or by their folder where the step or the time is in the name.
for run in critic reward talk; do
  (cd "runs/$run" && find . -type f | grep -v '/hf/\|^./model/') | while read -r file; do
    case $file in
      ./tensorboard/* | ./rollouts/* | ./eval/* | ./protocol/*) name=$(basename "$(dirname "$file")")/ ;;
      *) name=$(basename "$file") ;;
    esac
    # Each folder of weights has it; the document names it in the run's model only.
    [ "$name" = generation_config.json ] || grep -Fq -- "$name" "$document" ||
      fail "docs/run_folder.md has no file $file"
  done
done
for file in critic/model.safetensors critic/trainer.safetensors trainer.json checksums.json hf/model.safetensors; do
  [ -f "runs/critic/checkpoints/step_000002/$file" ] || fail "no $file"
done
for file in process_reward/trainer.safetensors reference/model.safetensors replay.cbor; do
  [ -f "runs/reward/checkpoints/step_000002/$file" ] || fail "no $file"
done
