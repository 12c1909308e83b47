"""Live transcription over the real server: the official client, raw WebSockets, the doors, the limits and the end."""

from __future__ import annotations

import json
import signal
import socket
from base64 import b64encode
from collections.abc import Iterator

import openai
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from tests.support.eventually import eventually
from tests.support.http_server import Server, started
from tests.support.live_client import SECONDS, LiveClient, talking
from tests.support.voices import silence, voice

# The official client uses websockets in a way that these will not take for ever.
pytestmark = pytest.mark.filterwarnings("ignore:connect.. must be used as a context manager:DeprecationWarning")

KEY = "a-key-of-sixteen-characters"
SPOKEN = silence(0.5) + voice(1) + silence(0.8)
LIMITS = {"realtime_sessions": 3, "realtime_message_bytes": 300_000}


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with started(limits=LIMITS) as running:
        yield running


@pytest.fixture(scope="module")
def keyed() -> Iterator[Server]:
    with started(limits=LIMITS, api_key=KEY) as running:
        yield running


def closed(client: LiveClient) -> ConnectionClosed:
    """How the server ended it."""
    with pytest.raises(ConnectionClosed) as ended:
        while True:
            client.read()
    return ended.value


def sessions(server: Server) -> int:
    """How many are open, as the metrics say."""
    client = openai.OpenAI(api_key=KEY, base_url=server.url, max_retries=0)
    text = client.get("/metrics", cast_to=str)
    return int(next(line.split()[-1] for line in text.splitlines() if line.startswith("mlxk_realtime_sessions ")))


def test_the_official_client_transcribes_turn_by_turn(server: Server) -> None:
    server.tell(live=["Good morning", "How are you"])
    client = openai.OpenAI(api_key="none", base_url=f"{server.url}/v1")
    with client.realtime.connect(extra_query={"intent": "transcription"}) as connection:
        assert connection.recv().type == "session.created"
        connection.session.update(
            session={
                "type": "transcription",
                "audio": {
                    "input": {
                        "format": {"type": "audio/pcm", "rate": 24000},
                        "transcription": {"model": "org/ears", "language": "en"},
                        "turn_detection": {"type": "server_vad", "threshold": 0.5, "silence_duration_ms": 400},
                    }
                },
            }
        )
        assert connection.recv().type == "session.updated"
        sound = SPOKEN + SPOKEN
        for at in range(0, len(sound), 4_801):
            connection.input_audio_buffer.append(audio=b64encode(sound[at : at + 4_801]).decode())
        texts: list[str] = []
        kinds: list[str] = []
        while len(texts) < 2:
            event = connection.recv()
            kinds.append(event.type)
            if event.type == "conversation.item.input_audio_transcription.completed":
                texts.append(event.transcript)
                assert event.usage.type == "duration"
                assert 1 < event.usage.seconds < 2.5
        assert texts == ["Good morning", "How are you"]
        assert kinds.count("input_audio_buffer.speech_started") == kinds.count("conversation.item.done") == 2


def test_clients_of_the_beta_are_answered_as_they_were_then(server: Server) -> None:
    server.tell(live=["As before"])
    socketed = server.url.replace("http", "ws", 1)
    client = openai.OpenAI(api_key="none", base_url=f"{server.url}/v1", websocket_base_url=f"{socketed}/v1")
    with client.beta.realtime.connect(model="org/ears", extra_query={"intent": "transcription"}) as connection:
        assert connection.recv().type == "transcription_session.created"  # type: ignore[comparison-overlap]
        connection.transcription_session.update(
            session={"input_audio_format": "g711_ulaw", "input_audio_transcription": {"model": "whisper-1"},
                     "turn_detection": None}  # type: ignore[typeddict-item]
        )  # fmt: skip
        told = connection.recv()
        assert told.type == "transcription_session.updated"
        assert told.session.input_audio_format == "g711_ulaw"
        connection.transcription_session.update(session={"input_audio_transcription": {"model": "org/ears"}})  # type: ignore[typeddict-item]
        connection.input_audio_buffer.append(audio=b64encode(b"\xff" * 8000).decode())
        connection.input_audio_buffer.commit()
        kinds: list[str] = []
        while not kinds or not kinds[-1].endswith("completed"):
            kinds.append(connection.recv().type)
        assert "conversation.item.created" in kinds
        assert "conversation.item.added" not in kinds


