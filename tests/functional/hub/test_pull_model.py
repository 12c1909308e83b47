"""`pull` as a use case, from the hub to a healthy model in the cache."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest
from dependency_injector import providers

from adapters.hub.http_hub import HttpHub
from adapters.hub.retry import RetryPolicy
from adapters.hub.session import HubSession
from application.catalog.list_models import ListQuery
from application.hub.pull_model import PullRequest
from container import Container
from domain.errors import AccessDenied, AmbiguousModel, Conflict, DownloadFailed, InvalidRequest, ModelNotFound
from domain.hub.download_plan import FileSelection
from domain.hub.pull import Progress, ProgressKind, PullOutcome, PullStatus
from entrypoints.settings import load_settings
from tests.support.hub_pulls import kill, start_pull, until
from tests.support.hub_pulls import pull as pull_files
from tests.support.hub_server import HubServer
from tests.support.isolated_cache import SENTINEL

NAME = "acme/model"
WEIGHTS = "acme/model/model.safetensors"


def pull(house: Container, spec: str = NAME, **fields: Any) -> PullOutcome:
    outcome: PullOutcome = house.pull_model().execute(PullRequest(spec, **fields))
    return outcome


def impatient(house: Container) -> None:
    """Two attempts at anything, almost no pause."""
    endpoint = house.settings().hub.value
    retry = RetryPolicy(attempts=2, first_pause_seconds=0.01)
    house.open_hub.override(providers.Object(lambda address: HttpHub(HubSession(address or endpoint, None), retry)))


def interrupted(hub: HubServer, house: Container, cache: Path) -> int:
    """A pull that was killed while its weights were arriving; how many of their bytes are here."""
    hub.fail("model.safetensors", chunk_delay_seconds=0.02)
    hub.fail("model.safetensors", chunk_delay_seconds=0.02)
    process = start_pull(hub.endpoint, cache, NAME)
    until(lambda: any(cache.glob("*/blobs/*.mlxk.ranges")), "some of the weights have arrived")
    kill(process)
    hub.faults.clear()
    until(lambda: hub.traffic.open_streams == 0, "the hub has noticed")
    hub.traffic.forget()
    journal = next(cache.glob("*/blobs/*.mlxk.ranges")).read_text().splitlines()
    return sum(int(line.split()[2]) - int(line.split()[1]) for line in journal if line.startswith("r "))


def test_a_pulled_model_is_healthy_and_runs_here(
    hub: HubServer, house: Container, demo_files: dict[str, bytes]
) -> None:
    hub.create(NAME, demo_files)
    outcome = pull(house)
    assert outcome.status is PullStatus.SUCCESS
    assert outcome.warnings == ()
    assert outcome.fetched_bytes == sum(map(len, demo_files.values()))
    (report,) = [each for each in house.list_models().execute(ListQuery()) if each.name == NAME]
    assert report.healthy
    assert report.runtime_compatible
    assert str(report.location.path) == outcome.path


def test_a_healthy_model_is_not_asked_for_again(hub: HubServer, house: Container, demo_files: dict[str, bytes]) -> None:
    hub.create(NAME, demo_files)
    pull(house)
    hub.traffic.forget()
    assert pull(house).status is PullStatus.ALREADY_EXISTS
    assert hub.traffic.requests == []


def test_a_named_branch_is_compared_with_the_hub(
    hub: HubServer, house: Container, demo_files: dict[str, bytes]
) -> None:
    repository = hub.create(NAME, demo_files)
    first = pull(house)
    assert pull(house, f"{NAME}@main").status is PullStatus.ALREADY_EXISTS
    second = hub.store.commit(repository, {"README.md": b"new"})
    outcome = pull(house, f"{NAME}@main")
    assert (outcome.status, outcome.commit) == (PullStatus.SUCCESS, second)
    assert outcome.fetched_bytes == 3
    assert pull(house, f"{NAME}@{first.commit}").status is PullStatus.ALREADY_EXISTS
    assert house.resolve_model().execute(NAME).revision == second


def test_a_killed_pull_is_an_incomplete_download_that_wants_a_yes_and_then_resumes(
    hub: HubServer, house: Container, cache: Path, demo_files: dict[str, bytes]
) -> None:
    hub.create(NAME, demo_files)
    here = interrupted(hub, house, cache)
    (entry,) = house.check_health().execute(NAME).unhealthy
    assert entry.reason.startswith("Incomplete download")
    asked = pull(house)
    assert asked.status is PullStatus.REQUIRES_CONFIRMATION
    assert "--force-resume" in asked.message
    assert hub.traffic.requests == []
    assert pull(house, force_resume=True).status is PullStatus.SUCCESS
    assert here > 0
    assert hub.traffic.bytes_sent[WEIGHTS] <= len(demo_files["model.safetensors"]) - here + 65536
    assert house.check_health().execute(NAME).unhealthy == ()


@pytest.mark.parametrize(
    ("fields", "hint"), [({"gated": "manual"}, "ask for access"), ({"private": True}, "HF_TOKEN"), (None, "HF_TOKEN")]
)
def test_no_access_is_told_before_a_byte_is_written(
    hub: HubServer, house: Container, cache: Path, fields: dict[str, object] | None, hint: str
) -> None:
    if fields is not None:
        hub.create(NAME, {"config.json": b"{}"}, **fields)
    with pytest.raises(AccessDenied) as denied:
        pull(house)
    assert hint in (denied.value.hint or "")
    assert [each.name for each in cache.iterdir()] == [SENTINEL]
    assert hub.traffic.total_bytes == 0


def test_a_token_opens_what_it_may_and_is_told_when_it_may_not(
    hub: HubServer, environ: dict[str, str], demo_files: dict[str, bytes]
) -> None:
    hub.create(NAME, demo_files, gated="auto", private=True)
    owner = Container(settings=load_settings({}, {**environ, "HF_TOKEN": "hf_acme"}))
    assert pull(owner).status is PullStatus.SUCCESS
    stranger = Container(settings=load_settings({}, {**environ, "HF_TOKEN": "hf_other", "HF_HOME": "/nonexistent"}))
    with pytest.raises(ModelNotFound):
        pull(stranger)
    wrong = Container(settings=load_settings({}, {**environ, "HF_TOKEN": "nonsense", "HF_HOME": "/nonexistent"}))
    with pytest.raises(AccessDenied, match="token is not valid"):
        pull(wrong)


def test_the_token_goes_to_the_configured_hub_only(
    hub: HubServer, make_hub: object, environ: dict[str, str], demo_files: dict[str, bytes]
) -> None:
    other: HubServer = make_hub()  # type: ignore[operator]
    other.create(NAME, demo_files)
    hub.create(NAME, demo_files)
    house = Container(settings=load_settings({}, {**environ, "HF_TOKEN": "hf_acme"}))
    commit = hub.store.repositories[NAME].branches["main"]
    hub.fail("model.safetensors", redirect_to=f"{other.endpoint}/{NAME}/resolve/{commit}/model.safetensors", times=99)
    pull(house)
    assert other.traffic.bytes_sent[WEIGHTS] > 0, "large files came from the other host"
    assert not any(request.authorized for request in other.traffic.requests)
    assert all(request.authorized for request in hub.traffic.requests)
    pull(house, hub=other.endpoint, force_resume=True)
    assert not any(request.authorized for request in other.traffic.requests)


def test_a_stumbling_preflight_is_a_warning_and_the_pull_goes_on(
    hub: HubServer, house: Container, demo_files: dict[str, bytes]
) -> None:
    impatient(house)
    hub.create(NAME, demo_files)
    hub.fail("revision/main", status=503, times=2)
    outcome = pull(house)
    assert outcome.status is PullStatus.SUCCESS
    assert any("status 503" in warning for warning in outcome.warnings)


def test_a_model_that_will_not_run_here_is_said_so_first_and_pulled(
    hub: HubServer, house: Container, strange_files: dict[str, bytes]
) -> None:
    hub.create(NAME, strange_files)
    seen: list[Progress] = []
    outcome = house.pull_model().execute(PullRequest(NAME), seen.append)
    assert outcome.status is PullStatus.SUCCESS
    kinds = [event.kind for event in seen]
    assert kinds.index(ProgressKind.WARNING) < kinds.index(ProgressKind.FILE_STARTED)
    assert "will not run here" in outcome.warnings[0]
    assert "unheard_of" in outcome.warnings[0]


def test_a_dry_run_tells_the_plan_and_writes_nothing(
    hub: HubServer, house: Container, cache: Path, demo_files: dict[str, bytes]
) -> None:
    hub.create(NAME, demo_files)
    outcome = pull(house, dry_run=True)
    assert outcome.status is PullStatus.PLANNED
    assert outcome.plan is not None
    assert outcome.plan.fetch_bytes == sum(map(len, demo_files.values()))
    assert [each.name for each in cache.iterdir()] == [SENTINEL]


def test_globs_choose_files_and_a_later_pull_brings_the_rest(
    hub: HubServer, house: Container, demo_files: dict[str, bytes]
) -> None:
    hub.create(NAME, demo_files)
    pull(house, selection=FileSelection(exclude=("*.safetensors",)))
    assert hub.traffic.bytes_sent[WEIGHTS] < len(demo_files["model.safetensors"])
    assert pull(house).status is PullStatus.REQUIRES_CONFIRMATION
    assert pull(house, force_resume=True).status is PullStatus.SUCCESS
    with pytest.raises(InvalidRequest, match="--include nothing"):
        pull(house, selection=FileSelection(("nothing",)), force_resume=True)


def test_a_short_name_means_the_model_that_is_here(
    hub: HubServer, house: Container, demo_files: dict[str, bytes]
) -> None:
    hub.create("acme/model-4bit", demo_files)
    pull(house, "acme/model-4bit")
    assert pull(house, "MODEL-4").name == "acme/model-4bit"
    hub.create("acme/model", {**demo_files, "x.txt": b"x"})
    assert pull(house, "acme/model").name == "acme/model", "a full name means itself"
    with pytest.raises(AmbiguousModel) as ambiguous:
        pull(house, "mode")
    assert ambiguous.value.matches == ("acme/model", "acme/model-4bit")


@pytest.mark.parametrize(
    "spec", ["", "  ", "/x/y", "a//b", "a/", "x" * 97, "org/" + "x" * 97, "a--b/c", "./folder", "a/b/c"]
)
def test_a_name_that_cannot_be_is_refused_without_asking_the_hub(hub: HubServer, house: Container, spec: str) -> None:
    with pytest.raises(InvalidRequest):
        pull(house, spec)
    assert hub.traffic.requests == []


def test_a_missing_revision_is_named(hub: HubServer, house: Container, demo_files: dict[str, bytes]) -> None:
    hub.create(NAME, demo_files)
    with pytest.raises(ModelNotFound, match="no such revision"):
        pull(house, f"{NAME}@nope")


def test_a_hub_that_is_not_there_is_a_download_that_can_be_tried_again(
    house: Container,
) -> None:
    impatient(house)
    with pytest.raises(DownloadFailed) as failed:
        pull(house, hub="http://127.0.0.1:9")
    assert failed.value.retryable
    assert "127.0.0.1:9" in failed.value.message


def test_removing_a_model_that_is_being_pulled_is_refused(
    hub: HubServer, house: Container, cache: Path, demo_files: dict[str, bytes]
) -> None:
    from adapters.filesystem.local import LocalFileSystem
    from adapters.filesystem.locks import FlockFileLocks
    from adapters.inference.prefix_cache.stored import FolderPrefixStore
    from adapters.model_store.cache_inventory import HfCacheInventory
    from application.catalog.remove_model import RemoveModel

    prompts = FolderPrefixStore(cache.parent / "prompts")
    remove = RemoveModel(house.model_stores(), HfCacheInventory(cache), LocalFileSystem(), FlockFileLocks(), prompts)
    hub.create(NAME, demo_files)
    slow = hub.fail("model.safetensors", hold=threading.Event())
    worker = threading.Thread(target=pull_files, args=(hub.endpoint, cache, NAME))
    worker.start()
    assert slow.reached.wait(20), "the pull has begun"
    assert slow.hold is not None
    with pytest.raises(Conflict, match="download is running"):
        remove.execute(remove.plan(NAME))
    slow.hold.set()
    worker.join(30)
    assert house.check_health().execute(NAME).unhealthy == ()
    remove.execute(remove.plan(NAME))
    assert [each.name for each in cache.glob("models--*")] == [SENTINEL]


def test_list_and_health_during_a_pull_say_incomplete_and_nothing_worse(
    hub: HubServer, house: Container, cache: Path, demo_files: dict[str, bytes]
) -> None:
    hub.create(NAME, demo_files)
    slow = hub.fail("model.safetensors", hold=threading.Event())
    worker = threading.Thread(target=pull_files, args=(hub.endpoint, cache, NAME))
    worker.start()
    assert slow.reached.wait(20)
    (seen,) = [each for each in house.list_models().execute(ListQuery()) if each.name == NAME]
    (entry,) = house.check_health().execute(NAME).unhealthy
    assert slow.hold is not None
    slow.hold.set()
    worker.join(30)
    assert not seen.healthy
    assert entry.reason.startswith("Incomplete download")
    assert house.check_health().execute(NAME).unhealthy == ()


def test_a_json_config_is_read_as_the_hub_has_it(
    hub: HubServer, house: Container, demo_files: dict[str, bytes]
) -> None:
    hub.create(NAME, demo_files)
    detail = house.show_remote().execute(NAME).detail
    assert detail.config == json.loads(demo_files["config.json"])
    assert detail.report.runtime_compatible
    assert detail.report.size_bytes == sum(map(len, demo_files.values()))
