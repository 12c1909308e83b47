"""What clients may name: models, never folders; wired as the server wires it."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from adapters.builtin_model import builtin_model_folder
from application.serving.served_models import LISTING_SECONDS, ListServedModels, ServedModel
from domain.errors import InvalidRequest, ModelLoadFailed, ModelNotFound
from domain.inference import DefaultLength, GenerationRequest, Message, Role, TextDelta, TokenLimits
from domain.serving.model_settings import ModelSettings, ServingRules
from domain.serving.standing import ModelState
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
    home.mkdir()
    copy_of(builtin_model_folder(), home / "mine")
    return home


def copy_of(folder: Path, target: Path) -> None:
    target.mkdir()
    for source in folder.iterdir():
        (target / source.name).write_bytes(source.read_bytes())


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
    listed = names(built.list_served_models().execute())
    assert listed[0] == folder
    assert listed.count(folder) == 1
    assert "mlxk/demo" in listed


def test_the_first_model_means_the_same_as_long_as_the_server_runs(workspaces: Path) -> None:
    built = services(workspaces, preload="min")
    assert answer(built, "min")[0] == "mine"
    copy_of(workspaces / "mine", workspaces / "mint")
    assert answer(built, "min")[0] == "mine"
    assert built.list_served_models().execute()[0].report.name == "mine"


class Hands:
    """Monotonic seconds, as the test has them."""

    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def listing(built: Services, clock: Hands, *leading: str) -> ListServedModels:
    return ListServedModels(
        built.list_models(),  # type: ignore[attr-defined]
        built.inspect_model(),  # type: ignore[attr-defined]
        built.resolve_served_model(),  # type: ignore[arg-type]
        leading,
        built.model_pool(),  # type: ignore[arg-type]
        clock,
    )


def names(models: tuple[ServedModel, ...]) -> list[str]:
    return [each.report.name for each in models]


def remove(folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()


def test_the_others_are_still_listed_when_the_first_model_is_gone(workspaces: Path) -> None:
    clock = Hands()
    served = listing(services(workspaces, preload="mine"), clock, "mine")
    assert names(served.execute()) == ["mine", "mlxk/demo"]
    remove(workspaces / "mine")
    clock.seconds += LISTING_SECONDS
    assert names(served.execute()) == ["mlxk/demo"]


def test_the_disk_is_looked_at_once_in_a_while_and_how_models_stand_each_time(workspaces: Path) -> None:
    clock, built = Hands(), services(workspaces)
    served = listing(built, clock)
    assert [each.state for each in served.execute()] == [ModelState.UNLOADED] * 2
    copy_of(workspaces / "mine", workspaces / "other")
    clock.seconds += LISTING_SECONDS - 0.1
    answer(built, "mine")
    mine, demo = served.execute()
    assert (mine.state, mine.loaded_bytes, mine.pinned) == (ModelState.READY, 1_000_000, False)
    assert (demo.state, demo.loaded_bytes) == (ModelState.UNLOADED, None)
    clock.seconds += 0.1
    assert names(served.execute()) == ["mine", "mlxk/demo", "other"]


def test_one_that_has_just_come_is_found_by_its_name_though_the_listing_is_older(workspaces: Path) -> None:
    served = listing(services(workspaces), Hands())
    served.execute()
    copy_of(workspaces / "mine", workspaces / "other")
    assert served.one("OTHER").report.name == "other"
    with pytest.raises(ModelNotFound, match="no model here"):
        served.one("nothing-like-it")


def with_rules(home: Path, rules: ServingRules, preload: str | None = None) -> Services:
    built = services(home, preload)
    built.serving_rules.override(rules)  # type: ignore[attr-defined]
    return built


def test_models_to_preload_are_loaded_in_order_and_lead_the_list(workspaces: Path) -> None:
    for name in ("z", "a"):
        copy_of(workspaces / "mine", workspaces / name)
    rules = ServingRules(
        {
            "Z": ModelSettings(preload=True, pinned=True),
            "demo": ModelSettings(preload=True),
            "mine": ModelSettings(preload=True),
        },
        {"fast": "nick", "nick": "z"},
    )
    built = with_rules(workspaces, rules, preload="mine")
    assert built.preload_models().execute(pytest.fail) == ("mine", "z", "mlxk/demo")
    models = built.list_served_models().execute()
    assert names(models) == ["mine", "z", "mlxk/demo", "a"]
    assert [each.state for each in models] == [ModelState.READY] * 3 + [ModelState.UNLOADED]
    assert (models[1].pinned, models[1].aliases) == (True, ("fast", "nick"))
    assert built.list_served_models().one("fast").report.name == "z"
    assert answer(built, "FAST")[0] == "z"


def test_the_first_model_may_be_named_by_an_alias(workspaces: Path) -> None:
    built = with_rules(workspaces, ServingRules(aliases={"nick": "mine"}), preload="nick")
    assert built.preload_models().execute(pytest.fail) == ("mine",)
    assert names(built.list_served_models().execute()) == ["mine", "mlxk/demo"]
    assert answer(built, "nick")[0] == answer(built, "mine")[0] == "mine"


def test_one_that_cannot_be_preloaded_keeps_the_server_from_starting(workspaces: Path) -> None:
    built = with_rules(workspaces, ServingRules({"xyzzy": ModelSettings(preload=True)}))
    told: list[str] = []
    with pytest.raises(ModelNotFound, match="xyzzy"):
        built.preload_models().execute(told.append)
    assert told == ["the settings name 'xyzzy', and no model here is called so"]


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        (ServingRules(aliases={"MINE": "demo"}), "the alias 'MINE' hides the model mine"),
        (ServingRules({"mine": ModelSettings(), "MI": ModelSettings()}), "'mine' and 'MI' are one model, mine"),
    ],
)
def test_settings_that_contradict_what_is_here_are_refused_at_the_start(
    workspaces: Path, rules: ServingRules, words: str
) -> None:
    with pytest.raises(InvalidRequest, match=words):
        with_rules(workspaces, rules).preload_models().execute(pytest.fail)


def test_a_length_of_the_models_own_holds_for_requests_that_name_none(workspaces: Path) -> None:
    built = with_rules(workspaces, ServingRules({"mine": ModelSettings(max_tokens=7)}))
    launcher = built.worker_launcher()  # type: ignore[attr-defined]
    for limits in (
        TokenLimits(DefaultLength.HALF_CONTEXT, server_default=50),
        TokenLimits(DefaultLength.HALF_CONTEXT, 3, 50),
        TokenLimits(DefaultLength.FULL_CONTEXT),
    ):
        list(built.chat().execute("mine", replace(REQUEST, limits=limits)).events)
    asked = [each.limits for each in launcher.workers[0].requests]
    assert [(each.requested, each.server_default) for each in asked] == [(None, 7), (3, 7), (None, None)]


def test_two_spellings_at_once_are_one_model(workspaces: Path) -> None:
    rules = ServingRules(aliases={"nick": "demo"})
    built = with_rules(workspaces, rules, preload=str(workspaces / "mine"))
    spellings = ["demo", "DEMO", "mlxk/demo", "nick", "Nick", str(workspaces / "mine"), "mine", "MINE", "min"]
    with ThreadPoolExecutor(len(spellings)) as together:
        answered = set(together.map(lambda spec: answer(built, spec)[0], spellings))
    assert {name.rpartition("/")[2] for name in answered} == {"demo", "mine"}
    assert len(built.worker_launcher().workers) == 2  # type: ignore[attr-defined]


def test_a_revision_and_its_models_name_are_one_model(tmp_path: Path) -> None:
    revision = "a" * 40
    snapshot = tmp_path / ".cache/huggingface/hub/models--org--tiny/snapshots" / revision
    snapshot.parent.mkdir(parents=True)
    copy_of(builtin_model_folder(), snapshot)
    built = services(tmp_path)
    for spec in ("org/tiny", f"org/tiny@{revision}", "tiny@aaaa", "Org/Tiny", "tiny"):
        assert answer(built, spec)[0] == "org/tiny"
    assert len(built.worker_launcher().workers) == 1  # type: ignore[attr-defined]


def test_a_model_that_could_not_be_loaded_is_tried_again_when_its_folder_was_mended(workspaces: Path) -> None:
    built = services(workspaces)
    script = built.worker_launcher().script  # type: ignore[attr-defined]
    script.fail_to_load["mine"] = ModelLoadFailed("its weights are odd")
    with pytest.raises(ModelLoadFailed):
        answer(built, "mine")
    del script.fail_to_load["mine"]
    with pytest.raises(ModelLoadFailed):
        answer(built, "mine")
    (workspaces / "mine/mended.txt").write_text("now it is right", encoding="utf-8")
    assert answer(built, "mine") == ("mine", "yes")


def test_models_that_do_not_run_here_are_not_offered(workspaces: Path) -> None:
    broken = workspaces / "broken"
    broken.mkdir()
    (broken / "config.json").write_text(json.dumps({"model_type": "llama"}))
    assert names(services(workspaces).list_served_models().execute()) == ["mine", "mlxk/demo"]
