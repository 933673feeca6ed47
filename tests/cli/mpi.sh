#!/usr/bin/env bash
# Runs on 1, 2 and 4 ranks have the same bytes where they have the same shards; resumed on other numbers of ranks too. A
# rank's death, an error and Ctrl-C end the whole run, with its last checkpoint whole.
# Usage: mpi.sh RLVR FOLDER
if ! command -v mpirun >/dev/null; then
  echo "SKIPPED: no mpirun here (openmpi-bin)"
  exit 77
fi
source "$(dirname "$0")/common.sh"
# As root in a container, more ranks than cores, and nothing but shared memory between them.
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
export OMPI_MCA_btl=self,vader OMPI_MCA_btl_vader_single_copy_mechanism=none OMPI_MCA_oob_tcp_if_include=lo
on_ranks() { mpirun --oversubscribe --bind-to none -np "$1" "$rlvr" "${@:2}"; }
begin_on_ranks() { exec mpirun --oversubscribe --bind-to none -np "$1" "$rlvr" "${@:2}"; }  # to be sent signals
# ranks N NAME [key=value ...]: a run of the tiny recipe
ranks() {
  on_ranks "$1" train tiny_rl model=model output=runs "name=$2" threads=1 parallel.shards=4 "${@:3}" >/dev/null 2>"$2.err" ||
    fail "$2: $(cat "$2.err")"
}
run=
trap '[ -z "$run" ] || kill "$run" 2>/dev/null || true' EXIT
begin=$(seconds)
make_model

# A verdict by chance, so that groups are mixed: by what was said, so that all ranks say the same.
cat >judge.py <<'PY'
import json, sys, zlib
for line in sys.stdin:
    asked = json.loads(line)
    value = zlib.crc32((asked["response"] + asked["ground_truth"]).encode())
    print(json.dumps({"id": asked["id"], "score": float(value % 6 == 0)}), flush=True)
PY

# Dynamic sampling, without rounds on one rank and in rounds on more of them, an objective over the whole mini-batch, replayed
# groups, a reference, evaluations.
whole=(rollout.gen_prompts=6 select.name=dynamic_sampling 'reward={name: process, process: {command: [python3, judge.py], workers: 1}}' replay.groups=1
  'policy_loss={name: decoupled_clip, aggregate: seq_mean_token_mean}' trainer.keep_checkpoints=9)
train one threads=1 parallel.shards=4 "${whole[@]}"
for n in 2 4; do
  ranks $n "on_$n" "${whole[@]}"
  same_run runs/one "runs/on_$n"
  grep -q "^$n ranks with 1 thread each; gradients in 4 shards, summed in order$" "on_$n.err" || fail "$(cat "on_$n.err")"
done
# Groups were dropped, or the above says little of how a batch is filled.
grep -o '"select/sampled":[0-9]*' runs/one/metrics.jsonl | grep -qv ':4$' || fail "every group was kept: $(cat runs/one/metrics.jsonl)"
echo "1, 2 and 4 ranks: same bytes after $(elapsed "$begin") s"

# What 2 ranks began, 1 and 4 end, and 3, to which 4 shards cannot be dealt evenly.
for n in 1 3 4; do
  as_killed runs/on_2 "runs/resumed_$n" 6
  on_ranks "$n" resume "runs/resumed_$n" >/dev/null 2>resume.err || fail "resume on $n ranks: $(cat resume.err)"
  same_run runs/one "runs/resumed_$n"
done
echo "resumed on 1, 3 and 4 ranks: same bytes after $(elapsed "$begin") s"

# Quantised rollouts: every rank scores what it sampled.
int8=(trainer.steps=2 rollout.quantization=int8 'token_weight=[{name: ais, ema: 0.9, previous: {controller: last_value}}]')
train int8 threads=1 parallel.shards=4 "${int8[@]}"
ranks 2 int8_on_2 "${int8[@]}"
same_run runs/int8 runs/int8_on_2
grep -q rollout_corr/kl runs/int8/metrics.jsonl || fail "no mismatch is measured"

# Left open, there is one shard for each rank, and the run's folder says so. Unordered sums train too.
ranks 2 open parallel.shards=0 trainer.steps=2 eval.before=false eval.after=false
grep -q "shards: 2" runs/open/recipe.yaml || fail "shards are not recorded"
ranks 2 unordered parallel.ordered=false trainer.steps=2 eval.before=false eval.after=false

# A killed rank: the others do not wait for it.
begin_on_ranks 2 train tiny_rl model=model output=runs name=killed threads=1 parallel.shards=4 "${whole[@]}" trainer.steps=400 \
  >/dev/null 2>killed.err &
