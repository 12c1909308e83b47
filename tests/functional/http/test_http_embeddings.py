"""Vectors and reranking from a server as a user starts it: real processes, real MLX, the official client."""

from __future__ import annotations

import base64
import json
import struct
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import openai
import pytest

from tests.support.cli_process import clean_environment
from tests.support.small_embedders import DIMENSIONS, small_embedder, small_reranker

ROOT = Path(__file__).resolve().parents[3]
TEXTS = ["I sleep in a bed.", "on monday", "the cat sat"]
FIRST, SECOND = "a" * 40, "b" * 40


@contextmanager
def serving(home: Path, *argv: str) -> Iterator[str]:
    """A server's address, once it is ready."""
    process = subprocess.Popen(
        [sys.executable, "-m", "mlxk", *argv, "--port", "0", "--json"],
        cwd=ROOT, env=clean_environment(home, HOME=str(home), HF_HOME=str(home / "hf")), stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    watchdog = threading.Timer(120, process.kill)
    watchdog.start()
    with process:
        assert process.stdout is not None
        said = "".join(iter(process.stdout.readline, "}\n")) + "}" if process.poll() is None else ""
        envelope = json.loads(said)
        assert envelope["command"] == argv[0]
        yield envelope["data"]["url"]
        process.terminate()
        watchdog.cancel()
        process.communicate()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache with two revisions of an embedder, and a reranker."""
    home = tmp_path_factory.mktemp("home")
    embedder = home / "hf/hub/models--org--embedder"
    for seed, revision in enumerate((FIRST, SECOND)):
        small_embedder(embedder / "snapshots" / revision, seed)
    (embedder / "refs").mkdir()
    (embedder / "refs/main").write_text(SECOND)
    small_reranker(home / "hf/hub/models--org--reranker/snapshots" / FIRST)
    return home


@pytest.fixture(scope="module")
def server(home: Path) -> Iterator[str]:
    with serving(home, "embed-serve", "org/embedder") as url:
        yield url


@pytest.fixture(scope="module")
def client(server: str) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{server}/v1", api_key="none", max_retries=0, timeout=60) as made:
        yield made


def vectors(client: openai.OpenAI, given: Any, **fields: Any) -> list[list[float]]:
    fields.setdefault("encoding_format", "float")
    answer = client.embeddings.create(model="org/embedder", input=given, **fields)
    return [each.embedding for each in answer.data]


def packed(numbers: list[float]) -> bytes:
    return struct.pack(f"<{len(numbers)}f", *numbers)


def test_texts_become_vectors_of_length_one(client: openai.OpenAI) -> None:
    found = vectors(client, TEXTS)
    assert [len(each) for each in found] == [DIMENSIONS] * 3
    assert [sum(number * number for number in each) for each in found] == pytest.approx([1.0] * 3, abs=1e-5)
    assert len({packed(each) for each in found}) == 3


def test_one_text_alone_is_what_it_is_among_others(client: openai.OpenAI) -> None:
    alone = vectors(client, TEXTS[0])[0]
    assert vectors(client, TEXTS)[0] == pytest.approx(alone, abs=1e-5)


def test_the_clients_own_way_gives_the_same_numbers_to_the_last_bit(client: openai.OpenAI) -> None:
    by_default = client.embeddings.create(model="org/embedder", input=TEXTS)  # the client asks for base64
    raw = client.embeddings.with_raw_response.create(model="org/embedder", input=TEXTS, encoding_format="base64")
    coded = [base64.b64decode(each["embedding"]) for each in json.loads(raw.text)["data"]]
    assert [packed(each.embedding) for each in by_default.data] == coded
    assert [packed(each) for each in vectors(client, TEXTS)] == coded


def test_token_ids_are_read_as_they_are(client: openai.OpenAI) -> None:
    lists = vectors(client, [[2, 5, 6, 3], [2, 7, 3]])
    assert vectors(client, [2, 5, 6, 3])[0] == pytest.approx(lists[0], abs=1e-5)
    assert lists[0] != lists[1]


def test_usage_counts_what_was_read_and_the_answer_names_what_it_is(client: openai.OpenAI) -> None:
    answer = client.embeddings.create(model="embedder", input="on monday")
    assert answer.usage.prompt_tokens == answer.usage.total_tokens == 4  # with the two marks around it
    assert (answer.model, answer.object) == ("org/embedder", "list")


@pytest.mark.parametrize(
    ("fields", "words", "code"),
    [
        ({"dimensions": 7}, "dimensions", "unsupported_parameter"),
        ({"model": "demo"}, "mlxk/demo does not turn text into vectors", "capability_mismatch"),
        ({"model": "org/reranker"}, "org/reranker does not turn text into vectors", "capability_mismatch"),
        ({"input": ["a", ""]}, "input.1: must not be empty", "validation_error"),
        ({"input": ["a", "cat " * 200]}, "input.1", "context_length_exceeded"),
        ({"input": [[1, 99_999]]}, "99", "validation_error"),
        ({"extra_body": {"instruct": "x", "input_type": "document"}}, "instruct", "validation_error"),
    ],
)
def test_what_cannot_be_is_a_400_with_its_name(
    client: openai.OpenAI, fields: dict[str, Any], words: str, code: str
) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        client.embeddings.create(**{"model": "org/embedder", "input": "a", **fields})
    assert words in str(refused.value)
    assert refused.value.code == code


def test_an_embedder_does_not_chat(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="org/embedder does not write text") as refused:
        client.chat.completions.create(model="org/embedder", messages=[{"role": "user", "content": "hi"}])
    assert refused.value.code == "capability_mismatch"


def test_a_fingerprint_is_that_of_model_revision_and_device(client: openai.OpenAI) -> None:
    def fingerprint(model: str, given: str = "a") -> str:
        answer = client.embeddings.create(model=model, input=given)
        return str(answer.system_fingerprint)  # type: ignore[attr-defined]

    main = fingerprint("org/embedder")
    digits, device = main.split(".")
    assert (len(digits), device) == (8, "cpu")
    assert {fingerprint("embedder"), fingerprint(f"org/embedder@{SECOND}"), fingerprint("org/embedder", "b")} == {main}
    assert fingerprint(f"org/embedder@{FIRST}") != main


def test_documents_come_back_in_order(server: str) -> None:
    asked = {"model": "org/reranker", "query": "where do I sleep", "documents": TEXTS, "return_documents": True}
    ranked = post(f"{server}/v1/rerank", asked)
    scores = [each["relevance_score"] for each in ranked["results"]]
    assert scores == sorted(scores, reverse=True)
    assert all(0 <= score <= 1 for score in scores)
    assert {each["index"]: each["document"]["text"] for each in ranked["results"]} == dict(enumerate(TEXTS))
    assert [each["index"] for each in post(f"{server}/v1/rerank", {**asked, "top_n": 1})["results"]] == [
        ranked["results"][0]["index"]
    ]


def test_models_of_every_kind_are_listed_loaded_and_unloaded(client: openai.OpenAI, server: str) -> None:
    listed = {each.id: each.capabilities for each in client.models.list().data}  # type: ignore[attr-defined]
    assert next(iter(listed)) == "org/embedder"
    assert listed["org/embedder"] == ["embeddings"]
    assert listed["org/reranker"] == ["rerank"]
    assert "chat" in listed["mlxk/demo"]
    assert post(f"{server}/v1/models/load", {"model": "org/reranker"})["state"] == "ready"
    assert post(f"{server}/v1/models/unload", {"model": "org/reranker"})["was_loaded"]


def test_two_thousand_texts_come_back_in_order_while_others_are_answered(client: openai.OpenAI, server: str) -> None:
    texts = [f"{number} {'cat ' * (number % 7)}" for number in range(2048)]
    found = vectors(client, texts)
    assert found[1234] == pytest.approx(vectors(client, texts[1234])[0], abs=1e-5)
    assert len(found) == 2048


def test_a_second_server_asks_the_first_for_what_it_does_not_have(server: str, tmp_path: Path) -> None:
    with (
        serving(tmp_path, "serve", "--embed-backend", server) as second,
        openai.OpenAI(base_url=f"{second}/v1", api_key="none", max_retries=0, timeout=60) as client,
    ):
        assert len(vectors(client, "on monday")[0]) == DIMENSIONS
        with pytest.raises(openai.NotFoundError, match="far/away"):
            client.embeddings.create(model="far/away", input="a")
        with pytest.raises(openai.BadRequestError, match="mlxk/demo does not turn text into vectors"):
            client.embeddings.create(model="demo", input="a")


def post(url: str, body: dict[str, object]) -> Any:
    asked = urllib.request.Request(  # noqa: S310
        url, json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(asked, timeout=60) as answer:  # noqa: S310
        return json.loads(answer.read())
