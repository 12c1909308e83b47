"""The option table's row of `mlxk cache`, and the flags by which a server is told what to remember."""

from __future__ import annotations

from entrypoints.cli.grammar import Command, Completes, Kind, Option, Positional

CLEAR = "clear"

CACHE_OPTIONS = (
    Option(
        "--cache-ram",
        "memory for remembered prompts, of each model: 512MB, 2GiB; 0 is off",
        Kind.TEXT,
        value="SIZE",
        default="a tenth of the memory, at most 2GiB",
    ),
    Option(
        "--cache-disk",
        "disk for remembered prompts, of all models together; they outlive the server",
        Kind.TEXT,
        value="SIZE",
        default="0, off",
    ),
    Option("--cache-dir", "where they lie", Kind.TEXT, value="DIR", default="~/.cache/mlxk/prompts"),
)

CACHE = Command(
    name="cache",
    summary="show the prompts that are remembered on the disk, or forget them",
    positionals=(
        Positional("action", "clear: forget them; without it they are shown", required=False, choices=(CLEAR,)),
        Positional("model", "those of this model alone", required=False, completes=Completes.MODEL),
    ),
    options=(Option("--dry-run", "with clear: say what would be forgotten, and forget nothing"),),
    details=(
        "Nothing is lost with them but time: a prompt that is not remembered is read again. Servers write them where "
        "--cache-disk or MLXK_CACHE_DISK gives them room; MLXK_CACHE_DIR says where (docs/prompt-cache.md).",
    ),
    examples=("mlxk cache", "mlxk cache clear --dry-run", "mlxk cache clear mlx-community/Qwen3-0.6B-4bit"),
)
