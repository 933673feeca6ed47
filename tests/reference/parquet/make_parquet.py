"""Makes the Parquet files of this folder and, beside each, its rows as pyarrow reads them (JSON lines).

  python3 make_parquet.py [FOLDER]        needs pyarrow; made with 26.0.1
"""

import json
import math
import sys

import pyarrow as pa
import pyarrow.parquet as pq

FOLDER = sys.argv[1] if len(sys.argv) > 1 else "."

message = pa.struct([("content", pa.string()), ("role", pa.string())])
verl = pa.schema([
    ("data_source", pa.string()),
    ("prompt", pa.list_(message)),
    ("ability", pa.string()),
    ("reward_model", pa.struct([("ground_truth", pa.string()), ("style", pa.string())])),
    ("extra_info", pa.struct([("index", pa.int64()), ("split", pa.string())])),
])


def verl_rows(n):
    return [{
        "data_source": "openai/gsm8k",
        "prompt": [{"role": "system", "content": "Think."}] * (i % 3 == 2)
                  + [{"role": "user", "content": f"What is {i} + {i * i}? \u00e9\u4e2d\U0001f600"}],
        "ability": "math",
        "reward_model": {"style": "rule", "ground_truth": str(i + i * i)},
        "extra_info": {"index": i, "split": "train"},
    } for i in range(n)]


nested = pa.schema([
    ("flag", pa.bool_()),
    ("small", pa.int32()),
    ("large", pa.int64()),
    ("unsigned", pa.uint64()),
    ("single", pa.float32()),
    ("double", pa.float64()),
    ("text", pa.string()),
    ("required", pa.field("required", pa.int64(), nullable=False).type),
    ("lists", pa.list_(pa.list_(pa.int64()))),
    ("structs", pa.list_(pa.struct([("a", pa.int64()), ("b", pa.list_(pa.string()))]))),
    ("deep", pa.struct([("inner", pa.struct([("x", pa.float64()), ("y", pa.bool_())]))])),
    ("map", pa.map_(pa.string(), pa.int64())),
    ("nothing", pa.null()),
]).set(7, pa.field("required", pa.int64(), nullable=False))


def nested_rows(n):
    def some(i, k, value):
        return None if (i * 7 + k) % 5 == 0 else value
    return [{
        "flag": some(i, 0, i % 3 == 0),
        "small": some(i, 1, (i * 2654435761) % 2**32 - 2**31),
        "large": some(i, 2, i * 10**15 - 5 * 10**16),
        "unsigned": some(i, 3, 2**64 - 1 - i),
        "single": some(i, 4, i / 8 - 3),
        "double": some(i, 0, math.sqrt(i) * (-1) ** i),
        "text": some(i, 1, "common prefix " * (i % 4) + f"text {i}" if i % 6 else ""),
        "required": i - 20,
        "lists": some(i, 2, [some(i, j, list(range(i % 4))) for j in range(i % 4)]),
        "structs": some(i, 3, [some(i, j, {"a": some(i, j, i * j), "b": some(i, j + 1, ["s"] * j)})
                               for j in range(i % 3)]),
        "deep": some(i, 4, {"inner": some(i, 0, {"x": some(i, 1, i / 3), "y": i % 2 == 0})}),
        "map": some(i, 0, [(f"k{j}", some(i, j, j)) for j in range(i % 3)]),
        "nothing": None,
    } for i in range(n)]


def plain(value, type_):
    """As JSON: maps become objects."""
    if value is None:
        return None
    if pa.types.is_map(type_):
        return {k: plain(v, type_.item_type) for k, v in value}
    if pa.types.is_list(type_):
        return [plain(v, type_.value_type) for v in value]
    if pa.types.is_struct(type_):
        return {f.name: plain(value[f.name], f.type) for f in type_}
    return value


def write(name, table, **options):
    path = f"{FOLDER}/{name}.parquet"
    options.setdefault("store_schema", False)
    pq.write_table(table, path, **options)
    table = pq.read_table(path)
    return [{f.name: plain(row[f.name], f.type) for f in table.schema} for row in table.to_pylist()]


def expect(name, rows):
    with open(f"{FOLDER}/{name}.jsonl", "w") as f:
        for row in rows:
            f.write(json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n")


v = pa.Table.from_pylist(verl_rows(40), verl)
rows = write("verl_snappy", v)
expect("verl", rows)
assert rows == write("verl_groups_zstd", v, compression="zstd", row_group_size=17)
assert rows == write("verl_plain_gzip_v2", v, compression="gzip", use_dictionary=False,
                     data_page_version="2.0")

n = pa.Table.from_pylist(nested_rows(60), nested)
rows = write("nested_v1", n, compression="none", row_group_size=25)
expect("nested", rows)
# Small pages: levels and values of a column go over several of them.
assert rows == write("nested_v2_pages", n, compression="snappy", data_page_version="2.0",
                     data_page_size=64, write_batch_size=8, write_page_checksum=True)
assert rows == write("nested_plain_pages", n, compression="zstd", use_dictionary=False,
                     data_page_size=64, write_batch_size=8)
assert rows == write("nested_delta", n, compression="none", use_dictionary=False,
                     column_encoding={"small": "DELTA_BINARY_PACKED", "large": "DELTA_BINARY_PACKED",
                                      "unsigned": "DELTA_BINARY_PACKED",
                                      "required": "DELTA_BINARY_PACKED",
                                      "text": "DELTA_BYTE_ARRAY",
                                      "structs.list.element.b.list.element":
                                          "DELTA_LENGTH_BYTE_ARRAY"})
assert rows == write("nested_old_lists", n, compression="none", version="1.0",
                     use_compliant_nested_type=False)

tiny = pa.table({"x": pa.array([1.5, 2.5], pa.float64()), "y": pa.array(["a", "b"])})
write("unread_brotli", tiny, compression="brotli")
write("unread_lz4", tiny, compression="lz4")
write("unread_split", tiny, use_dictionary=False, compression="none",
      column_encoding={"x": "BYTE_STREAM_SPLIT"})
write("unread_int96", pa.table({"t": pa.array([0, 10**9], pa.timestamp("ns"))}),
      use_deprecated_int96_timestamps=True, compression="none")
write("unread_decimal", pa.table({"d": pa.array([1, 2], pa.int64()).cast(pa.decimal128(20, 0))}),
      compression="none")
write("empty", v.slice(0, 0))
