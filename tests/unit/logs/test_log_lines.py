"""Logs tell the request and no secret, and a complaint once."""

from __future__ import annotations

import json
import logging
import sys

import pytest

from entrypoints.http.request_ids import begin_request
from entrypoints.logs.formats import JsonFormatter, TextFormatter
from entrypoints.logs.redaction import Redactor
from entrypoints.logs.repeats import MOST_REMEMBERED, QUIET_SECONDS, RepeatFilter

KEY = "correct-horse-battery"
REDACT = Redactor("/home/someone/", [KEY])
FORMATTERS = (TextFormatter(REDACT), JsonFormatter(REDACT))


def record(message: str, *, fault: BaseException | None = None, **told: object) -> logging.LogRecord:
    info = (type(fault), fault, fault.__traceback__) if fault is not None else None
    made = logging.LogRecord("mlxk.test", logging.WARNING, "f", 1, message, None, info)
    made.__dict__.update(told)
    return made


def raised(text: str) -> ValueError:
    try:
        raise ValueError(text)
    except ValueError as fault:
        return fault


def test_a_line_has_level_message_and_request() -> None:
    line = TextFormatter(REDACT).format(record("it happened", request_id="abc-1"))
    assert line == "[WARNING] it happened (request abc-1)"


def test_json_lines_are_objects() -> None:
    told = record('with "quotes"\nand lines', request_id="abc-2", suppressed_count=3, fields={"status": 200})
    fields = json.loads(JsonFormatter(REDACT).format(told))
    assert (fields["level"], fields["msg"], fields["request_id"]) == ("WARNING", 'with "quotes"\nand lines', "abc-2")
    assert (fields["suppressed_count"], fields["status"]) == (3, 200)
    assert fields["ts"].endswith("+00:00")


def test_a_client_cannot_forge_a_line_of_text() -> None:
    line = TextFormatter(REDACT).format(record("no model is called x\n[ERROR] all is lost\x1b[2J"))
    assert line == "[WARNING] no model is called x\\n[ERROR] all is lost\\x1b[2J"


@pytest.mark.parametrize("formatter", FORMATTERS, ids=["text", "json"])
@pytest.mark.parametrize(
    "secret",
    [
        "hf_abcdefGHIJ123",
        KEY,
        "Authorization: Bearer abcdefGHIJ123",
        "'authorization': 'Basic abcdefGHIJ123'",
        "x-api-key: abcdefGHIJ123",
        "GET /x?api_key=abcdefGHIJ123&y=1",
        "sk-abcdefGHIJ123",
    ],
)
def test_secrets_are_hidden_in_messages_fields_and_tracebacks(formatter: logging.Formatter, secret: str) -> None:
    fault = raised(f"in the traceback {secret}")
    line = formatter.format(record(f"told {secret}", fault=fault, fields={"path": secret}, request_id=secret))
    assert "abcdefGHIJ" not in line
    assert KEY not in line
    assert "Traceback" in line


@pytest.mark.parametrize("formatter", FORMATTERS, ids=["text", "json"])
def test_the_home_folder_is_hidden_and_nobody_elses(formatter: logging.Formatter) -> None:
    text = "/home/someone/models, /home/someone, /home/someone-else/models"
    line = formatter.format(record(text, fault=raised(text)))
    assert line.count("~/models, ~, /home/someone-else/models") == 2


def test_ordinary_words_stay() -> None:
    text = "a basic model, an API key, the authorization of task-123 by bears"
    assert REDACT(text) == text


def test_a_client_cannot_choose_an_odd_request_id() -> None:
    assert begin_request("fine-ID_1.2:3") == "fine-ID_1.2:3"
    for odd in ("", "a b", "x" * 129, "a\nb", "é", None):
        fresh = begin_request(odd)
        assert fresh != odd
        assert len(fresh) == 36


def test_the_redactor_does_without_a_home() -> None:
    assert Redactor()("/var/x") == "/var/x"


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_the_same_complaint_is_told_once_and_then_counted() -> None:
    clock = Clock()
    repeats = RepeatFilter(clock)
    assert [repeats.filter(record("again")) for _ in range(4)] == [True, False, False, False]
    assert repeats.filter(record("another"))
    clock.now += QUIET_SECONDS
    late = record("again")
    assert repeats.filter(late)
    assert late.__dict__["suppressed_count"] == 3
    assert TextFormatter(REDACT).format(late) == "[WARNING] again (3 more like it were not logged)"
    clock.now += QUIET_SECONDS
    last = record("again")
    assert repeats.filter(last)
    assert last.__dict__["suppressed_count"] == 0


def test_what_is_no_complaint_is_never_held_back() -> None:
    repeats = RepeatFilter(Clock())
    line = logging.LogRecord("mlxk.access", logging.INFO, "f", 1, "GET /", None, None)
    assert all(repeats.filter(line) for _ in range(3))


def test_different_faults_under_the_same_words_are_different() -> None:
    repeats = RepeatFilter(Clock())
    assert repeats.filter(record("a request failed", fault=raised("one")))
    assert repeats.filter(record("a request failed", fault=raised("two")))
    assert not repeats.filter(record("a request failed", fault=raised("two")))


def test_it_remembers_only_so_many() -> None:
    repeats = RepeatFilter(Clock())
    for number in range(MOST_REMEMBERED * 4):
        repeats.filter(record(f"complaint {number}"))
    assert sys.getsizeof(repeats.__dict__["_seen"]) < 100_000
    assert repeats.filter(record("complaint 0"))
