"""The real command line, piped, down to the real engine and back."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from mlxk import __version__
from scripts.train_demo.conversations import LIST_MODELS, LONG_STORY, PAIRS, WHO_ARE_YOU
from tests.support.cli_process import COMMAND, PATIENCE_SECONDS, ROOT, clean_environment, group_is_empty, mlxk
from tests.support.eventually import eventually
from tests.support.isolated_cache import cache_under

SCHEMA = Draft202012Validator(json.loads((ROOT / "docs" / "json-api-schema.json").read_text(encoding="utf-8")))
QUESTION = {answer: question for question, answer in PAIRS}
BASE_COLUMNS = ["Name", "Hash", "Size", "Modified", "Src", "Type"]
FORBIDDEN = {"mlx", "mlx_lm", "mlx_vlm", "mlx_audio", "transformers", "numpy", "torch", "huggingface_hub", "flask"}
FORBIDDEN_IN_A_LISTING = FORBIDDEN | {"rich", "yaml", "gunicorn", "marshmallow", "werkzeug", "pydantic", "shutil"}


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    return clean_environment(tmp_path)


def envelope(output: bytes) -> dict[str, Any]:
    """The one envelope on standard output, as specified."""
    found: dict[str, Any] = json.loads(output)
    SCHEMA.validate(found)
    return found


def test_an_answer_is_printed_whole_word_for_word(env: dict[str, str]) -> None:
    done = mlxk("run", "demo", *QUESTION[WHO_ARE_YOU].split(), "--temperature", "0", env=env)
    assert (done.returncode, done.stdout.decode(), done.stderr) == (0, WHO_ARE_YOU + "\n", b"")


def test_json_is_one_valid_envelope_with_true_counts(env: dict[str, str]) -> None:
    done = mlxk("run", "demo", "--json", "--prompt", QUESTION[LIST_MODELS], "--temperature=0", env=env)
    data = envelope(done.stdout)["data"]
    assert (done.returncode, done.stderr) == (0, b"")
    assert (data["model"], data["prompt"], data["response"]) == ("mlxk/demo", QUESTION[LIST_MODELS], LIST_MODELS)
    assert data["finish_reason"] == "stop"
    usage = data["usage"]
    assert 0 < usage["completion_tokens"] == usage["total_tokens"] - usage["prompt_tokens"]


def test_a_seed_makes_hot_answers_repeatable_and_a_limit_is_told(env: dict[str, str]) -> None:
    hot = ("run", "demo", "Tell me a story", "--temperature", "2", "--top-p", "1", "--max-tokens", "24", "--json")
    first, second, other = (envelope(mlxk(*hot, "--seed", seed, env=env).stdout)["data"] for seed in ("7", "7", "8"))
    assert {**first, "timings": 0} == {**second, "timings": 0}
    assert first["response"] != other["response"]
    assert first["usage"]["completion_tokens"] <= 24
    assert (first["finish_reason"] == "length") is (first["usage"]["completion_tokens"] == 24)


def test_standard_input_is_the_prompt(env: dict[str, str]) -> None:
    done = mlxk("run", "demo", "-", "--temperature", "0", env=env, stdin=QUESTION[WHO_ARE_YOU].encode() + b"\n")
    assert (done.returncode, done.stdout.decode()) == (0, WHO_ARE_YOU + "\n")


@pytest.mark.parametrize("variable", ["", "0", "1"])
def test_pipes_need_no_variable_and_none_forbids_them(variable: str, env: dict[str, str]) -> None:
    asked = QUESTION[WHO_ARE_YOU].encode()
    limited = ("run", "demo", "-", "--max-tokens", "1", "--json")
    done = mlxk(*limited, env={**env, "MLXK2_ENABLE_PIPES": variable}, stdin=asked)
    assert envelope(done.stdout)["data"]["prompt"] == QUESTION[WHO_ARE_YOU]


def test_files_standard_input_and_words_make_one_prompt(env: dict[str, str], tmp_path: Path) -> None:
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text(name.upper())
    files = ("--file", str(tmp_path / "a.txt"), str(tmp_path / "b.txt"))
    done = mlxk("run", "demo", *files, "-", "sum", "up", "--max-tokens=1", "--json", env=env, stdin=b"piped\n")
    shown = [f"File {tmp_path / name}:\n```\n{name.upper()}\n```" for name in ("a.txt", "b.txt")]
    assert envelope(done.stdout)["data"]["prompt"] == "\n\n".join([*shown, "piped", "sum up"])


def test_a_stop_string_ends_the_answer_before_it(env: dict[str, str]) -> None:
    question, cut = QUESTION[WHO_ARE_YOU], WHO_ARE_YOU.split()[3]
    done = mlxk("run", "demo", question, "--temperature", "0", "--stop", "xyzzy", "--stop", f" {cut}", env=env)
    assert done.stdout.decode() == WHO_ARE_YOU.partition(f" {cut}")[0] + "\n"


def test_verbose_leaves_standard_output_to_the_answer(env: dict[str, str]) -> None:
    done = mlxk("run", "demo", QUESTION[WHO_ARE_YOU], "--temperature", "0", "--verbose", env=env)
    assert (done.returncode, done.stdout.decode()) == (0, WHO_ARE_YOU + "\n")
    assert re.search(rb"^Prompt: \d+ tokens", done.stderr, re.MULTILINE)
    assert re.search(rb"^Answer: \d+ tokens.* ended by stop$", done.stderr, re.MULTILINE)


def test_a_reader_that_goes_ends_an_answer_silently(env: dict[str, str]) -> None:
    """`mlxk run ... | head`: the reader has gone before the answer is written."""
    line = f"{' '.join(COMMAND)} run demo 'Who are you?' | true; echo \"${{PIPESTATUS[0]}}\""
    done = subprocess.run(["bash", "-c", line], env=env, cwd=ROOT, capture_output=True, timeout=60, check=True)
    assert (done.stdout, done.stderr) == (b"141\n", b"")


def test_an_answer_to_a_closed_or_full_output_is_no_traceback(env: dict[str, str]) -> None:
    for redirection, code, said in ((">&-", 0, b""), (">/dev/full", 1, b"No space left")):
        line = f"{' '.join(COMMAND)} run demo hello --max-tokens 2 {redirection}"
        done = subprocess.run(["sh", "-c", line], env=env, cwd=ROOT, capture_output=True, timeout=60, check=False)
        assert (done.returncode, said in done.stderr) == (code, True)
        assert b"Traceback" not in done.stderr


def test_mlx_run_is_run(env: dict[str, str]) -> None:
    code = "import sys; sys.argv[0] = 'mlx-run'; from mlxk.__main__ import run_main; sys.exit(run_main())"
    argv = ["demo", QUESTION[WHO_ARE_YOU], "--temperature", "0"]
    done = subprocess.run([sys.executable, "-c", code, *argv], env=env, cwd=ROOT, capture_output=True, check=True)
    assert done.stdout.decode() == WHO_ARE_YOU + "\n"


def test_standard_input_that_is_no_text_is_refused(env: dict[str, str]) -> None:
    done = mlxk("run", "demo", "-", env=env, stdin=b"caf\xe9")
    assert done.returncode in (1, 2)
    assert b"not UTF-8 text" in done.stderr
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("argv", "code", "kind"),
    [
        (("run", "demo"), 2, "CommandError"),
        (("run", "xyzzy", "hello"), 1, "model_not_found"),
        (("run", "demo", "hello", "--max-tokens", "0"), 1, "validation_error"),
        (("show", "xyzzy"), 1, "model_not_found"),
        (("list", "--al"), 2, "CommandError"),
        (("lsit",), 2, "CommandError"),
        (("serve", "--port", "70000"), 2, "CommandError"),
        (("serve", "--model", "xyzzy"), 1, "model_not_found"),
        ((), 1, "CommandError"),
    ],
)
def test_what_goes_wrong_is_one_envelope_and_nothing_else(
    argv: tuple[str, ...], code: int, kind: str, env: dict[str, str]
) -> None:
    done = mlxk(*argv, "--json", env=env)
    assert (done.returncode, done.stderr) == (code, b"")
    assert envelope(done.stdout)["error"]["type"] == kind


@pytest.mark.parametrize(
    "argv",
    [("list",), ("list", "--all", "--health", "--verbose"), ("show", "demo"), ("health",), ("show", "demo", "--files")],
)
def test_tables_are_plain_when_piped(argv: tuple[str, ...], env: dict[str, str]) -> None:
    done = mlxk(*argv, env=env)
    assert done.returncode == 0
    assert b"\x1b" not in done.stdout
    assert re.search(rb"mlxk/demo|model.safetensors", done.stdout)


@pytest.mark.parametrize(
    "argv", [("list",), ("show", "demo"), ("show", "demo", "--files"), ("health",), ("version",), ("help",)]
)
def test_json_of_the_real_house_is_as_specified(argv: tuple[str, ...], env: dict[str, str]) -> None:
    done = mlxk(*argv, "--json", env=env)
    assert (done.returncode, done.stderr) == (0, b"")
    assert envelope(done.stdout)["status"] == "success"


def test_the_built_in_model_is_listed_as_such(env: dict[str, str]) -> None:
    (model,) = envelope(mlxk("list", "--json", env=env).stdout)["data"]["models"]
    assert (model["name"], model["source"], model["cached"], model["hash"]) == ("mlxk/demo", "builtin", False, None)
    assert b"builtin" in mlxk("list", env=env).stdout
    assert b"mlxk pull" in mlxk("list", env=env).stderr


@pytest.mark.parametrize("argv", [("version",), ("--version",)])
def test_version_says_the_version(argv: tuple[str, ...], env: dict[str, str]) -> None:
    assert mlxk(*argv, env=env).stdout.decode().split()[-1] == __version__


def test_no_command_shows_the_help_and_fails(env: dict[str, str]) -> None:
    done = mlxk(env=env)
    assert done.returncode == 2
    assert done.stdout.startswith(b"mlxk finds, checks, runs and serves")


def test_a_reader_that_goes_ends_everything_silently(env: dict[str, str]) -> None:
    process = subprocess.Popen(
        [*COMMAND, "list", "--json"], env=env, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    with process.stderr:
        assert process.stderr.read() == b""
    assert process.wait(PATIENCE_SECONDS) == 141


def test_a_closed_or_full_output_is_no_traceback(env: dict[str, str]) -> None:
    for redirection, code in ((">&-", 0), (">/dev/full", 1)):
        line = f"{' '.join(COMMAND)} list {redirection}"
        done = subprocess.run(["sh", "-c", line], env=env, cwd=ROOT, capture_output=True, timeout=60, check=False)
        assert done.returncode == code
        assert b"Traceback" not in done.stderr
        assert b"Exception ignored" not in done.stderr


def test_an_output_that_holds_ascii_only_still_gets_its_answer(env: dict[str, str]) -> None:
    narrow = {**env, "PYTHONIOENCODING": "ascii"}
    assert mlxk("list", "--verbose", env=narrow).returncode == 0
    assert envelope(mlxk("list", "nöthing", "--json", env=narrow).stdout)["data"]["count"] == 0


def modules_of(argv: list[str], env: dict[str, str]) -> set[str]:
    """What a command line has imported when it is done."""
    code = (
        "import sys; from mlxk.__main__ import main; main(sys.argv[1:]); "
        "print(*{name.partition('.')[0] for name in sys.modules}, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *argv], env=env, cwd=ROOT, capture_output=True, timeout=60, check=True
    )
    return set(done.stderr.decode().split())


@pytest.mark.parametrize("argv", [["list", "--json"], ["version", "--json"], ["show", "demo", "--json"], ["help"]])
def test_a_listing_imports_nothing_heavy(argv: list[str], env: dict[str, str]) -> None:
    assert not modules_of(argv, env) & (FORBIDDEN_IN_A_LISTING - {"shutil"})


@pytest.mark.parametrize("argv", [["version", "--json"], ["help"]])
def test_fire_comes_without_what_no_dispatch_uses(argv: list[str], env: dict[str, str]) -> None:
    assert not modules_of(argv, env) & {"asyncio", "ssl", "ctypes", "platform", "subprocess"}


def test_whoever_imports_asyncio_after_fire_gets_the_real_one(env: dict[str, str]) -> None:
    code = (
        "from entrypoints.cli.lean_fire import import_fire; first = import_fire(); import asyncio; "
        "assert asyncio.run(asyncio.sleep(0, 7)) == 7; assert import_fire() is first; "
        "from fire import formatting_windows; import platform; "
        "assert formatting_windows.platform.python_version() == platform.python_version(); "
        "assert formatting_windows.platform is not platform"
    )
    subprocess.run([sys.executable, "-c", code], env=env, cwd=ROOT, timeout=60, check=True)


def test_run_imports_no_mlx_into_its_own_process(env: dict[str, str]) -> None:
    assert not modules_of(["run", "demo", "hello", "--max-tokens", "1"], env) & FORBIDDEN


def cached_copy(home: Path, name: str, revision: str) -> Path:
    """The built-in model as the hub's cache would hold it."""
    folder = cache_under(home) / "hub" / f"models--{name.replace('/', '--')}"
    snapshot = folder / "snapshots" / revision
    shutil.copytree(ROOT / "adapters" / "builtin_model" / "demo", snapshot)
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text(revision)
    return folder


