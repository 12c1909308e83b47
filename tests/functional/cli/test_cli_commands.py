"""Every command from its arguments to its output, over use cases of the test's choosing."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from application.catalog.list_models import ListQuery, ModelKind
from domain.catalog import ModelSource
from domain.errors import AmbiguousModel, MlxkError, ModelLoadFailed, PortInUse
from domain.serving.memory_policy import MemoryForecast
from entrypoints.cli.envelope import SPEC_VERSION
from entrypoints.settings import Settings, Source
from mlxk import __version__
from tests.support.fakes.cli_services import FakeServices, Line, Seen, report, serving

if TYPE_CHECKING:
    from pytest_mock import MockerFixture

    from entrypoints.http.front import Serving

GOOD = report("mlx-community/Good-4bit")
NOT_HERE = report("org/Gguf", reason="Incompatible framework: GGUF", framework="GGUF")
BROKEN = report("org/Broken", health_reason="config.json missing", model_type="unknown", capabilities=())
SEEING = report("org/Seeing", capabilities=("text-generation", "chat", "vision"))
BUILTIN = report("mlxk/demo", source=ModelSource.BUILTIN)
MODELS = (BROKEN, GOOD, NOT_HERE, SEEING, BUILTIN)


def with_models(*models: Any, terminal: bool = False) -> Line:
    return Line(FakeServices(models or MODELS), terminal=terminal)


def data(seen: Seen) -> Any:
    """The data of the one envelope on standard output."""
    assert seen.err == ""
    envelope = json.loads(seen.out)
    assert (envelope["status"], envelope["error"]) == ("success", None)
    return envelope["data"]


def first_words(text: str) -> list[str]:
    return [line.split()[0] for line in text.splitlines() if line.strip()]


def test_list_shows_what_is_sound_and_runs_and_counts_the_rest() -> None:
    seen = with_models().run("list")
    assert seen.code == 0
    assert first_words(seen.out) == ["Name", "Good-4bit", "org/Seeing", "mlxk/demo"]
    assert "2 more models are broken or cannot run here: mlxk list --all --health" in seen.err


def test_list_all_shows_everything() -> None:
    seen = with_models().run("list", "--all", "--health")
    assert first_words(seen.out) == ["Name", "org/Broken", "Good-4bit", "org/Gguf", "org/Seeing", "mlxk/demo"]
    assert "healthy*" in seen.out
    assert seen.err == ""


def test_list_verbose_keeps_the_health_filter_and_full_names() -> None:
    seen = with_models().run("list", "--verbose", "--health")
    assert first_words(seen.out) == ["Name", "mlx-community/Good-4bit", "org/Seeing", "mlxk/demo"]
    assert seen.out.splitlines()[0].split()[-3:] == ["Integrity", "Runtime", "Reason"]


@pytest.mark.parametrize("flags", [(), ("--all",), ("--health", "--verbose")])
def test_list_json_is_never_filtered_by_health(flags: tuple[str, ...]) -> None:
    found = data(with_models().run("list", "--json", *flags))
    assert [each["name"] for each in found["models"]] == [each.name for each in MODELS]
    assert found["count"] == 5


def test_list_hands_pattern_and_kinds_to_the_use_case() -> None:
    line = with_models()
    line.run("list", "seeing", "--vision", "--embeddings", "--json")
    kinds = frozenset({ModelKind.VISION, ModelKind.EMBEDDINGS})
    assert line.services.listing.queries == [ListQuery("seeing", kinds)]


def test_list_filters_the_json_too() -> None:
    assert [each["name"] for each in data(with_models().run("list", "--vision", "--json"))["models"]] == ["org/Seeing"]


def test_list_of_a_kind_leaves_out_models_whose_kind_does_not_run() -> None:
    half = report("org/Half", capabilities=("text-generation", "chat", "vision"), dropped={"vision": "no mlx-vlm"})
    line = with_models(GOOD, half, SEEING)
    seen = line.run("list", "--vision")
    assert first_words(seen.out) == ["Name", "org/Seeing"]
    assert "1 more model is broken or cannot run here" in seen.err
    every = line.run("list", "--vision", "--all")
    assert first_words(every.out) == ["Name", "org/Half", "org/Seeing"]
    assert every.out.count("chat+vision") == 2
    assert line.run("list").out.count("chat+vision") == 1
    assert [each["name"] for each in data(line.run("list", "--vision", "--json"))["models"]] == [
        "org/Half",
        "org/Seeing",
    ]


def test_list_of_nothing_says_how_to_get_a_model() -> None:
    seen = Line().run("list")
    assert (seen.code, seen.out) == (0, "")
    assert "No models here." in seen.err
    assert "mlxk pull " in seen.err


def test_list_of_the_built_in_model_alone_says_how_to_get_another() -> None:
    seen = with_models(BUILTIN).run("list")
    assert "builtin" in seen.out
    assert "mlxk pull " in seen.err


def test_list_of_a_pattern_that_fits_nothing_says_so() -> None:
    seen = with_models().run("list", "xyzzy")
    assert (seen.code, seen.out, seen.err) == (0, "", "No model matches.\n")


def test_list_is_drawn_for_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.delenv("NO_COLOR", raising=False)
    seen = with_models(terminal=True).run("list", "--health")
    assert "\x1b[" in seen.out
    assert "Good-4bit" in seen.out


def test_show_tells_the_facts() -> None:
    seen = with_models().run("show", "Good")
    assert seen.code == 0
    assert seen.out.startswith("mlx-community/Good-4bit\n")
    for fact in ("Hugging Face cache", "4.61 GB", "3 hours ago (2026-05-17 09:00 UTC)", "llama / LlamaForCausalLM"):
        assert fact in seen.out
    assert "4,096 tokens" in seen.out


def test_show_tells_why_a_model_does_not_run() -> None:
    assert "no: Incompatible framework: GGUF" in with_models().run("show", "Gguf").out
    broken = with_models().run("show", "Broken").out
    assert "config.json missing" in broken
    assert "Runs here" not in broken


def test_show_tells_what_was_dropped_and_what_is_odd() -> None:
    model = report("org/m", dropped={"vision": "mlx-vlm is missing"}, findings=("README.md is not UTF-8",))
    out = with_models(model).run("show", "org/m").out
    assert "Not here: vision" in out
    assert "mlx-vlm is missing" in out
    assert "README.md is not UTF-8" in out


def test_show_tells_what_the_model_takes() -> None:
    out = with_models().run("show", "Good").out
    for label, fact in (
        ("Weights", "4.60 GB in memory"),
        ("KV cache", "131 MB per 1,000 tokens"),
        ("Longest fit", "40,960 tokens fit into this machine's memory now"),
    ):
        assert any(row.split(label)[-1].strip() == fact for row in out.splitlines() if label in row), label


@pytest.mark.parametrize(
    ("memory", "there", "absent"),
    [
        (MemoryForecast(1, None, None), ["Weights"], ["KV cache", "Longest fit"]),
        (MemoryForecast(1, 2, None), ["Weights", "KV cache"], ["Longest fit"]),
        (MemoryForecast(1, 2, 0), ["Weights", "does not fit into this machine's memory"], [" 0 tokens"]),
        (None, [], ["Weights", "KV cache", "Longest fit"]),
    ],
)
def test_show_tells_of_memory_what_is_known(
    memory: MemoryForecast | None, there: list[str], absent: list[str], mocker: MockerFixture
) -> None:
    mocker.patch("tests.support.fakes.cli_services.FORECAST", memory)
    out = with_models().run("show", "Good").out
    assert all(words in out for words in there)
    assert not any(words in out for words in absent)


def test_show_json_tells_what_the_model_takes() -> None:
    shown = data(with_models().run("show", "Good", "--files", "--json"))
    assert shown["memory"] == {
        "weights_bytes": 4_600_000_000,
        "kv_bytes_per_1k_tokens": 131_072_000,
        "longest_context": 40_960,
    }
    assert data(with_models().run("show", "Broken", "--json"))["memory"] is None


def test_show_tells_what_its_verdicts_rest_on_only_when_asked() -> None:
    model = report("org/m", evidence={"framework": "README.md: tags", "backend": ""})
    assert "README.md: tags" not in with_models(model).run("show", "org/m").out
    because = with_models(model).run("show", "org/m", "--verbose").out.partition("Because\n")[2]
    assert [line.split(maxsplit=1) for line in because.splitlines()] == [
        ["framework", "README.md: tags"],
        ["backend", "—"],
    ]
    assert data(with_models(model).run("show", "org/m", "--json"))["evidence"] == dict(model.evidence)


def test_show_json_has_model_and_metadata() -> None:
    shown = data(with_models().run("show", "Good", "--json"))
    assert shown["model"]["name"] == "mlx-community/Good-4bit"
    assert shown["model"]["quantization"] == {"bits": 4, "group_size": 64}
    assert shown["workspace_metadata"] is None
    assert shown["metadata"]["num_hidden_layers"] == 4
    assert "files" not in shown
    assert "config" not in shown


def test_show_files_wins_over_config() -> None:
    shown = data(with_models().run("show", "Good", "--files", "--config", "--json"))
    assert shown["files"][0] == {"name": "config.json", "size": "588 B", "size_bytes": 588, "type": "config"}
    assert shown["metadata"] is None
    assert "config" not in shown
    assert with_models().run("show", "Good", "--files").out.splitlines()[2].split() == [
        "model.safetensors",
        "3.4",
        "MB",
        "weights",
    ]


def test_show_config_is_the_models_own() -> None:
    shown = data(with_models().run("show", "Good", "--config", "--json"))
    printed = json.loads(with_models().run("show", "Good", "--config").out)
    assert (
        shown["config"]
        == printed
        == {"model_type": "llama", "vocab_size": 512, "quantization": {"bits": 4, "group_size": 64}}
    )


def test_an_unknown_model_is_an_error_with_a_way_out() -> None:
    seen = with_models().run("show", "xyzzy")
    assert (seen.code, seen.out) == (1, "")
    assert seen.err == "show: Error: no model here matches 'xyzzy'\nHint: see `mlxk list --all`\n"


def test_health_lists_and_counts() -> None:
    seen = with_models().run("health")
    assert seen.code == 0
    assert "unhealthy  org/Broken" in seen.out
    assert seen.out.splitlines()[-1] == "5 checked, 4 healthy, 1 unhealthy"


def test_health_json_has_both_lists_and_a_summary() -> None:
    found = data(with_models().run("health", "--json"))
    assert found["unhealthy"] == [{"name": "org/Broken", "status": "unhealthy", "reason": "config.json missing"}]
    assert found["summary"] == {"total": 5, "healthy_count": 4, "unhealthy_count": 1}


@pytest.mark.parametrize(("pattern", "code"), [("Broken", 1), ("Good", 0), ("xyzzy", 0)])
@pytest.mark.parametrize("flags", [(), ("--json",)])
def test_strict_health_fails_for_an_unhealthy_model_only(pattern: str, code: int, flags: tuple[str, ...]) -> None:
    assert with_models().run("health", pattern, "--strict", *flags).code == code
    assert with_models().run("health", pattern, *flags).code == 0


@pytest.mark.parametrize("argv", [("version", "--json"), ("--version", "--json"), ("--json", "--version")])
def test_version_json_names_both_versions_and_the_memory(argv: tuple[str, ...]) -> None:
    found = data(Line().run(*argv))
    assert found["cli_version"] == __version__
    assert found["json_api_spec_version"] == SPEC_VERSION
    assert found["system"]["memory_total_bytes"] > 2**28


def test_version_for_people() -> None:
    assert Line().run("version").out == f"mlxk {__version__}\n"


def test_no_command_shows_the_help_and_fails() -> None:
    seen = Line().run()
    assert seen.code == 2
    assert "Commands:" in seen.out


def test_no_command_in_json_is_an_error_envelope() -> None:
    seen = Line().run("--json")
    envelope = json.loads(seen.out)
    assert (seen.code, envelope["command"], envelope["error"]["type"]) == (1, None, "CommandError")


@pytest.mark.parametrize(
    "argv", [("help", "serve"), ("serve", "--help"), ("-h", "serve"), ("server", "-h"), ("help", "server")]
)
def test_help_for_a_command_has_many_spellings(argv: tuple[str, ...]) -> None:
    seen = Line().run(*argv)
    assert seen.code == 0
    assert seen.out.startswith("Usage: mlxk serve [options]\n")


def test_help_in_json_is_the_table() -> None:
    found = data(Line().run("help", "run", "--json"))
    (row,) = found["commands"]
    assert row["usage"] == "mlxk run MODEL [PROMPT...] [options]"
    assert {"flag": "--seed", "kind": "integer"}.items() <= next(
        o for o in row["options"] if o["flag"] == "--seed"
    ).items()
    assert len(data(Line().run("--help", "--json"))["commands"]) > 5


def test_help_for_an_unknown_command_is_a_usage_error() -> None:
    seen = Line().run("help", "lsit")
    assert (seen.code, seen.out) == (2, "")
    assert "did you mean 'list'?" in seen.err


@pytest.mark.parametrize("argv", [("lsit",), ("list", "--al"), ("show",), ("serve", "--port", "x"), ("list", "a", "b")])
def test_a_usage_error_in_json_has_no_command_and_exit_code_two(argv: tuple[str, ...]) -> None:
    seen = Line().run(*argv, "--json")
    envelope = json.loads(seen.out)
    assert (seen.code, seen.err) == (2, "")
    assert (envelope["status"], envelope["command"], envelope["data"]) == ("error", None, None)
    assert envelope["error"]["type"] == "CommandError"
    assert envelope["error"]["hint"]


def test_a_usage_error_for_people_names_the_command() -> None:
    seen = Line().run("list", "--al")
    assert (seen.code, seen.out) == (2, "")
    assert seen.err == "list: Error: unknown option '--al' for `mlxk list`\nHint: did you mean '--all'?\n"


def test_an_error_in_json_is_one_envelope_with_its_command() -> None:
    line = Line(services_fault=AmbiguousModel("'q' can mean 2 models", hint="name one", matches=["a/q1", "a/q2"]))
    seen = line.run("list", "--json")
    envelope = json.loads(seen.out)
    assert (seen.code, seen.err, envelope["command"]) == (1, "", "list")
    assert envelope["error"]["matches"] == ["a/q1", "a/q2"]


@pytest.mark.parametrize("flags", [(), ("--json",)])
def test_a_fault_of_our_own_is_no_traceback(flags: tuple[str, ...]) -> None:
    seen = Line(services_fault=ZeroDivisionError("oh")).run("list", *flags)
    assert seen.code == 1
    assert "Traceback" not in seen.out + seen.err
    assert "unexpected ZeroDivisionError: oh" in seen.out + seen.err
    assert "MLXK2_DEBUG=1" in seen.out + seen.err


def test_debugging_shows_where_a_fault_happened() -> None:
    line = Line(services_fault=ZeroDivisionError("oh"), environ={"MLXK2_DEBUG": "1"})
    seen = line.run("list", "--json")
    assert json.loads(seen.out)["error"]["type"] == "internal_error"
    assert "Traceback" in seen.err
    assert "ZeroDivisionError" in seen.err


def test_ctrl_c_ends_any_command_with_130() -> None:
    class Impatient(FakeServices):
        def list_models(self) -> Any:
            raise KeyboardInterrupt

    assert Line(Impatient()).run("list").code == 130
    seen = Line(Impatient()).run("list", "--json")
    assert (seen.code, json.loads(seen.out)["error"]["type"]) == (130, "interrupted")


class Recorder:
    """A server that notes its settings."""

    def __init__(self, code: int = 0) -> None:
        self.code = code
        self.settings: Settings | None = None

    def __call__(
        self, settings: Settings, announce: Callable[[Serving], None], failed: Callable[[MlxkError], None]
    ) -> int:
        self.settings = settings
        announce(serving(settings))
        return self.code


def served(*argv: str, **environ: str) -> tuple[Seen, Settings]:
    recorder = Recorder()
    seen = Line(FakeServices(MODELS), server=recorder, environ=environ).run("serve", *argv)
    assert recorder.settings is not None
    return seen, recorder.settings


def test_serve_gives_its_flags_to_the_settings() -> None:
    _, settings = served(
        "--model",
        "demo",
        "--host",
        "::1",
        "--port",
        "9000",
        "--max-tokens",
        "64",
        "--log-json",
        "--verbose",
    )
    assert settings.preload_model.value == "demo"
    assert (settings.host.value, settings.port.value) == ("::1", 9000)
    assert (settings.max_tokens.value, settings.log_json.value, settings.log_level.value) == (64, True, "debug")
    assert settings.port.source is Source.FLAG


def test_serve_without_flags_leaves_the_environment_its_say() -> None:
    _, settings = served(MLXK2_PORT="9001", MLXK2_LOG_JSON="1")
    assert (settings.port.value, settings.port.source) == (9001, Source.ENVIRONMENT)
    assert settings.log_json.value is True


def test_serve_says_where_and_how_to_ask() -> None:
    seen, _ = served("--model", "mlx-community/Good-4bit", "--port", "9000")
    assert "http://127.0.0.1:9000/v1/chat/completions" in seen.out
    assert 'base_url="http://127.0.0.1:9000/v1"' in seen.out
    assert seen.out.count("mlx-community/Good-4bit") == 2


def test_serve_json_is_one_start_up_envelope() -> None:
    seen, _ = served("--json", "--model", "demo", "--port=0")
    found = data(seen)
    assert found == {"status": "starting", "url": "http://127.0.0.1:0", "host": "127.0.0.1", "port": 0, "model": "demo"}


def test_serve_ends_with_the_servers_exit_code() -> None:
    assert Line(server=Recorder(3)).run("serve").code == 3


@pytest.mark.parametrize("argv", [("--port", "70000"), ("--max-tokens", "0"), ("--verbose", "--log-level", "info")])
def test_serve_refuses_bad_settings_before_it_starts(argv: tuple[str, ...]) -> None:
    recorder = Recorder()
    seen = Line(server=recorder).run("serve", *argv)
    assert seen.code == 2
    assert recorder.settings is None
    assert "serve: Error: " in seen.err


@pytest.mark.parametrize(
    ("spec", "kind"), [("xyzzy", "model_not_found"), ("Broken", "model_unhealthy"), ("Gguf", "not_implemented")]
)
def test_serve_refuses_a_model_it_could_not_serve_before_it_listens(spec: str, kind: str) -> None:
    recorder = Recorder()
    broken = report("org/Broken", health_reason="config.json missing")
    seen = Line(FakeServices((broken, NOT_HERE)), server=recorder).run("serve", "--model", spec, "--json")
    assert (seen.code, json.loads(seen.out)["error"]["type"]) == (1, kind)
    assert recorder.settings is None


def test_a_port_in_use_is_one_clear_error() -> None:
    def refuse(settings: Settings, announce: Callable[[Serving], None], failed: Callable[[MlxkError], None]) -> int:
        raise PortInUse("port 8000 is in use", hint="choose another with --port")

    seen = Line(server=refuse).run("serve", "--json")
    assert (seen.code, json.loads(seen.out)["error"]["type"]) == (1, "port_in_use")


def test_a_fault_after_the_start_up_envelope_does_not_print_a_second_one() -> None:
    def fail(settings: Settings, announce: Callable[[Serving], None], failed: Callable[[MlxkError], None]) -> int:
        announce(serving(settings))
        raise RuntimeError("late")

    seen = Line(server=fail).run("serve", "--json")
    assert json.loads(seen.out)["status"] == "success"
    assert seen.code == 1
    assert "unexpected RuntimeError: late" in seen.err


def test_a_first_model_that_cannot_be_loaded_is_one_envelope_in_json_mode() -> None:
    def server(settings: Settings, announce: Callable[[Serving], None], failed: Callable[[MlxkError], None]) -> int:
        failed(ModelLoadFailed("cannot load demo: its weights are odd"))
        return 1

    seen = Line(FakeServices(MODELS), server=server).run("serve", "--json")
    body = json.loads(seen.out)
    assert (seen.code, body["status"], body["command"]) == (1, "error", "serve")
    assert body["error"]["type"] == "model_load_failed"
    assert Line(FakeServices(MODELS), server=server).run("serve").out == ""
