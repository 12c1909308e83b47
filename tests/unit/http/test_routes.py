"""The routes over fake workers, without a socket."""

from __future__ import annotations

import json
import platform
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from application.serving.presence import Whereabouts
from application.serving.readiness import ServerState
from domain.errors import EngineDied, InsufficientMemory, ModelSuspended, ServerShutdown
from entrypoints.http.admission import AnswerSlots
from entrypoints.http.app import create_app
from entrypoints.http.limits import HttpLimits
from mlxk import __version__
from tests.support.eventually import eventually
from tests.support.fakes.http_services import DEMO, SPEECH, FakeServices

CHAT = "/v1/chat/completions"
BODY = {"model": "demo", "messages": [{"role": "user", "content": "hi"}]}


class House:
    def __init__(self) -> None:
        self.services = FakeServices()
        self.services.launcher.script.answers["hi"] = "hello there"
        self.slots = AnswerSlots(2)
        self.client: FlaskClient = create_app(self.services, HttpLimits(chat_body_bytes=2000), self.slots).test_client()

    def chat(self, **fields: Any) -> TestResponse:
        return self.client.post(CHAT, json={**BODY, **fields})

    def send(self, body: bytes, content_type: str = "application/json") -> TestResponse:
        return self.client.post(CHAT, data=body, content_type=content_type)


@pytest.fixture
def house() -> House:
    return House()


def problem(response: TestResponse) -> dict[str, Any]:
    """`error` of a failed request, whose envelope is whole."""
    body = response.get_json()
    assert set(body) == {"status", "error", "request_id"}
    assert body["status"] == "error"
    assert body["request_id"] == response.headers["X-Request-ID"]
    assert {"type", "message", "code", "param", "retryable"} <= set(body["error"])
    error: dict[str, Any] = body["error"]
    return error


def test_health_tells_the_version_and_needs_nothing(house: House) -> None:
    assert house.client.get("/health").get_json() == {"status": "healthy", "service": "mlxk", "version": __version__}


def test_a_stuck_engine_turns_ready_off_and_leaves_health_on(house: House) -> None:
    house.services.lifecycle().move_to(ServerState.READY)
    assert house.chat().status_code == 200
    house.services.launcher.script.preparing_seconds = 41.0
    stuck = house.client.get("/ready")
    assert (stuck.status_code, stuck.get_json()["ready"]) == (503, False)
    assert stuck.get_json()["reason"] == (
        "the engine of mlxk/demo has been in one request's template or tokenizer for 41 s"
    )
    assert house.client.get("/health").status_code == 200
    house.services.launcher.script.preparing_seconds = 0.0
    ready = house.client.get("/ready")
    assert (ready.status_code, "reason" in ready.get_json()) == (200, False)


def test_a_worker_that_died_while_nobody_asked_is_started_again(house: House) -> None:
    house.services.lifecycle().move_to(ServerState.READY)
    assert house.chat().status_code == 200
    house.services.launcher.workers[0].kill()
    dead = house.client.get("/ready")
    assert (dead.status_code, dead.get_json()["reason"]) == (
        503, "the engine of mlxk/demo has died and is not back yet",
    )  # fmt: skip
    eventually(lambda: house.client.get("/ready").status_code == 200, "the model to be back")
    assert len(house.services.launcher.workers) == 2
    assert metric(house, 'mlxk_worker_deaths_total{model="mlxk/demo",cause="killed"}') == "1"
    assert metric(house, 'mlxk_worker_restarts_total{model="mlxk/demo"}') == "1"


def metric(house: House, name: str) -> str | None:
    response = house.client.get("/metrics")
    assert response.content_type == "text/plain; version=0.0.4; charset=utf-8"
    found = [line.rpartition(" ") for line in response.text.splitlines() if not line.startswith("#")]
    return next((value for key, _, value in found if key == name), None)


def test_metrics_tell_of_requests_answers_and_engines(house: House) -> None:
    assert house.chat().status_code == 200
    assert "[DONE]" in house.chat(stream=True).text
    assert house.client.get("/etc/passwd").status_code == 404
    assert house.client.open("/health", method="BREW").status_code == 405
    counted = {
        'mlxk_http_requests_total{method="POST",route="/v1/chat/completions",status="200"}': "2",
        'mlxk_http_requests_total{method="GET",route="unmatched",status="404"}': "1",
        'mlxk_http_requests_total{method="other",route="unmatched",status="405"}': "1",
        'mlxk_answers_total{model="mlxk/demo",outcome="stop"}': "2",
        'mlxk_time_to_first_token_seconds_count{model="mlxk/demo"}': "1",
        'mlxk_generated_tokens_total{model="mlxk/demo"}': "20",
        'mlxk_worker_active_bytes{model="mlxk/demo"}': "1000000",
        'mlxk_model_load_seconds_count{model="mlxk/demo"}': "1",
        "mlxk_models_loaded": "1",
        "mlxk_open_answers": "0",
    }
    assert {name: metric(house, name) for name in counted} == counted
    assert metric(house, f'mlxk_build_info{{python="{platform.python_version()}",version="{__version__}"}}') == "1"


