"""Files of JSON lines on a real disk: many writers, none of them trusted to live."""

from __future__ import annotations

import fcntl
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.reporting.json_lines import LineFault, append, records
from tests.support.eventually import eventually
from tests.support.report_session import ROOT, session_environment

LOCKS = Path("/proc/locks")
WRITER = """
import sys
from pathlib import Path
from benchmarks.reporting.json_lines import append
for number in range(50):
    append(Path(sys.argv[1]), {"by": sys.argv[2], "number": number, "weight": "x" * 5000})
"""
FULL = """
import resource, signal, sys
from pathlib import Path
from benchmarks.reporting.json_lines import append
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
append(Path(sys.argv[1]), {"first": True})
try:
    append(Path(sys.argv[1]), {"second": "x" * 200})
except OSError:
    sys.exit(7)
"""


def test_several_processes_add_their_lines_whole_and_in_order(tmp_path: Path) -> None:
    place = tmp_path / "lines.jsonl"
    command = [sys.executable, "-c", WRITER, str(place)]
    writers = [subprocess.Popen([*command, name], cwd=ROOT, env=session_environment()) for name in "abc"]
    assert [each.wait(60) for each in writers] == [0, 0, 0]
    found = records(place)
    for name in "abc":
        assert [each["number"] for each in found if each["by"] == name] == list(range(50))


def test_a_line_that_found_no_room_leaves_nothing(tmp_path: Path) -> None:
    place = tmp_path / "lines.jsonl"
    done = subprocess.run([sys.executable, "-c", FULL, str(place)], cwd=ROOT, env=session_environment(), check=False)
    assert done.returncode == 7
    assert place.read_text() == '{"first": true}\n'


def test_what_was_torn_spoils_no_line_but_its_own(tmp_path: Path) -> None:
    place = tmp_path / "lines.jsonl"
    place.write_text('{"whole": 1}\n{"torn')
    append(place, {"next": 2})
    assert place.read_text() == '{"whole": 1}\n{"torn\n{"next": 2}\n'
    with pytest.raises(LineFault, match=r"lines\.jsonl:2: no JSON"):
        records(place)


@pytest.mark.skipif(sys.platform != "linux", reason="/proc tells who waits for a lock")
def test_a_writer_waits_until_the_one_before_is_done(tmp_path: Path) -> None:
    """Else it could see a line end that the other, out of room, takes back."""
    place = tmp_path / "lines.jsonl"
    code = "import sys; from pathlib import Path; from benchmarks.reporting.json_lines import append\n"
    command = [sys.executable, "-c", f"{code}append(Path(sys.argv[1]), {{'late': 1}})", str(place)]
    with place.open("ab") as first:
        fcntl.flock(first, fcntl.LOCK_EX)
        with subprocess.Popen(command, cwd=ROOT, env=session_environment()) as late:
            waits = re.compile(rf"-> FLOCK .* {late.pid} ")
            eventually(lambda: bool(waits.search(LOCKS.read_text())) or late.poll() is not None, "the second writer")
            first.write(b'{"torn')
            first.flush()
            fcntl.flock(first, fcntl.LOCK_UN)
            assert late.wait(60) == 0
    assert place.read_text() == '{"torn\n{"late": 1}\n'


def test_text_of_any_kind_stays_on_its_line(tmp_path: Path) -> None:
    record = {"text": "a\nb\r\u2028\u0085 \N{PILE OF POO} \x00"}
    append(tmp_path / "x", record)
    append(tmp_path / "x", record)
    assert records(tmp_path / "x") == [record, record]


def test_numbers_that_are_none_are_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        append(tmp_path / "x", {"rate": float("nan")})
    assert not os.path.lexists(tmp_path / "x")
