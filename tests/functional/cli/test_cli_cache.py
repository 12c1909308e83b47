"""`mlxk cache` and `mlxk cache clear`."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from adapters.inference.prefix_cache.disk import open_disk
from adapters.inference.prefix_cache.stored import FolderPrefixStore
from domain.errors import AmbiguousModel, ModelNotFound
from tests.support.catalog_disk import Disk
from tests.support.fakes.cli_services import FakeServices, Line
from tests.support.fakes.prefix_store import FakePrefixStore, prompts_of
from tests.support.model_zoo.content import text_model
from tests.support.prefix_pieces import chain

QWEN, PHI = "mlx-community/Qwen3-0.6B-4bit", "mlx-community/Phi-3-mini-4k-instruct-4bit"


def line() -> Line:
    services = FakeServices()
    services.prompts = FakePrefixStore(prompts_of(QWEN, in_use=True), prompts_of(PHI, tokens=300, size_bytes=700_000))
    return Line(services)


def test_people_see_what_is_remembered_and_what_may_be() -> None:
    out = line().run("cache").out
    *rows, last = out.splitlines()
    assert last == "A server started now: memory 2.15 GB for each model, disk 4.7 MB of 10.0 GB"
    assert [row.split() for row in rows] == [
        ["MODEL", "TOKENS", "SIZE", "LAST", "USED", "IN", "USE"],
        [PHI, "300", "700", "kB", "3", "hours", "ago"],
        [QWEN, "2,048", "4.0", "MB", "3", "hours", "ago", "yes"],
    ]


def test_an_empty_cache_says_so() -> None:
    assert Line(FakeServices()).run("cache").out.startswith("No prompts are remembered on the disk.\n")


def test_clear_forgets_everything_or_one_model() -> None:
    here = line()
    assert here.run("cache", "clear", "qwen").out == "Forgot 2,048 tokens of 1 model: 4.0 MB freed\n"
    assert [each["model"] for each in json.loads(here.run("cache", "--json").out)["data"]["models"]] == [PHI]
    assert here.run("cache", "clear").out == "Forgot 300 tokens of 1 model: 700 kB freed\n"
    assert here.run("cache", "clear").out == "Forgot 0 tokens of 0 models: 0 B freed\n"


def test_a_dry_run_forgets_nothing() -> None:
    here = line()
    assert here.run("cache", "clear", "--dry-run").out == (
        f"Would forget 2,348 tokens of 2 models: 4.7 MB\n  {PHI}: 300 tokens, 700 kB\n  {QWEN}: 2,048 tokens, 4.0 MB\n"
    )
    assert len(json.loads(here.run("cache", "--json").out)["data"]["models"]) == 2


@pytest.mark.parametrize(("name", "kind"), [("nowhere", ModelNotFound), ("mlx-community", AmbiguousModel)])
def test_a_name_that_means_no_one_model_is_refused(name: str, kind: type[Exception]) -> None:
    here = line()
    seen = here.run("cache", "clear", name, "--json")
    assert seen.code == 1
    assert json.loads(seen.out)["error"]["type"] == kind.type  # type: ignore[attr-defined]
    assert len(json.loads(here.run("cache", "--json").out)["data"]["models"]) == 2


def test_an_action_that_is_none_is_refused() -> None:
    seen = line().run("cache", "clean")
    assert seen.code == 2
    assert "clear" in seen.err


# What `mlxk rm` does to remembered prompts


def remembered(place: Path, number: int, model: str, revision: str, source: str = "cache") -> None:
    about = {"model": model, "source": source, "revision": revision}
    disk = open_disk(place, bytes([number]) * 32, about, 1 << 30)
    assert disk is not None
    for record in chain(number, (256, 30)):
        disk.put(record, 0, wait=True)
    disk.close()


def test_a_removed_model_takes_its_prompts_along(tmp_path: Path) -> None:
    disk = Disk.under(tmp_path)
    revision = "ab12" + "0" * 36
    for name in ("org/a", "org/b"):
        disk.cache.add(name, text_model(), revision=revision)
    place = tmp_path / "prompts"
    remembered(place, 1, "org/a", revision)
    remembered(place, 2, "org/a", "cd34" + "0" * 36)
    remembered(place, 3, "org/b", revision)
    remembered(place, 4, "org/a", "", source="workspace")
    removing = disk.remove_model()
    plan = removing.plan("org/a")
    assert len(plan.prompts) == 2
    assert len(FolderPrefixStore(place).stored()) == 4, "a plan touches nothing"
    removing.execute(plan)
    left = [(each.model, each.source) for each in FolderPrefixStore(place).stored()]
    assert left == [("org/a", "workspace"), ("org/b", "cache")]


def test_a_removed_revision_takes_only_its_own_prompts_along(tmp_path: Path) -> None:
    disk = Disk.under(tmp_path)
    one, two = "ab12" + "0" * 36, "cd34" + "0" * 36
    disk.cache.add("org/a", text_model(), revision=one)
    disk.cache.add("org/a", text_model(), revision=two)
    place = tmp_path / "prompts"
    remembered(place, 1, "org/a", one)
    remembered(place, 2, "org/a", two)
    removing = disk.remove_model()
    removing.execute(removing.plan(f"org/a@{one}"))
    assert [each.revision for each in FolderPrefixStore(place).stored()] == [two]


def test_the_plan_of_a_removal_shows_the_prompts() -> None:
    from entrypoints.cli.presenters.removal_view import plan_lines
    from tests.support.fakes.cli_services import FakeRemoveModel, report

    plan = FakeRemoveModel([report(QWEN)]).plan(QWEN)
    lines = plan_lines(replace(plan, prompts=(prompts_of(QWEN),)))
    assert "  with its remembered prompts: 4.0 MB" in lines
