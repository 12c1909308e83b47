"""What clients may name: models, never folders; wired as the server wires it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from adapters.builtin_model import builtin_model_folder
from domain.errors import ModelNotFound
from domain.inference import GenerationRequest, Message, Role, TextDelta
from entrypoints.http.app import create_app
from entrypoints.http.bootstrap import build_services
from entrypoints.http.limits import HttpLimits
from entrypoints.http.services import Services
from entrypoints.settings import load_settings
from tests.support.fakes.worker import FakeWorkerLauncher, Script

REQUEST = GenerationRequest(messages=(Message(Role.USER, "hello"),))


@pytest.fixture
def workspaces(tmp_path: Path) -> Path:
    """A workspace home with one model, `mine`."""
    home = tmp_path / "workspaces"
    (home / "mine").mkdir(parents=True)
    for source in builtin_model_folder().iterdir():
        (home / "mine" / source.name).write_bytes(source.read_bytes())
    return home


def services(home: Path, preload: str | None = None) -> Services:
    environ = {"HOME": str(home), "MLXK_WORKSPACE_HOME": str(home)}
    built = build_services(load_settings({"preload_model": preload}, environ))
    launcher = FakeWorkerLauncher(Script(default="yes"))
    built.worker_launcher.override(launcher)  # type: ignore[attr-defined]
    return built


def answer(built: Services, spec: str) -> tuple[str, str]:
    """The name of the model that answered, and its answer."""
    given = built.chat().execute(spec, REQUEST)
    return given.model.name, "".join(event.text for event in given.events if isinstance(event, TextDelta))


def test_a_client_names_models_of_the_workspace_home_and_the_built_in_one(workspaces: Path) -> None:
    built = services(workspaces)
    assert answer(built, "mine") == ("mine", "yes")
    assert answer(built, "demo") == ("mlxk/demo", "yes")
    assert answer(built, "mlxk/demo") == ("mlxk/demo", "yes")


@pytest.mark.parametrize("spec", ["{home}/mine", "./mine", "../x", "~/mine", ".", "/etc"])
def test_a_client_cannot_name_a_folder(workspaces: Path, spec: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(workspaces)
    with pytest.raises(ModelNotFound, match="is a path"):
        answer(services(workspaces), spec.format(home=workspaces))


def outside(home: Path) -> Path:
    """A whole model that lies beside the workspace home, and a link to it that lies inside."""
    folder = home.parent / "secret"
    folder.mkdir()
    for source in builtin_model_folder().iterdir():
        (folder / source.name).write_bytes(source.read_bytes())
    return folder


SPELLINGS = [
    "{folder}",
    "{folder}/",
    "/{folder}",
    "../secret",
    "../../secret",
    "x/../../secret",
    "mine/../../secret",
    "..",
    "...",
    "secret/../../etc",
    "file://{folder}",
    "FILE://{folder}",
    "file:{folder}",
    "http://127.0.0.1:1/x",
    "https://h/x",
    "%2e%2e%2fsecret",
    "..%2fsecret",
    "..\\secret",
    "~root",
    "~/../secret",
    "models--..--secret",
    "..--secret",
    "secret\x00",
    "\x00",
    "mine\x00/../../secret",
    "mine@../../secret",
    "mlxk/demo@../../..",
    "demo@{folder}",
    "mine/config.json",
]


@pytest.mark.parametrize("spec", SPELLINGS)
def test_no_spelling_leads_out_of_the_model_roots(workspaces: Path, spec: str, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = outside(workspaces)
    monkeypatch.chdir(workspaces)
    built = services(workspaces)
    client = create_app(built, HttpLimits(), share=True).test_client()
    body = {"model": spec.format(folder=folder), "messages": [{"role": "user", "content": "hello"}]}
    response = client.post("/v1/chat/completions", json=body)
    assert response.status_code in (400, 404), response.get_data(as_text=True)
    assert built.model_pool().loads() == ()  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", ["acme", "..", "%2e%2e", "."])
@pytest.mark.parametrize(
    "path",
    [
        "../../secret/config.json",
        "%2e%2e/%2e%2e/secret/config.json",
        "..%2fsecret",
        "/etc/passwd",
        "%2fetc%2fpasswd",
        "snapshots/x",
        "..\\secret",
        "config.json%00",
    ],
)
def test_a_sharing_server_gives_nothing_outside_its_models(workspaces: Path, name: str, path: str) -> None:
    outside(workspaces)
    client = create_app(services(workspaces), HttpLimits(), share=True).test_client()
    for route in (
        f"/{name}/secret/resolve/main/{path}",
        f"/api/models/{name}/secret/tree/main/{path}",
        f"/api/models/{name}/{path}",
        f"/v1/models/{path}",
        f"/{name}/secret/resolve/{path}/config.json",
    ):
        response = client.get(route)
        assert (route, response.status_code) in ((route, 400), (route, 404)), response.get_data(as_text=True)
        assert b"model_type" not in response.get_data()


def test_the_folder_the_server_was_started_with_is_served_and_listed_first(workspaces: Path) -> None:
    folder = str(workspaces / "mine")
    built = services(workspaces, preload=folder)
    assert answer(built, folder)[1] == "yes"
    names = [report.name for report in built.list_served_models().execute()]
    assert names[0] == folder
    assert names.count(folder) == 1
    assert "mlxk/demo" in names


def test_the_first_model_means_the_same_as_long_as_the_server_runs(workspaces: Path) -> None:
    built = services(workspaces, preload="min")
    assert answer(built, "min")[0] == "mine"
    (workspaces / "mint").mkdir()
    for source in builtin_model_folder().iterdir():
        (workspaces / "mint" / source.name).write_bytes(source.read_bytes())
    assert answer(built, "min")[0] == "mine"
    assert built.list_served_models().execute()[0].name == "mine"


def test_the_others_are_still_listed_when_the_first_model_is_gone(workspaces: Path) -> None:
    built = services(workspaces, preload="mine")
    assert [report.name for report in built.list_served_models().execute()] == ["mine", "mlxk/demo"]
    for path in (workspaces / "mine").iterdir():
        path.unlink()
    (workspaces / "mine").rmdir()
    assert [report.name for report in built.list_served_models().execute()] == ["mlxk/demo"]


def test_models_that_do_not_run_here_are_not_offered(workspaces: Path) -> None:
    broken = workspaces / "broken"
    broken.mkdir()
    (broken / "config.json").write_text(json.dumps({"model_type": "llama"}))
    names = [report.name for report in services(workspaces).list_served_models().execute()]
    assert names == ["mine", "mlxk/demo"]
