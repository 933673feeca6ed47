#!/usr/bin/env bash
# Every command's --help has an example, and every example works as it stands. The names in them mean small things here:
# base_tiny is a model of seconds, quickstart a recipe of eight steps.
# Usage: help.sh RLVR FOLDER
source "$(dirname "$0")/common.sh"
make_model
mkdir recipes models bin
mv model models/base_tiny
ln -s "$rlvr" bin/rlvr
PATH=$PWD/bin:$PATH
export RLVR_MODELS=$PWD/models RLVR_RECIPES=$PWD/recipes
{ echo "model: base_tiny"; cat "$here/tiny_rl.yaml"; } >recipes/quickstart.yaml
cp "$here/tiny_model.yaml" recipes/base_tiny.yaml
sed 's/steps: 100/steps: 3/' "$here/../../recipes/sft.yaml" >recipes/sft.yaml
cp "$here/../../recipes/gspo.yaml" recipes/gspo.yaml

commands=$("$rlvr" --help | sed -n '/^Subcommands:/,/^$/s/^  \([a-z_]*\) .*/\1/p')
[ "$(echo "$commands" | wc -w)" -ge 11 ] || fail "--help lists only: $commands"
example() { "$rlvr" "$@" --help | sed -n '/^Example:/,$s/^  //p'; }
tried=0
# train before the commands that read runs/quickstart.
for command in train $(echo "$commands" | grep -v '^train$') "check on-policy"; do
  text=$(example $command)
  [ -n "$text" ] || fail "$command --help has no example"
  # A server has no end of its own, and its port may be taken.
  if [ "$command" = serve ]; then text="timeout --preserve-status -s INT 4 ${text/8000/0}"; fi
  bash -euo pipefail -c "$text" </dev/null >out 2>err || fail "the example of $command fails: $text: $(cat err)"
  [ -s out ] || fail "the example of $command prints nothing: $text"
  tried=$((tried + 1))
done
echo "$tried examples work"

# What training prints in the end.
"$rlvr" train quickstart name=again >out
grep -Eq '^held out: 4 prompts, 2 samples each' out || fail "$(cat out)"
grep -Eq '^ +before +after step 8$' out || fail "$(cat out)"
grep -Eq '^  avg@2 +[0-9.]+ % \[[0-9.]+, [0-9.]+\] +[0-9.]+ % \[[0-9.]+, [0-9.]+\]$' out || fail "$(cat out)"

# A dry run prints a recipe that gives the same run, and makes none itself.
"$rlvr" train quickstart --dry-run name=dry >dry.yaml
[ ! -e runs/dry ] || fail "--dry-run has made a run"
grep -q '^# memory' dry.yaml || fail "$(cat dry.yaml)"
"$rlvr" train dry.yaml >/dev/null
same_run runs/again runs/dry

# Another instruction set: refused under bf16, allowed on request.
sed -i 's/"isa": "[A-Za-z0-9_-]*"/"isa": "other"/' runs/dry/run.json
fails_with "on other.*--other-isa" "$rlvr" resume runs/dry
"$rlvr" resume runs/dry --other-isa >/dev/null
