#!/usr/bin/env bash
# What is wrong in the world is said in one line that names the place and the remedy, and leaves nothing behind.
# Usage: errors.sh RLVR FOLDER
source "$(dirname "$0")/common.sh"
make_model

# A misspelt key: in a recipe with its line, and on the command line.
sed 's/^update: {lr/update: {lrr/' "$here/tiny_rl.yaml" >misspelt.yaml
line=$(grep -n '^update' misspelt.yaml | cut -d: -f1)
fails_with "^rlvr: misspelt.yaml:$line: unknown key 'update.lrr' \(did you mean 'lr'\?\)$" \
  "$rlvr" train misspelt.yaml model=model output=runs name=none
fails_with "command line: rollout.gruop_size.*did you mean 'group_size'" train none rollout.gruop_size=4
fails_with "unknown key 'updte' \(did you mean 'update'" train none updte.lr=1
# A misspelt method, and a parameter that it does not have.
fails_with "policy_loss.*did you mean 'ppo_clip'" train none policy_loss.name=ppo_clp
fails_with "policy_loss.*eps_hgh.*did you mean 'eps_high'" train none 'policy_loss={name: decoupled_clip, eps_hgh: 1}'

# A bound that is no size, and one that the largest tree cannot keep.
fails_with "activation_memory is 'lots'.*2GiB" train none update.activation_memory=lots
for run in "" --dry-run; do
  fails_with "^rlvr: update.activation_memory: 100 KiB do not hold the policy's longest tree of [0-9]+ tokens.*\(set it to [0-9]+MiB or more" \
    train none update.activation_memory=100k $run
done

# Missing files.
fails_with "^rlvr: nowhere.yaml: no such recipe" "$rlvr" train nowhere.yaml
fails_with "^rlvr: nowhere: no such model folder \(.*base_tiny\)$" train none model=nowhere
fails_with "^rlvr: nowhere.jsonl: cannot open.*\(check the path\)$" train none data.train=nowhere.jsonl
fails_with "^rlvr: runs/none: not a run's folder.*\(check the path\)$" "$rlvr" resume runs/none
cp -r model incomplete
rm incomplete/tokenizer.json
fails_with "^rlvr: incomplete/tokenizer.json: cannot open" train none model=incomplete

# A truncated safetensors file: in a tensor, and in the header.
for bytes in 30000 100 4; do
  rm -rf cut
  cp -r model cut
  truncate -s "$bytes" cut/model.safetensors
  fails_with "^rlvr: cut/model.safetensors: .*\(.*truncated.*\)$" train none model=cut
done

# A JSONL file with a broken line 37: cut off, without an answer, not an object.
row='{"data_source":"gsm_micro","prompt":"Tom has 3 pens. How many?","reward_model":{"style":"rule","ground_truth":"3"}}'
for broken in "${row:0:60}" '{"data_source":"gsm_micro","prompt":3}' '[]'; do
  for i in $(seq 40); do
    if [ "$i" = 37 ]; then echo "$broken"; else echo "$row"; fi
  done >broken.jsonl
  fails_with "^rlvr: broken.jsonl:37: .*\(.+\)$" train none data.train=broken.jsonl
done

# A temperature so low that nothing but rounding would decide.
fails_with "'rollout.temperature' is 1e-30" train none rollout.temperature=1e-30
fails_with "eval.temperature is 1e-30" train none eval.temperature=1e-30
for command in eval "generate --prompt x"; do
  code=0
  "$rlvr" $command model --temperature 1e-30 >usage.out 2>&1 || code=$?
  [ "$code" = 2 ] || fail "$command --temperature 1e-30: exit code $code"
  grep -q -- "--temperature.*1e-30" usage.out || fail "$command: $(cat usage.out)"
done

[ ! -e runs ] || fail "a command that failed has left runs/ behind: $(find runs)"

# A run that was edited or damaged does not go on, and goes on when it is mended.
train base
cp -r runs/base runs/edited
sed -i 's/group_size:/gruop_size:/' runs/edited/recipe.yaml
line=$(grep -n gruop_size runs/edited/recipe.yaml | cut -d: -f1)
fails_with "^rlvr: runs/edited/recipe.yaml:$line: .*gruop_size.*group_size" "$rlvr" resume runs/edited
sed -i 's/gruop_size:/group_size:/' runs/edited/recipe.yaml
latest=$(cat runs/edited/checkpoints/latest)
truncate -s 30000 "runs/edited/checkpoints/$latest/hf/model.safetensors"
fails_with "^rlvr: runs/edited/checkpoints/$latest/hf/model.safetensors: .*\(use step_000006 instead: .*\)$" \
  resume runs/edited
# The remedy is a command that works.
eval "$(sed -E 's/.*use step_[0-9]+ instead: (.*), then resume\)/\1/' fails.err)"
resume runs/edited
same_run runs/base runs/edited
