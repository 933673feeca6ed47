#!/usr/bin/env python3
"""Clients that people have talk to `rlvr serve`: the official openai package, and lm_eval's local-completions model.

    python benchmarks/serve_clients.py [--program build/release/rlvr] [--model models/base_tiny]

Needs the package openai; with lm_eval[api] its part runs too, and with torch and transformers the scores are held
against theirs. Nothing is fetched: the tasks are made from local files. Prints what was checked; fails at the first thing
that is not so.
"""
import argparse
import asyncio
import contextlib
import json
import os
import signal
import subprocess
import tempfile
import time

os.environ.update(HF_DATASETS_OFFLINE="1", HF_HUB_OFFLINE="1", TRANSFORMERS_OFFLINE="1", TOKENIZERS_PARALLELISM="false")
QUESTION = "Tom has {} apples. Tom buys {} more. How many apples does Tom have now?"


@contextlib.contextmanager
def server(program, model, *options):
    """The base URL of a server that is stopped with Ctrl-C in the end."""
    process = subprocess.Popen([program, "serve", model, "--port", "0", *options], stdout=subprocess.PIPE, text=True)
    try:
        line = process.stdout.readline()
        assert " at http://" in line, f"the server does not start: {line!r}"
        yield line.split(" at ")[1].split()[0]
    finally:
        process.send_signal(signal.SIGINT)
        code = process.wait(10)
    assert code == 0, f"the server ended with {code}"


def check(condition, text):
    assert condition, f"NOT SO: {text}"
    print(f"  ok  {text}", flush=True)


def fails(kind, call):
    try:
        call()
    except kind as error:
        return error
    raise AssertionError(f"no {kind.__name__}")


