"""/v1/embeddings and /v1/rerank over fake workers: what is asked and what comes back, and who else is listed."""

from __future__ import annotations

import base64
import json
import struct
import threading
from collections.abc import Generator
from typing import Any

import pytest
from flask.testing import FlaskClient

from domain.errors import BackendTimeout, EngineDied, GenerationFailed, MlxkError
from entrypoints.http.app import create_app
from entrypoints.http.limits import HttpLimits
from entrypoints.http.routes import embeddings as routes
from ports.embedding_backend import FORWARDED, BackendAnswer
from tests.support.eventually import eventually
from tests.support.fakes.http_services import FakeServices, served

EMBEDDER = served("org/embedder", model_type="embedding", capabilities=("embeddings",))
RERANKER = served("org/reranker", model_type="embedding", capabilities=("rerank",))
CHAT = served("org/chat")


class House:
    """The app over its fakes."""

    def __init__(self) -> None:
        self.services = FakeServices(models=(CHAT, EMBEDDER, RERANKER))
        self.app = create_app(self.services, HttpLimits())
        self.client: FlaskClient = self.app.test_client()

    def post(self, path: str, **body: object) -> Any:
        return self.client.post(path, json=body)

    def embed(self, given: object, **body: object) -> Any:
        return self.post("/v1/embeddings", model="org/embedder", input=given, **body)


@pytest.fixture
def house() -> House:
    return House()


def test_a_text_becomes_a_vector_with_everything_that_openai_says_of_it(house: House) -> None:
    answer = house.embed("two words")
    assert answer.status_code == 200
    body = answer.get_json()
    assert (body["object"], body["model"]) == ("list", "org/embedder")
    (only,) = body["data"]
    assert (only["object"], only["index"], len(only["embedding"])) == ("embedding", 0, 16)
    assert body["usage"] == {"prompt_tokens": 2, "total_tokens": 2}
    assert body["system_fingerprint"].endswith(".cpu")


@pytest.mark.parametrize("given", [["one", "two three"], [[1], [2, 3]]])
def test_a_list_becomes_as_many_in_its_order(house: House, given: list[object]) -> None:
    many = house.embed(given).get_json()
    alone = [house.embed([each]).get_json()["data"][0]["embedding"] for each in given]
    assert [each["embedding"] for each in many["data"]] == alone
    assert many["usage"]["total_tokens"] == 3


def test_base64_holds_the_very_same_numbers(house: House) -> None:
    numbers = house.embed("some words").get_json()["data"][0]["embedding"]
    coded = base64.b64decode(house.embed("some words", encoding_format="base64").get_json()["data"][0]["embedding"])
    assert struct.pack("<16f", *numbers) == coded


def test_a_question_is_read_as_one(house: House) -> None:
    assert house.embed("words", input_type="query").get_json()["usage"]["total_tokens"] == 2
    assert house.embed("words", instruct="find").get_json()["usage"]["total_tokens"] == 2
    assert house.embed("words", input_type="document").get_json()["usage"]["total_tokens"] == 1


def test_dimensions_are_the_models_to_allow(house: House) -> None:
    assert len(house.embed("words", dimensions=4).get_json()["data"][0]["embedding"]) == 4
    refused = house.embed("words", dimensions=5)
    assert refused.status_code == 400
    assert refused.get_json()["error"]["param"] == "dimensions"


@pytest.mark.parametrize(
    ("path", "body", "model"),
    [
        ("/v1/embeddings", {"input": "x"}, "org/chat"),
        ("/v1/embeddings", {"input": "x"}, "org/reranker"),
        ("/v1/rerank", {"query": "q", "documents": ["d"]}, "org/embedder"),
    ],
)
def test_a_model_that_cannot_is_refused_by_name(house: House, path: str, body: dict[str, object], model: str) -> None:
    refused = house.post(path, model=model, **body)
    assert refused.status_code == 400
    error = refused.get_json()["error"]
    assert (error["code"], error["param"]) == ("capability_mismatch", "model")
    assert model in error["message"]


def test_what_nobody_knows_is_named_in_the_header(house: House) -> None:
    assert house.embed("x", colour=1).headers["X-Mlxk-Ignored-Fields"] == "colour"
    ranked = house.post("/v1/rerank", model="org/reranker", query="q", documents=["d"], colour=1)
    assert ranked.headers["X-Mlxk-Ignored-Fields"] == "colour"


def test_documents_come_back_in_order_of_what_they_say(house: House) -> None:
    ranked = house.post(
        "/v1/rerank", model="org/reranker", query="good bed", documents=["a car", {"text": "a good bed"}, "a bed"]
    ).get_json()
    assert [(each["index"], each["relevance_score"]) for each in ranked["results"]] == [(1, 1.0), (2, 0.5), (0, 0.0)]
    assert ranked["model"] == "org/reranker"
    assert ranked["usage"]["total_tokens"] > 0
    assert ranked["id"].startswith("rerank-")


def test_the_best_alone_come_back_with_their_texts(house: House) -> None:
    ranked = house.post(
        "/v1/rerank", model="org/reranker", query="bed", documents=["car", "bed"], top_n=1, return_documents=True
    ).get_json()
    assert ranked["results"] == [{"index": 1, "relevance_score": 1.0, "document": {"text": "bed"}}]


