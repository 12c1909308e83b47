"""Completions, scores and choices of the built-in model, by the official client."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

import mlx.core as mx
import mlx_lm
import openai
import pytest

from adapters.builtin_model import builtin_model_folder
from tests.functional.http.test_http_end_to_end import ROOT, Running, server

__all__ = ["server"]  # a fixture

TEXT = "A workspace is a folder with a model in it. Who are you, and what is \u00e9?"
CHAT: Any = [{"role": "user", "content": " ".join(f"word {at}" for at in range(60))}]


@pytest.fixture(scope="module")
def client(server: Running) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=server.url, api_key="none", max_retries=0, timeout=60) as made:
        yield made


@pytest.fixture(scope="module")
def loaded() -> Any:
    return mlx_lm.load(str(builtin_model_folder()))[:2]


def complete(client: openai.OpenAI, prompt: Any, **fields: Any) -> Any:
    return client.completions.create(model="demo", prompt=prompt, **fields)


def test_the_scores_of_a_prompt_are_those_of_a_plain_pass(client: openai.OpenAI, loaded: Any) -> None:
    model, tokenizer = loaded
    ids = tokenizer.encode(TEXT)
    logits = model(mx.array([ids]))[0].astype(mx.float32)
    expected = (logits - mx.logsumexp(logits, axis=-1, keepdims=True)).tolist()
    for prompt in (TEXT, ids):
        choice = complete(client, prompt, max_tokens=0, echo=True, logprobs=3).choices[0]
        assert choice.text == TEXT
        table = choice.logprobs
        assert len(table.tokens) == len(ids)
        assert table.token_logprobs[0] is None
        for at in range(1, len(ids)):
            assert table.token_logprobs[at] == pytest.approx(expected[at - 1][ids[at]], abs=1e-3)
            assert max(table.top_logprobs[at].values()) == pytest.approx(max(expected[at - 1]), abs=1e-3)
            assert TEXT[table.text_offset[at] :].startswith(table.tokens[at]) or table.tokens[at].startswith("bytes:")


def test_an_evaluation_harness_finds_prompt_and_one_greedy_token(client: openai.OpenAI, loaded: Any) -> None:
    """As the lm-eval harness asks: token ids, one token, scores of everything; it leaves the last entry out."""
    ids = loaded[1].encode(TEXT)
    asked = {"max_tokens": 1, "temperature": 0, "echo": True, "logprobs": 1, "seed": 1234}
    choices = complete(client, [ids, ids[:9]], **asked).choices
    for choice, length in zip(choices, (len(ids), 9), strict=True):
        table = choice.logprobs
        assert len(table.token_logprobs) == len(table.top_logprobs) == length + 1
        assert table.token_logprobs[-1] == max(table.top_logprobs[-1].values())
        assert math.isfinite(sum(table.token_logprobs[4:-1]))


def test_a_completion_goes_on_from_the_bare_text(client: openai.OpenAI, loaded: Any) -> None:
    model, tokenizer = loaded
    text = "The quick brown fox"
    expected = mlx_lm.generate(model, tokenizer, tokenizer.encode(text), max_tokens=8)
    choice = complete(client, text, max_tokens=8, temperature=0).choices[0]
    assert choice.text == f" {expected}"  # mlx-lm leaves out a space at the beginning
    streamed = complete(client, text, max_tokens=8, temperature=0, stream=True)
    assert "".join(each.choices[0].text for each in streamed) == choice.text


def test_a_token_that_is_none_is_named(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="123456") as caught:
        complete(client, [1, 123456])
    assert caught.value.param == "prompt"


def test_the_first_of_several_answers_is_the_single_one_and_the_prompt_is_read_once(client: openai.OpenAI) -> None:
    asked: dict[str, Any] = {"model": "demo", "messages": CHAT, "temperature": 1.5, "seed": 11, "max_tokens": 12}
    several = client.chat.completions.create(**asked, n=4)
    single = client.chat.completions.create(**asked)
    texts = [each.message.content for each in several.choices]
    assert texts[0] == single.choices[0].message.content
    assert len(set(texts)) > 1
    assert [each.message.content for each in client.chat.completions.create(**asked, n=4).choices] == texts
    assert several.usage is not None
    assert single.usage is not None
    assert several.usage.prompt_tokens == single.usage.prompt_tokens


def test_progress_reaches_the_whole_prompt(client: openai.OpenAI) -> None:
    long: Any = [{"role": "user", "content": " ".join(f"number {at}" for at in range(70))}]
    chunks = list(
        client.chat.completions.create(
            model="demo", messages=long, max_tokens=2, stream=True, extra_body={"mlxk": {"progress": True}}
        )
    )
    told = [each.model_dump()["mlxk"]["prompt_progress"] for each in chunks if "mlxk" in each.model_dump()]
    assert told
    assert [each["done"] for each in told] == sorted(each["done"] for each in told)
    assert told[-1]["done"] == told[-1]["total"]
    assert sum(len(each.choices) for each in chunks) == len(chunks)


def test_the_example_of_the_page_works(client: openai.OpenAI) -> None:
    page = (ROOT / "docs" / "server.md").read_text(encoding="utf-8")
    shown = page.partition("curl http://127.0.0.1:8000/v1/completions")[2].partition("-d '")[2].partition("'\n")[0]
    choice = client.completions.create(**json.loads(shown)).choices[0]
    assert (choice.text, choice.finish_reason) == ("The quick brown fox", "length")
    assert choice.logprobs is not None
