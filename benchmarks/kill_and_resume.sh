#!/usr/bin/env bash
# Kills runs with SIGKILL at random moments, resumes them, and compares every byte of weights, optimizer state, metrics
# (times and memory aside), rollouts and evaluations with the run that was left alone. Stops at the first difference.
# Usage: benchmarks/kill_and_resume.sh [KILLS] [key=value ...]     SEED=N repeats the moments of a run before
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
kills=20
if [[ ${1:-} =~ ^[0-9]+$ ]]; then
  kills=$1
  shift
fi
exec "$root/tests/cli/kill.sh" "$root/build/release/rlvr" "$root/build/kill_and_resume" "$kills" \
  model=base_tiny trainer.steps=12 rollout.max_tokens=64 "$@"
