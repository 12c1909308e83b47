"""Completion in the shells themselves: the printed script, loaded, and the Tab key."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.functional.test_cli_process import FORBIDDEN_IN_A_LISTING, modules_of
from tests.support.cli_process import PATIENCE_SECONDS, ROOT, clean_environment, program_on_terminal
from tests.support.isolated_cache import cache_under

HOSTILE = (
    "$(touch injected)",
    "`touch injected`",
    "a; touch injected",
    "it's",
    'two "words"',
    "back\\slash",
    "x:y",
    "p=q",
)
BROKEN = ("line\nbreak", "bell\x07", "tab\there")

# Calls the function as bash does, and prints each reply with a zero byte behind it.
ASK_BASH = """\
eval "$(mlxk completion bash)"
complete -p mlxk mlxk2 mlxk-json mlx-run >&2 || exit 9
COMP_LINE=$1 COMP_POINT=${#1}
_mlxk_complete "${1%% *}" "$2" ""
if (( ${#COMPREPLY[@]} )); then printf '%s\\0' "${COMPREPLY[@]}"; fi
"""


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    """`mlxk` on the PATH, two cached models, and workspaces with names that only a shell could love."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("mlxk", "mlx-run"):
        program = programs / name
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{ROOT}/mlxk/__main__.py" "$@"\n')
        program.chmod(0o755)
    for name in ("models--org--Phi-3", "models--org--Phi-4"):
        (cache_under(tmp_path) / "hub" / name).mkdir(parents=True)
    for name in ("my model", *HOSTILE, *BROKEN):
        folder = tmp_path / "workspaces" / name
        folder.mkdir(parents=True)
        (folder / "config.json").write_text("{}")
    base = clean_environment(tmp_path, MLXK_WORKSPACE_HOME=str(tmp_path / "workspaces"))
    return {**base, "PATH": f"{programs}:{base['PATH']}"}


def bash_replies(line: str, word: str, env: dict[str, str], folder: Path) -> list[str]:
    done = subprocess.run(
        ["bash", "--norc", "--noprofile", "-c", ASK_BASH, "bash", line, word],
        env=env,
        cwd=folder,
        capture_output=True,
        timeout=PATIENCE_SECONDS,
        check=True,
    )
    assert done.stderr.count(b"_mlxk_complete") == 4
    return done.stdout.decode().split("\0")[:-1]


def test_bash_completes_commands_options_and_names(env: dict[str, str], tmp_path: Path) -> None:
    assert bash_replies("mlxk sho", "sho", env, tmp_path) == ["show"]
    assert bash_replies("mlxk health --s", "--s", env, tmp_path) == ["--strict"]
    assert bash_replies("mlxk show org/", "org/", env, tmp_path) == ["org/Phi-3", "org/Phi-4"]
    assert bash_replies("mlxk serve --model=mlxk", "mlxk", env, tmp_path) == ["mlxk/demo"]


def test_what_bash_would_insert_means_the_name_and_runs_nothing(env: dict[str, str], tmp_path: Path) -> None:
    replies = bash_replies("mlxk show ", "", env, tmp_path)
    typed = f"printf '%s\\0' {' '.join(replies)}"
    done = subprocess.run(["bash", "-c", typed], cwd=tmp_path, env=env, capture_output=True, timeout=20, check=True)
    names = done.stdout.decode().split("\0")[:-1]
    assert sorted(names) == sorted(["mlxk/demo", "org/Phi-3", "org/Phi-4", "my model", *HOSTILE])
    assert not (tmp_path / "injected").exists()


def test_the_tab_key_in_bash(env: dict[str, str], tmp_path: Path) -> None:
    quiet = {**env, "PS1": "ready> ", "INPUTRC": "/dev/null", "HISTFILE": "", "TERM": "dumb"}
    with program_on_terminal(str(shutil.which("bash")), "--norc", "--noprofile", "-i", env=quiet, cwd=tmp_path) as bash:
        at = bash.wait_for("ready> ")
        bash.type('eval "$(mlxk completion bash)"; echo loa""ded\n')
        at = bash.wait_for("loaded\n", after=at)
        for typed, completed in (
            ("echo; mlxk serve --model=mlxk\t", "mlxk serve --model=mlxk/demo "),
            ("mlxk show my\t", "mlxk show my\\ model "),
            ("mlxk show \\$\t", "mlxk show \\$\\(touch\\ injected\\) "),
            ("mlxk show x:\t", "mlxk show x:y "),
            ("mlxk show p=\t", "mlxk show p=q "),
            ("mlx-run 'my\t", "mlx-run 'my model' "),
        ):
            at = bash.wait_for("ready> ", after=at)
            bash.type(typed)
            at = bash.wait_for(completed, after=at)
            bash.type("\x15\n")
        at = bash.wait_for("ready> ", after=at)
        bash.type("exit\n")
        assert bash.finish() == 0
    assert not (tmp_path / "injected").exists()


@pytest.mark.skipif(shutil.which("zsh") is None, reason="zsh is not installed")
def test_the_tab_key_in_zsh(env: dict[str, str], tmp_path: Path) -> None:
    quiet = {**env, "ZDOTDIR": str(tmp_path), "TERM": "dumb"}
    (tmp_path / ".zshrc").write_text(
        "autoload -Uz compinit; compinit -u\nPROMPT='ready> '; unset zle_bracketed_paste; setopt no_beep\n"
        'eval "$(mlxk completion zsh)"\n'
    )
    with program_on_terminal(str(shutil.which("zsh")), "-i", env=quiet, cwd=tmp_path) as zsh:
        at = 0
        for typed, completed in (
            ("mlxk serve --model=mlxk\t", "mlxk serve --model=mlxk/demo "),
            ("mlxk show my\t", "mlxk show my\\ model "),
            ("mlxk show \\$\t", "mlxk show \\$\\(touch\\ injected\\) "),
        ):
            at = zsh.wait_for("ready> ", after=at)
            zsh.type(typed)
            at = zsh.wait_for(completed, after=at)
            zsh.type("\x15\n")
        at = zsh.wait_for("ready> ", after=at)
        zsh.type("exit\n")
        assert zsh.finish() == 0
    assert not (tmp_path / "injected").exists()


@pytest.mark.skipif(shutil.which("fish") is None, reason="fish is not installed")
def test_fish_completes_commands_options_and_names(env: dict[str, str], tmp_path: Path) -> None:
    def replies(line: str) -> list[str]:
        script = f"mlxk completion fish | source; complete -C {line!r}"
        done = subprocess.run(
            ["fish", "--no-config", "-c", script],
            env={**env, "HOME": str(tmp_path)},
            cwd=tmp_path,
            capture_output=True,
            timeout=PATIENCE_SECONDS,
            check=True,
        )
        return [each.partition("\t")[0] for each in done.stdout.decode().splitlines()]

    assert replies("mlxk sho") == ["show"]
    assert replies("mlxk show org/") == ["org/Phi-3", "org/Phi-4"]
    assert replies("mlxk serve --model=mlxk") == ["--model=mlxk/demo"]
    assert replies("mlxk show my") == ["my model"]
    assert replies("mlxk list ./wo") == ["./workspaces/"]
    assert not (tmp_path / "injected").exists()


def test_asking_for_names_imports_nothing_heavy_and_reads_no_manifest(env: dict[str, str]) -> None:
    code = "import sys; from mlxk.__main__ import main; main(sys.argv[1:]); print(*sys.modules, file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-c", code, "__complete", "bash", "", "mlxk show "],
        env=env, cwd=ROOT, capture_output=True, timeout=60, check=True,
    )  # fmt: skip
    loaded = set(done.stderr.decode().split())
    assert b"mlxk/demo\n" in done.stdout
    assert not {name.partition(".")[0] for name in loaded} & (FORBIDDEN_IN_A_LISTING | {"fire", "asyncio"})
    assert not any("manifest_reader" in name or "weight_header" in name for name in loaded)


def test_commands_and_options_are_completed_without_the_house(env: dict[str, str]) -> None:
    assert not modules_of(["__complete", "bash", "--", "mlxk list --"], env) & {"container", "adapters", "fire"}
