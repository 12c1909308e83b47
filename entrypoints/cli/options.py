"""The option table: every command, word and flag of the command line, once.

The guard, the help, docs/cli.md and shell completion all read it. A test compares each row with its command.
"""

from __future__ import annotations

from entrypoints.cli.bench_options import BENCH
from entrypoints.cli.cache_options import CACHE
from entrypoints.cli.completion.scripts import SHELLS
from entrypoints.cli.embedding_options import EMBEDDING_COMMANDS
from entrypoints.cli.grammar import Command, Completes, Option, Positional
from entrypoints.cli.hearing_options import TRANSCRIBE
from entrypoints.cli.hub_options import HUB, HUB_COMMANDS, REMOTE
from entrypoints.cli.run_options import MODEL, RUN
from entrypoints.cli.serve_options import SERVE
from entrypoints.cli.server_options import SERVER_COMMANDS
from entrypoints.cli.workspace_options import DEEP, RECALC_HASH, WORKSPACE_COMMANDS

JSON = Option("--json", "print one JSON envelope on standard output and nothing else (docs/json-api.md)")
HELP = Option("--help", "show this help", short="-h")
VERSION = Option("--version", "show the version")

# Understood before the command as well as after it.
EVERYWHERE = (JSON, HELP)
# Understood without a command only.
ALONE = (VERSION,)

PATTERN = Positional(
    "pattern",
    "a part of the name, or a folder (./x, /x, ~/x)",
    required=False,
    completes=Completes.MODEL,
)

LIST = Command(
    name="list",
    summary="list the models on this machine",
    positionals=(PATTERN,),
    options=(
        Option("--all", "also show models that are broken or do not run here"),
        Option("--health", "add the verdicts on files and runtime"),
        Option("--verbose", "full names and more columns"),
        Option("--text", "only models that write text"),
        Option("--vision", "only models that read pictures"),
        Option("--audio", "only models that hear or speak"),
        Option("--embeddings", "only embedding models"),
    ),
    details=(
        "Without --all the table shows the models that are healthy and run here, and of each what runs here. With "
        "several of --text, --vision, --audio and --embeddings a model needs one of them. --json ignores --all: it "
        "always carries every model, with all that it says it can do.",
    ),
    examples=("mlxk list", "mlxk list qwen --health --all", "mlxk list --vision --json"),
)

SHOW = Command(
    name="show",
    summary="show what is known of one model",
    positionals=(MODEL,),
    options=(
        Option("--files", "list its files"),
        Option("--config", "print its config.json"),
        RECALC_HASH,
        DEEP,
        REMOTE,
        HUB,
        Option("--verbose", "also show what the verdicts rest on"),
    ),
    details=(
        "The KV cache is what a conversation takes besides the weights. The longest context that fits is that of one "
        "conversation in the memory that is free now, at most what the model itself can hold.",
    ),
    examples=(
        "mlxk show demo",
        "mlxk show demo --files",
        "mlxk show demo --config --json",
        "mlxk show org/name --remote",
    ),
)

HEALTH = Command(
    name="health",
    summary="check the files of all models, or of those that match",
    positionals=(PATTERN,),
    options=(Option("--strict", "exit with 1 when a model is unhealthy"),),
    examples=("mlxk health", "mlxk health qwen --strict"),
)

RM = Command(
    name="rm",
    summary="remove a model from the cache, or one revision of it",
    positionals=(MODEL,),
    options=(
        Option("--force", "remove it although a download holds its locks", short="-f"),
        Option("--dry-run", "say what would go, and remove nothing"),
        Option("--yes", "do not ask when the name was not written in full", short="-y"),
    ),
    details=(
        "name@revision removes that revision, and only the files that no other revision uses. Folders of your own and "
        "the built-in model are refused.",
    ),
    examples=("mlxk rm mlx-community/Phi-3-mini-4k-instruct-4bit --dry-run", "mlxk rm phi-3-mini --yes"),
)

COMPLETION = Command(
    name="completion",
    summary="print the script for completion in a shell",
    positionals=(Positional("shell", f"one of {', '.join(SHELLS)}", choices=SHELLS),),
    details=(
        "Tab then completes commands, options, their values and the names of the models that are here.",
        'bash: put the line  eval "$(mlxk completion bash)"  into ~/.bashrc.',
        'zsh: put the line  eval "$(mlxk completion zsh)"  into ~/.zshrc, behind compinit; or write the script to a '
        "file called _mlxk in a folder of fpath.",
        "fish: mlxk completion fish > ~/.config/fish/completions/mlxk.fish",
        "The script asks the mlxk on the PATH at every Tab, so it need not be made again after an update.",
    ),
    examples=("mlxk completion bash", "mlxk completion zsh"),
)

VERSION_COMMAND = Command(name="version", summary="show the version")

HELP_COMMAND = Command(
    name="help",
    summary="show this help, or that of a command",
    positionals=(Positional("command", "the command", required=False, completes=Completes.COMMAND),),
)

COMMANDS = (
    LIST,
    SHOW,
    HEALTH,
    *HUB_COMMANDS,
    RM,
    *WORKSPACE_COMMANDS,
    RUN,
    TRANSCRIBE,
    *EMBEDDING_COMMANDS[:2],
    SERVE,
    EMBEDDING_COMMANDS[2],
    *SERVER_COMMANDS,
    CACHE,
    BENCH,
    COMPLETION,
    VERSION_COMMAND,
    HELP_COMMAND,
)
BY_NAME = {name: command for command in COMMANDS for name in (command.name, *command.aliases)}
