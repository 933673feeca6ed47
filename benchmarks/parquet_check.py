"""Compares every cell of Parquet files with pyarrow's reading of them.

  python3 benchmarks/parquet_check.py build/release/benchmarks/parquet_rows FILE.parquet ...     needs pyarrow
"""

import json
import subprocess
import sys

import pyarrow.parquet as pq

program, files = sys.argv[1], sys.argv[2:]
differences = 0
for path in files:
    table = pq.read_table(path).to_pylist()
    lines = subprocess.run([program, path], check=True, capture_output=True, text=True).stdout.split("\n")[:-1]
    rows = [json.loads(line) for line in lines]
    cells = sum(len(row) for row in table)
    wrong = abs(len(rows) - len(table))
    for mine, theirs in zip(rows, table):
        wrong += list(mine) != list(theirs)
        wrong += sum(mine.get(column) != value for column, value in theirs.items())
    print(f"{path}: {len(table)} rows, {cells} cells, {wrong} differ")
    differences += wrong
sys.exit(differences > 0)
