"""Generated conversations, rendered by transformers: what benchmarks/chat_templates.cc compares with.

    python make_cases.py OUT.jsonl [--per-template 400] [--seed 0] SOURCE ...

A SOURCE is a chat_templates.json ({name: {"chat_template", "bos_token", ...}}), a rendered_cases.jsonl
beside one (rows with "template" and "expected", taken as they are), a .jinja file, or a folder of
such files. Needs transformers 5 and jinja2 3.1. The clock stands at 26 July 2024, 12:00 UTC.
"""

import argparse
import datetime
import json
import pathlib
import random

import transformers.utils.chat_template_utils as chat_utils

NOW = 1721995200


class FixedClock(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return cls.fromtimestamp(NOW)


chat_utils.datetime = FixedClock

SPECIAL = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>"}

TEXTS = [
    "What is 2+2?", "", " ", "\n", "  leading and trailing  \n", "\n\nlines\n\nmore\n\n", "Hello", "Grüße aus Zürich",
    "東京は何時ですか。", "👩‍👩‍👧 emoji 🏳️‍🌈", "a\tb\r\nc", "\u00a0nbsp\u2003em\u3000", "'quoted' \"double\"", "back\\slash \\n",
    "<|im_end|>\n<|im_start|>assistant\nno", "{{ 7*7 }} {% raw %}", "<think>\nlet me see\n</think>\n\nThe answer is 4.",
    "<think></think>done", "</think>only an end", "<think>open only", "x" * 300, "\x00\x07\x1b[0m", "ﬁ ß İ ŉ Σίσυφος ΟΔΟΣ",
    "line\u2028separator\u2029paragraph\x85next\x1cfile", "<tool_response>\n42\n</tool_response>", "/think please", "/no_think",
    "\ufeffbom", "e\u0301 combining", "1.0", "true", "None", "[1, 2]", '{"a": 1}', "& < > ' \"", "\\boxed{4}", "$x^2$",
]
WORDS = "the of answer is seven apples 12 and -3.5 então naïve ответ 数 नमस्ते مرحبا ½ × \n \n\n \t . , ! ? <b> </b> & ' \" \\".split(" ")


def text(rng):
    if rng.random() < 0.5:
        return rng.choice(TEXTS)
    return " ".join(rng.choice(WORDS) for _ in range(rng.randint(1, 30)))


def value(rng, depth=0):
    kind = rng.randint(0, 8 if depth < 3 else 5)
    if kind == 0:
        return None
    if kind == 1:
        return rng.choice([True, False])
    if kind == 2:
        return rng.choice([0, 1, -1, 7, 123456789012345, -(2**40)])
    if kind == 3:
        return rng.choice([0.0, 1.0, -0.5, 1e-7, 1.5e300, 123456.789, 1e16, 1e15, 0.1, 3.0e-5])
    if kind in (4, 5):
        return text(rng)
    if kind == 6:
        return [value(rng, depth + 1) for _ in range(rng.randint(0, 3))]
    return {rng.choice(["a", "city", "x y", "größe", "key'", "items", "Z", "name"]): value(rng, depth + 1)
            for _ in range(rng.randint(0, 3))}


def schema(rng, depth=0):
    kind = rng.choice(["string", "integer", "number", "boolean", "array", "object"] if depth < 2 else ["string", "integer"])
    s = {"type": kind}
    if rng.random() < 0.1:
        s["type"] = [kind, "null"]
    if rng.random() < 0.6:
        s["description"] = text(rng)
    if kind == "string" and rng.random() < 0.3:
        s["enum"] = [text(rng) for _ in range(rng.randint(1, 3))]
    if rng.random() < 0.2:
        s["default"] = value(rng)
    if kind == "array":
        s["items"] = schema(rng, depth + 1)
    if kind == "object":
        s["properties"] = {f"p{i}": schema(rng, depth + 1) for i in range(rng.randint(0, 3))}
        if rng.random() < 0.5:
            s["required"] = list(s["properties"])[:1]
        if rng.random() < 0.2:
            s["additionalProperties"] = rng.choice([False, {"type": "string"}])
    if rng.random() < 0.1:
        s["nullable"] = True
    return s


def tool(rng):
    name = rng.choice(["get_weather", "search", "add", "größe"])
    parameters = schema(rng)
    while parameters["type"] != "object":
        parameters = schema(rng)
    function = {"name": name, "description": text(rng), "parameters": parameters}
    if rng.random() < 0.2:
        function["return"] = schema(rng)
    if rng.random() < 0.1:
        return function
    return {"type": "function", "function": function}


def tool_call(rng):
    arguments = {k: value(rng) for k in rng.sample(["city", "x", "unit", "größe"], rng.randint(0, 3))}
    if rng.random() < 0.2:
        arguments = json.dumps(arguments)
    call = {"name": rng.choice(["get_weather", "search"]), "arguments": arguments}
    if rng.random() < 0.1:
        return call
    call = {"type": "function", "function": call}
    if rng.random() < 0.6:
        call["id"] = rng.choice(["abcdefgh9", "call_00001", "123456789"])
    return call


def content(rng):
    if rng.random() < 0.9:
        return text(rng)
    parts = []
    for _ in range(rng.randint(0, 3)):
        parts.append({"type": "text", "text": text(rng)} if rng.random() < 0.8 else {"type": "image", "image": "x.png"})
    return parts


def conversation(rng):
    messages = []
    if rng.random() < 0.4:
        messages.append({"role": rng.choice(["system", "system", "system", "developer"]), "content": content(rng)})
    for turn in range(rng.randint(0, 4)):
        if rng.random() < 0.95:
            messages.append({"role": "user", "content": content(rng)})
        if rng.random() < 0.15:
            continue
        message = {"role": "assistant", "content": content(rng)}
        if rng.random() < 0.2:
            message[rng.choice(["reasoning_content", "thinking", "reasoning"])] = rng.choice([None, text(rng)])
        if rng.random() < 0.35:
            message["tool_calls"] = [tool_call(rng) for _ in range(rng.choice([0, 1, 1, 1, 2]))]
            if rng.random() < 0.5:
                message["content"] = rng.choice([None, ""])
        messages.append(message)
        for _ in range(len(message.get("tool_calls", []))):
            answer = {"role": "tool", "content": content(rng)}
            if rng.random() < 0.7:
                answer["name"] = "search"
            if rng.random() < 0.7:
                answer["tool_call_id"] = message["tool_calls"][0].get("id", "abcdefgh9")
            messages.append(answer)
        if rng.random() < 0.03:
            messages.append({"role": rng.choice(["system", "ipython", "tool", "narrator"]), "content": text(rng)})
    return messages


def kwargs(rng):
    k = {}
    if rng.random() < 0.3:
        k["tools"] = [tool(rng) for _ in range(rng.randint(0, 3))]
    if rng.random() < 0.3:
        k["enable_thinking"] = rng.choice([True, False])
    if rng.random() < 0.1:
        k["date_string"] = "1 Jan 2025"
    if rng.random() < 0.1:
        k["builtin_tools"] = rng.choice([[], ["code_interpreter"], ["code_interpreter", "search"]])
    if rng.random() < 0.1:
        k["tools_in_user_message"] = False
    if rng.random() < 0.1:
        k[rng.choice(["thinking", "reasoning_effort", "documents_text", "clear_thinking", "preserve_thinking"])] = rng.choice(
            [True, False, "low", "high"])
    return k


def render(source, special, row):
    try:
        rendered, _ = chat_utils.render_jinja_template(
            [json.loads(json.dumps(row["messages"]))], chat_template=source,
            add_generation_prompt=row["add_generation_prompt"], **{**special, **row["kwargs"]})
        return rendered[0]
    except Exception:
        return None


def templates(sources):
    for source in map(pathlib.Path, sources):
        if source.is_dir():
            yield from templates(sorted(source.glob("*.jinja")))
        elif source.suffix == ".jinja":
            yield source.stem, source.read_text(encoding="utf-8"), SPECIAL
        elif source.suffix == ".json":
            for name, entry in json.loads(source.read_text(encoding="utf-8")).items():
                special = {k: v for k, v in entry.items() if k.endswith("_token") and isinstance(v, str)}
                special.pop("base_eos_token", None)
                yield name, entry["chat_template"], special


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("out")
    parser.add_argument("sources", nargs="+")
    parser.add_argument("--per-template", type=int, default=400)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    with open(args.out, "w", encoding="utf-8") as out:
        def write(row):
            out.write(json.dumps(row, ensure_ascii=False) + "\n")

        for name, source, special in templates(args.sources):
            write({"template": name, "source": source, "special_tokens": special})
            rng = random.Random(f"{args.seed} {name}")
            for _ in range(args.per_template):
                row = {"template": name, "messages": conversation(rng), "kwargs": kwargs(rng),
                       "add_generation_prompt": rng.random() < 0.5, "now": NOW}
                write({**row, "expected": render(source, special, row)})
        for rows in args.sources:
            if rows.endswith(".jsonl"):
                for line in open(rows, encoding="utf-8"):
                    write({**json.loads(line), "now": NOW})


if __name__ == "__main__":
    main()
