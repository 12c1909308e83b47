"""`mlxk embed`, `rerank` and `embed-serve` over fakes: what is read, what is printed, and how it ends."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import pytest

from domain.errors import ContextLengthExceeded, GenerationFailed, UnsupportedParameter
from domain.inference.embedding import EmbeddingRequest, InputType
from domain.serving.load_wishes import LoadWishes
from entrypoints.cli.commands import embed as command
from entrypoints.cli.line_batches import BATCH_LINES
from entrypoints.settings import Settings
from tests.support.fakes.cli_services import EMBEDDER, FakeServices, Line, Seen, report, serving
from tests.support.fakes.vectors import fake_embeddings

METADATA = {"model": "org/embedder", "dimensions": 16, "content_hash": None, "device": "cpu"}


@pytest.fixture
def services() -> FakeServices:
    return FakeServices((EMBEDDER, report("org/chat")))


def embed(services: FakeServices, *argv: str, stdin: str = "", terminal: bool = False) -> Seen:
    return Line(services, stdin=stdin, terminal=terminal).run("embed", "embedder", *argv)


def records(seen: Seen) -> list[dict[str, Any]]:
    return [json.loads(line) for line in seen.out.splitlines()]


def asked(services: FakeServices) -> list[tuple[str, ...]]:
    return [tuple(map(str, request.inputs)) for _, request, _ in services.embedding.asked]


def test_each_word_is_a_text_and_gets_a_line(services: FakeServices) -> None:
    seen = embed(services, "one text", "another")
    assert (seen.code, seen.err) == (0, "")
    first, second = records(seen)
    assert list(first) == ["text", "embedding", "metadata"]
    assert (first["text"], second["text"]) == ("one text", "another")
    assert first["metadata"] == METADATA
    made = fake_embeddings(EmbeddingRequest(("one text",)), 512).vectors[0]
    assert struct.pack("<16f", *first["embedding"]) == made.data


def test_the_model_is_asked_as_the_options_say(services: FakeServices) -> None:
    embed(services, "t", "--query", "--dimensions", "8", "--force")
    embed(services, "t", "--instruct", "find it", "--cpu")
    embed(services, "t")
    (_, query, forced), (_, instructed, on_cpu), (spec, plain, plainly) = services.embedding.asked
    assert (query.input_type, query.dimensions, forced) == (InputType.QUERY, 8, LoadWishes(force=True))
    assert (instructed.input_type, instructed.instruct, on_cpu) == (InputType.QUERY, "find it", LoadWishes(cpu=True))
    assert (spec, plain.input_type, plainly) == ("embedder", InputType.DOCUMENT, LoadWishes())


def test_a_dash_is_standard_input_as_one_text(services: FakeServices) -> None:
    assert [each["text"] for each in records(embed(services, "a", "-", stdin="two\nlines\n"))] == ["a", "two\nlines"]


def test_lines_keep_their_fields_and_their_order(services: FakeServices) -> None:
    lines = '{"id": 7, "text": "a b", "tags": ["x", null], "größe": 1.50}\n"a string"\n\nplain words\n'
    first, second, third = records(embed(services, "--batch", stdin=lines))
    assert list(first) == ["id", "text", "tags", "größe", "embedding", "metadata"]
    assert (first["id"], first["tags"], first["größe"]) == (7, ["x", None], 1.5)
    assert (second["text"], third["text"]) == ("a string", "plain words")


def test_vectors_of_before_are_replaced_and_foreign_metadata_is_kept(services: FakeServices) -> None:
    line = '{"embedding": [1], "metadata": {"source": "a.md", "device": "gpu"}, "text": "a"}'
    (only,) = records(embed(services, "--batch", stdin=line))
    assert list(only) == ["text", "embedding", "metadata"]
    assert only["metadata"] == {"source": "a.md", **METADATA}
    assert len(only["embedding"]) == 16


def test_lines_may_come_from_a_file(services: FakeServices, tmp_path: Path) -> None:
    (tmp_path / "texts").write_text("one\ntwo\n")
    assert [each["text"] for each in records(embed(services, "--file", str(tmp_path / "texts")))] == ["one", "two"]


def test_a_line_at_fault_ends_the_command_after_those_before_it(services: FakeServices) -> None:
    seen = embed(services, "--batch", stdin="one\ntwo\n{broken\nfour\n")
    assert [each["text"] for each in records(seen)] == ["one", "two"]
    assert seen.code == 1
    assert seen.err.startswith("embed: Error: line 3 is not JSON")


def test_a_text_that_the_model_cannot_read_is_named_by_its_line(services: FakeServices) -> None:
    services.embedding.refuse["endless"] = ContextLengthExceeded("input.0 has 900 tokens", param="input")
    seen = embed(services, "--batch", stdin="one\n\nendless\nthree\n")
    assert [each["text"] for each in records(seen)] == ["one"]
    assert (seen.code, seen.err) == (1, "embed: Error: line 3: input.0 has 900 tokens\n")


@pytest.mark.parametrize(
    "fault", [GenerationFailed("it broke"), UnsupportedParameter("not so short", param="dimensions")]
)
def test_what_is_no_texts_fault_is_told_once(services: FakeServices, fault: Any) -> None:
    services.embedding.refuse["b"] = fault
    seen = embed(services, "--batch", stdin="a\nb\n")
    assert (seen.code, seen.out) == (1, "")
    assert fault.message in seen.err
    assert len(services.embedding.asked) == 1


def test_ten_thousand_texts_go_through_in_batches_and_in_order(services: FakeServices) -> None:
    seen = embed(services, "--batch", stdin="".join(f"text {number}\n" for number in range(10_000)))
    assert [each["text"] for each in records(seen)] == [f"text {number}" for number in range(10_000)]
    assert max(map(len, asked(services))) <= BATCH_LINES
    assert len(asked(services)) < 10_000 / BATCH_LINES * 2


def test_the_envelope_holds_all_records(services: FakeServices) -> None:
    seen = embed(services, "--batch", "--json", stdin='{"text": "a", "id": 1}\nb\n')
    data = json.loads(seen.out)["data"]
    assert [(each["text"], each.get("id")) for each in data["records"]] == [("a", 1), ("b", None)]
    assert data["records"][0]["metadata"] == METADATA
    lines = records(embed(services, "--batch", stdin='{"text": "a", "id": 1}\nb\n'))
    assert [each["embedding"] for each in data["records"]] == [each["embedding"] for each in lines]


def test_an_envelope_with_an_error_holds_nothing_else(services: FakeServices) -> None:
    seen = embed(services, "--batch", "--json", stdin="a\n{broken\n")
    envelope = json.loads(seen.out)
    assert (envelope["status"], envelope["data"], seen.code) == ("error", None, 1)
    assert envelope["error"]["message"].startswith("line 2 is not JSON")


@pytest.mark.parametrize(
    ("argv", "words", "code"),
    [
        ((), "the text is missing", 2),
        (("",), "text 1 is empty", 2),
        (("a", " "), "text 2 is empty", 2),
        (("a", "--batch"), "texts are given twice: as lines and as 'a'", 2),
        (("a", "--dimensions", "0"), "dimensions must be at least 1, got 0", 1),
        (("--file", "/nowhere/texts"), "--file '/nowhere/texts' cannot be read: No such file", 1),
        (("a", "--querry"), "unknown option '--querry'", 2),
    ],
)
def test_what_is_wrong_is_told_before_any_work(
    services: FakeServices, argv: tuple[str, ...], words: str, code: int
) -> None:
    seen = embed(services, *argv)
    assert (seen.code, seen.out) == (code, "")
    assert words in seen.err
    assert not services.embedding.asked


def test_nothing_to_embed_is_no_error_and_loads_no_model(services: FakeServices) -> None:
    seen = embed(services, "--batch", stdin="\n")
    assert (seen.code, seen.out, seen.err) == (0, "", "")
    assert not services.embedding.asked


def test_the_workers_are_ended_whatever_happens(services: FakeServices) -> None:
    embed(services, "a")
    services.embedding.refuse["b"] = GenerationFailed("it broke")
    embed(services, "b")
    assert services.pool.closed == 2


def test_a_warning_of_the_load_and_the_sum_go_to_standard_error(services: FakeServices) -> None:
    services.embedding.warning = "it is large"
    seen = embed(services, "a b", "c", "--verbose")
    assert seen.err == "embed: Warning: it is large\nEmbedded 2 texts of 3 tokens\n"


@pytest.mark.parametrize("terminal", [False, True])
def test_how_far_it_is_is_told_at_a_terminal_only(
    services: FakeServices, monkeypatch: pytest.MonkeyPatch, *, terminal: bool
) -> None:
    monkeypatch.setattr(command, "BETWEEN_REMARKS_SECONDS", 0.0)
    seen = embed(services, "--batch", stdin="a text\n" * 600, terminal=terminal)
    told = ["Embedded 256 texts ...", "Embedded 512 texts ...", "Embedded 600 texts ..."]
    assert seen.err.splitlines() == (told if terminal else [])


def test_documents_come_back_sorted_with_their_fields(services: FakeServices, tmp_path: Path) -> None:
    (tmp_path / "hits").write_text('{"path": "a.md", "text": "a car"}\n{"text": "a good bed", "index": 9}\n')
    seen = Line(services).run("rerank", "reranker", "good bed", "--file", str(tmp_path / "hits"))
    assert records(seen) == [
        {"index": 1, "relevance_score": 1.0, "text": "a good bed"},
        {"index": 0, "relevance_score": 0.0, "path": "a.md", "text": "a car"},
    ]
    best = Line(services).run("rerank", "reranker", "bed", "car", "bed", "--top-n", "1")
    assert records(best) == [{"index": 1, "relevance_score": 1.0, "text": "bed"}]
    piped = Line(services, stdin="car\nbed\n").run("rerank", "reranker", "bed", "-")
    assert [each["text"] for each in records(piped)] == ["bed", "car"]


def test_many_documents_are_asked_for_in_portions_and_ranked_as_one(services: FakeServices) -> None:
    lines = "".join(f"document {number}\n" for number in range(600)) + "the very bed\n"
    seen = Line(services, stdin=lines).run("rerank", "reranker", "very bed", "-", "--top-n", "2", "--json")
    data = json.loads(seen.out)["data"]
    assert [(each["index"], each["text"]) for each in data["results"]] == [(600, "the very bed"), (0, "document 0")]
    assert [len(request.documents) for _, request, _ in services.reranking.asked] == [256, 256, 89]


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (("q",), "the documents are missing"),
        (("", "d"), "text 1 is empty"),
        (("q", "d", "--top-n", "0"), "--top-n must be at least 1"),
        (("q", "d", "--file", "x"), "the documents are given twice"),
    ],
)
def test_what_is_wrong_with_a_reranking_is_told_before_any_work(
    services: FakeServices, argv: tuple[str, ...], words: str
) -> None:
    seen = Line(services).run("rerank", "reranker", *argv)
    assert (seen.code, words in seen.err) == (2, True), seen.err
    assert not services.reranking.asked


class Started:
    """Server that notes its settings."""

    def __init__(self) -> None:
        self.settings: Settings | None = None

    def __call__(self, settings: Settings, announce: Any, failed: Any) -> int:
        self.settings = settings
        announce(serving(settings))
        return 0


@pytest.mark.parametrize(
    ("argv", "environ", "port"),
    [
        (("org/embedder",), {}, 8002),
        (("org/embedder", "--port", "9"), {}, 9),
        (("org/embedder",), {"MLXK2_PORT": "10"}, 10),
        ((), {"MLXK2_EMBED_MODEL": "org/embedder", "MLXK2_ENABLE_ALPHA_FEATURES": "1"}, 8002),
    ],
)
def test_embed_serve_is_serve_with_that_model_on_its_own_port(
    services: FakeServices, argv: tuple[str, ...], environ: dict[str, str], port: int
) -> None:
    started = Started()
    seen = Line(services, environ=environ, server=started).run("embed-serve", *argv, "--json")
    assert seen.code == 0, seen.out
    assert json.loads(seen.out)["command"] == "embed-serve"
    assert started.settings is not None
    assert (started.settings.preload_model.value, started.settings.port.value) == ("org/embedder", port)
    assert started.settings.loading.wishes == LoadWishes()


@pytest.mark.parametrize(("argv", "environ"), [(("--cpu",), {}), ((), {"MLXK2_EMBED_CPU": "1"})])
def test_embed_serve_computes_where_it_is_told(
    services: FakeServices, argv: tuple[str, ...], environ: dict[str, str]
) -> None:
    started = Started()
    assert Line(services, environ=environ, server=started).run("embed-serve", "org/embedder", *argv).code == 0
    assert started.settings is not None
    assert started.settings.loading.wishes == LoadWishes(cpu=True)


def test_embed_serve_wants_an_embedder_and_serve_takes_one(services: FakeServices) -> None:
    refused = Line(services).run("embed-serve", "org/chat")
    assert refused.code == 1
    assert "org/chat does not turn text into vectors" in refused.err
    assert Line(services).run("serve", "--model", "org/embedder").code == 0


@pytest.mark.parametrize(
    ("model", "route", "client"),
    [
        ("org/chat", "/v1/chat/completions", "client.chat.completions.create"),
        ("org/embedder", "/v1/embeddings", "client.embeddings.create"),
        ("org/reranker", "/v1/rerank", None),
    ],
)
def test_the_server_shows_how_its_first_model_is_asked(model: str, route: str, client: str | None) -> None:
    reranker = report("org/reranker", model_type="embedding", capabilities=("rerank",))
    seen = Line(FakeServices((EMBEDDER, reranker, report("org/chat")))).run("serve", "--model", model)
    assert f"curl http://127.0.0.1:8000{route} " in seen.out
    assert f'-d \'{{"model": "{model}", ' in seen.out
    assert ("from openai" in seen.out) == (client is not None)
    assert client is None or client in seen.out


@pytest.mark.parametrize("url", ["http://127.0.0.1:8002", "http://localhost", "https://[::1]:9/v1"])
def test_a_backend_on_this_machine_needs_no_more_than_its_address(services: FakeServices, url: str) -> None:
    started = Started()
    assert Line(services, server=started).run("serve", "--embed-backend", url).code == 0
    assert started.settings is not None
    assert started.settings.embedding.backend.value == url


@pytest.mark.parametrize(
    "url",
    ["ftp://127.0.0.1", "127.0.0.1:8002", "http://", "http://me@127.0.0.1", "http://127.0.0.1/?x=1", "http://[::1"],
)
def test_what_is_no_address_is_refused(services: FakeServices, url: str) -> None:
    seen = Line(services).run("serve", "--embed-backend", url)
    assert (seen.code, "--embed-backend=" in seen.err) == (2, True), seen.err


def test_a_backend_elsewhere_has_to_be_meant(services: FakeServices) -> None:
    refused = Line(services).run("serve", "--embed-backend", "http://example.org")
    assert (refused.code, "texts would be sent to another machine" in refused.err) == (2, True)
    assert Line(services).run("serve", "--embed-backend", "http://example.org", "--allow-remote-backend").code == 0


def test_the_old_variable_alone_does_not_send_texts_anywhere(services: FakeServices) -> None:
    started = Started()
    Line(services, environ={"MLXK2_EMBED_BACKEND": "http://127.0.0.1:1"}, server=started).run("serve")
    assert started.settings is not None
    assert started.settings.embedding.backend.value is None