run=$!
until [ -s runs/killed/checkpoints/latest ]; do kill -0 $run || fail "no run: $(cat killed.err)"; sleep 0.02; done
died=$(seconds)
victim=$(pgrep -P $run -f name=killed | tail -1)
survivor=$(pgrep -P $run -f name=killed | head -1)
[ "$victim" != "$survivor" ] || fail "not two ranks"
kill -KILL "$victim"
code=0
wait $run || code=$?
run=
[ $code != 0 ] || fail "a killed rank, and exit code 0"
# A zombie has ended: in a container nobody may ask for it.
lives() { [ -e "/proc/$1/stat" ] && [ "$(sed 's/.*) //; s/ .*//' "/proc/$1/stat" 2>/dev/null || echo Z)" != Z ]; }
while lives "$survivor"; do
  awk -v t="$(elapsed "$died")" 'BEGIN { exit !(t < 30) }' || fail "a rank lives on"
  sleep 0.1
done
latest=$(cat runs/killed/checkpoints/latest)
sed -i 's/^  steps: 400$/  steps: 8/' runs/killed/recipe.yaml
if [ "${latest#step_}" -lt 000008 ]; then
  on_ranks 2 resume runs/killed >/dev/null 2>resume.err || fail "resume after the kill: $(cat resume.err)"
fi
echo "killed at $latest: over after $(elapsed "$died") s"

# Errors: of all ranks (said once) and of one.
said() {  # said PATTERN COMMAND...: fails, and one line of ours has the pattern
  local code=0
  "${@:2}" >said.out 2>said.err || code=$?
  [ $code = 1 ] || fail "exit code $code: $* $(cat said.err)"
  [ "$(grep -c "^rlvr: " said.err)" = 1 ] || fail "not one line of ours: $(cat said.err)"
  grep -Eq -- "$1" said.err || fail "no '$1' in: $(cat said.err)"
}
said "^rlvr: runs/one: there is a run in this folder already" \
  on_ranks 2 train tiny_rl model=model output=runs name=one threads=1
mkdir -p runs/full
touch runs/full/checkpoints  # no place for a checkpoint: rank 0 alone finds out
said "^rlvr: runs/full/checkpoints: cannot create the folder" \
  on_ranks 2 train tiny_rl model=model output=runs name=full threads=1 eval.before=false
said "^rlvr: .*: unknown key" on_ranks 2 train tiny_rl model=model output=runs name=x no.such=1
said "^rlvr: mpirun: rlvr eval runs in one process" on_ranks 2 eval model
"$rlvr" pretrain tiny_model name=p output=runs trainer.steps=1 >/dev/null 2>&1
said "^rlvr: mpirun: kind pretrain" on_ranks 2 resume runs/p
code=0
mpirun --oversubscribe --bind-to none -np 1 "$rlvr" train tiny_rl model=model output=runs name=differ threads=1 seed=1 : \
  -np 1 "$rlvr" train tiny_rl model=model output=runs name=differ threads=1 seed=2 >/dev/null 2>differ.err || code=$?
[ $code = 1 ] || fail "ranks with other recipes: exit code $code"
grep -q "^rlvr: rank 1: has another recipe than rank 0" differ.err || fail "$(cat differ.err)"
[ ! -e runs/differ ] || fail "ranks that differ began a run"
echo "errors after $(elapsed "$begin") s"

# Ctrl-C: every rank stops after a whole step, with a checkpoint, if mpirun gives it the time.
export OMPI_MCA_odls_base_sigkill_timeout=2
begin_on_ranks 2 train tiny_rl model=model output=runs name=stopped threads=1 parallel.shards=4 \
  "${whole[@]}" trainer.steps=100000 trainer.checkpoint_every=0 >/dev/null 2>stopped.err &
run=$!
until [ -s runs/stopped/metrics.jsonl ]; do kill -0 $run || fail "no run: $(cat stopped.err)"; sleep 0.02; done
kill -TERM $run  # as Ctrl-C does to mpirun; a shell has its jobs ignore INT
code=0
wait $run || code=$?
run=
[ $code != 0 ] || fail "Ctrl-C, and exit code 0"
steps=$(grep -c . runs/stopped/metrics.jsonl)
[ "$steps" -lt 100000 ] || fail "Ctrl-C was not heard"
if [ -s runs/stopped/checkpoints/latest ]; then
  grep -Eq "^rlvr: stopped after step [0-9]+ of 100000; go on with: rlvr resume runs/stopped$" stopped.err || fail "$(cat stopped.err)"
else
  echo "Ctrl-C came before the first step had ended"
fi
echo "all after $(elapsed "$begin") s"
