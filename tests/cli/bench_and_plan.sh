#!/usr/bin/env bash
# rlvr bench and rlvr plan on the smallest scale: they print, write their files and end; what cannot be is refused.
# Usage: bench_and_plan.sh RLVR FOLDER
source "$(dirname "$0")/common.sh"
make_model

"$rlvr" bench model --seconds 0 --repeats 1 --tokens 64 --prompt 8 --response 4 --sequences 1,3 --checkpoint . \
  --json bench.json --svg bench.svg >out
grep -q 'bf16 GFLOP/s' out || fail "$(cat out)"
grep -Eq '^  training step, 64 tokens \(MFU\) .* [0-9]+ % [█░]+$' out || fail "$(cat out)"
grep -q '"name": "decode, 3 sequences, prompt 8, response 4"' bench.json || fail "$(cat bench.json)"
grep -q '^<svg' bench.svg || fail "no picture"
[ ! -e rlvr_bench_checkpoint ] || fail "the checkpoint is still there"
fails_with "there is no shape 'small'" "$rlvr" bench --shape small
fails_with "context is 512" "$rlvr" bench model --prompt 500 --response 100

"$rlvr" plan tiny_rl model=model name=plan --seconds 0.5 --json plan.json >out
grep -Eq '^  peak +[0-9]+ MiB +[0-9]+ MiB' out || fail "$(cat out)"
grep -Eq '^  step +[0-9.]+ s +[0-9.]+ s$' out || fail "$(cat out)"
[ ! -e runs ] || fail "plan has made a run"
grep -q '"fits": true' plan.json || fail "$(cat plan.json)"
"$rlvr" plan tiny_rl model=model --memory 64MiB --seconds 0.5 >out
grep -Eq 'will not fit' out || fail "$(cat out)"
fails_with "kind pretrain" "$rlvr" plan tiny_model