def openai_client(url):
    import openai
    client = openai.OpenAI(base_url=url, api_key="none", max_retries=0)
    name = client.models.list().data[0].id
    check(client.models.retrieve(name).id == name, f"models.list and models.retrieve: {name}")
    messages = [{"role": "user", "content": QUESTION.format(7, 5)}]

    def chat(**options):
        return client.chat.completions.create(model=name, messages=messages, seed=1, max_tokens=80, **options)

    whole = chat(n=3, logprobs=True, top_logprobs=2)
    check(len(whole.choices) == 3 and len({c.message.content for c in whole.choices}) > 1, "chat: n=3, not all the same")
    check(sum(len(c.logprobs.content) for c in whole.choices) == whole.usage.completion_tokens,
          f"chat: a log-prob for each of {whole.usage.completion_tokens} tokens")
    pieces, finish, usage = {}, {}, None
    for chunk in chat(n=3, stream=True, stream_options={"include_usage": True}):
        usage = chunk.usage or usage
        for c in chunk.choices:
            pieces[c.index] = pieces.get(c.index, "") + (c.delta.content or "")
            finish[c.index] = c.finish_reason or finish.get(c.index)
    check(all(pieces[c.index] == c.message.content and finish[c.index] == c.finish_reason for c in whole.choices),
          "chat: the stream's text and finish_reason are those of the whole")
    check(usage == whole.usage, f"chat: the stream's usage too: {usage.prompt_tokens} + {usage.completion_tokens}")
    text = whole.choices[0].message.content
    stop = text[len(text) // 2:][:6]
    cut = chat(stop=[stop]).choices[0]
    check(cut.message.content == text[:text.index(stop)] and cut.finish_reason == "stop", f"chat: stop={stop!r}")

    prompts = [QUESTION.format(i, 2) for i in range(4)]
    listed = client.completions.create(model=name, prompt=prompts, seed=3, max_tokens=20, n=2)
    for i, prompt in enumerate(prompts):
        alone = client.completions.create(model=name, prompt=prompt, seed=3, max_tokens=20, n=2)
        assert [c.text for c in alone.choices] == [c.text for c in listed.choices[2 * i:2 * i + 2]]
    check(len(listed.choices) == 8, "completions: 4 prompts with n=2 are those of each alone")
    echoed = client.completions.create(model=name, prompt=prompts[0], max_tokens=0, echo=True, logprobs=1).choices[0]
    check(echoed.text == prompts[0] and "".join(echoed.logprobs.tokens) == prompts[0] and
          echoed.logprobs.token_logprobs[0] is None, f"completions: {len(echoed.logprobs.tokens)} log-probs of an echoed prompt")

    for options, param in [({"temperature": -1}, "temperature"), ({"presence_penalty": 1}, "presence_penalty"),
                           ({"response_format": {"type": "json_object"}}, "response_format"),
                           ({"extra_body": {"tempurature": 1}}, "tempurature")]:
        error = fails(openai.BadRequestError, lambda options=options: chat(**options))
        assert error.param == param, error
    check(True, "BadRequestError names temperature, presence_penalty, response_format, a misspelt field")
    fails(openai.NotFoundError, lambda: client.chat.completions.create(model="gpt-4", messages=messages))
    check(True, "NotFoundError for another model")
    return name


async def many_streams(url, name, count):
    """Seconds, and the text of every stream."""
    import openai
    client = openai.AsyncOpenAI(base_url=url, api_key="none", max_retries=0, timeout=600)

    async def one(i):
        text, finish = "", None
        stream = await client.chat.completions.create(
            model=name, messages=[{"role": "user", "content": QUESTION.format(i, i % 9)}], seed=i, max_tokens=200, stream=True)
        async for chunk in stream:
            text += chunk.choices[0].delta.content or ""
            finish = chunk.choices[0].finish_reason or finish
        return text, finish

    await client.models.list()
    start = time.time()
    together = await asyncio.gather(*(one(i) for i in range(count)))
    middle = time.time()
    alone = [await one(i) for i in range(count)]
    seconds = middle - start, time.time() - middle
    await client.close()
    check(all(finish in ("stop", "length") for _, finish in together), f"{count} concurrent streams finish, none lost")
    check(together == alone, f"... and are those of one at a time: {sum(len(t) for t, _ in alone)} characters, "
          f"{seconds[0]:.2f} s together, {seconds[1]:.2f} s one after the other")


def api_key(program, model):
    import openai
    with server(program, model, "--api-key", "secret") as url:
        fails(openai.AuthenticationError, openai.OpenAI(base_url=url, api_key="wrong", max_retries=0).models.list)
        openai.OpenAI(base_url=url, api_key="secret").models.list()
    check(True, "AuthenticationError without the key; Ctrl-C ends the server with exit code 0")


def write_tasks(folder):
    """A multiple-choice task (log-probs of prompts) and a task with free answers, 24 rows each."""
    rows = [{"question": QUESTION.format(i, 1 + i % 7), "answer": str(i + 1 + i % 7),
             "choices": [str(i + 1 + i % 7), str(i + 2 + i % 7), str(i), "12"]} for i in range(24)]
    with open(f"{folder}/rows.jsonl", "w") as f:
        f.writelines(json.dumps(r) + "\n" for r in rows)
    common = (f"dataset_path: json\ndataset_kwargs:\n  data_files: {{test: {folder}/rows.jsonl}}\ntest_split: test\n"
              "doc_to_text: \"{{question}} The answer is\"\n")
    with open(f"{folder}/apples_choice.yaml", "w") as f:
        f.write("task: apples_choice\noutput_type: multiple_choice\n" + common + "doc_to_choice: \"{{choices}}\"\n"
                "doc_to_target: 0\nmetric_list:\n  - metric: acc\n    aggregation: mean\n    higher_is_better: true\n")
    with open(f"{folder}/apples_free.yaml", "w") as f:
        f.write("task: apples_free\noutput_type: generate_until\n" + common + "doc_to_target: answer\n"
                "generation_kwargs:\n  until: [\".\", \"\\n\"]\n  max_gen_toks: 12\n"
                "metric_list:\n  - metric: exact_match\n    aggregation: mean\n    higher_is_better: true\n")


def lm_eval_client(url, name, model):
    try:
        import lm_eval
        from lm_eval.tasks import TaskManager
    except ImportError as error:
        print(f"  --  lm_eval is not installed ({error})")
        return
    with tempfile.TemporaryDirectory() as folder:
        write_tasks(folder)
        results = lm_eval.simple_evaluate(
            model="local-completions", tasks=["apples_choice", "apples_free"], bootstrap_iters=0, log_samples=True,
            model_args={"model": name, "base_url": f"{url}/completions", "tokenizer": model, "num_concurrent": 8,
                        "max_length": 1024, "max_retries": 1},
            task_manager=TaskManager(include_path=folder, include_defaults=False))
    samples = results["samples"]
    check(len(samples["apples_choice"]) == 24 and len(samples["apples_free"]) == 24, "lm_eval local-completions: 48 rows answered")
    for task in samples:
        print(f"      {task}: " + ", ".join(f"{k} {v}" for k, v in results["results"][task].items() if "alias" not in k))
    compare_with_transformers(samples["apples_choice"], model)


def compare_with_transformers(samples, model):
    try:
        import torch
        import transformers
    except ImportError as error:
        print(f"  --  no comparison of the scores ({error})")
        return
    torch.set_num_threads(1)
    tokenizer = transformers.AutoTokenizer.from_pretrained(model)
    reference = transformers.AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32)
    worst, greedy, n = 0.0, 0, 0
    for sample in samples:
        for arguments, response in zip(sample["arguments"], sample["filtered_resps"]):
            context, continuation = arguments if not isinstance(arguments, dict) else arguments.values()
            ids = tokenizer(context + continuation).input_ids
            # lm_eval's own border: the tokens of the whole text after those of the context.
            first = len(tokenizer(context).input_ids)
            with torch.no_grad():
                logp = reference(torch.tensor([ids])).logits[0].log_softmax(-1)
            target = torch.tensor(ids[first:])
            rows = logp[first - 1:len(ids) - 1]
            worst = max(worst, abs(rows.gather(1, target[:, None]).sum().item() - float(response[0])))
            greedy += (rows.argmax(-1) == target).all().item() == (str(response[1]) == "True")
            n += 1
    check(worst < 1e-3, f"its {n} log-likelihoods against transformers in fp32: largest difference {worst:.1e}")
    check(greedy == n, f"is_greedy is the same for {greedy} of {n}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--program", default="build/release/rlvr")
    parser.add_argument("--model", default="models/base_tiny")
    parser.add_argument("--streams", type=int, default=64)
    a = parser.parse_args()
    with server(a.program, a.model, "--compute", "fp32") as url:
        print(f"openai at {url}")
        name = openai_client(url)
        asyncio.run(many_streams(url, name, a.streams))
        print("lm_eval")
        lm_eval_client(url, name, a.model)
    api_key(a.program, a.model)


if __name__ == "__main__":
    main()
