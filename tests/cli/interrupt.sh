#!/usr/bin/env bash
# Ctrl-C in the middle of a step, or SIGTERM: one line that says how to go on, exit code 130, and going on gives what the
# run gives that was left alone.
# Usage: interrupt.sh RLVR FOLDER
source "$(dirname "$0")/common.sh"
make_model
steps=(trainer.steps=40 trainer.checkpoint_every=0 eval.every=0)
train base "${steps[@]}"

interrupted=0
for signal in INT TERM INT; do
  rm -rf runs/stopped
  "$rlvr" train tiny_rl model=model output=runs name=stopped "${steps[@]}" >/dev/null 2>stopped.err &
  run=$!
  while [ ! -s runs/stopped/metrics.jsonl ]; do kill -0 $run || fail "no run: $(cat stopped.err)"; done
  sleep "0.0$((RANDOM % 5))"
  kill -$signal $run 2>/dev/null || true
  code=0
  wait $run || code=$?
  if [ $code = 130 ]; then
    interrupted=$((interrupted + 1))
    [ "$(grep -c . stopped.err)" = 1 ] || fail "not one line: $(cat stopped.err)"
    grep -Eq "^rlvr: stopped after step [0-9]+ of 40; go on with: rlvr resume runs/stopped$" stopped.err ||
      fail "$(cat stopped.err)"
    resume runs/stopped
  elif [ $code != 0 ]; then
    fail "exit code $code: $(cat stopped.err)"
  fi
  same_run runs/base runs/stopped
done
[ $interrupted != 0 ] || fail "no signal came in time: the run is too short"