def test_large_answers_keep_their_place_until_they_are_sent(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(routes, "WHOLE_BYTES", 100)
    answer = house.client.post("/v1/embeddings", json={"model": "org/embedder", "input": ["a", "b"]}, buffered=False)
    assert "Content-Length" not in answer.headers
    assert metric(house, "mlxk_open_answers") == 1
    assert len(json.loads(answer.data)["data"]) == 2
    answer.close()
    assert metric(house, "mlxk_open_answers") == 0


def test_a_place_is_given_back_after_an_error(house: House) -> None:
    house.services.launcher.script.vectors.refuse = [GenerationFailed("it broke")]
    assert house.embed("x").status_code == 500
    assert metric(house, "mlxk_open_answers") == 0


def test_a_worker_that_dies_once_is_replaced_unseen(house: House) -> None:
    house.services.launcher.script.vectors.deaths = 1
    assert house.embed("x").status_code == 200
    house.services.launcher.script.vectors.deaths = 2
    assert house.embed("x").get_json()["error"]["type"] == EngineDied.type


def test_embedders_and_rerankers_are_listed_with_what_they_can(house: House) -> None:
    listed = house.client.get("/v1/models").get_json()["data"]
    assert {each["id"]: each["capabilities"] for each in listed} == {
        "org/chat": ["text-generation", "chat"],
        "org/embedder": ["embeddings"],
        "org/reranker": ["rerank"],
    }


@pytest.mark.parametrize("model", ["org/chat", "org/embedder", "org/reranker"])
def test_every_kind_of_model_is_loaded_and_unloaded_by_name(house: House, model: str) -> None:
    loaded = house.post("/v1/models/load", model=model, pinned=True).get_json()
    assert (loaded["id"], loaded["state"], loaded["pinned"]) == (model, "ready", True)
    assert house.post("/v1/models/unload", model=model).get_json()["was_loaded"]


@pytest.mark.parametrize("model", ["org/chat", "org/embedder", "org/reranker"])
def test_every_kind_of_model_can_be_the_first(model: str) -> None:
    services = FakeServices(models=(CHAT, EMBEDDER, RERANKER), preload=model)
    assert services.preload_models().execute(lambda _: None) == (model,)
    assert [load.model.name for load in services.pool.loads()] == [model]


class Backend:
    """EmbeddingBackend of the test's choosing."""

    def __init__(self, answer: MlxkError | None = None) -> None:
        self.asked: list[bytes] = []
        self.fault = answer
        self.closed = threading.Event()

    def ask(self, body: bytes) -> BackendAnswer:
        self.asked.append(body)
        if self.fault is not None:
            raise self.fault
        return BackendAnswer(418, "application/tea", self._pieces())

    def _pieces(self) -> Generator[bytes]:
        try:
            yield b"short "
            yield b"and stout"
        finally:
            self.closed.set()


def test_models_that_are_not_here_are_asked_for_elsewhere_word_for_word(house: House) -> None:
    backend = house.services.backend = Backend()
    raw = b'{"input":  ["x"], "model": "far/away", "strange": 1}'
    answer = house.client.post("/v1/embeddings", data=raw, content_type="application/json")
    assert (answer.status_code, answer.content_type, answer.data) == (418, "application/tea", b"short and stout")
    assert backend.asked == [raw]
    answer.close()
    assert backend.closed.is_set()
    assert metric(house, "mlxk_open_answers") == 0


def test_models_that_are_here_are_never_asked_for_elsewhere(house: House) -> None:
    backend = house.services.backend = Backend()
    assert house.embed("x").status_code == 200
    assert house.post("/v1/embeddings", model="org/chat", input="x").status_code == 400
    assert house.post("/v1/embeddings", model="", input="x").status_code == 404
    assert house.post("/v1/embeddings", input="x").status_code == 400
    assert not backend.asked


def test_a_request_that_was_sent_on_goes_no_further(house: House) -> None:
    backend = house.services.backend = Backend()
    body = {"model": "far/away", "input": "x"}
    answer = house.client.post("/v1/embeddings", json=body, headers={FORWARDED: "1"})
    assert answer.status_code == 404
    assert not backend.asked


def test_a_backend_that_is_late_is_a_504_and_gives_its_place_back(house: House) -> None:
    house.services.backend = Backend(BackendTimeout("too late"))
    answer = house.post("/v1/embeddings", model="far/away", input="x")
    assert (answer.status_code, answer.get_json()["error"]["type"]) == (504, "gateway_timeout")
    assert metric(house, "mlxk_open_answers") == 0


def test_without_a_backend_a_model_that_is_not_here_is_a_404(house: House) -> None:
    assert house.post("/v1/embeddings", model="far/away", input="x").status_code == 404


def test_an_answer_under_way_holds_a_place(house: House) -> None:
    house.services.launcher.script.vectors.held = True
    found: list[int] = []
    asking = threading.Thread(target=lambda: found.append(house.embed("x").status_code))
    asking.start()
    eventually(lambda: metric(house, "mlxk_open_answers") == 1, "the request is under way")
    house.services.launcher.script.vectors.held = False
    house.services.launcher.changed()
    asking.join()
    assert found == [200]


def metric(house: House, name: str) -> float:
    lines = house.client.get("/metrics").get_data(as_text=True).splitlines()
    return next(float(line.split()[-1]) for line in lines if line.startswith(f"{name} "))
