"""A report's line, from facts, and where a test's properties go."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import PurePosixPath

import pytest

from benchmarks.reporting import schema
from benchmarks.reporting.hardware import HardwareProfile
from benchmarks.reporting.health import Health, SystemMemory
from benchmarks.reporting.machine import SystemFacts
from benchmarks.reporting.model_facts import ModelFacts, Sense
from benchmarks.reporting.record import FinishedTest, Placed, build, place, plain
from benchmarks.reporting.sampling import MemoryUse

GIB = 2**30
PLAIN = FinishedTest(
    name="tests/test_x.py::test_y[a-b]",
    outcome="passed",
    started=1_000_000.25,
    ended=1_000_002.5,
    seconds=2.25,
    cleanup_seconds=0.5,
    sense=Sense("unknown", None),
    version="1.2.3",
)
WHOLE = dataclasses.replace(
    PLAIN,
    sense=Sense("vision", "vision_model_info"),
    model=ModelFacts("org/Seer-4bit", GIB, "seer", None, "MLX", "4bit"),
    health=Health(SystemMemory(0, 20 * GIB, 32 * GIB), 1),
    memory=MemoryUse(3 * GIB, 2 * GIB),
    system=SystemFacts("linux", "Debian", "3.11", None, 32 * GIB, HardwareProfile(chip="Chip")),
)


def properties(**named: object) -> Placed:
    return place(named.items(), schema.current())


def section(record: Mapping[str, object], name: str) -> Mapping[str, object]:
    found = record[name]
    assert isinstance(found, Mapping)
    return found


def test_the_plainest_line_is_valid_and_has_no_empty_sections() -> None:
    record = build(PLAIN, Placed())
    assert schema.problems(record, schema.current()) == []
    assert record == {
        "schema_version": "0.2.2",
        "timestamp": "1970-01-12T13:46:42.500000+00:00",
        "mlx_knife_version": "1.2.3",
        "test": "tests/test_x.py::test_y[a-b]",
        "outcome": "passed",
        "duration": 2.25,
        "test_start_ts": 1_000_000.25,
        "test_end_ts": 1_000_002.5,
        "metadata": {"inference_modality": "unknown"},
    }


def test_unknown_facts_are_left_out_and_never_null() -> None:
    record = build(WHOLE, Placed())
    assert schema.problems(record, schema.current()) == []
    assert record["model"] == {
        "id": "org/Seer-4bit",
        "size_gb": 1.0,
        "family": "seer",
        "framework": "MLX",
        "quantization": "4bit",
    }
    assert record["performance"] == {"cleanup_time_s": 0.5, "peak_ram_gb": 3.0, "stable_ram_gb": 2.0}
    assert section(record, "system")["hardware_profile"] == {"chip": "Chip"}
    assert record["system_health"] == {
        "swap_gb": 0.0,
        "ram_free_gb": 20.0,
        "zombies_detected": 1,
        "quality_flags": ["degraded_zombies"],
    }
    assert record["metadata"] == {"inference_modality": "vision", "portfolio_fixture": "vision_model_info"}


def test_a_property_named_like_a_field_sets_it_over_what_was_found() -> None:
    told = {"model.variant": "tiny", "performance.cleanup_time_s": 9, "performance.prompt_tokens": 4}
    record = build(WHOLE, place(told.items(), schema.current()))
    assert section(record, "model")["variant"] == "tiny"
    assert section(record, "performance")["cleanup_time_s"] == 9
    assert section(record, "performance")["prompt_tokens"] == 4
    assert section(record, "performance")["peak_ram_gb"] == 3.0


def test_a_section_may_be_given_whole_and_deep() -> None:
    placed = properties(system={"hardware_profile": {"gpu_cores": 38}, "colour": "red"}, stop_tokens={"leaked": False})
    record = build(WHOLE, placed)
    assert section(record, "system")["hardware_profile"] == {"chip": "Chip", "gpu_cores": 38}
    assert record["stop_tokens"] == {"leaked": False}
    assert section(record, "metadata")["system.colour"] == "red"


def test_the_sense_can_be_set_and_what_no_field_is_named_after_goes_to_the_metadata() -> None:
    placed = properties(inference_modality="text", clip="short.wav", model_load=3, **{"metadata.note": 1})
    metadata = build(WHOLE, placed)["metadata"]
    assert metadata == {
        "inference_modality": "text", "portfolio_fixture": "vision_model_info", "clip": "short.wav", "model_load": 3,
        "note": 1,
    }  # fmt: skip


def test_what_is_told_last_holds() -> None:
    placed = place([("performance.prompt_tokens", 1), ("performance.prompt_tokens", 2)], schema.current())
    assert placed.fields == {"performance.prompt_tokens": 2}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("performance.tokens_per_sec", "fast"),
        ("performance.tokens_per_sec", -1),
        ("performance.tokens_per_sec", float("nan")),
        ("performance.prompt_tokens", 1.5),
        ("stop_tokens.configured", "</s>"),
        ("model.id", None),
        ("inference_modality", "smell"),
        ("system_health.quality_flags", ["clean", "degraded_swap"]),
    ],
)
def test_a_value_that_its_field_cannot_hold_is_a_fault_and_stays_out(name: str, value: object) -> None:
    placed = place([(name, value)], schema.current())
    assert len(placed.faults) == 1
    assert placed.faults[0].startswith(f"{name}: ")
    assert schema.problems(build(WHOLE, placed), schema.current()) == []


def test_no_property_can_forge_what_the_report_itself_knows() -> None:
    record = build(PLAIN, properties(outcome="failed", test="other", schema_version="9"))
    assert (record["outcome"], record["test"], record["schema_version"]) == ("passed", PLAIN.name, "0.2.2")
    assert section(record, "metadata")["outcome"] == "failed"


def test_what_json_cannot_hold_is_kept_as_its_text() -> None:
    told = {"place": PurePosixPath("/a"), "inf": float("inf"), "many": (1, {2: {3}}), "no": None}
    assert plain(told) == {"place": "/a", "inf": "inf", "many": [1, {"2": [3]}], "no": None}


def test_cleaning_up_is_told_only_where_there_was_something() -> None:
    assert "performance" not in build(PLAIN, Placed())
    told = build(PLAIN, place([("performance.tokens_per_sec", 3.5)], schema.current()))
    assert told["performance"] == {"cleanup_time_s": 0.5, "tokens_per_sec": 3.5}
