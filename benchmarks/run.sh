#!/usr/bin/env bash
# Builds the benchmarks, runs them, and writes docs/benchmarks.md. About 12 minutes on two cores; 14 GB of memory.
set -euo pipefail
cd "$(dirname "$0")/.."
tools/install_dependencies.sh benchmark
cmake --preset release -D RLVR_BUILD_BENCHMARKS=ON >/dev/null
cmake --build --preset release -- --quiet
bin=build/release/benchmarks out=build/benchmarks
mkdir -p "$out"
run() { # run PROGRAM NAME FILTER REPETITIONS
  echo "rlvr: $1 $3" >&2
  "$bin/$1" --benchmark_filter="$3" --benchmark_repetitions="$4" --benchmark_out="$out/$2.json" --benchmark_out_format=json | tee "$out/$2.txt" >&2
}
run gemm_bench gemm '^(matmul|onednn).*/m(64|256|2048)/.*threads[0-9]+' 5
run model_bench tiny tiny 3
run model_bench half_billion 'half_billion.*bf16' 3
# rlvr bench: every kernel and phase beside the limits measured in the same run, and the rooflines of docs/performance.md.
for shape in tiny half-billion; do
  echo "rlvr: bench $shape" >&2
  build/release/rlvr bench --shape "$shape" --checkpoint "$out" --json "$out/bench_$shape.json" --svg "docs/images/roofline_$shape.svg" >&2
done
python3 benchmarks/table.py "$out" > docs/benchmarks.md
