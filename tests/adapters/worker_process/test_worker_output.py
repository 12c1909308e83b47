"""A worker's words become lines of the front's log."""

from __future__ import annotations

import json
import logging
import os
from pathlib import PurePath

import pytest

from adapters.worker_process.launcher import ProcessWorkerLauncher
from adapters.worker_process.output import LONGEST_LINE, WorkerOutput
from domain.catalog import LocatedModel, ModelSource
from domain.errors import EngineDied
from domain.serving.load_options import LoadOptions
from tests.support.impostor import impostor

NOWHERE = LocatedModel("org/nowhere", PurePath("/nowhere"), ModelSource.CACHE)


def heard(raw: bytes, caplog: pytest.LogCaptureFixture, name: str = "") -> list[logging.LogRecord]:
    """The records that come of these bytes."""
    reading, writing = os.pipe()
    output = WorkerOutput(reading, 77)
    output.name = name
    with caplog.at_level(logging.DEBUG), os.fdopen(writing, "wb") as pipe:
        pipe.write(raw)
        pipe.close()
        output.wait()
    return caplog.records


def line(**fields: object) -> bytes:
    return json.dumps(fields).encode() + b"\n"


def test_a_workers_own_line_keeps_its_level_and_logger_and_says_whose_it_is(caplog: pytest.LogCaptureFixture) -> None:
    told = line(level="DEBUG", logger="application.x", msg="100 % read", trace="Traceback ...")
    (record,) = heard(told, caplog, name="org/m")
    assert (record.levelno, record.name) == (logging.DEBUG, "application.x")
    assert record.getMessage() == "worker 77 (org/m): 100 % read"
    assert record.exc_text == "Traceback ..."
    assert record.__dict__["fields"] == {"process": 77, "model": "org/m"}


@pytest.mark.parametrize(
    "raw",
    [
        b"Fetching 5 files\n",
        b"libc++abi: terminating",
        b'{"level": "INFO"}\n',
        b"{nonsense\n",
        b'{"level": "INFO", "logger": "x", "msg": "y", "trace": 5}\n',
        b"\xff\xfe odd\r\n",
        b"[" * 3000 + b"\n",
    ],
)
def test_what_a_library_prints_is_a_warning_line(raw: bytes, caplog: pytest.LogCaptureFixture) -> None:
    (record,) = heard(raw, caplog)
    assert record.levelno == logging.WARNING
    assert record.getMessage() == f"worker 77: {raw.decode('utf-8', 'replace').rstrip()}"


def test_a_line_without_an_end_is_cut_and_empty_ones_are_left_out(caplog: pytest.LogCaptureFixture) -> None:
    records = heard(b"\n\n" + b"x" * (LONGEST_LINE + 10), caplog)
    assert [len(record.getMessage()) for record in records] == [
        LONGEST_LINE + len("worker 77: "),
        10 + len("worker 77: "),
    ]


def test_a_dying_processs_last_words_are_heard_before_its_end_is_told(caplog: pytest.LogCaptureFixture) -> None:
    code = "start(); hear(); print('out\\n' * 5000, flush=True); os.write(2, b'Fatal: no more memory'); os.abort()"
    launcher = ProcessWorkerLauncher(os.environ, keep_spare=False, command=impostor(code), captured=True)
    with pytest.raises(EngineDied):
        launcher.launch(NOWHERE, LoadOptions())
    words = [record.getMessage().partition(": ")[2] for record in caplog.records if record.name == "mlxk.worker"]
    launcher.close()
    assert words == [*["out"] * 5000, "Fatal: no more memory"]
    last = caplog.records[-1]
    assert (last.levelno, last.getMessage().partition(") ")[2]) == (logging.WARNING, "was killed by SIGABRT")
