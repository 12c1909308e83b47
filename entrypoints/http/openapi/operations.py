"""Every route of the API. A test holds the list to the routes that there are."""

from __future__ import annotations

from entrypoints.http.openapi.operation import FORM, Operation, answer, in_path, in_query, streamed, text
from entrypoints.http.openapi.sound_shapes import HEARD
from entrypoints.http.presenters.exposition import CONTENT_TYPE

MODEL = "mlxk/demo"
EARS = "org/ears"
SUBTITLED = "Lists have brackets behind their names, once for each. With srt and vtt the answer is a file."
EMBEDDER, RERANKER = "org/embedder", "org/reranker"
TURNS = [{"role": "user", "content": "What is the capital of France?"}]
CHALLENGE = {"type": "string", "pattern": "^[0-9a-f]{32,128}$"}
# What may become of a request that wants a model, and of one that wants an answer.
OF_MODELS = (404, 422, 501, 502, 507)
OF_ANSWERS = (*OF_MODELS, 504)
OF_VECTORS = (*OF_MODELS, 504)

SYSTEM = (
    Operation(
        "get", "/health", "health", "server", "Is the process alive?",
        {"200": answer("It is, whatever its models do.", "Health")}, open=True,
    ),
    Operation(
        "get", "/ready", "ready", "server", "Would a request be answered now?",
        {"200": answer("It would.", "Readiness"), "503": answer("Not now; `reason` says why.", "Readiness")},
    ),
    Operation(
        "get", "/metrics", "metrics", "server", "Figures for Prometheus",
        {"200": text("Prometheus' text format 0.0.4.", CONTENT_TYPE)},
    ),
    Operation(
        "get", "/openapi.json", "openapi", "server", "This document",
        {"200": answer("An OpenAPI 3.1 document.", {"type": "object"})},
    ),
    Operation(
        "get", "/v1/capabilities", "capabilities", "server", "What this server can do",
        {"200": answer("Versions, limits, features, and what becomes of every parameter.", "Capabilities")},
    ),
    Operation(
        "get", "/v1/mlxk/server", "introduction", "server", "For `mlxk run`: proof of identity, and the loaded models",
        {"200": answer("`proof` is null where the server proves nothing.", "Introduction")},
        parameters=(
            in_query("challenge", "32 to 128 hexadecimal digits.", CHALLENGE, required=True),
        ),
    ),
)  # fmt: skip

MODELS = (
    Operation(
        "get", "/v1/models", "listModels", "models", "The models that are sound, run here and that a route answers for",
        {"200": answer("Those that are loaded at the start come first.", "ModelList")},
    ),
    Operation(
        "get", "/v1/models/{model_id}", "oneModel", "models", "One model",
        {"200": answer("The model.", "Model")}, (404, 422, 501, 502),
        parameters=(in_path("model_id", "Any spelling that a request may use, slashes and all.", minLength=1),),
    ),
    Operation(
        "post", "/v1/models/load", "loadModel", "models", "Bring a model into memory",
        {"200": answer("It is loaded.", "Model")}, OF_MODELS, body="LoadRequest",
        examples={"pinned": {"model": MODEL, "pinned": True}},
    ),
    Operation(
        "post", "/v1/models/unload", "unloadModel", "models", "Send a model away",
        {"200": answer("Its memory is back.", "UnloadedModel")}, OF_MODELS, body="UnloadRequest",
        examples={"gently": {"model": MODEL}, "at once": {"model": MODEL, "force": True}},
    ),
)  # fmt: skip

ANSWERS = (
    Operation(
        "post", "/v1/chat/completions", "chat", "answers", "Answer a conversation",
        {"200": streamed("The answer, whole or streamed.", "ChatCompletion", "ChatCompletionChunk")},
        OF_ANSWERS, body="ChatRequest",
        examples={
            "whole": {"model": MODEL, "messages": TURNS, "max_tokens": 64},
            "streamed": {"model": MODEL, "messages": TURNS, "max_tokens": 64, "stream": True},
            "in a form": {
                "model": MODEL, "messages": TURNS, "max_tokens": 64, "response_format": {"type": "json_object"},
            },
        },
    ),
    Operation(
        "post", "/v1/completions", "complete", "answers", "Go on from a prompt as it is",
        {"200": streamed("What follows, whole or streamed.", "Completion", "CompletionChunk")},
        OF_ANSWERS, body="CompletionRequest",
        examples={
            "whole": {"model": MODEL, "prompt": "Once upon a time", "max_tokens": 16},
            "scored": {"model": MODEL, "prompt": "Paris is in France", "max_tokens": 0, "echo": True, "logprobs": 2},
        },
    ),
    Operation(
        "post", "/v1/cache/explain", "explainPrompt", "answers", "Where a prompt leaves what is remembered",
        {"200": answer("Nothing was generated.", "PromptExplanation")},
        (*OF_MODELS, 409), about="A model that is not loaded is a conflict: nothing is loaded for this.",
        body="ChatRequest", examples={"plain": {"model": MODEL, "messages": TURNS}},
    ),
)  # fmt: skip

VECTORS = (
    Operation(
        "post", "/v1/embeddings", "embed", "vectors", "Turn texts into vectors",
        {"200": answer("A vector for each text, in their order.", "EmbeddingList")}, OF_VECTORS,
        about="With `--embed-backend` the answer for a model that is not here is that server's own.",
        body="EmbeddingRequest",
        examples={
            "documents": {"model": EMBEDDER, "input": ["I sleep in a bed.", "On Monday."], "input_type": "document"},
            "a question": {"model": EMBEDDER, "input": "Where do I sleep?", "input_type": "query"},
        },
    ),
    Operation(
        "post", "/v1/rerank", "rerank", "vectors", "Put documents in order of how well they answer a question",
        {"200": answer("The best document first.", "Ranking")}, OF_VECTORS, body="RerankRequest",
        examples={
            "the best": {
                "model": RERANKER, "query": "Where do I sleep?", "documents": ["In a bed.", {"text": "On Monday."}],
                "top_n": 1, "return_documents": True,
            },
        },
    ),
)  # fmt: skip

SOUNDS = (
    Operation(
        "post", "/v1/audio/transcriptions", "transcribe", "sounds", "Write down what is said in a sound",
        {"200": HEARD}, OF_ANSWERS, about=SUBTITLED, body="TranscriptionRequest", media=FORM,
        examples={"words": {
            "file": "(the sound)", "model": EARS, "response_format": "verbose_json",
            "timestamp_granularities": ["word", "segment"],
        }},
    ),
    Operation(
        "post", "/v1/audio/translations", "translate", "sounds", "Write down in English what is said in a sound",
        {"200": HEARD}, OF_ANSWERS, about=f"{SUBTITLED} A model that does not translate is a 422.",
        body="TranslationRequest", media=FORM, examples={"plain": {"file": "(the sound)", "model": EARS}},
    ),
)  # fmt: skip

OPERATIONS = (*SYSTEM, *MODELS, *ANSWERS, *VECTORS, *SOUNDS)