def test_requests_that_are_turned_away_are_counted(house: House) -> None:
    with house.slots.take(), house.slots.take():
        assert house.chat().status_code == 503
    house.slots.close()
    assert house.chat().status_code == 503
    assert metric(house, 'mlxk_requests_rejected_total{code="server_busy"}') == "1"
    assert metric(house, 'mlxk_requests_rejected_total{code="server_shutdown"}') == "1"


def test_ready_follows_the_servers_life(house: House) -> None:
    starting = house.client.get("/ready")
    assert (starting.status_code, starting.get_json()["state"]) == (503, "starting")
    house.services.prepare("demo")
    house.services.lifecycle().move_to(ServerState.READY)
    ready = house.client.get("/ready")
    assert (ready.status_code, ready.get_json()) == (200, {"ready": True, "state": "ready", "models": [DEMO]})
    house.services.lifecycle().move_to(ServerState.STOPPING)
    assert house.client.get("/ready").status_code == 503


def test_models_are_listed_as_openai_lists_them(house: House) -> None:
    body = house.client.get("/v1/models").get_json()
    assert body["object"] == "list"
    assert body["data"][0] == {
        "id": DEMO,
        "object": "model",
        "created": 1779019200,
        "owned_by": "mlxk-builtin",
        "permission": [],
        "context_length": 512,
        "capabilities": ["text-generation", "chat"],
        "state": "unloaded",
        "size_bytes": 1_000_000,
        "loaded_bytes": None,
        "pinned": False,
        "aliases": [],
    }
    assert [each["owned_by"] for each in body["data"]] == ["mlxk-builtin", "mlxk", "mlxk", "workspace"]


@pytest.mark.parametrize("path", ["/v1/models/mlxk/demo", "/v1/models/mlxk%2Fdemo"])
def test_one_model_is_found_by_its_name_with_a_slash(house: House, path: str) -> None:
    assert house.client.get(path).get_json()["id"] == DEMO


def test_a_model_that_is_not_served_is_not_found(house: House) -> None:
    response = house.client.get("/v1/models/none/such")
    assert response.status_code == 404
    assert problem(response)["type"] == "model_not_found"


def test_one_model_is_found_by_any_spelling_and_told_by_its_full_name(house: House) -> None:
    assert house.client.get("/v1/models/demo").get_json()["id"] == DEMO


def load(house: House, **fields: Any) -> TestResponse:
    return house.client.post("/v1/models/load", json=fields)


def unload(house: House, **fields: Any) -> TestResponse:
    return house.client.post("/v1/models/unload", json=fields)


def test_a_model_is_loaded_and_told_as_the_listing_tells_it_also_when_it_was_loaded(house: House) -> None:
    for _ in range(2):
        told = load(house, model="demo")
        assert told.status_code == 200
        assert told.get_json() == house.client.get("/v1/models/mlxk/demo").get_json()
        assert (told.get_json()["state"], told.get_json()["loaded_bytes"]) == ("ready", 1_000_000)
    assert len(house.services.launcher.workers) == 1
    assert house.client.get("/v1/models").get_json()["data"][0]["state"] == "ready"


def test_a_model_is_pinned_and_let_go_by_loading_it(house: House) -> None:
    pinned = [load(house, model="demo", pinned=each).get_json()["pinned"] for each in (True, None, False)]
    assert pinned == [True, True, False]


def test_unloading_says_whether_there_was_anything_to_unload(house: House) -> None:
    load(house, model="demo")
    answers = [unload(house, model=each).get_json() for each in ("demo", DEMO)]
    assert [each.pop("was_loaded") for each in answers] == [True, False]
    assert answers[0] == answers[1] == {"object": "model.unloaded", "id": DEMO}
    assert not house.services.launcher.workers[0].alive


