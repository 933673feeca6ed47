#!/usr/bin/env python3
"""Prefill, one-sequence decode and batched decode of `rlvr bench` and of llama.cpp's llama-batched-bench on this machine's CPU:
two shapes with random bf16 weights, the same prompts and lengths, all cores.

    pip download llama-cpp-python==0.3.36 --no-deps --no-binary :all: -d DIR
    tar xf DIR/llama_cpp_python-0.3.36.tar.gz -C DIR
    cmake -S DIR/llama_cpp_python-0.3.36/vendor/llama.cpp -B DIR/build -G Ninja -DCMAKE_BUILD_TYPE=Release -DGGML_NATIVE=ON \\
        -DLLAMA_BUILD_SERVER=OFF -DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_EXAMPLES=OFF
    ninja -C DIR/build llama-batched-bench
    python3 -m venv VENV && VENV/bin/pip install -r benchmarks/peers/llama_cpp_requirements.txt
    VENV/bin/python benchmarks/peers/llama_cpp.py DIR/build [--rounds 5] [--shape tiny|half-billion] [--only TEXT] [--search]

The source package holds llama.cpp 0.5.0-dev, commit 0c1e570 of 1 October 2026, with ggml 0.25.3.

The two take turns. A measurement waits until other programs have at most --others of the cores, is made again where they had more
while it ran (--tries), and the least disturbed try counts: ggml's threads spin while they wait for each other, so that a busy
machine slows it many times more than rlvr. llama.cpp is measured with both SETTINGS, and the better median counts; they are what
--search left over (flash attention, type of keys and values, micro-batch, threads bound to cores).

What differs: llama-batched-bench feeds random tokens and samples none, while rlvr samples and keeps every token's log-prob and
entropy; in its prefill llama.cpp leaves out the last layer's feed-forward network for all tokens but each prompt's last, and adds
the head for those, while rlvr runs whole layers and no head.
"""
import argparse
import ctypes
import json
import os
import pathlib
import resource
import statistics
import subprocess
import sys
import tempfile
import time

REPO = pathlib.Path(__file__).resolve().parents[2]
THREADS = len(os.sched_getaffinity(0))
PROMPT, RESPONSE = 128, 128
SHAPES = {"tiny": dict(hidden=256, layers=6, heads=4, kv_heads=2, head_dim=64, ffn=768, vocabulary=512),
          "half-billion": dict(hidden=896, layers=24, heads=14, kv_heads=2, head_dim=64, ffn=4864, vocabulary=151936)}
# what: (sequences, response, its line of rlvr bench, its figure of llama-batched-bench)
WHATS = {"prefill, 16 prompts of 128": (16, 1, "phases: prefill", "speed_pp"),
         "decode, 1 sequence": (1, RESPONSE, "phases: decode", "speed_tg"),
         "decode, 64 sequences": (64, RESPONSE, "phases: decode", "speed_tg")}
# llama.cpp's (flash attention, type of keys and values, micro-batch, threads bound): what --search left, and what it tries.
SETTINGS = [("on", "f16", 2048, True), ("off", "bf16", 2048, True)]
SEARCH = [*SETTINGS, ("on", "bf16", 2048, True), ("off", "f16", 2048, True), ("on", "f16", 2048, False),
          ("on", "f16", 128, True), ("on", "f16", 512, True)]


