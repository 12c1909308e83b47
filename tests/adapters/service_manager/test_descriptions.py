"""What launchd and systemd get to read means exactly what was meant, whatever characters paths have."""

from __future__ import annotations

import plistlib
import shutil
import stat
import subprocess
import sys
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from adapters.service_manager import service_manager_for
from adapters.service_manager.launchd import Launchd
from adapters.service_manager.systemd import Systemd
from domain.errors import Conflict, DependencyMissing, InvalidRequest
from domain.serving.service_plan import ServicePlan
from ports.service_manager import ServiceState

ODD = "a b\"c\\d%e$f'g;h#i\u00e9\tj"
WORDS = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), min_size=1, max_size=20)


def plan(*words: str, environment: dict[str, str] | None = None) -> ServicePlan:
    return ServicePlan((sys.executable, *words), environment or {}, PurePosixPath("/home/o d/server.log"))


def unit_words(value: str) -> list[str]:
    """As systemd reads a quoted command line: C escapes as bytes, %% a percent sign."""
    words, at = [], 0
    while at < len(value):
        assert value[at] == '"'
        at, word = at + 1, b""
        while value[at] != '"':
            if value[at] == "\\":
                kind = value[at + 1]
                if kind == "x":
                    word, at = word + bytes([int(value[at + 2 : at + 4], 16)]), at + 4
                    continue
                word, at = word + {"\\": b"\\", '"': b'"', "n": b"\n", "r": b"\r", "t": b"\t"}[kind], at + 2
                continue
            if value[at] == "%":
                assert value[at + 1] == "%"
                at += 1
            word, at = word + value[at].encode(), at + 1
        words.append(word.decode())
        at += 2
    return words


def keys(text: str, name: str) -> list[str]:
    return [line.partition("=")[2] for line in text.split("\n") if line.startswith(f"{name}=")]


@given(st.lists(WORDS, max_size=3), st.dictionaries(st.sampled_from(["HF_HOME", "MLXK_X"]), WORDS))
@example(["a$b", ODD], {"HF_HOME": ODD})
def test_a_unit_says_every_word_as_it_was(words: list[str], environment: dict[str, str]) -> None:
    text = Systemd(Path("/c")).text(plan(*words, environment=environment))
    (command,) = keys(text, "ExecStart")
    executable, *others = unit_words(command)
    assert executable == sys.executable
    assert [each.replace("$$", "$") for each in others] == words
    assert "$" not in "".join(others).replace("$$", "")
    told = [unit_words(each)[0].partition("=")[::2] for each in keys(text, "Environment")]
    assert dict(told) == environment


@given(st.lists(WORDS, max_size=3), st.dictionaries(st.sampled_from(["HF_HOME", "MLXK_X"]), WORDS))
def test_a_property_list_says_every_word_as_it_was_or_is_refused(words: list[str], environment: dict[str, str]) -> None:
    try:
        text = Launchd(Path("/h")).text(plan(*words, environment=environment))
    except InvalidRequest:
        said = "".join([*words, *environment.values()])
        assert any(ord(each) < 0x20 or ord(each) in (0xFFFE, 0xFFFF) for each in said)
        return
    read = plistlib.loads(text.encode())
    assert read["ProgramArguments"] == [sys.executable, *words]
    assert read["EnvironmentVariables"] == environment


def test_a_property_list_keeps_the_server_running_and_lets_it_finish() -> None:
    read = plistlib.loads(Launchd(Path("/h")).text(plan("serve", ODD, environment={"HF_HOME": ODD})).encode())
    assert read["ProgramArguments"] == [sys.executable, "serve", ODD]
    assert read["EnvironmentVariables"] == {"HF_HOME": ODD}
    assert read["KeepAlive"] == {"SuccessfulExit": False}
    assert (read["RunAtLoad"], read["Umask"], read["ProcessType"]) == (True, 0o077, "Interactive")
    assert read["ExitTimeOut"] > 38
    assert read["StandardErrorPath"] == "/home/o d/server.log"
    assert Launchd(Path("/h")).file == Path("/h/Library/LaunchAgents/mlxk.server.plist")


def test_a_unit_lets_the_server_finish_and_leaves_it_what_mlx_needs() -> None:
    text = Systemd(Path("/c")).text(plan("serve"))
    assert keys(text, "Type") == ["notify"]
    assert int(keys(text, "TimeoutStopSec")[0]) > 38
    assert keys(text, "KillMode") == ["mixed"]
    assert keys(text, "OOMPolicy") == ["continue"]
    assert keys(text, "Restart") == ["on-failure"]
    assert not keys(text, "MemoryDenyWriteExecute")
    assert not keys(text, "PrivateDevices")
    assert Systemd(Path("/c")).file == Path("/c/systemd/user/mlxk.service")


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not here to check it")
@pytest.mark.parametrize("words", [("serve",), ("serve", "--config", ODD)])
def test_systemd_itself_finds_nothing_wrong_with_a_unit(tmp_path: Path, words: tuple[str, ...]) -> None:
    manager = Systemd(tmp_path)
    manager.write(manager.text(plan(*words, environment={"HF_HOME": ODD, "PATH": "/usr/bin:/bin"})))
    checked = subprocess.run(
        ["systemd-analyze", "--user", "verify", str(manager.file)],
        capture_output=True, text=True, check=False, env={"XDG_RUNTIME_DIR": str(tmp_path), "PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    about_it = [each for each in checked.stderr.splitlines() if "mlxk.service" in each]
    assert (checked.returncode, about_it) == (0, [])


@pytest.mark.parametrize("word", ["a\0b", "half \ud800"])
def test_what_cannot_be_written_is_refused(word: str) -> None:
    for manager in (Systemd(Path("/c")), Launchd(Path("/h"))):
        with pytest.raises(InvalidRequest, match="cannot be written"):
            manager.text(plan(word))


def test_a_description_is_for_others_to_read_and_its_owner_to_write(tmp_path: Path) -> None:
    manager = Systemd(tmp_path)
    manager.write("text")
    assert stat.S_IMODE(Path(manager.file).stat().st_mode) & 0o133 == 0
    assert [each.name for each in Path(manager.file).parent.iterdir()] == ["mlxk.service"]


def test_each_system_has_its_own_manager(tmp_path: Path) -> None:
    environ = {"HOME": str(tmp_path)}
    assert service_manager_for("darwin", environ).name == "launchd"
    assert service_manager_for("linux", environ).file == tmp_path / ".config/systemd/user/mlxk.service"
    assert service_manager_for("linux", {**environ, "XDG_CONFIG_HOME": "/x"}).file == Path(
        "/x/systemd/user/mlxk.service"
    )
    with pytest.raises(DependencyMissing, match="win32"):
        service_manager_for("win32", environ)


def test_a_manager_that_is_not_here_or_refuses_is_told_of(tmp_path: Path) -> None:
    with pytest.raises(DependencyMissing, match="no /nowhere/systemctl"):
        Systemd(tmp_path, "/nowhere/systemctl").start()
    refusing = tmp_path / "systemctl"
    refusing.write_text("#!/bin/sh\necho 'Failed to connect to bus' >&2; exit 1\n")
    refusing.chmod(0o755)
    manager = Systemd(tmp_path, str(refusing))
    with pytest.raises(Conflict, match="Failed to connect to bus"):
        manager.start()
    assert manager.state() is ServiceState.UNREACHABLE
    manager.write("text")
    manager.stop()
    manager.remove()
    assert manager.read() is None
