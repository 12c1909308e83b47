"""Logs tell the request and no secret."""

from __future__ import annotations

import json
import logging

from entrypoints.http.logs import JsonFormatter, Redactor, TextFormatter
from entrypoints.http.request_ids import begin_request

REDACT = Redactor("/home/someone/")


def record(message: str, *, fault: BaseException | None = None) -> logging.LogRecord:
    told = (type(fault), fault, None) if fault is not None else None
    return logging.LogRecord("mlxk.test", logging.WARNING, "f", 1, message, None, told)


def test_a_line_has_level_message_and_request() -> None:
    begin_request("abc-1")
    assert TextFormatter(REDACT).format(record("it happened")) == "[WARNING] it happened (request abc-1)"


def test_json_lines_are_objects() -> None:
    begin_request("abc-2")
    fields = json.loads(JsonFormatter(REDACT).format(record('with "quotes"\nand lines')))
    assert (fields["level"], fields["msg"], fields["request_id"]) == ("WARNING", 'with "quotes"\nand lines', "abc-2")
    assert fields["ts"].endswith("+00:00")


def test_tokens_and_the_home_folder_are_hidden_everywhere() -> None:
    text = "hf_abcdefGHIJ123 in /home/someone/models"
    fault = ValueError(text)
    for formatter in (TextFormatter(REDACT), JsonFormatter(REDACT)):
        line = formatter.format(record(text, fault=fault))
        assert "abcdefGHIJ" not in line
        assert "/home/someone" not in line
        assert "hf_***" in line
        assert "~/models" in line


def test_a_client_cannot_choose_an_odd_request_id() -> None:
    assert begin_request("fine-ID_1.2:3") == "fine-ID_1.2:3"
    for odd in ("", "a b", "x" * 129, "a\nb", "é", None):
        fresh = begin_request(odd)
        assert fresh != odd
        assert len(fresh) == 36


def test_the_redactor_does_without_a_home() -> None:
    assert Redactor("")("/var/x") == "/var/x"
