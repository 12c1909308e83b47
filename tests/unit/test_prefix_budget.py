"""What is spent on remembered prompts, and how people write it."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import pytest

from application.serving.prefix_budget import remembering
from domain.byte_size import parse_size
from domain.catalog import LocatedModel, ModelSource
from domain.errors import UsageError
from domain.serving.load_options import LoadOptions, PrefixCacheBudget
from domain.serving.load_plan import LoadPlan
from domain.serving.load_wishes import PLAINLY
from domain.serving.prefix_budget import prefix_cache_budget
from entrypoints.settings import Source, load_settings

GIB = 2**30
PLACE = PurePosixPath("/prompts")


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0), ("4096", 4_096), ("1b", 1), ("512MB", 512_000_000), ("512mb", 512_000_000), ("2GiB", 2 * GIB),
        ("2 gib", 2 * GIB), ("1.5GB", 1_500_000_000), ("3k", 3_000), ("3Ki", 3_072), ("1TiB", 1_024 * GIB),
    ],
)  # fmt: skip
def test_sizes_are_read_as_people_write_them(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "-1", "1e9", "2 gigs", "GB", "1iB", "1i", "0x10", "inf", "1,5GB", "12345678901"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="512MB"):
        parse_size(text)


@pytest.mark.parametrize(("total", "ram"), [(8 * GIB, 8 * GIB // 10), (64 * GIB, 2 * GIB), (None, 2 * GIB)])
def test_by_itself_a_tenth_of_the_memory_and_no_disk_is_spent(total: int | None, ram: int) -> None:
    assert prefix_cache_budget(None, 0, PLACE, total) == PrefixCacheBudget(ram, 0, None)


def test_what_is_said_is_spent_and_zero_is_off() -> None:
    assert prefix_cache_budget(0, 0, PLACE, 8 * GIB) == PrefixCacheBudget(0, 0, None)
    assert prefix_cache_budget(5, 7, PLACE, 8 * GIB) == PrefixCacheBudget(5, 7, PLACE)


def test_every_plan_carries_the_budget_and_is_otherwise_as_it_was() -> None:
    model = LocatedModel("m", PLACE, ModelSource.WORKSPACE)
    plan = LoadPlan(LoadOptions(kv_bits=4))
    budget = PrefixCacheBudget(5, 7, PLACE)
    found = remembering(lambda _model, _wishes: plan, budget)(model, PLAINLY)
    assert found.options == LoadOptions(kv_bits=4, prefix_cache=budget)
    assert found.draft is plan.draft


def test_the_settings_come_from_flags_and_environment() -> None:
    usual = load_settings({}, {"HOME": "/h"})
    assert (usual.cache_ram.value, usual.cache_disk.value) == (None, 0)
    assert usual.cache_dir.value == Path("/h/.cache/mlxk/prompts")
    environ = {"HOME": "/h", "MLXK_CACHE_RAM": "0", "MLXK_CACHE_DISK": "10GB", "MLXK_CACHE_DIR": "/p"}
    told = load_settings({"cache_ram": "1GiB"}, environ)
    assert (told.cache_ram.value, told.cache_ram.source) == (GIB, Source.FLAG)
    assert (told.cache_disk.value, told.cache_disk.source) == (10**10, Source.ENVIRONMENT)
    assert told.cache_dir.value == Path("/p")


def test_a_size_that_cannot_be_read_is_named() -> None:
    with pytest.raises(UsageError, match="--cache-disk=much: must be a size such as 512MB"):
        load_settings({"cache_disk": "much"}, {"HOME": "/h"})