def write_gguf(path, hidden, layers, heads, kv_heads, head_dim, ffn, vocabulary):
    """Qwen3 (the architecture of `rlvr bench`'s shapes), tied embedding, no tokenizer."""
    import gguf
    import numpy
    bf16 = gguf.GGMLQuantizationType.BF16
    source = numpy.random.default_rng(1)
    out = gguf.GGUFWriter(path, "qwen3")
    out.add_context_length(32768)
    out.add_embedding_length(hidden)
    out.add_block_count(layers)
    out.add_feed_forward_length(ffn)
    out.add_head_count(heads)
    out.add_head_count_kv(kv_heads)
    out.add_key_length(head_dim)
    out.add_value_length(head_dim)
    out.add_layer_norm_rms_eps(1e-6)
    out.add_rope_freq_base(10000.0)
    out.add_vocab_size(vocabulary)
    out.add_tokenizer_model("none")

    def matrix(name, outputs, inputs):
        weight = source.standard_normal((outputs, inputs), dtype=numpy.float32) * numpy.float32(0.02)
        out.add_tensor(f"{name}.weight", gguf.quants.quantize(weight, bf16), raw_dtype=bf16)

    def norm(name, size):
        out.add_tensor(f"{name}.weight", numpy.ones(size, numpy.float32))

    matrix("token_embd", vocabulary, hidden)
    norm("output_norm", hidden)
    for layer in (f"blk.{i}." for i in range(layers)):
        norm(layer + "attn_norm", hidden)
        norm(layer + "attn_q_norm", head_dim)
        norm(layer + "attn_k_norm", head_dim)
        norm(layer + "ffn_norm", hidden)
        matrix(layer + "attn_q", heads * head_dim, hidden)
        matrix(layer + "attn_k", kv_heads * head_dim, hidden)
        matrix(layer + "attn_v", kv_heads * head_dim, hidden)
        matrix(layer + "attn_output", hidden, heads * head_dim)
        matrix(layer + "ffn_gate", ffn, hidden)
        matrix(layer + "ffn_up", ffn, hidden)
        matrix(layer + "ffn_down", hidden, ffn)
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_tensors_to_file()
    out.close()


def repeats(shape, what):
    return 1 if shape == "half-billion" and WHATS[what][0] == 64 else 5  # that one takes a minute


def run_rlvr(program, shape, what, folder):
    sequences, response, line, _ = WHATS[what]
    report = folder / "bench.json"
    command = [program, "bench", "--shape", shape, "--only", line, "--seconds", "0", "--repeats", str(repeats(shape, what)),
               "--prompt", str(PROMPT), "--sequences", str(sequences), "--json", str(report)]
    if response > 1:
        command += ["--response", str(response)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    (item,) = json.loads(report.read_text())["items"]
    return item["tokens_per_s"]


def run_llama(build, model, shape, what, settings):
    """The median of the repeats; as in rlvr bench one more comes first and is not counted (a lone one has its prompts first)."""
    sequences, response, _, figure = WHATS[what]
    flash, cache, micro_batch, bound = settings
    warm = repeats(shape, what) > 1
    lines = [sequences] * (repeats(shape, what) + warm)
    command = [
        build / "bin/llama-batched-bench", "-m", model, "-c", str(sequences * (PROMPT + response)), "-b", "2048",
        "-ub", str(micro_batch), "-fa", flash, "-ctk", cache, "-ctv", cache, "-npp", str(PROMPT), "-ntg", str(response),
        "-npl", ",".join(map(str, lines)), "-t", str(THREADS), "-tb", str(THREADS), "--output-format", "jsonl"]
    environment = os.environ | ({"OMP_PROC_BIND": "true"} if bound else {})
    for _ in range(3):  # its log has lost a line at the end once
        out = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                             text=True).stdout
        rows = [json.loads(line) for line in out.splitlines() if line.startswith("{")]
        if len(rows) == len(lines):
            return statistics.median(row[figure] for row in rows[warm:])
    raise RuntimeError(f"{len(lines)} lines expected: {out}")