def test_a_cached_model_is_listed_and_removed_with_consent(env: dict[str, str], tmp_path: Path) -> None:
    folder = cached_copy(tmp_path, "org/tiny-demo", "c" * 40)
    (model,) = envelope(mlxk("list", "tiny", "--json", env=env).stdout)["data"]["models"]
    assert (model["name"], model["hash"], model["runtime_compatible"]) == ("org/tiny-demo", "c" * 40, True)
    refused = mlxk("rm", "tiny", "--json", env=env)
    assert (refused.returncode, folder.exists()) == (1, True)
    assert envelope(refused.stdout)["error"]["detail"]["requires_confirmation"] is True
    assert envelope(mlxk("rm", "tiny", "--dry-run", "--json", env=env).stdout)["data"]["action"] == "planned"
    assert mlxk("rm", "org/tiny-demo", "--dry-rn", env=env).returncode == 2
    assert folder.exists()
    data = envelope(mlxk("rm", "tiny", "--yes", "--json", env=env).stdout)["data"]
    assert (data["model"], data["action"], data["whole_model"]) == ("org/tiny-demo", "deleted", True)
    assert not folder.exists()
    assert mlxk("rm", "demo", "--json", env=env).returncode == 1


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder with three workspaces below `mine`: two that are sound, and one without weights."""
    for name in ("alpha", "alps", "beta"):
        shutil.copytree(ROOT / "adapters" / "builtin_model" / "demo", tmp_path / "mine" / name)
    (tmp_path / "mine" / "beta" / "model.safetensors").unlink()
    return tmp_path


def names_listed(*argv: str, env: dict[str, str], cwd: Path) -> tuple[list[str], list[str]]:
    """The names of a listing: of its table, and of its JSON."""
    data = envelope(mlxk("list", *argv, "--json", env=env, cwd=cwd).stdout)["data"]
    table = mlxk("list", *argv, "--all", env=env, cwd=cwd).stdout.decode().splitlines()[1:]
    return [line.split()[0] for line in table], [each["name"] for each in data["models"]]


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("./mine", ["./mine/alpha", "./mine/alps", "./mine/beta"]),
        ("./mine/", ["./mine/alpha", "./mine/alps", "./mine/beta"]),
        ("./mine/al", ["./mine/alpha", "./mine/alps"]),
        ("./mine/beta", ["./mine/beta"]),
        ("~/mine/al", ["~/mine/alpha", "~/mine/alps"]),
        ("{home}/mine/al", ["{home}/mine/alpha", "{home}/mine/alps"]),
        ("./nothing", []),
    ],
)
def test_a_listing_by_path_names_models_as_it_was_asked(
    pattern: str, names: list[str], env: dict[str, str], home: Path
) -> None:
    wanted = [each.format(home=home) for each in names]
    at_home = {**env, "HOME": str(home)}
    assert names_listed(pattern.format(home=home), env=at_home, cwd=home) == (wanted, wanted)


def test_a_listing_from_inside_a_folder_names_models_relative_to_it(env: dict[str, str], home: Path) -> None:
    assert names_listed("../mine/al", env=env, cwd=home / "mine")[0] == ["../mine/alpha", "../mine/alps"]
    assert names_listed(".", env=env, cwd=home / "mine")[1] == ["./alpha", "./alps", "./beta"]
    assert mlxk("show", "./alpha", env=env, cwd=home / "mine").stdout.startswith(b"./alpha\n")


@pytest.mark.parametrize(
    ("argv", "code"),
    [
        (("health",), 0),
        (("health", "--strict"), 1),
        (("health", "beta", "--strict"), 1),
        (("health", "alpha", "--strict"), 0),
        (("health", "xyzzy", "--strict"), 0),
        (("health", "./nothing", "--strict"), 1),
    ],
)
def test_strict_health_fails_with_an_unhealthy_model(
    argv: tuple[str, ...], code: int, env: dict[str, str], home: Path
) -> None:
    there = {**env, "MLXK_WORKSPACE_HOME": str(home / "mine")}
    assert mlxk(*argv, env=there, cwd=home).returncode == code
    assert mlxk(*argv, "--json", env=there, cwd=home).returncode == code


def test_every_column_of_the_widest_listing(env: dict[str, str], home: Path) -> None:
    cached_copy(home, "mlx-community/tiny", "c" * 40)
    there = {**env, "MLXK_WORKSPACE_HOME": str(home / "mine")}
    head, *rows = mlxk("list", "--all", "--health", "--verbose", env=there, cwd=home).stdout.decode().splitlines()
    assert head.split() == [*BASE_COLUMNS, "Clean", "Framework", "Integrity", "Runtime", "Reason"]
    cells = {row.split("  ")[0]: re.split(r" {2,}", row.strip()) for row in rows}
    assert list(cells) == ["alpha", "alps", "beta", "mlx-community/tiny", "mlxk/demo"]
    assert cells["beta"][4:] == ["ws?", "chat", "—", "MLX", "unhealthy", "—", "No model weights found"]
    assert cells["mlx-community/tiny"][1] == "c" * 7
    assert cells["mlx-community/tiny"][4:] == ["cache", "chat", "—", "MLX", "healthy", "yes"]
    narrow = mlxk("list", "tiny", "--all", "--health", env=there, cwd=home).stdout.decode().splitlines()
    assert narrow[0].split() == [*BASE_COLUMNS, "Clean", "Framework", "Health"]
    assert narrow[1].split()[0] == "tiny"


def test_show_tells_what_the_model_takes_and_what_shows_it(env: dict[str, str]) -> None:
    memory = envelope(mlxk("show", "demo", "--json", env=env).stdout)["data"]["memory"]
    assert memory["weights_bytes"] > 3_000_000
    assert memory["kv_bytes_per_1k_tokens"] > 0
    assert memory["longest_context"] == 2048
    shown = mlxk("show", "demo", "--verbose", env=env).stdout.decode()
    assert re.search(r"KV cache +[0-9.]+ MB per 1,000 tokens", shown)
    assert re.search(r"Longest fit +2,048 tokens", shown)
    assert re.search(r"Because\n  framework +built in", shown)


def test_ctrl_c_ends_a_piped_answer_and_its_worker(env: dict[str, str]) -> None:
    """Ctrl-C from the start of the worker on: no traceback from any process, and none is left."""
    process = subprocess.Popen(
        [*COMMAND, "run", "demo", QUESTION[LONG_STORY]],
        env=env,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    eventually(lambda: has_child(process.pid), "the worker starts")
    os.killpg(process.pid, signal.SIGINT)
    output, errors = process.communicate(timeout=PATIENCE_SECONDS)
    assert (process.returncode, output) == (130, b"")
    assert re.fullmatch(rb"\[(Generation )?interrupted by (the )?user\]\n", errors)
    eventually(lambda: group_is_empty(process.pid), "every process ends")


def has_child(parent: int) -> bool:
    """True once a process has started another one."""
    listing = subprocess.run(["ps", "-A", "-o", "ppid="], capture_output=True, text=True, check=True)
    return str(parent) in listing.stdout.split()


def test_a_running_server_that_holds_the_model_answers(env: dict[str, str]) -> None:
    question = ("run", "demo", QUESTION[WHO_ARE_YOU], "--temperature", "0")
    server = subprocess.Popen(
        [*COMMAND, "serve", "--model", "demo", "--json", "--port", "0"],
        env=env,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert server.stdout is not None
    try:
        assert b"}\n" in iter(server.stdout.readline, b"")
        served = envelope(mlxk(*question, "--json", env=env).stdout)["data"]
        said = mlxk(*question, "--verbose", env=env)
        local = envelope(mlxk(*question, "--local", "--json", env=env).stdout)["data"]
    finally:
        server.send_signal(signal.SIGTERM)
        server.communicate(timeout=PATIENCE_SECONDS)
    gone = envelope(mlxk(*question, "--json", env=env).stdout)["data"]
    assert [each["served_by"] for each in (served, local, gone)] == ["server", "local", "local"]
    assert {each["response"] for each in (served, local, gone)} == {WHO_ARE_YOU}
    assert (said.stdout.decode(), b"Answered through a running server" in said.stderr) == (WHO_ARE_YOU + "\n", True)


def test_serve_prints_one_envelope_and_a_port_in_use_is_one_too(env: dict[str, str]) -> None:
    server = subprocess.Popen(
        [*COMMAND, "serve", "--json", "--port", "0"],
        env=env,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert server.stdout is not None
    try:
        text = b""
        while not text.endswith(b"\n}\n"):
            chunk = os.read(server.stdout.fileno(), 65536)
            assert chunk, text
            text += chunk
        started = envelope(text)["data"]
        refused = mlxk("serve", "--json", "--port", str(started["port"]), env=env)
        assert (refused.returncode, envelope(refused.stdout)["error"]["type"]) == (1, "port_in_use")
    finally:
        server.send_signal(signal.SIGTERM)
        rest = server.communicate(timeout=PATIENCE_SECONDS)[0]
    assert (server.returncode, rest) == (0, b"")