@pytest.mark.parametrize(
    ("path", "body", "param"),
    [
        ("load", {}, "model"),
        ("load", {"model": 3}, "model"),
        ("load", {"model": " "}, "model"),
        ("load", {"model": "demo", "pinned": "yes"}, "pinned"),
        ("unload", {}, "model"),
        ("unload", {"model": None}, "model"),
        ("unload", {"model": "demo", "force": 1}, "force"),
    ],
)
def test_a_body_that_is_wrong_is_refused_by_the_fields_name(
    house: House, path: str, body: dict[str, Any], param: str
) -> None:
    response = house.client.post(f"/v1/models/{path}", json=body)
    assert (response.status_code, problem(response)["param"]) == (400, param)
    assert not house.services.launcher.workers


@pytest.mark.parametrize("path", ["load", "unload"])
def test_managing_models_names_what_it_ignores_finds_no_strangers_and_takes_a_place(house: House, path: str) -> None:
    url = f"/v1/models/{path}"
    assert house.client.post(url, json={"model": "demo", "frob": 1}).headers["X-Mlxk-Ignored-Fields"] == "frob"
    assert house.client.post(url, json={"model": "org/none"}).status_code == 404
    assert house.client.post(url, data=b"{}", content_type="text/plain").status_code == 415
    assert house.client.get(url).status_code == 405
    with house.slots.take(), house.slots.take():
        assert house.client.post(url, json={"model": "demo"}).status_code == 503


def test_a_suspended_model_says_when_to_come_back(house: House) -> None:
    house.services.broken = ModelSuspended("it rests", detail={"retry_after_seconds": 7})
    response = house.chat()
    assert (response.status_code, response.headers["Retry-After"]) == (503, "7")
    assert problem(response)["detail"] == {"retry_after_seconds": 7}


def test_an_answer_has_text_reason_and_counted_usage(house: House) -> None:
    body = house.chat().get_json()
    assert body["object"] == "chat.completion"
    assert body["model"] == DEMO
    assert body["id"].startswith("chatcmpl-")
    assert body["choices"] == [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "hello there", "refusal": None},
            "logprobs": None,
            "finish_reason": "stop",
        }
    ]
    assert body["usage"] == {
        "prompt_tokens": 2,
        "completion_tokens": 3,
        "total_tokens": 5,
        "prompt_tokens_details": {"cached_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0},
    }


def test_a_limit_and_a_stop_string_are_kept(house: House) -> None:
    assert house.chat(max_tokens=1).get_json()["choices"][0]["finish_reason"] == "length"
    assert house.chat(stop="there").get_json()["choices"][0]["message"]["content"] == "hello "


def test_a_streamed_answer_is_not_buffered_by_anybody(house: House) -> None:
    response = house.chat(stream=True)
    assert response.mimetype == "text/event-stream"
    assert (response.headers["Cache-Control"], response.headers["X-Accel-Buffering"]) == ("no-cache", "no")
    assert "Content-Length" not in response.headers
    assert response.get_data().endswith(b"data: [DONE]\n\n")


def test_an_error_before_the_first_event_is_a_status_also_when_streamed(house: House) -> None:
    house.services.launcher.script.refuse["hi"] = InsufficientMemory("too large")
    for stream in (True, False):
        response = house.chat(stream=stream)
        assert response.status_code == 507
        assert response.headers["x-should-retry"] == "false"
        assert problem(response)["type"] == "insufficient_memory"


def test_an_error_after_it_is_an_event(house: House) -> None:
    house.services.launcher.script.die_after = 1
    response = house.chat(stream=True)
    assert response.status_code == 200
    last = response.get_data().decode().split("\n\n")[-2]
    assert json.loads(last.removeprefix("data: "))["error"]["type"] == "engine_died"


def test_a_worker_that_dies_before_the_first_event_is_not_noticed(house: House) -> None:
    house.services.launcher.script.die_after = 0
    assert house.chat(stream=True).get_data().endswith(b"data: [DONE]\n\n")


def test_every_place_is_given_back(house: House) -> None:
    house.chat()
    house.chat(stream=True).get_data()
    house.services.launcher.script.refuse["bad"] = EngineDied("no")
    house.chat(messages=[{"role": "user", "content": "bad"}])
    house.chat(model="none")
    house.chat(stream=True).close()
    assert house.slots.open == 0
    assert sum(worker.running for worker in house.services.launcher.workers) == 0


def test_one_more_than_all_places_is_told_to_come_back(house: House) -> None:
    with house.slots.take(), house.slots.take():
        response = house.chat()
    assert response.status_code == 503
    assert response.headers["Retry-After"] == "1"
    assert problem(response)["type"] == "server_busy"
    assert house.chat().status_code == 200


def test_a_stopping_server_takes_no_new_answers(house: House) -> None:
    house.slots.close()
    with pytest.raises(ServerShutdown), house.slots.take():
        pass
    assert problem(house.chat())["type"] == "server_shutdown"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"{", "not JSON"),
        (b"", "not JSON"),
        (b'{"model": "a" "b"}', "line 1, column 15"),
        (b'\xff{"model": 1}', "not UTF-8: byte 0"),
        (b'{"temperature": NaN}', "NaN is no JSON number"),
        (b'{"model": "a", "model": "b"}', 'names "model" twice'),
        (b"[" * 100_000, "nested deeper than 200 levels"),
        (b'{"model": ' + b"[" * 200 + b"]" * 200 + b"}", "nested deeper than 200 levels"),
        (b'{"chat_template_kwargs": ' + b'{"a":' * 200 + b"0" + b"}" * 201, "nested deeper than 200 levels"),
        (b'{"model": ' + b"[" * 199 + b"]" * 199 + b"}", "model"),
        (b'{"seed": ' + b"9" * 1900 + b"}", "missing"),
        (b"[]", "must be a JSON object"),
        (b"null", "must be a JSON object"),
    ],
)
def test_a_body_that_cannot_be_read_is_a_clear_400(house: House, body: bytes, words: str) -> None:
    response = house.send(body)
    assert response.status_code == 400
    assert words in problem(response)["message"]
    assert problem(response)["type"] == "validation_error"