def busy_seconds():
    """(of all cores since the start, of this program's children that have ended)"""
    ticks = [int(x) for x in pathlib.Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (sum(ticks) - ticks[3] - ticks[4]) / os.sysconf("SC_CLK_TCK"), children.ru_utime + children.ru_stime


def others_share(run):
    """(what run() returns, share of the cores that other programs had meanwhile)"""
    all_before, own_before = busy_seconds()
    start = time.perf_counter()
    result = run()
    seconds = time.perf_counter() - start
    all_after, own_after = busy_seconds()
    return result, max(0.0, (all_after - all_before) - (own_after - own_before)) / (seconds * os.cpu_count())


def undisturbed(a, what, run):
    """others_share(run) of the first try with at most a.others, else of the least disturbed."""
    tries = []
    for _ in range(a.tries):
        end = time.monotonic() + a.wait
        while others_share(lambda: time.sleep(2))[1] > a.others and time.monotonic() < end:
            pass
        tries.append(others_share(run))
        figure, share = tries[-1]
        print(f"{time.strftime('%H:%M:%S')} {what}: {figure:.1f} tokens/s, others {share:.1%}", file=sys.stderr, flush=True)
        if share <= a.others:
            break
    return min(tries, key=lambda t: t[1])


def words(settings):
    flash, cache, micro_batch, bound = settings
    return f"-fa {flash} -ctk {cache} -ctv {cache} -ub {micro_batch}{', OMP_PROC_BIND=true' if bound else ''}"


def spread(values):
    digits = 1 if max(values) < 100 else 0
    return f"{statistics.median(values):,.{digits}f} ({min(values):,.{digits}f} .. {max(values):,.{digits}f})"


def search(a, shape, model):
    print("| shape | | settings | tokens/s | others at most |\n|---|---|---|---|---|")
    for what in a.whats:
        # The micro-batch matters to prompts alone.
        candidates = [s for s in SEARCH if s[2] == 2048 or WHATS[what][1] == 1]
        rows = {s: [] for s in candidates}
        for _ in range(a.rounds):
            for s in candidates:
                rows[s].append(undisturbed(a, f"{shape}, {what}, {words(s)}", lambda: run_llama(a.build, model, shape, what, s)))
        for s in sorted(candidates, key=lambda s: -statistics.median(figure for figure, _ in rows[s])):
            figures, shares = zip(*rows[s])
            print(f"| {shape} | {what} | {words(s)} | {spread(figures)} | {max(shares):.0%} |", flush=True)


def compare(a, shape, model, folder):
    print("| shape, tokens/s | rlvr | llama.cpp | ratio | others at most | settings |\n|---|---|---|---|---|---|")
    for what in a.whats:
        rows = {s: [] for s in ["rlvr", *SETTINGS]}
        for _ in range(a.rounds):
            rows["rlvr"].append(undisturbed(a, f"{shape}, {what}, rlvr", lambda: run_rlvr(a.rlvr, shape, what, folder)))
            for s in SETTINGS:
                rows[s].append(undisturbed(a, f"{shape}, {what}, {words(s)}", lambda: run_llama(a.build, model, shape, what, s)))
        figures = {who: [figure for figure, _ in row] for who, row in rows.items()}
        best = max(SETTINGS, key=lambda s: statistics.median(figures[s]))
        ratio = statistics.median(figures["rlvr"]) / statistics.median(figures[best])
        print(f"| {shape}: {what} | {spread(figures['rlvr'])} | {spread(figures[best])} | {ratio:.2f} | "
              f"{max(share for _, share in rows['rlvr'] + rows[best]):.0%} | {words(best)} |", flush=True)


def system_info(build):
    library = ctypes.CDLL(str(build / "bin/libllama.so"))
    library.llama_print_system_info.restype = ctypes.c_char_p
    return library.llama_print_system_info().decode().strip(" |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=pathlib.Path, help="llama.cpp's build folder")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--shape", default="both", choices=[*SHAPES, "both"])
    parser.add_argument("--only", default="", help="figures that have this in their name, as 'decode, 64'")
    parser.add_argument("--search", action="store_true", help="llama.cpp alone, with every setting")
    parser.add_argument("--others", type=float, default=0.05, help="share of the cores")
    parser.add_argument("--tries", type=int, default=5)
    parser.add_argument("--wait", type=float, default=300, help="seconds at most for others to end, before each try")
    parser.add_argument("--rlvr", default=str(REPO / "build/release/rlvr"))
    a = parser.parse_args()
    a.build = a.build.resolve()
    a.whats = [what for what in WHATS if a.only in what]
    print(f"{system_info(a.build)}\n{THREADS} threads; medians of {a.rounds} rounds (range)\n", flush=True)
    for shape in SHAPES if a.shape == "both" else [a.shape]:
        with tempfile.TemporaryDirectory() as temporary:
            folder = pathlib.Path(temporary)
            write_gguf(folder / "model.gguf", **SHAPES[shape])
            if a.search:
                search(a, shape, folder / "model.gguf")
            else:
                compare(a, shape, folder / "model.gguf", folder)
        print()


if __name__ == "__main__":
    main()
