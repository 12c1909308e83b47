"""One memory of prompts for each model as it was loaded: what shapes the values is in its name."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import mlx.core as mx
import pytest
from mlx_lm.utils import load_model

from adapters.inference.prefix_cache import folders
from adapters.inference.prefix_cache.identity import DIGESTS, weights_of
from adapters.inference.prefix_cache.opening import open_prefixes
from adapters.inference.prefixes import NoPrefixes
from domain.catalog import LocatedModel, ModelSource
from domain.serving.load_options import LoadOptions, PrefixCacheBudget
from tests.support.prefix_networks import numbers, told
from tests.support.tiny_llama import TinyLlama

TOKENS = numbers(300)
PLENTY = 1 << 30


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = TinyLlama().build(tmp_path_factory.mktemp("model"))
    age(folder)
    return folder


def age(folder: Path) -> None:
    """An hour old by all the clocks that can be set."""
    for path in folder.iterdir():
        os.utime(path, ns=(0, 1_000_000_000))


def located(folder: Path, source: ModelSource = ModelSource.WORKSPACE) -> LocatedModel:
    return LocatedModel("mine", folder, source)


def options(folder: Path, **others: Any) -> LoadOptions:
    return LoadOptions(prefix_cache=PrefixCacheBudget(PLENTY, PLENTY, folder), **others)


def remembers(network: Any, model: LocatedModel, chosen: LoadOptions) -> bool:
    """Whether TOKENS are known from an earlier time."""
    prefixes = open_prefixes(network, model, chosen)
    known = prefixes.longest((*TOKENS, 1)) is not None
    prefixes.close()
    return known


def remember(network: Any, model: LocatedModel, chosen: LoadOptions) -> None:
    prefixes = open_prefixes(network, model, chosen)
    prefixes.keep(TOKENS, told(TOKENS), boundary=True)
    prefixes.close()


def test_without_a_budget_nothing_is_remembered(built: Path, tmp_path: Path) -> None:
    network, _ = load_model(built)
    assert isinstance(open_prefixes(network, located(built), LoadOptions()), NoPrefixes)
    on_disk_but_nowhere = LoadOptions(prefix_cache=PrefixCacheBudget(0, PLENTY, None))
    assert isinstance(open_prefixes(network, located(built), on_disk_but_nowhere), NoPrefixes)


def test_in_memory_alone_nothing_is_read_or_written(built: Path, tmp_path: Path) -> None:
    network, _ = load_model(built)
    chosen = LoadOptions(prefix_cache=PrefixCacheBudget(PLENTY, 0, tmp_path / "prompts"))
    prefixes = open_prefixes(network, LocatedModel("m", tmp_path / "gone", ModelSource.WORKSPACE), chosen)
    prefixes.keep(TOKENS, told(TOKENS), boundary=True)
    assert prefixes.longest((*TOKENS, 1)) is not None
    assert not (tmp_path / "prompts").exists()


def test_the_same_model_finds_its_prompts_again_and_says_whose_they_are(built: Path, tmp_path: Path) -> None:
    network, _ = load_model(built)
    remember(network, located(built), options(tmp_path))
    assert remembers(network, located(built), options(tmp_path))
    (folder,) = folders.model_folders(tmp_path)
    assert folders.about(folder)["model"] == "mine"
    assert folders.about(folder)["path"] == str(built)


def test_one_tensor_changed_in_place_makes_it_another_model(
    built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adapters.inference.prefix_cache.identity.TRUSTED_AFTER_NS", -(10**18))
    folder = Path(shutil.copytree(built, tmp_path / "model"))
    network, _ = load_model(folder)
    remember(network, located(folder), options(tmp_path / "prompts"))
    with (folder / "model.safetensors").open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"\x3f")
    age(folder)
    assert not remembers(network, located(folder), options(tmp_path / "prompts"))


@pytest.mark.parametrize("others", [{"kv_bits": 8}, {"kv_bits": 4}, {"max_kv_size": 128}], ids=str)
def test_another_kind_of_kv_cache_makes_it_another_model(built: Path, tmp_path: Path, others: dict[str, int]) -> None:
    network, _ = load_model(built)
    remember(network, located(built), options(tmp_path))
    assert not remembers(network, located(built), options(tmp_path, **others))
    remember(network, located(built), options(tmp_path, **others))
    assert remembers(network, located(built), options(tmp_path, **others))
    assert not remembers(network, located(built), options(tmp_path, kv_bits=6))


def test_an_adapter_makes_it_another_model(built: Path, tmp_path: Path) -> None:
    network, _ = load_model(built)
    adapter = tmp_path / "adapter"
    adapter.mkdir()
    (adapter / "adapter_config.json").write_text("{}", encoding="utf-8")
    mx.save_safetensors(str(adapter / "adapters.safetensors"), {"a": mx.ones(3)})
    chosen = options(tmp_path / "prompts", adapter=adapter)
    remember(network, located(built), chosen)
    assert remembers(network, located(built), chosen)
    assert not remembers(network, located(built), replace(chosen, adapter=None))
    mx.save_safetensors(str(adapter / "adapters.safetensors"), {"a": mx.zeros(3)})
    assert not remembers(network, located(built), chosen)


def test_how_drafts_are_made_changes_nothing(built: Path, tmp_path: Path) -> None:
    network, _ = load_model(built)
    remember(network, located(built), options(tmp_path))
    assert remembers(network, located(built), options(tmp_path, draft_ngram=3))


def test_of_a_snapshot_the_blobs_names_are_taken_and_nothing_is_read(tmp_path: Path) -> None:
    snapshot, blobs = tmp_path / "snapshots" / "abc", tmp_path / "blobs"
    snapshot.mkdir(parents=True)
    blobs.mkdir()
    names = {"config.json": "1" * 40, "model.safetensors": "2" * 64}
    for name, blob in names.items():
        (snapshot / name).symlink_to(Path("../../blobs") / blob)  # the blob itself is not there
    assert weights_of(located(snapshot, ModelSource.CACHE), tmp_path / DIGESTS) == names
    assert not (tmp_path / DIGESTS).exists()


def test_a_link_that_names_no_blob_is_read(tmp_path: Path) -> None:
    (tmp_path / "snapshot").mkdir()
    (tmp_path / "weights").write_bytes(b"w")
    (tmp_path / "snapshot" / "model.safetensors").symlink_to(tmp_path / "weights")
    found = weights_of(located(tmp_path / "snapshot", ModelSource.CACHE), tmp_path / DIGESTS)
    assert found["model.safetensors"] == "50e721e49c013f00c62cf59f2163542a9d8df02464efeb615d31051b0fddc326"


def test_weights_that_did_not_change_are_read_once(
    built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adapters.inference.prefix_cache.identity.TRUSTED_AFTER_NS", -(10**18))
    first = weights_of(located(built), tmp_path / DIGESTS)

    def never(*arguments: object) -> Any:
        raise AssertionError("the weights were read again")

    with monkeypatch.context() as patch:
        patch.setattr("hashlib.file_digest", never)
        assert weights_of(located(built), tmp_path / DIGESTS) == first
    (tmp_path / DIGESTS).write_text("[]", encoding="utf-8")
    assert weights_of(located(built), tmp_path / DIGESTS) == first
    assert (tmp_path / DIGESTS).stat().st_mode & 0o777 == 0o600


def test_a_file_that_changed_a_moment_ago_is_not_trusted(tmp_path: Path) -> None:
    folder = TinyLlama().build(tmp_path / "model")
    weights_of(located(folder), tmp_path / DIGESTS)
    assert not (tmp_path / DIGESTS).exists()
