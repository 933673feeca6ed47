#!/usr/bin/env bash
# The same recipe and seed give the same bytes with 1 and 2 threads, and another seed gives others.
# Usage: threads.sh RLVR FOLDER
source "$(dirname "$0")/common.sh"
make_model
for compute in fp32 bf16; do
  train ${compute}_1 compute=$compute threads=1
  train ${compute}_2 compute=$compute threads=2
  same_run runs/${compute}_1 runs/${compute}_2
done
# --threads is the same thing.
"$rlvr" --threads 1 train tiny_rl model=model output=runs name=option >/dev/null
grep -q '^threads: 1$' runs/option/recipe.yaml || fail "--threads 1 is not in the recipe"
same_run runs/bf16_1 runs/option
# What would be equal whatever it did proves nothing.
train other threads=1 seed=1
if cmp -s runs/bf16_1/model/model.safetensors runs/other/model/model.safetensors; then
  fail "another seed gives the same weights"
fi
