#!/usr/bin/env bash
# clang-tidy over the sources (slow: minutes). Needs a configured build (cmake --preset release) and clang-tidy.
set -euo pipefail
cd "$(dirname "$0")/.."
mapfile -t files < <(git ls-files 'src/*.cc' | grep -v _test.cc)
printf '%s\n' "${files[@]}" | xargs -P "$(nproc)" -n 4 clang-tidy --quiet -p build/release
