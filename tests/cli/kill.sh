#!/usr/bin/env bash
# Runs killed with SIGKILL at random moments and resumed end with the bytes of the run that was left alone.
# Usage: kill.sh RLVR FOLDER KILLS [key=value ...]
source "$(dirname "$0")/common.sh"
kills=$3
shift 3
make_model
steps=(trainer.steps=60 trainer.checkpoint_every=1 eval.every=10)
begin=$(seconds)
train base "${steps[@]}" "$@"
whole=$(elapsed "$begin")
RANDOM=${SEED:-$$}
echo "an undisturbed run takes $whole s; SEED=${SEED:-$$}"

killed=0
for i in $(seq "$kills"); do
  run=runs/killed_$i
  moment=$(awk -v w="$whole" -v r="$RANDOM" 'BEGIN { print w * r / 32768 }')
  "$rlvr" train tiny_rl model=model output=runs "name=killed_$i" "${steps[@]}" "threads=$((i % 2 + 1))" "$@" \
    >/dev/null 2>killed.err &
  child=$!
  sleep "$moment"
  kill -KILL $child 2>/dev/null || true
  wait $child 2>/dev/null || true
  [ -e "$run/model/model.safetensors" ] || killed=$((killed + 1))
  at=none
  [ -e "$run/checkpoints/latest" ] && at=$(cat "$run/checkpoints/latest")
  if [ -e "$run/run.json" ]; then
    resume "$run" || fail "kill $i at $moment s: resume failed"
  else
    train "killed_$i" "${steps[@]}" "$@"  # killed before the run began
  fi
  same_run runs/base "$run"
  echo "kill $i of $kills after $moment s, checkpoint $at: same bytes"
  rm -r "$run"
done
[ "$kills" -lt 4 ] || [ $killed -ge $((kills / 2)) ] || fail "only $killed of $kills were killed in time"
echo "$killed of $kills runs were killed before their end; all $kills end with the same bytes"
