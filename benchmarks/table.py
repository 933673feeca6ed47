"""Markdown from the JSON files that benchmarks/run.sh made: python3 benchmarks/table.py FOLDER."""
import json
import pathlib
import sys

folder = pathlib.Path(sys.argv[1])


def rows(name):
    runs = json.loads((folder / f"{name}.json").read_text())["benchmarks"]
    medians = [b for b in runs if b.get("aggregate_name") == "median"]
    for b in medians or runs:
        parts = [p for p in b["run_name"].split("/") if ":" not in p and p != "real_time"]
        yield parts, b


def number(x):
    return f"{x:,.0f}" if x >= 100 else f"{x:.3g}"


def table(header, lines):
    print("| " + " | ".join(header) + " |")
    print("|" + "---|" * len(header))
    for line in lines:
        print("| " + " | ".join(line) + " |")
    print()


print("""# Speed

Made by `benchmarks/run.sh`. A share is of the multiply-adds per second that the same process measured just before on
registers alone (`rlvr doctor` measures them too). Two machines differ, and one machine differs from minute to minute:
compare shares, not times.
""")

context = [line for line in (folder / "tiny.txt").read_text().splitlines() if "GFLOP/s, bf16" in line]
print("Measured peaks: " + "; ".join(context) + ".\n")

print("## Matrix product, [M, K] times [N, K] transposed\n")
shares = {}
for (what, dtype, m, n, k, threads), b in rows("gemm"):
    shares.setdefault((dtype, n[1:], k[1:], threads[7:]), {})[what, m] = b["share_peak"]
lines = []
for (dtype, n, k, threads), by in shares.items():
    cells = [dtype, n, k, threads]
    for m in ("m64", "m256", "m2048"):
        ours, theirs = by.get(("matmul", m)), by.get(("onednn", m))
        cells.append(f"{100 * ours:.0f} %" + (f" ({ours / theirs:.2f})" if theirs else ""))
    lines.append(cells)
print("Share of the peak; in brackets the ratio to oneDNN's speed where it was there to compare.\n")
table(["type", "N", "K", "threads", "M = 64", "M = 256", "M = 2048"], lines)

for name, title in (("tiny", "Tiny: hidden 256, 6 layers, 4 heads, 2 KV heads, FFN 768, vocabulary 512"),
                    ("half_billion", "Half a billion: hidden 896, 24 layers, 14 heads, 2 KV heads, FFN 4864, "
                     "vocabulary 151,936")):
    print(f"## {title}\n")
    print("Decode: one token for each of so many sequences, groups of 8 on shared prompts. Train: forward, backward,\n"
          "AdamW and packing of the new weights on so many tokens; a step's operations are three times those of its\n"
          "forward pass, recomputation not counted. Memory: the process's peak, beside the sum of weights, gradient,\n"
          "moments, packed matrices and activations that a step should need.\n")
    lines = []
    for (_, what, dtype, size, threads), b in rows(name):
        memory = f"{b['peak_GB']:.2f} / {b['expected_GB']:.2f} GB" if "peak_GB" in b else ""
        unit = "sequences" if what == "decode" else "tokens"
        lines.append([what.replace("_", ", "), dtype, f"{size} {unit}", threads[7:], number(b["tokens/s"]),
                      f"{100 * b['share_peak']:.0f} %", memory])
    table(["", "type", "size", "threads", "tokens/s", "share of peak", "peak memory / expected"], lines)

for shape in ("tiny", "half-billion"):
    bench = json.loads((folder / f"bench_{shape}.json").read_text())
    peaks = "; ".join(f"{p['threads']} threads: fp32 {p['fp32_gflops']:.0f} GFLOP/s, bf16 {p['bf16_gflops']:.0f} GFLOP/s, "
                      f"memory {p['read_gb_per_s']:.1f} GB/s" for p in bench["peaks"])
    print(f"## `rlvr bench --shape {shape}`\n\n{bench['compute']}, {peaks}. docs/performance.md says how to read it.\n")
    lines = []
    for item in bench["items"]:
        bound = f"{item['peak_gflops']:.0f} GFLOP/s" if item["compute_bound"] else f"{item['peak_gb_per_s']:.1f} GB/s"
        lines.append([item["section"], item["name"], f"{1e3 * item['seconds']:.3g} ms",
                      number(item["tokens_per_s"]) if item["tokens_per_s"] else "", bound, f"{100 * item['share']:.0f} %"])
    table(["", "", "time", "tokens/s", "limit", "share"], lines)
