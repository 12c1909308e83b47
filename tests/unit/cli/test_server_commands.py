"""stop, status, logs, service and the options of serve that go with them, as a user types them."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import AccessDenied, Conflict
from domain.serving.service_plan import is_ours, service_environment, signed
from entrypoints.cli.commands import serve
from entrypoints.cli.daemon import command_line
from entrypoints.cli.grammar import Kind
from entrypoints.cli.guard import guard
from entrypoints.cli.serve_options import SERVE
from tests.support.fakes.cli_services import FakeServices, Line, Seen, report
from tests.support.fakes.server_processes import FakeProcesses, server_entry

TWO = (server_entry(8000, 4711), server_entry(9000, 4715))


def line(*entries: Any, **ways: Any) -> Line:
    services = FakeServices((report("mlxk/demo"),))
    services.processes = FakeProcesses(*entries, **ways)
    return Line(services)


def data(seen: Seen) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(seen.out)["data"]
    return found


def test_status_shows_every_server_with_its_models() -> None:
    seen = line(*TWO).run("status")
    head, first, second = seen.out.splitlines()
    assert head.split() == ["URL", "PID", "STATE", "UP", "REQUESTS", "VERSION", "MODEL", "MEMORY"]
    assert first.split() == [
        "http://127.0.0.1:8000", "4711", "ready", "1", "min", "2", "0.1.0", "mlxk/demo", "3.5", "MB"
    ]  # fmt: skip
    assert second.startswith("http://127.0.0.1:9000")
    assert seen.code == 0


def test_status_of_nothing_is_no_error_and_exit_code_3() -> None:
    seen = line().run("status", "--json")
    assert (seen.code, data(seen)) == (3, {"running": 0, "servers": []})
    assert line(*TWO).run("status", "--port", "7000").code == 3
    assert line(*TWO).run("status", "--port", "9000").out.count("http://") == 1


def test_a_port_that_another_program_took_makes_no_status_fail() -> None:
    at_work = line(*TWO)
    at_work.services.processes.impostor = Conflict("another program answers on port 8000")
    assert "silent" in at_work.run("status").out


def test_stop_asks_the_only_server_and_waits_for_its_end() -> None:
    at_work = line(TWO[0])
    seen = at_work.run("stop")
    assert (seen.code, seen.out) == (0, "stopped: http://127.0.0.1:8000 (process 4711)\n")
    assert at_work.services.processes.asked == [8000]
    assert at_work.services.processes.killed == []


def test_stop_does_not_choose_between_servers() -> None:
    at_work = line(*TWO)
    seen = at_work.run("stop")
    assert seen.code == 2
    assert "servers run on port 8000, 9000: --port N chooses, --all takes them all" in seen.err
    assert at_work.services.processes.asked == []
    assert at_work.run("stop", "--port", "9000").code == 0
    assert at_work.services.processes.asked == [9000]


def test_stop_all_stops_all() -> None:
    at_work = line(*TWO)
    assert [each["port"] for each in data(at_work.run("stop", "--all", "--json"))["stopped"]] == [8000, 9000]
    assert at_work.services.processes.entries == []


@pytest.mark.parametrize("argv", [("stop",), ("stop", "--all"), ("stop", "--port", "7000")])
def test_nothing_to_stop_is_an_error(argv: tuple[str, ...]) -> None:
    seen = line(*(TWO if "--port" in argv else ())).run(*argv, "--json")
    assert (seen.code, json.loads(seen.out)["error"]["type"]) == (1, "server_not_found")


def test_a_server_that_goes_on_is_told_of_and_not_killed() -> None:
    at_work = line(TWO[0], stubborn=True)
    seen = at_work.run("stop", "--timeout", "7")
    assert seen.code == 1
    assert "has not ended within 7 s" in seen.err
    assert "mlxk stop --port 8000 --force" in seen.err
    assert at_work.services.processes.killed == []


def test_force_asks_twice_before_it_kills() -> None:
    busy = line(TWO[0], busy=True)
    assert data(busy.run("stop", "--force", "--json"))["stopped"][0]["killed"] is False
    assert busy.services.processes.killed == []
    stubborn = line(TWO[0], stubborn=True)
    assert data(stubborn.run("stop", "--force", "--json"))["stopped"][0]["killed"] is True
    assert (stubborn.services.processes.asked, stubborn.services.processes.killed) == ([8000, 8000], [8000])


def test_no_signal_goes_to_a_server_whose_port_another_program_has() -> None:
    at_work = line(TWO[0])
    at_work.services.processes.impostor = Conflict("another program answers on port 8000")
    assert at_work.run("stop", "--force").code == 1
    assert (at_work.services.processes.asked, at_work.services.processes.killed) == ([], [])


@pytest.mark.parametrize("argv", [("stop", "--port", "1", "--all"), ("stop", "--timeout=-1"), ("logs", "-n=-1")])
def test_contradictions_are_refused(argv: tuple[str, ...]) -> None:
    assert line(*TWO).run(*argv).code == 2


def test_logs_are_those_of_the_port_or_the_latest(tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    (folder / "server-9000.log").write_text("one\ntwo\nthree\n")
    at_work = line()
    at_work.services.state_dir = tmp_path
    assert at_work.run("logs").out == "one\ntwo\nthree\n"
    assert at_work.run("logs", "-n", "2").out == "two\nthree\n"
    assert at_work.run("logs", "-n", "0").out == ""
    assert data(at_work.run("logs", "--port", "9000", "--lines", "1", "--json"))["lines"] == ["three"]
    assert at_work.run("logs", "--port", "8000").code == 1
    assert at_work.run("logs", "-f", "--json").code == 2


def test_a_log_steers_no_terminal(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs/server-1.log").write_text("\x1b]0;owned\x07 hello\n")
    at_work = Line(FakeServices(), terminal=True)
    at_work.services.state_dir = tmp_path
    assert "\x1b" not in at_work.run("logs").out


def test_a_service_is_installed_looked_at_and_taken_away() -> None:
    at_work = Line()
    manager = at_work.services.manager
    seen = at_work.run("service", "install")
    assert seen.code == 0
    assert "  systemctl --user enable --now mlxk.service" in seen.out
    assert manager.there is not None
    assert is_ours(manager.there)
    assert data(at_work.run("service", "install", "--json"))["changed"] is False
    assert at_work.run("service", "status").code == 3
    assert data(at_work.run("service", "install", "--now", "--json"))["state"] == "running"
    assert at_work.run("service", "status").code == 0
    assert data(at_work.run("service", "uninstall", "--json"))["changed"] is True
    assert manager.there is None
    assert "nothing to remove" in at_work.run("service", "uninstall").out


@pytest.mark.parametrize("action", ["install", "uninstall"])
def test_a_description_of_somebody_elses_is_left_alone(action: str) -> None:
    at_work = Line()
    manager = at_work.services.manager
    at_work.run("service", "install")
    manager.there = f"# my own line\n{manager.there}"
    seen = at_work.run("service", action)
    assert (seen.code, "somebody else" in seen.err) == (1, True)
    assert manager.there.startswith("# my own line")
    assert at_work.run("service", action, "--force").code == 0
    assert (manager.there or "").startswith("# my own line") is False


def test_print_writes_nothing() -> None:
    at_work = Line()
    assert "serve" in at_work.run("service", "install", "--print").out
    assert at_work.services.manager.there is None


def test_a_service_gets_its_file_by_an_absolute_path_and_a_bad_one_is_refused(tmp_path: Path) -> None:
    config = tmp_path / "mlxk.toml"
    config.write_text("[server]\nport = 1\n")
    at_work = Line()
    assert f"'--config', '{config}'" in at_work.run("service", "install", "--print", "--config", str(config)).out
    config.write_text("[server]\nprot = 1\n")
    assert at_work.run("service", "install", "--config", str(config)).code == 2
    assert at_work.services.manager.there is None


@pytest.mark.parametrize(
    "argv",
    [("status", "--now"), ("status", "--force"), ("uninstall", "--print"), ("install", "--now", "--print")],
)
def test_options_that_mean_nothing_there_are_refused(argv: tuple[str, ...]) -> None:
    assert Line().run("service", *argv).code == 2


def test_a_folder_that_cannot_be_written_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    at_work = Line()

    def refuse(text: str) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(at_work.services.manager, "write", refuse)
    seen = at_work.run("service", "install", "--json")
    assert json.loads(seen.out)["error"]["type"] == AccessDenied.type


def test_no_secret_is_written_into_a_service() -> None:
    environ = {
        "HF_TOKEN": "hf_x", "MLXK_API_KEY": "k", "MLXK_API_KEY_FILE": "/k", "MLXK2_MAX_TOKENS": "5", "HF_HOME": "/hf",
        "LANG": "C", "PATH": "/bin", "MLXK_EMPTY": "",
    }  # fmt: skip
    assert service_environment(environ) == {
        "HF_HOME": "/hf", "MLXK2_MAX_TOKENS": "5", "MLXK_API_KEY_FILE": "/k", "PATH": "/bin"
    }  # fmt: skip


@given(st.text(max_size=60))
def test_a_signature_holds_until_a_character_changes(text: str) -> None:
    body = f"{text}\n"
    assert is_ours(signed(body, "# ", ""))
    assert is_ours(signed(body, "<!-- ", " -->"))
    assert not is_ours(body)
    assert not is_ours("x" + signed(body, "# ", ""))


def values() -> st.SearchStrategy[dict[str, object]]:
    text = st.text(st.characters(blacklist_characters="\0", blacklist_categories=["Cs"]), max_size=12)
    kinds: dict[Kind, st.SearchStrategy[object]] = {
        Kind.SWITCH: st.booleans(),
        Kind.TEXT: st.none() | text,
        Kind.INTEGER: st.none() | st.integers(-9, 70_000),
    }
    return st.fixed_dictionaries(
        {
            each.parameter: st.sampled_from([None, *each.choices]) if each.choices else kinds[each.kind]
            for each in SERVE.options
            if each.parameter not in ("daemon", "print_config") and not each.kind.collects
        }
    )


@given(values())
def test_the_server_in_the_background_is_told_the_same(given_values: dict[str, object]) -> None:
    arguments = serve.Arguments(daemon=True, **given_values)  # type: ignore[arg-type]
    again = guard(["serve", "--json", *command_line(arguments)]).values
    assert again == {name: value for name, value in given_values.items() if value not in (None, False)} | {
        name: value for name, value in given_values.items() if value == 0 and value is not False
    }


def test_no_second_server_is_started_on_a_port() -> None:
    seen = line(TWO[0]).run("serve", "--daemon", "--json")
    assert (seen.code, json.loads(seen.out)["error"]["type"]) == (1, "port_in_use")
    assert "process 4711" in seen.out


def test_the_settings_in_force_are_shown_with_their_sources(tmp_path: Path) -> None:
    config = tmp_path / "mlxk.toml"
    config.write_text('[server]\nmax_tokens = 7\n[aliases]\nfast = "demo"\n[models.demo]\npinned = true\nkv_bits = 4\n')
    config.chmod(0o666)
    at_work = Line(environ={"MLXK_CONFIG": str(config), "MLXK2_HOST": "::1", "HF_TOKEN": "hf_secret"})
    seen = at_work.run("serve", "--print-config", "--port", "9000", "--json")
    found = data(seen)
    by_name = {each["name"]: each for each in found["settings"]}
    assert [by_name[each]["source"] for each in ("port", "host", "max_tokens", "share")] == [
        "flag", "environment", "file", "default"
    ]  # fmt: skip
    assert by_name["max_tokens"]["from"] == f"{config}: [server] max_tokens"
    assert (found["aliases"], found["models"]) == ({"fast": "demo"}, {"demo": {"pinned": True, "kv_bits": 4}})
    assert "hf_secret" not in seen.out
    assert f"serve: Warning: {config} can be changed by others" in seen.err
    shown = at_work.run("serve", "--print-config").out
    assert "model demo: pinned yes, kv_bits 4" in shown
    assert "alias fast: demo" in shown


def test_a_bad_file_stops_the_server_and_what_asks_for_its_cache_and_nothing_else(tmp_path: Path) -> None:
    config = tmp_path / "mlxk.toml"
    config.write_text("[sever]\n")
    at_work = Line(FakeServices((report("mlxk/demo"),)), environ={"MLXK_CONFIG": str(config)})
    assert at_work.run("serve").code == 2
    for argv in (("list",), ("show", "demo"), ("stop",), ("logs",), ("help",)):
        assert "sever" not in at_work.run(*argv).err


def test_a_port_that_a_stranger_listens_on_is_the_servers_own_error(tmp_path: Path) -> None:
    """The real process behind the command, up to its refusal."""
    at_work = line()
    at_work.services.state_dir = tmp_path
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        port = stranger.getsockname()[1]
        seen = at_work.run("serve", "--daemon", "--port", str(port), "--json")
    error = json.loads(seen.out)["error"]
    assert (seen.code, error["type"]) == (1, "port_in_use")
    assert f"port {port} on 127.0.0.1 is in use" in error["message"]
    assert (tmp_path / f"logs/server-{port}.log").stat().st_mode & 0o777 == 0o600
