"""Answers a hub should not give, and what becomes of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

import pytest
from flask import Flask, Response
from werkzeug.serving import make_server

from adapters.hub.http_hub import HttpHub
from adapters.hub.retry import RetryPolicy
from adapters.hub.session import HubSession
from domain.errors import AccessDenied, DownloadFailed, DownloadRefused, InvalidRequest
from tests.support.hub_pulls import http_hub
from tests.support.hub_server import HubServer

NAME = "acme/model"


@contextmanager
def answering(content: str, status: int = 200, **headers: str) -> Iterator[str]:
    """A server that answers everything with the same."""
    app = Flask("odd")

    @app.route("/", defaults={"path": ""})
    @app.route("/<path:path>")
    def answer(path: str) -> Response:
        return Response(content, status, {name.replace("_", "-"): value for name, value in headers.items()})

    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize("content", ["", "<html>", "[]", "7", '{"id": 3}', '{"sha": "x"}', "[" * 100_000])
def test_an_answer_that_makes_no_sense_is_refused_without_another_attempt(content: str) -> None:
    with answering(content) as endpoint, pytest.raises(DownloadRefused):
        http_hub(endpoint).describe(NAME, "main")


@pytest.mark.parametrize(
    "location", ["/round", "file:///etc/passwd", "ftp://127.0.0.1/x", "https://127.0.0.1:9/x", "http://127.0.0.1:9/x"]
)
def test_a_redirect_to_nowhere_good_is_a_failed_download(location: str) -> None:
    with answering("", 302, Location=location) as endpoint, pytest.raises(DownloadFailed):
        http_hub(endpoint).describe(NAME, "main")


def test_a_hub_over_https_may_not_send_us_to_plain_http() -> None:
    session = HubSession("https://hub.example", "hf_secret")
    with pytest.raises(DownloadRefused, match="not secure"):
        session._next("https://hub.example/a", "http://hub.example/b", NAME)
    assert session._next("https://hub.example/a", "/b", NAME) == "https://hub.example/b"


@pytest.mark.parametrize(("status", "error"), [(401, AccessDenied), (403, AccessDenied), (418, DownloadRefused)])
def test_a_refusal_is_told_as_what_it_is(status: int, error: type[Exception]) -> None:
    with answering("", status) as endpoint, pytest.raises(error):
        http_hub(endpoint).describe(NAME, "main")


def test_the_token_is_in_no_message_and_no_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    for status in (401, 403, 404, 418, 500):
        with answering("", status) as endpoint:
            hub = HttpHub(HubSession(endpoint, "hf_very_secret"), RetryPolicy(attempts=2, first_pause_seconds=0))
            with pytest.raises(Exception, match=NAME) as caught:
                hub.describe(NAME, "main")
            assert "very_secret" not in f"{caught.value!r} {vars(caught.value)}"
    assert "very_secret" not in caplog.text


def test_retry_after_is_obeyed_up_to_a_limit() -> None:
    policy = RetryPolicy(first_pause_seconds=0.001, longest_wish_seconds=5)
    busy = DownloadFailed("busy", detail={"retry_after_seconds": 3})
    assert policy.pause_seconds(1, busy) == 3
    assert policy.pause_seconds(1, DownloadFailed("busy", detail={"retry_after_seconds": 3600})) == 5
    pauses = [policy.pause_seconds(failures, DownloadFailed("x")) for failures in range(1, 30)]
    assert max(pauses) <= policy.longest_pause_seconds * 1.25


def test_many_pages_of_files_are_read_and_another_hosts_page_is_not(hub: HubServer) -> None:
    hub.app.config["TREE_PAGE"] = 2
    hub.create(NAME, {f"f{n}": b"x" for n in range(7)})
    assert len(http_hub(hub.endpoint).describe(NAME, "main").files) == 7
    odd = http_hub(hub.endpoint)
    with pytest.raises(DownloadRefused, match="another host"):
        odd._next_page(hub.endpoint, '<http://elsewhere.example/x>; rel="next"', NAME)


@pytest.mark.parametrize("address", ["hub.example", "file:///x", "http://u:p@hub.example", "http://h?token=x"])
def test_only_http_addresses_without_credentials_are_hubs(address: str) -> None:
    with pytest.raises(InvalidRequest):
        HubSession(address, None)