def test_wrong_events_are_told_by_their_own_names_and_the_session_goes_on(server: Server) -> None:
    server.tell(live=["Still here"])
    with talking(server.url) as client:
        assert client.update()["type"] == "session.updated"
        wrong: list[tuple[dict[str, object], str, str | None]] = [
            ({"type": "response.create"}, "validation_error", "type"),
            ({"type": "input_audio_buffer.append", "audio": "????"}, "validation_error", "audio"),
            ({"type": "input_audio_buffer.append"}, "validation_error", "audio"),
            ({"type": "input_audio_buffer.commit"}, "input_audio_buffer_commit_empty", None),
            ({"type": "session.update", "session": {"audio": {"input": {"turn_detection": {"type": "semantic_vad"}}}}},
             "unsupported_parameter", "session.audio.input.turn_detection.type"),
        ]  # fmt: skip
        for event, code, param in wrong:
            client.socket.send(json.dumps({**event, "event_id": "mine"}))
            error = client.until("error")["error"]
            assert (error["type"], error["code"], error["param"], error["event_id"]) == (
                "invalid_request_error", code, param, "mine",
            )  # fmt: skip
        for raw in ("{", "[]", '{"type": "session.update", "type": "x"}', "[" * 5000, b"\x00"):
            client.socket.send(raw)
            assert client.until("error")["error"]["event_id"] is None
        client.append(silence(0.5))
        client.say("input_audio_buffer.commit")
        assert client.text() == "Still here"


def test_the_model_of_the_address_is_used_and_an_unknown_one_is_told(server: Server) -> None:
    server.tell(live=["By address"])
    with talking(server.url, "?model=org/ears&intent=transcription") as client:
        client.say("session.update", session={"audio": {"input": {"turn_detection": None}}})
        client.until("session.updated")
        client.append(silence(0.5))
        client.say("input_audio_buffer.commit")
        assert client.text() == "By address"
    with talking(server.url, "?model=org/none") as client:
        assert client.until("error")["error"]["code"] == "model_not_found"


def test_cleared_sound_is_gone(server: Server) -> None:
    with talking(server.url) as client:
        client.update()
        client.append(voice(0.5))
        client.say("input_audio_buffer.clear")
        assert client.until("input_audio_buffer.cleared")
        client.say("input_audio_buffer.commit")
        assert client.until("error")["error"]["code"] == "input_audio_buffer_commit_empty"


def test_one_session_more_than_there_are_is_refused_with_503_and_the_place_comes_back(server: Server) -> None:
    eventually(lambda: sessions(server) == 0, "no session is open")
    with talking(server.url), talking(server.url):
        with talking(server.url):
            with pytest.raises(InvalidStatus) as refused:
                connect(server.url.replace("http", "ws") + "/v1/realtime", proxy=None)
            response = refused.value.response
            assert response.status_code == 503
            assert response.headers["Retry-After"] == "1"
            assert json.loads(response.body)["error"]["code"] == "server_busy"
            assert openai.OpenAI(api_key="x", base_url=f"{server.url}/v1").models.list().data
        eventually(lambda: sessions(server) == 2, "two sessions are open")
        with talking(server.url) as client:
            assert client.update()["type"] == "session.updated"


def test_a_message_that_is_too_large_ends_the_session_by_its_code(server: Server) -> None:
    with talking(server.url) as client:
        client.update()
        client.append(silence(10), size=480_000)
        ended = closed(client)
        assert ended.rcvd is not None
        assert ended.rcvd.code == 1009
    eventually(lambda: sessions(server) == 0, "no session is open")


def test_a_client_that_vanishes_gives_back_its_place_and_its_turn(server: Server) -> None:
    eventually(lambda: sessions(server) == 0, "no session is open")
    server.tell(hold_after=0)
    try:
        with talking(server.url) as client:
            client.update()
            client.append(silence(0.5))
            client.say("input_audio_buffer.commit")
            client.until("input_audio_buffer.committed")
            eventually(lambda: server.running() == 1, "a turn is transcribed")
            client.socket.socket.shutdown(socket.SHUT_RDWR)
            eventually(lambda: server.running() == 0, "no turn is transcribed")
        eventually(lambda: sessions(server) == 0, "no session is open")
    finally:
        server.tell(hold_after=None)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "https://evil.example"}, 403), ({"Host": "evil.example"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403), ({"Origin": "http://127.0.0.1:1"}, 403),
    ],
)  # fmt: skip
def test_pages_and_names_that_may_not_ask_get_no_websocket(
    server: Server, headers: dict[str, str], status: int
) -> None:
    request = {"Host": f"127.0.0.1:{server.port}", "Connection": "Upgrade", "Upgrade": "websocket",
               "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==", **headers}  # fmt: skip
    assert answered(server, request) == status


