#!/usr/bin/env bash
# Runs killed with SIGKILL at random moments and resumed end with the bytes of the run that was left alone.
# Usage: kill.sh RLVR FOLDER KILLS [key=value ...]
source "$(dirname "$0")/common.sh"
kills=$3
shift 3
make_model
steps=(trainer.steps=60 trainer.checkpoint_every=1 eval.every=10)
train base "${steps[@]}" "$@"
total=$(grep -c . runs/base/metrics.jsonl)
RANDOM=${SEED:-$$}
echo "the run left alone writes $total lines of metrics; SEED=${SEED:-$$}"

killed=0
for i in $(seq "$kills"); do
  run=runs/killed_$i
  # A moment in the run's own time, so that it is the same on a busy machine: so many lines of metrics, and then
  # somewhere in the next step.
  lines=$((RANDOM % total))
  later=$(awk -v r="$RANDOM" 'BEGIN { print 0.03 * r / 32768 }')
  "$rlvr" train tiny_rl model=model output=runs "name=killed_$i" "${steps[@]}" "threads=$((i % 2 + 1))" "$@" \
    >/dev/null 2>killed.err &
  child=$!
  while kill -0 $child 2>/dev/null && [ "$(cat "$run/metrics.jsonl" 2>/dev/null | wc -l)" -lt "$lines" ]; do
    sleep 0.003
  done
  sleep "$later"
  kill -KILL $child 2>/dev/null || true
  wait $child 2>/dev/null || true
  [ -e "$run/model/model.safetensors" ] || killed=$((killed + 1))
  at=none
  [ -e "$run/checkpoints/latest" ] && at=$(cat "$run/checkpoints/latest")
  if [ -e "$run/run.json" ]; then
    resume "$run" || fail "kill $i after $lines lines: resume failed"
  else
    train "killed_$i" "${steps[@]}" "$@"  # killed before the run began
  fi
  same_run runs/base "$run"
  echo "kill $i of $kills $later s after $lines lines of metrics, checkpoint $at: same bytes"
  rm -r "$run"
done
[ "$kills" -lt 4 ] || [ $killed -ge $((kills / 2)) ] || fail "only $killed of $kills were killed in time"
echo "$killed of $kills runs were killed before their end; all $kills end with the same bytes"
