# What the tests of the command line share. Sourced with the program's path and a folder for temporary files as $1 and $2.
set -euo pipefail
rlvr=$1
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
rm -rf "$2"
mkdir -p "$2"
cd "$2"
export RLVR_RECIPES=$here

fail() {
  echo "FAILED: $*" >&2
  exit 1
}

# Makes the folder `model`.
make_model() {
  "$rlvr" pretrain tiny_model name=start output=. >/dev/null 2>pretrain.err || fail "pretrain: $(cat pretrain.err)"
  mv start/model model
  rm -r start
}

# A run of the tiny recipe: train NAME [key=value ...]
train() { "$rlvr" train tiny_rl model=model output=runs "name=$1" "${@:2}" >/dev/null; }
resume() { "$rlvr" resume "$1" >/dev/null; }

seconds() { date +%s.%N; }
# elapsed BEGIN: seconds since then
elapsed() { awk -v a="$1" -v b="$(seconds)" 'BEGIN { print b - a }'; }

# fails_with PATTERN COMMAND...: a non-zero exit, and one line on stderr that has the pattern (grep -E).
fails_with() {
  local pattern=$1 code=0
  shift
  "$@" >fails.out 2>fails.err || code=$?
  [ "$code" = 1 ] || fail "exit code $code, not 1: $* $(cat fails.err)"
  [ "$(wc -l <fails.err)" = 1 ] || fail "not one line: $* $(cat fails.err)"
  grep -Eq -- "$pattern" fails.err || fail "no '$pattern' in: $(cat fails.err)"
}

# metrics.jsonl without times and memory.
stable_metrics() { sed -E 's/"(timing_s|perf)\/[A-Za-z_]+":[^,}]*,?//g' "$1/metrics.jsonl"; }

# same_run A B: the two runs have the same metrics, weights, optimizer state, rollouts and evaluations.
same_run() {
  cmp <(stable_metrics "$1") <(stable_metrics "$2") || fail "$1 and $2: metrics.jsonl differs"
  [ "$(cat "$1/checkpoints/latest")" = "$(cat "$2/checkpoints/latest")" ] || fail "$1 and $2: latest differs"
  diff -r "$1/checkpoints/$(cat "$1/checkpoints/latest")" "$2/checkpoints/$(cat "$1/checkpoints/latest")" ||
    fail "$1 and $2: the last checkpoint differs"
  for part in model rollouts eval; do
    diff -r "$1/$part" "$2/$part" || fail "$1 and $2: $part differs"
  done
}

# as_killed FROM TO STEP: a copy of a run as a kill after STEP leaves it. FROM keeps all its checkpoints.
as_killed() {
  rm -rf "$2"
  cp -r "$1" "$2"
  rm -r "$2/model"
  for checkpoint in "$2"/checkpoints/step_*; do
    [ "${checkpoint##*step_}" -le "$3" ] || rm -r "$checkpoint"
  done
  basename "$(ls -d "$2"/checkpoints/step_* | tail -1)" >"$2/checkpoints/latest"
}