@pytest.mark.parametrize(
    ("path", "changes", "status"),
    [
        ("/v1/realtime", {"Upgrade": ""}, 426), ("/v1/realtime", {"Sec-WebSocket-Version": "12"}, 426),
        ("/v1/realtime", {"Sec-WebSocket-Key": ""}, 426), ("/v1/realtime?intent=conversation", {}, 400),
        ("/v1/realtime?call_id=7", {}, 400), ("/v1/realtimes", {}, 404), ("/v1/realtime", {}, 101),
    ],
)  # fmt: skip
def test_what_is_no_session_has_a_status_of_http(
    server: Server, path: str, changes: dict[str, str], status: int
) -> None:
    request = {"Host": f"127.0.0.1:{server.port}", "Connection": "Upgrade", "Upgrade": "websocket",
               "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==", **changes}  # fmt: skip
    assert answered(server, {name: value for name, value in request.items() if value}, path) == status


def answered(server: Server, headers: dict[str, str], path: str = "/v1/realtime") -> int:
    with socket.create_connection(("127.0.0.1", server.port), SECONDS) as line:
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        line.sendall(f"GET {path} HTTP/1.1\r\n{head}\r\n".encode())
        return int(line.makefile("rb").readline().split()[1])


def test_a_key_is_wanted_and_may_come_as_a_subprotocol(keyed: Server) -> None:
    with pytest.raises(InvalidStatus) as refused, talking(keyed.url):
        pass
    assert refused.value.response.status_code == 401
    with (
        pytest.raises(InvalidStatus),
        talking(keyed.url, subprotocols=["realtime", f"openai-insecure-api-key.no{KEY}"]),
    ):
        pass
    with talking(keyed.url, subprotocols=["realtime", f"openai-insecure-api-key.{KEY}"]) as client:
        assert client.socket.subprotocol == "realtime"
    with talking(keyed.url, additional_headers={"Authorization": f"Bearer {KEY}"}) as client:
        assert client.socket.subprotocol is None
    with pytest.raises(InvalidStatus), talking(keyed.url, f"?api_key={KEY}"):
        pass


def test_a_stopping_server_answers_what_was_said_and_says_good_bye() -> None:
    with started(limits=LIMITS, grace_seconds=20, api_key=KEY) as server:
        server.tell(live=["The last word"], hold_after=None)
        server.tell(hold_after=0)
        with talking(server.url, f"?secret={KEY}", additional_headers={"x-api-key": KEY}) as client:
            client.update()
            client.append(silence(0.5))
            client.say("input_audio_buffer.commit")
            client.until("input_audio_buffer.committed")
            eventually(lambda: server.running() == 1, "a turn is transcribed")
            server.signal(signal.SIGTERM)
            eventually(lambda: refused_by(server), "the server stops")
            server.tell(hold_after=None)
            assert client.text() == "The last word"
            assert client.until("error")["error"]["code"] == "server_shutdown"
            ended = closed(client)
            assert ended.rcvd is not None
            assert (ended.rcvd.code, ended.rcvd.reason) == (1001, "server_shutdown")
        code, log = server.end()
        assert code == 0
        assert "GET /v1/realtime 101" in log
        assert KEY not in log
        assert "Traceback" not in log


def refused_by(server: Server) -> bool:
    try:
        socket.create_connection(("127.0.0.1", server.port), SECONDS).close()
    except ConnectionRefusedError:
        return True
    return False


def test_a_session_that_has_lasted_long_enough_or_says_nothing_ends_with_the_reason() -> None:
    with started(limits={**LIMITS, "realtime_seconds": 0.5}) as server, talking(server.url) as client:
        assert client.until("error")["error"]["code"] == "session_expired"
        ended = closed(client)
        assert ended.rcvd is not None
        assert ended.rcvd.code == 1000
    with started(limits={**LIMITS, "realtime_idle_seconds": 0.3}) as server, talking(server.url) as client:
        assert client.until("error")["error"]["code"] == "session_idle"
        closed(client)


def test_a_client_that_answers_no_pings_is_dropped() -> None:
    with started(limits={**LIMITS, "ping_seconds": 0.2}) as server:
        headers = {"Host": f"127.0.0.1:{server.port}", "Connection": "Upgrade", "Upgrade": "websocket",
                   "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA=="}  # fmt: skip
        with socket.create_connection(("127.0.0.1", server.port), SECONDS) as line:
            head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
            line.sendall(f"GET /v1/realtime HTTP/1.1\r\n{head}\r\n".encode())
            received = b""
            while piece := line.recv(4096):
                received += piece
            assert b"Ping/Pong timeout" in received
        eventually(lambda: sessions(server) == 0, "no session is open")