@pytest.mark.parametrize("content_type", ["text/plain", "", "application/x-www-form-urlencoded", "multipart/form-data"])
def test_a_body_that_is_not_announced_as_json_is_a_415(house: House, content_type: str) -> None:
    response = house.send(json.dumps(BODY).encode(), content_type)
    assert response.status_code == 415
    assert problem(response)["code"] == "unsupported_media_type"


def test_a_charset_is_no_other_type(house: House) -> None:
    assert house.send(json.dumps(BODY).encode(), "application/json; charset=utf-8").status_code == 200


def test_a_body_that_is_too_large_is_a_413(house: House) -> None:
    response = house.chat(messages=[{"role": "user", "content": "x" * 3000}])
    assert response.status_code == 413
    assert problem(response)["type"] == "payload_too_large"


def test_paths_and_methods_nobody_serves(house: House) -> None:
    missing = house.client.get("/v2/models")
    assert (missing.status_code, problem(missing)["code"]) == (404, "not_found")
    wrong = house.client.get(CHAT)
    assert (wrong.status_code, problem(wrong)["code"]) == (405, "method_not_allowed")
    assert "POST" in wrong.headers["Allow"]


def test_errors_of_the_use_case_are_told(house: House) -> None:
    assert house.chat(model="none").status_code == 404
    wrong = house.chat(model=SPEECH)
    assert (wrong.status_code, problem(wrong)["code"]) == (400, "capability_mismatch")
    assert problem(wrong)["param"] == "model"


def test_an_unexpected_fault_tells_nothing_but_its_id(house: House, caplog: pytest.LogCaptureFixture) -> None:
    house.services.broken = ZeroDivisionError("inside /secret/place")
    response = house.chat()
    assert response.status_code == 500
    error = problem(response)
    assert error["type"] == "internal_error"
    assert "secret" not in response.get_data(as_text=True)
    assert "inside /secret/place" in caplog.text


def test_fields_nobody_reads_are_listed_in_a_header(house: House) -> None:
    assert house.chat(frob=1, **{"ev\u00e9l\r\nX: y": 2}).headers["X-Mlxk-Ignored-Fields"] == "ev?l??X??y, frob"
    assert "X-Mlxk-Ignored-Fields" not in house.chat().headers


def test_that_header_stays_short(house: House) -> None:
    listed = house.chat(**{f"f{number:02}": 1 for number in range(40)}).headers["X-Mlxk-Ignored-Fields"]
    assert listed.endswith("f15, ...")


def test_a_sane_request_id_comes_back_and_an_odd_one_does_not(house: House) -> None:
    assert house.client.get("/health", headers={"X-Request-ID": "mine-1"}).headers["X-Request-ID"] == "mine-1"
    assert len(house.client.get("/health", headers={"X-Request-ID": "x" * 200}).headers["X-Request-ID"]) == 36


def test_no_header_opens_the_server_to_other_sites(house: House) -> None:
    response = house.client.get("/v1/models", headers={"Origin": "https://example.org"})
    assert not [name for name in response.headers if name[0].lower().startswith("access-control-")]


