"""From an error to what the user sees: exit codes in one table, and the lines on standard error."""

from __future__ import annotations

from domain.errors import (
    AccessDenied,
    AmbiguousModel,
    BackendFailed,
    BackendTimeout,
    CannotTranslate,
    CapabilityMismatch,
    Conflict,
    ContextLengthExceeded,
    DeadlineMissed,
    DependencyMissing,
    DiskFull,
    DownloadFailed,
    DownloadRefused,
    EngineDied,
    GenerationFailed,
    InsufficientMemory,
    InternalError,
    Interrupted,
    InvalidMedia,
    InvalidRequest,
    KeyMissing,
    MlxkError,
    ModelLoadFailed,
    ModelNotFound,
    ModelNotRunnable,
    ModelSuspended,
    ModelUnhealthy,
    PayloadTooLarge,
    PortInUse,
    PushFailed,
    RepoNotFound,
    ServerBusy,
    ServerNotFound,
    ServerShutdown,
    TokenMissing,
    UnsupportedMultimodal,
    UnsupportedParameter,
    UploadFailed,
    UsageError,
    WorkspaceNotFound,
)

OK = 0
FAILED = 1
USAGE = 2
INTERRUPTED = 130  # 128 + SIGINT, as shells have it
READER_GONE = 141  # 128 + SIGPIPE

SHOWN_MATCHES = 20

# Every class of the tree by name: a new one without a line here fails a test.
EXIT_CODES: dict[type[MlxkError], int] = {
    UsageError: USAGE,
    InvalidMedia: FAILED,
    KeyMissing: FAILED,
    ModelSuspended: FAILED,
    InvalidRequest: FAILED,
    UnsupportedParameter: FAILED,
    ContextLengthExceeded: FAILED,
    CapabilityMismatch: FAILED,
    CannotTranslate: FAILED,
    PayloadTooLarge: FAILED,
    ModelNotFound: FAILED,
    AmbiguousModel: FAILED,
    AccessDenied: FAILED,
    Conflict: FAILED,
    DownloadFailed: FAILED,
    DownloadRefused: FAILED,
    DiskFull: FAILED,
    ModelUnhealthy: FAILED,
    ModelNotRunnable: FAILED,
    InsufficientMemory: FAILED,
    ModelLoadFailed: FAILED,
    GenerationFailed: FAILED,
    DeadlineMissed: FAILED,
    EngineDied: FAILED,
    BackendFailed: FAILED,
    BackendTimeout: FAILED,
    ServerBusy: FAILED,
    ServerShutdown: FAILED,
    PortInUse: FAILED,
    ServerNotFound: FAILED,
    WorkspaceNotFound: FAILED,
    RepoNotFound: FAILED,
    TokenMissing: FAILED,
    UnsupportedMultimodal: FAILED,
    DependencyMissing: FAILED,
    UploadFailed: FAILED,
    PushFailed: FAILED,
    Interrupted: INTERRUPTED,
    InternalError: FAILED,
}


def exit_code(error: MlxkError) -> int:
    """Of the nearest class in the table."""
    return next((EXIT_CODES[kind] for kind in type(error).__mro__ if kind in EXIT_CODES), FAILED)


def error_lines(command: str | None, error: MlxkError) -> list[str]:
    """`<command>: Error: <message>`, the candidates of an ambiguous name, and the way out."""
    if isinstance(error, Interrupted):
        return [f"[{error.message}]"]
    lines = [f"{command or 'mlxk'}: Error: {error.message}"]
    if not any(match in error.message for match in error.matches):
        lines += [f"  {match}" for match in error.matches[:SHOWN_MATCHES]]
        more = len(error.matches) - SHOWN_MATCHES
        lines += [f"  ... and {more} more"] if more > 0 else []
    if error.hint:
        lines.append(f"Hint: {error.hint}")
    return lines


def unexpected(fault: BaseException) -> InternalError:
    """A fault of our own as an error of the tree."""
    what = f"{type(fault).__name__}: {fault}" if str(fault) else type(fault).__name__
    return InternalError(f"unexpected {what}", hint="set MLXK2_DEBUG=1 to see where it happened")
