#!/usr/bin/env bash
# A disk that is full while a checkpoint is written: one line, exit code 1, and the checkpoint before it still loads.
# Usage: disk_full.sh RLVR FOLDER
source "$(dirname "$0")/common.sh"
make_model
train base trainer.keep_checkpoints=9

# A write that fails in the middle of a file, on any machine: a limit on the size of files, which only the optimizer's
# moments exceed.
as_killed runs/base runs/limit 4
limit=$(($(stat -c %s runs/base/checkpoints/step_000004/trainer.safetensors) / 1024 - 1))
fails_with "^rlvr: runs/limit/checkpoints/step_000006.*/trainer.safetensors: cannot write: File too large \(.*nothing.*lost\)$" \
  bash -c "ulimit -f $limit; exec '$rlvr' resume runs/limit"
[ "$(cat runs/limit/checkpoints/latest)" = step_000004 ] || fail "latest is $(cat runs/limit/checkpoints/latest)"
[ "$(ls runs/limit/checkpoints)" = "$(printf 'latest\nstep_000002\nstep_000004')" ] || fail "left: $(ls runs/limit/checkpoints)"
"$rlvr" generate runs/limit/checkpoints/step_000004/hf --prompt x --max-tokens 2 >/dev/null || fail "step 4 does not load"
resume runs/limit
same_run runs/base runs/limit

# A disk that is full indeed, where this user may mount one.
if ! unshare -rm true 2>/dev/null; then
  echo "not checked on a real full disk: no user namespaces here"
  exit 0
fi
export -f resume fail fails_with stable_metrics same_run as_killed
export rlvr
unshare -rm bash -euo pipefail <<'INSIDE'
mkdir disk
mount -t tmpfs -o size=4m none disk
as_killed runs/base disk/run 4
checkpoint=$(du -sk disk/run/checkpoints/step_000004 | cut -f1)
# Leave room for half a checkpoint: small files still fit.
free=$(df -k --output=avail disk | tail -1)
head -c "$(((free - checkpoint / 2) * 1024))" /dev/zero >disk/filler
fails_with "^rlvr: disk/run/checkpoints/step_000006.*: cannot write: No space left on device \(free some disk space; .*\)$" \
  resume disk/run
[ "$(cat disk/run/checkpoints/latest)" = step_000004 ] || fail "latest is $(cat disk/run/checkpoints/latest)"
"$rlvr" generate disk/run/checkpoints/step_000004/hf --prompt x --max-tokens 2 >/dev/null || fail "step 4 does not load"
# Not a byte is left: metrics cannot be written either.
head -c 4194304 /dev/zero >disk/rest 2>/dev/null || true
fails_with "^rlvr: disk/run/.*: cannot .*: No space left on device \(.+\)$" "$rlvr" resume disk/run
rm disk/filler disk/rest
resume disk/run
same_run runs/base disk/run
INSIDE