def test_a_server_introduces_itself_to_those_who_can_judge_it(house: House) -> None:
    challenge = "0123456789abcdef" * 2
    path = f"/v1/mlxk/server?challenge={challenge}"
    hidden = house.client.get(path)
    assert (hidden.status_code, problem(hidden)["type"]) == (409, "conflict")
    house.services.prepare("demo")
    house.services.presence().begin(Whereabouts("127.0.0.1", 8000, 1, 1, private=True))
    told = house.client.get(path).get_json()
    assert house.services.instance.proves(challenge, 8000, told["proof"])
    load = house.services.instance.load_token("/models/mlxk--demo")
    assert told["models"] == [{"name": DEMO, "load": load, "need_bytes": 1_000_000}]
    assert told["requests"] == 0


@pytest.mark.parametrize("challenge", ["", "abc", "g" * 32, "0" * 200])
def test_a_challenge_is_a_number_nobody_has_guessed(house: House, challenge: str) -> None:
    response = house.client.get(f"/v1/mlxk/server?challenge={challenge}")
    assert (response.status_code, problem(response)["param"]) == (400, "challenge")


def test_a_loaded_model_can_be_asked_by_its_token(house: House) -> None:
    house.services.prepare("demo")
    token = house.services.instance.load_token("/models/mlxk--demo")
    assert house.chat(model="anything", mlxk={"loaded": token}).get_json()["model"] == DEMO
    missing = house.chat(mlxk={"loaded": "0" * 64})
    assert (missing.status_code, problem(missing)["param"]) == (404, "mlxk.loaded")


EXPLAIN = "/v1/cache/explain"


def asking(house: House, content: str = "hi there", **fields: Any) -> TestResponse:
    body = {"model": "demo", "messages": [{"role": "user", "content": content}], **fields}
    return house.client.post(EXPLAIN, json=body)


def test_a_prompt_is_explained_by_what_was_asked_before(house: House) -> None:
    house.chat(messages=[{"role": "user", "content": "hi you"}])
    assert asking(house).get_json() == {
        "object": "mlxk.prompt_explanation",
        "model": DEMO,
        "prompt_tokens": 3,
        "matched_tokens": 2,
        "reusable_tokens": 2,
        "kind": "tokens_differ",
        "loss": "none",
        "diverges_at": {
            "index": 2,
            "prompt": {"id": 2, "text": " there", "following": " there"},
            "remembered": {"id": 3, "text": " you", "following": " you"},
        },
        "guard": {"checks": 0, "differing": 0},
        "message": "After 2 tokens the prompt says ' there' (token 2) where the nearest one that is remembered says "
        "' you' (token 3). Of its 3 tokens 2 need not be read.",
    }
    [worker] = house.services.launcher.workers
    assert len(worker.requests) == 1, "nothing was generated"


def test_where_the_prompt_is_no_other_there_is_no_place_to_name(house: House) -> None:
    house.chat(messages=[{"role": "user", "content": "hi there"}])
    told = asking(house, stream=True, temperature=1, max_tokens=4).get_json()
    assert (told["kind"], told["diverges_at"], told["reusable_tokens"]) == ("identical", None, 2)


def test_a_model_that_is_not_loaded_is_not_loaded_to_explain(house: House) -> None:
    response = asking(house)
    assert (response.status_code, problem(response)["type"]) == (409, "conflict")
    assert problem(response)["param"] == "model"
    assert not house.services.launcher.workers
    assert asking(house, model="org/none").status_code == 404


def test_an_explanation_takes_a_chats_body_and_refuses_what_a_chat_does(house: House) -> None:
    house.services.prepare("demo")
    assert (asking(house, n=30).status_code, problem(asking(house, n=30))["param"]) == (400, "n")
    assert asking(house, frob=1).headers["X-Mlxk-Ignored-Fields"] == "frob"
    token = house.services.instance.load_token("/models/mlxk--demo")
    assert asking(house, model="anything", mlxk={"loaded": token}).get_json()["model"] == DEMO
    assert asking(house, mlxk={"loaded": "0" * 64}).status_code == 404
    house.services.launcher.script.refuse["hi there"] = EngineDied("it is gone")
    assert asking(house).status_code == 502


def test_explanations_take_a_place_like_answers(house: House) -> None:
    house.services.prepare("demo")
    with house.slots.take(), house.slots.take():
        assert asking(house).status_code == 503
    assert asking(house).status_code == 200
