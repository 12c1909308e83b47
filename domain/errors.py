"""Every error a user can meet, as one tree.

MlxkError
├── UsageError                 the command line is wrong
├── InvalidRequest             a value is wrong
│   ├── UnsupportedParameter   a parameter we know and cannot honour
│   ├── ContextLengthExceeded  prompt and answer do not fit the model's context
│   ├── InvalidMedia           a picture or sound that cannot be read
│   └── CapabilityMismatch     the model cannot do what was asked of it
│       └── CannotTranslate    it hears, but it writes no other language than the one it hears
├── PayloadTooLarge            a body or file is over its limit
├── ModelNotFound
│   ├── WorkspaceNotFound      there is no workspace in this folder
│   └── RepoNotFound           the hub has no such repository
├── AmbiguousModel             several models match; carries them
├── AccessDenied               a hub, a file or a key says no
│   ├── TokenMissing           the hub must know who is asking
│   └── KeyMissing             the server must know who is asking
├── Conflict                   something else holds or already is what was asked for
├── DownloadFailed             the hub, the network or what arrived is at fault; what is here is kept
│   ├── DownloadRefused        what the hub sends cannot be taken: unsafe names, wrong checksums, nonsense
│   └── DiskFull               there is no room for what was asked for
├── ModelUnhealthy             files are missing or broken
├── ModelNotRunnable           files are sound, but it does not run here
│   └── UnsupportedMultimodal  nobody has checked this operation for models with these senses
├── InsufficientMemory
├── DependencyMissing          a library that this needs is not installed
├── UploadFailed               the hub did not take what was sent
├── PushFailed                 a push could not be prepared or finished
├── ModelLoadFailed            the engine could not load the model
├── ModelSuspended             its worker died too often; it is tried again after a pause
├── GenerationFailed           the engine failed one request
│   └── DeadlineMissed         it was not done by the time that its client gave it
├── EngineDied                 the engine process ended under a request
├── BackendFailed              a server that we ask on behalf of a client cannot be reached, or breaks off
│   └── BackendTimeout         it takes too long
├── ServerBusy                 all places are taken
├── ServerShutdown             the server is stopping
├── PortInUse
├── ServerNotFound             no server of this user runs, or none on that port
├── Interrupted                the user pressed Ctrl-C
└── InternalError              a fault of mlxk's own

`type` is the name on the wire (the JSON envelope and the HTTP body), `code` the finer name that OpenAI's
clients read. Exit codes and HTTP statuses belong to the entrypoints, each in one table over this tree.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar


class MlxkError(Exception):
    """Base of the tree.

    message: one sentence that names the input. hint: the way out, or None. param: the request field at fault.
    matches: candidates, for ambiguous names. detail: further JSON-ready facts.
    """

    type: ClassVar[str]
    code: ClassVar[str]
    retryable: ClassVar[bool] = False

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        param: str | None = None,
        matches: Sequence[str] = (),
        detail: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.param = param
        self.matches = tuple(matches)
        self.detail = dict(detail or {})


class UsageError(MlxkError):
    type = code = "CommandError"


class InvalidRequest(MlxkError):
    type = code = "validation_error"


class UnsupportedParameter(InvalidRequest):
    code = "unsupported_parameter"


class ContextLengthExceeded(InvalidRequest):
    code = "context_length_exceeded"


class CapabilityMismatch(InvalidRequest):
    code = "capability_mismatch"


class CannotTranslate(CapabilityMismatch):
    code = "cannot_translate"


class InvalidMedia(InvalidRequest):
    code = "invalid_media"


class PayloadTooLarge(MlxkError):
    type = code = "payload_too_large"


class ModelNotFound(MlxkError):
    type = code = "model_not_found"


class WorkspaceNotFound(ModelNotFound):
    type = code = "workspace_not_found"


class RepoNotFound(ModelNotFound):
    type = code = "repo_not_found"


class AmbiguousModel(MlxkError):
    type = code = "ambiguous_match"


class AccessDenied(MlxkError):
    type = code = "access_denied"


class TokenMissing(AccessDenied):
    type = code = "auth_error"


class KeyMissing(AccessDenied):
    """No API key came with the request, or none that this server knows."""

    type = code = "unauthorized"


class Conflict(MlxkError):
    type = code = "conflict"


class DownloadFailed(MlxkError):
    type = code = "download_failed"
    retryable = True


class DownloadRefused(DownloadFailed):
    code = "download_refused"
    retryable = False


class DiskFull(DownloadFailed):
    code = "disk_full"
    retryable = False


class ModelUnhealthy(MlxkError):
    type = code = "model_unhealthy"


class ModelNotRunnable(MlxkError):
    type = "not_implemented"
    code = "runtime_incompatible"


class UnsupportedMultimodal(ModelNotRunnable):
    type = code = "unsupported_multimodal"


class InsufficientMemory(MlxkError):
    type = code = "insufficient_memory"


class DependencyMissing(MlxkError):
    type = code = "dependency_missing"


class UploadFailed(MlxkError):
    type = code = "upload_failed"
    retryable = True


class PushFailed(MlxkError):
    type = code = "push_operation_failed"


class ModelLoadFailed(MlxkError):
    type = code = "model_load_failed"


class ModelSuspended(MlxkError):
    """detail: `retry_after_seconds`."""

    type = code = "model_suspended"
    retryable = True


class GenerationFailed(MlxkError):
    type = "internal_error"
    code = "generation_failed"


class DeadlineMissed(GenerationFailed):
    type = code = "deadline_missed"


class EngineDied(MlxkError):
    type = code = "engine_died"
    retryable = True


class BackendFailed(MlxkError):
    type = code = "bad_gateway"
    retryable = True


class BackendTimeout(BackendFailed):
    type = code = "gateway_timeout"


class ServerBusy(MlxkError):
    type = code = "server_busy"
    retryable = True


class ServerShutdown(MlxkError):
    type = code = "server_shutdown"
    retryable = True


class PortInUse(MlxkError):
    type = code = "port_in_use"


class ServerNotFound(MlxkError):
    type = code = "server_not_found"


class Interrupted(MlxkError):
    type = code = "interrupted"


class InternalError(MlxkError):
    type = code = "internal_error"


def leaves(root: type[MlxkError] = MlxkError) -> tuple[type[MlxkError], ...]:
    """Every error class that is raised: all classes below `root`, parents included where they are raised too."""
    below = tuple(leaf for child in root.__subclasses__() for leaf in (child, *leaves(child)))
    return tuple(dict.fromkeys(below))
