"""The option table's row of `mlxk serve`."""

from __future__ import annotations

from entrypoints.cli.cache_options import CACHE_OPTIONS
from entrypoints.cli.grammar import Command, Completes, Kind, Option
from entrypoints.settings import LOG_LEVELS

# How the model given by --model is loaded (docs/loading.md).
LOADING = (
    Option("--adapter", "put this LoRA adapter on the model", Kind.TEXT, value="FOLDER"),
    Option(
        "--draft-model",
        "let this smaller model propose tokens (speculative decoding)",
        Kind.TEXT,
        value="MODEL",
        completes=Completes.MODEL,
    ),
    Option("--draft-ngram", "propose what followed the last N tokens when they came before", Kind.INTEGER, value="N"),
    Option("--draft-tokens", "tokens proposed at once", Kind.INTEGER, value="N", default="3"),
    Option("--kv-bits", "quantise the KV cache: 2, 3, 4, 6 or 8 bits", Kind.INTEGER, value="N"),
    Option("--kv-group-size", "values that share a scale in it: 32, 64 or 128", Kind.INTEGER, value="N", default="64"),
    Option("--max-kv-size", "tokens the KV cache holds before the oldest are forgotten", Kind.INTEGER, value="N"),
    Option("--cpu", "compute without the graphics processor"),
)

# Who may come in (docs/server.md, Security).
DOORS = (
    Option("--api-key-file", "demand one of the API keys in this file, one a line", Kind.TEXT, value="FILE"),
    Option("--api-key", "demand this API key; may be given again", Kind.TEXTS, value="KEY"),
    Option("--no-auth", "let everybody in, also where others can reach the server"),
    Option("--allow-host", "answer to this host name too; may be given again", Kind.TEXTS, value="NAME"),
    Option("--cors-origin", "let web pages of this origin ask; may be given again", Kind.TEXTS, value="ORIGIN"),
    Option("--max-body", "the largest request body", Kind.TEXT, value="SIZE", default="16 MiB; 80 with pictures"),
)

# Vectors of models that are not here (docs/server.md, Embeddings).
EMBEDDING = (
    Option(
        "--embed-backend",
        "ask this server for vectors of models that are not here",
        Kind.TEXT,
        value="URL",
        default="nobody",
    ),
    Option("--allow-remote-backend", "it may lie on another machine"),
)

SERVE = Command(
    name="serve",
    summary="serve models over an OpenAI-compatible HTTP API",
    aliases=("server",),
    options=(
        Option(
            "--model", "load this model before the first request", Kind.TEXT, value="MODEL", completes=Completes.MODEL
        ),
        Option("--host", "address to listen on", Kind.TEXT, value="HOST", default="127.0.0.1"),
        Option("--port", "port to listen on; 0 takes a free one", Kind.INTEGER, value="N", default="8000"),
        Option(
            "--max-tokens",
            "tokens an answer may have when its request does not say",
            Kind.INTEGER,
            value="N",
            default="half of the model's context",
        ),
        Option(
            "--memory-limit",
            "what one model may take in all: weights, caches and work",
            Kind.TEXT,
            value="SIZE",
            default="what the device may hold",
        ),
        Option(
            "--idle-ttl",
            "a model that nobody has asked for so long leaves: seconds, or 10m, 2h; 0 is never",
            Kind.TEXT,
            value="TIME",
            default="never",
        ),
        Option(
            "--transcription-timeout",
            "what a transcription may take: seconds, or 10m, 2h",
            Kind.TEXT,
            value="TIME",
            default="10 times the sound, at least 2 minutes",
        ),
        *CACHE_OPTIONS,
        Option("--log-level", "what is logged", Kind.TEXT, value="LEVEL", choices=LOG_LEVELS, default="info"),
        Option("--log-json", "log as JSON lines"),
        Option("--no-access-log", "log no line for each request"),
        Option("--force", "load models although they may not fit into memory"),
        Option("--verbose", "short for --log-level debug"),
        Option("--share", "let others pull the cached models from here, read-only, in the hub's protocol"),
        *DOORS,
        *LOADING,
        *EMBEDDING,
        Option(
            "--config",
            "read settings, aliases and settings by model from this file",
            Kind.TEXT,
            value="FILE",
            default="~/.config/mlxk/mlxk.toml, where there is one",
        ),
        Option("--print-config", "show the settings in force and where each comes from, and serve nothing"),
        Option("--daemon", "start in the background; return when it is ready, or has failed"),
    ),
    details=(
        "--adapter, --draft-model, --draft-ngram, --draft-tokens, --kv-bits, --kv-group-size, --max-kv-size and "
        "--cpu say how the model given by --model is loaded; other models are loaded the plain way.",
        "An address that others can reach needs API keys, or --no-auth. Every program on this machine can see the "
        "value of --api-key: --api-key-file, or MLXK_API_KEY, keeps it private.",
        "Ctrl-C or SIGTERM finishes the running answers and stops. A flag beats the environment, which beats the "
        "configuration file (docs/server-handbook.md). A server in the background is shown by `mlxk status` and ended "
        "by `mlxk stop`; `mlxk logs` shows what it has logged.",
    ),
    examples=(
        "mlxk serve",
        "mlxk serve --model demo --port 9000",
        "mlxk serve --daemon",
        "mlxk serve --host 0.0.0.0 --api-key-file keys",
    ),
)
