"""Health of a model that was sound until the test damaged its copy: the reasons follow the damage."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.plugins.isolation import Isolation
from tests.plugins.live_groups import ModelCopy, said
from tests.support.benchmark_facts import BenchmarkFacts
from tests.support.isolated_cache import IsolatedCache
from tests.support.live_cli import LiveHouse
from tests.support.live_environment import CopyRules
from tests.support.model_copy import INDEX, chosen, copy_model, require_space, shards_of, snapshot_of
from tests.support.portfolio import PortfolioModel

pytestmark = [pytest.mark.live, pytest.mark.issue27]
LFS_POINTER = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'a' * 64}\nsize 123\n"
Damage = Callable[[Path], object]


@pytest.fixture
def sound_copy(issue27_copy: ModelCopy, benchmark_facts: BenchmarkFacts) -> ModelCopy:
    benchmark_facts.model(id=issue27_copy.name)
    return made_whole(issue27_copy)


@pytest.fixture
def sound_index_copy(issue27_index_copy: ModelCopy, benchmark_facts: BenchmarkFacts) -> ModelCopy:
    benchmark_facts.model(id=issue27_index_copy.name)
    return made_whole(issue27_index_copy)


@pytest.fixture
def seeing_copy(
    vision_pipe_model: PortfolioModel, copying: CopyRules, isolation: Isolation, isolated_cache: IsolatedCache,
    tmp_path: Path,
) -> ModelCopy:  # fmt: skip
    """Of a model that sees."""
    assert vision_pipe_model.home is not None
    source = snapshot_of(vision_pipe_model.home / "hub", vision_pipe_model.name)
    files = chosen(source, copying.shards)
    with said():
        require_space(files, isolated_cache.hub, copying.min_free_bytes)
    home = tmp_path / "home"
    home.mkdir()
    name = vision_pipe_model.name
    snapshot = copy_model(source, isolated_cache.hub, name, files)
    return made_whole(ModelCopy(LiveHouse(home, isolated_cache.home), name, snapshot))


def made_whole(copy: ModelCopy) -> ModelCopy:
    """A copy of some shards says of itself that there are no others: it is numbered anew, and so is its index."""
    shards = sorted(shards_of(copy.snapshot))
    index = copy.snapshot / INDEX
    if not shards or not index.is_file():
        return copy
    new = {each.name: f"model-{at:05}-of-{len(shards):05}.safetensors" for at, each in enumerate(shards, 1)}
    told = json.loads(index.read_bytes())
    told["weight_map"] = {key: new[file] for key, file in told["weight_map"].items() if file in new}
    for each in shards:
        each.rename(each.with_name(new[each.name]))
    index.write_text(json.dumps(told), encoding="utf-8")
    return copy


def weights(snapshot: Path) -> Path:
    """The file to damage."""
    return next(iter(shards_of(snapshot)), None) or min(snapshot.glob("*.safetensors"))


def reason(copy: ModelCopy, damage: Damage) -> str:
    """What health says afterwards; before, it says nothing."""
    before = copy.house.envelope("health", copy.name)["data"]
    assert [each["name"] for each in before["healthy"]] == [copy.name], before["unhealthy"]
    damage(copy.snapshot)
    (found,) = copy.house.envelope("health", copy.name)["data"]["unhealthy"]
    assert found["name"] == copy.name
    return str(found["reason"])


def halve(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def delete_weights(snapshot: Path) -> None:
    for each in snapshot.glob("*.safetensors"):
        each.unlink()


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (delete_weights, "No model weights found"),
        (lambda snapshot: halve(weights(snapshot)), "Weight file length does not match its header"),
        (lambda snapshot: weights(snapshot).write_bytes(b""), "Empty weight"),
        (lambda snapshot: weights(snapshot).write_text(LFS_POINTER), "LFS pointers instead of files"),
        (lambda snapshot: (snapshot / "config.json").write_text("{"), "config.json contains invalid JSON"),
        (lambda snapshot: (snapshot / "tokenizer.json").unlink(), "tokenizer.json missing"),
    ],
    ids=["weights deleted", "truncated", "emptied", "LFS pointer", "config broken", "tokenizer removed"],
)
def test_what_was_done_to_the_files_is_the_reason(sound_copy: ModelCopy, damage: Damage, words: str) -> None:
    assert words in reason(sound_copy, damage)


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda snapshot: weights(snapshot).unlink(), ("Missing weight shards", "No model weights found")),
        (lambda snapshot: (snapshot / INDEX).write_text("{"), ("Invalid index file",)),
        (lambda snapshot: (snapshot / INDEX).write_text('{"weight_map": {"x": "other.safetensors"}}'), ("mismatch",)),
    ],
    ids=["shard deleted", "index broken", "index of something else"],
)
def test_what_was_done_to_shards_and_index_is_the_reason(
    sound_index_copy: ModelCopy, damage: Damage, words: tuple[str, ...]
) -> None:
    found = reason(sound_index_copy, damage)
    assert any(each in found for each in words), found


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (Path.unlink, "Vision model missing preprocessor_config.json"),
        (lambda file: file.write_text("{"), "preprocessor_config.json invalid JSON"),
    ],
    ids=["removed", "broken"],
)
def test_a_model_that_sees_wants_its_preprocessor(seeing_copy: ModelCopy, damage: Damage, words: str) -> None:
    if (seeing_copy.snapshot / "processor_config.json").is_file():
        (seeing_copy.snapshot / "processor_config.json").unlink()
    assert words in reason(seeing_copy, lambda snapshot: damage(snapshot / "preprocessor_config.json"))
