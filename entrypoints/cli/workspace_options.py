"""The rows of the option table that are about workspaces."""

from __future__ import annotations

from entrypoints.cli.grammar import Command, Completes, Kind, Option, Positional

DTYPES = ("float16", "bfloat16", "float32")
Q_MODES = ("affine", "mxfp4", "nvfp4", "mxfp8")

RECALC_HASH = Option("--recalc-hash", "write down anew what a workspace holds (its content hash)")
DEEP = Option("--deep", "hash tensor data too; with --recalc-hash remember it, else compare with what was remembered")

CLONE = Command(
    name="clone",
    summary="copy a model into a folder of your own, a workspace",
    positionals=(
        Positional("model", "a model here or on the hub: name, name@revision, or a folder", completes=Completes.MODEL),
        Positional("target", "the new folder; a bare name lies in the workspace home", required=False),
    ),
    options=(
        Option("--branch", "the revision, in place of name@revision", Kind.TEXT, value="REV"),
        Option("--no-health-check", "do not judge the result"),
        Option("--fresh", "do not go on with what an interrupted clone has left"),
        Option("--force-resume", "go on with it, which is the rule; here for scripts"),
        Option("--quiet", "no progress"),
    ),
    details=(
        "What the cache holds is not downloaded again, and where the filesystem can (APFS, btrfs, XFS) the copy takes "
        "no time and no room. The folder is there whole or not at all; an interrupted clone goes on where it stopped.",
    ),
    examples=("mlxk clone mlx-community/Qwen3-0.6B-4bit ./qwen", "mlxk clone org/name@v1.0", "mlxk clone demo ./demo"),
)

CONVERT = Command(
    name="convert",
    summary="make another workspace from one: fewer bits, other types, a mended index",
    positionals=(
        Positional("source", "a workspace", completes=Completes.MODEL),
        Positional("target", "the new folder; a bare name lies in the workspace home"),
    ),
    options=(
        Option("--quantize", "how many bits: 2, 3, 4, 6 or 8", Kind.INTEGER, value="BITS"),
        Option("--q-group-size", "weights that share a scale: 32, 64 or 128", Kind.INTEGER, value="N", default="64"),
        Option("--q-mode", "how bits are written", Kind.TEXT, value="MODE", choices=Q_MODES, default="affine"),
        Option("--q-recipe", "a mix of bits, such as mixed_3_6; a wrong one lists them", Kind.TEXT, value="NAME"),
        Option("--dequantize", "back to plain weights"),
        Option("--dtype", "type of the weights that are not quantised", Kind.TEXT, value="TYPE", choices=DTYPES),
        Option("--repair-index", "only write the index of the weight files anew"),
        Option("--skip-health", "keep a result that is not sound"),
    ),
    details=(
        "Without an option PyTorch weights (safetensors) become MLX weights. What cannot be done is refused before "
        "anything is written; the source is only read; on failure nothing remains.",
    ),
    examples=(
        "mlxk convert ./qwen ./qwen-4bit --quantize 4",
        "mlxk convert ./qwen ./qwen-mixed --q-recipe mixed_3_6",
        "mlxk convert ./broken ./mended --repair-index",
    ),
)

DOCTOR = Command(
    name="doctor",
    summary="find and mend what a conversion has broken in a workspace",
    positionals=(Positional("model", "a workspace", completes=Completes.MODEL),),
    options=(
        Option("--fix", "make the changes that are shown"),
        Option("--undo", "take the last --fix back"),
    ),
    details=("Looks for a stale index, missing end tokens, chat templates, processor fields and tokenizer.json.",),
    examples=("mlxk doctor ./qwen", "mlxk doctor ./qwen --fix", "mlxk doctor ./qwen --undo"),
)

PUSH = Command(
    name="push",
    summary="publish a workspace on the hub",
    positionals=(
        Positional("local_dir", "the workspace", completes=Completes.MODEL),
        Positional("repo_id", "org/name"),
    ),
    options=(
        Option("--private", "only to a private repository; this or --public must be said"),
        Option("--public", "the repository may be public"),
        Option("--create", "make the repository or the branch when it is missing"),
        Option("--branch", "the branch", Kind.TEXT, value="NAME", default="main"),
        Option("--commit", "the commit's message", Kind.TEXT, value="TEXT", default="mlxk push"),
        Option("--check-only", "judge the workspace; no hub, no token"),
        Option("--dry-run", "say what would change there, and send nothing"),
        Option("--complete-card", "first add the tags and fields that README.md lacks"),
        Option("--verbose", "also print the commit's address"),
    ),
    details=(
        "Compared by content: what is there already is not sent. Never sent: mlxk's own files, .hf_cache, secrets, "
        "version control, and what .hfignore names. HF_TOKEN says who you are.",
    ),
    examples=(
        "mlxk push ./qwen me/qwen-4bit --private --create",
        "mlxk push ./qwen me/qwen-4bit --private --dry-run",
        "mlxk push ./qwen me/qwen-4bit --public --check-only",
    ),
)

WORKSPACE_COMMANDS = (CLONE, CONVERT, DOCTOR, PUSH)
