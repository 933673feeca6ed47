#!/usr/bin/env bash
# From a fresh clone to a trained model: installs what is missing, builds, and runs DAPO on the embedded default.
# Usage: ./quickstart.sh [key=value ...]   (overrides for the recipe, such as seed=1)
set -euo pipefail
cd "$(dirname "$0")"

tools/install_dependencies.sh build
echo "rlvr: building"
cmake --preset quickstart >/dev/null
cmake --build --preset quickstart -- --quiet

run=runs/quickstart
if [ -e "$run" ]; then
  kept=$run.$(date +%Y%m%d-%H%M%S)
  mv "$run" "$kept"
  echo "rlvr: the run that was there is now $kept"
fi
build/release/rlvr train quickstart "$@"
echo
echo "The report: $(build/release/rlvr report "$run")"
echo "Go on with: build/release/rlvr --help"
