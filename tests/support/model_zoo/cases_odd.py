"""Names, links and contents that nobody expects."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.support.model_zoo.case import BASE, Case, Place, fifo
from tests.support.model_zoo.content import Link, Sparse, text_model, without

WHOLE = text_model()
NO_CONFIG = {"context_length": None}


def _dark(**more: Any) -> dict[str, Any]:
    return {"why_not": "health", "context_length": None, **more}


def second_revision(folder: Path) -> None:
    """Another snapshot, newer than the one refs/main names, and broken: it must not be the one that is judged."""
    (folder.parent / ("f" * 40)).mkdir()


ODD_CASES = (
    Case("no_organisation", WHOLE, name="gpt2"),
    Case("double_dash", WHOLE, name="org/a--b"),
    Case("triple_dash", WHOLE, name="org/-b"),
    Case("dots_and_dashes", WHOLE, name="o.r-g/M_1.5-B.x"),
    Case("unicode_name", WHOLE, name="mlx-community/模型-7B"),
    Case("hundred_characters", WHOLE, name="mlx-community/" + "n" * 120),
    Case("escape_codes_in_name", WHOLE, name="mlx-community/red\x1b[31m"),
    Case("two_revisions", WHOLE, broken=second_revision),
    Case(
        "config_is_a_pipe",
        without(WHOLE, "config.json"),
        health="config.json missing",
        broken=fifo("config.json"),
        findings="config.json: no regular file",
        **_dark(),
    ),
    Case(
        "config_is_a_folder",
        without(WHOLE, "config.json"),
        health="config.json missing",
        broken=lambda folder: (folder / "config.json").mkdir(),
        **_dark(),
    ),
    Case(
        "config_link_loop",
        {**without(WHOLE, "config.json"), "config.json": Link("config.json")},
        health="config.json missing",
        findings="config.json: link loop",
        **_dark(),
    ),
    Case(
        "config_not_utf8",
        {**WHOLE, "config.json": b'{"model_type": "\xff\xfe\xfa"}'},
        health="config.json contains invalid JSON",
        **_dark(),
    ),
    Case(
        "config_deeply_nested",
        {**WHOLE, "config.json": b'{"a":' * 100_000},
        health="config.json contains invalid JSON",
        **_dark(),
    ),
    Case(
        "config_huge",
        {**WHOLE, "config.json": Sparse(b"{", 20_000_000)},
        health="config.json cannot be read: it is too large (20,000,000 bytes)",
        **_dark(),
    ),
    Case(
        "config_huge_number",
        {**WHOLE, "config.json": b'{"vocab_size": ' + b"9" * 5000 + b"}"},
        health="config.json contains invalid JSON",
        **_dark(),
    ),
    Case(
        "config_of_wrong_types",
        {
            **WHOLE,
            "config.json": {
                "model_type": 7,
                "architectures": {"a": 1},
                "vision_config": "yes",
                "quantization": [],
                "text_config": 3,
            },
        },
        why_not="config.json missing model_type field",
        context_length=4096,
    ),
    Case("folder_loop", {**WHOLE, "again": Link(".")}, findings="again: link to a folder, not followed"),
    Case("link_out_of_the_model", {**WHOLE, "passwd": Link("/etc/passwd")}),
    Case(
        "pipe_as_weights",
        WHOLE,
        health="Weight files cannot be read: other.safetensors (no regular file)",
        broken=fifo("other.safetensors"),
        why_not="health",
    ),
    Case("name_with_newline_inside", {**WHOLE, "a\nb.txt": "x"}),
    Case("undecodable_file_name", WHOLE, broken=lambda folder: (folder / "caf\udce9.txt").write_bytes(b"x")),
    Case(
        "template_not_utf8",
        {**text_model(template=None), "chat_template.jinja": b"\xff{{ tools }}"},
        capabilities=("text-generation", "chat", "tools"),
    ),
    Case("hidden_folders_do_not_count", {**WHOLE, ".git/model.safetensors": b""}, place=Place.WORKSPACE),
    Case(
        "workspace_without_weights",
        without(WHOLE, "model.safetensors"),
        place=Place.WORKSPACE,
        health="No model weights found",
        why_not="health",
    ),
    Case(
        "workspace_dangling_config",
        {**without(WHOLE, "config.json"), "config.json": Link("/nowhere/config.json")},
        place=Place.WORKSPACE,
        health="config.json missing",
        **_dark(),
    ),
    Case("sentinel_of_garbage", {**WHOLE, ".mlxk_workspace.json": b"\x00"}, place=Place.WORKSPACE),
    Case("deep_folders", {**WHOLE, "/".join("abcdefghijklmnop") + "/x.txt": "x"}, findings="nested too deep"),
    Case("empty_readme", {**WHOLE, "README.md": b""}),
    Case(
        "readme_without_end",
        {**text_model(template=None), "README.md": "---\ntags: mlx\n"},
        label="base",
        capabilities=BASE,
    ),
)
