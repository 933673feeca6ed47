#!/usr/bin/env bash
# Installs what is missing, builds, and runs all tests; then the unit tests and those of the command line once more under
# the address and undefined-behaviour sanitizers.
set -euo pipefail
cd "$(dirname "$0")"

tools/install_dependencies.sh test
tools/format.sh --check
cmake --preset asan >/dev/null
cmake --build --preset asan -- --quiet
ctest --preset asan -j2 --no-tests=error
cmake --preset release -D RLVR_WERROR=ON >/dev/null
cmake --build --preset release -- --quiet
ctest --preset release -j2 --no-tests=error
