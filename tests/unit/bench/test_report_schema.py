"""The schema, its versions and its migrations."""

from __future__ import annotations

from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from benchmarks.reporting import schema
from benchmarks.reporting.schema import FOLDER, SCHEMA_VERSION


def test_the_current_schema_is_a_link_to_the_version_that_is_written() -> None:
    link = FOLDER / "report-current.schema.json"
    assert link.is_symlink()
    assert link.readlink() == Path(f"report-v{SCHEMA_VERSION}.schema.json")
    assert schema.current()["properties"]["schema_version"] == {"const": SCHEMA_VERSION}


def test_every_schema_is_one_and_names_its_version() -> None:
    for version in schema.versions():
        found = schema.schema_for(version)
        assert found is not None
        Draft202012Validator.check_schema(found)
        assert found["properties"]["schema_version"]["const"] == version


def test_no_section_but_the_metadata_takes_what_it_does_not_name() -> None:
    def open_ones(part: object, name: str = "") -> list[str]:
        if not isinstance(part, dict) or "properties" not in part:
            return []
        own = [] if part.get("additionalProperties") is False else [name]
        return own + [each for key, inner in part["properties"].items() for each in open_ones(inner, key)]

    assert open_ones(dict(schema.current())) == ["metadata"]


def test_the_migrations_tell_of_every_version() -> None:
    text = (FOLDER / "MIGRATIONS.md").read_text(encoding="utf-8")
    assert all(f"\n## {version}" in text for version in (*schema.versions(), SCHEMA_VERSION))


@pytest.mark.parametrize("version", ["0.2.1", "9", "../0.2.2", "", None, 3])
def test_a_version_without_a_schema_is_named(version: object) -> None:
    assert schema.version_problems({"schema_version": version}) == [
        f"schema_version: {version!r} has no schema here; there is 0.2.2"
    ]


def test_the_fields_are_those_of_0_2_2() -> None:
    inner = {
        "model": "id size_gb family variant framework quantization",
        "performance": "tokens_per_sec prompt_tokens completion_tokens model_load_time_s time_to_first_token_s"
        " cleanup_time_s peak_ram_gb stable_ram_gb",
        "stop_tokens": "configured detected workaround leaked",
        "system": "platform platform_version python_version mlx_version hardware ram_total_gb",
        "system.hardware_profile": "model_identifier chip chip_cores_performance chip_cores_efficiency gpu_cores"
        " metal_version",
        "system_health": "swap_gb ram_free_gb zombies_detected quality_flags",
        "metadata": "inference_modality",
    }
    wanted = {f"{section}.{name}" for section, names in inner.items() for name in names.split()}
    top = "schema_version timestamp mlx_knife_version test outcome duration test_start_ts test_end_ts"
    assert set(schema.leaves(schema.current())) == wanted | set(top.split())
