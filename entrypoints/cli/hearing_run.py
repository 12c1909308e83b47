"""`mlxk run --audio`: what a model that only hears does with it, and what one does that also talks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from domain.catalog.fitness import only_hears
from domain.errors import CannotTranslate, InvalidRequest, UnsupportedParameter
from domain.inference import GenerationRequest
from domain.inference.transcription import HearingTask, TranscriptionRequest
from domain.serving.load_wishes import PLAINLY, LoadWishes
from entrypoints.cli.run_arguments import Arguments
from entrypoints.cli.services import Context, Services
from entrypoints.cli.sounds import sound_named
from entrypoints.cli.talkers import LOCAL, Chosen, Talkers

if TYPE_CHECKING:
    from application.inference.answering import ChatAnswer, Prepared
    from application.inference.hear_as_chat import HearAsChat

OPTION = "--audio"
# What shapes the writing of an answer, and has no part in writing down what is said; a temperature has one.
OF_WRITING = (
    "max_tokens", "top_p", "top_k", "min_p", "repetition_penalty", "presence_penalty", "frequency_penalty",
    "logit_bias", "xtc_probability", "xtc_threshold", "seed", "chat_stops", "reasoning_effort", "think", "no_think",
    "template_kwargs",
)  # fmt: skip
DEFAULT_QUESTION = "Write down what is said."


def hearing_request(context: Context, arguments: Arguments, prompt: str | None) -> TranscriptionRequest | None:
    """What a model that only hears is asked; None for another model. prompt: what its sound goes on from.

    Raises what looking the model up raises, InvalidRequest, InvalidMedia, UnsupportedParameter, CannotTranslate,
    AccessDenied.
    """
    services = context.services()
    report = services.inspect_model().execute(services.resolve_model().execute(arguments.model))
    if not only_hears(report):
        _refuse_of_talkers(arguments, report.name)
        return None
    _refuse_of_listeners(arguments, report.name)
    task = HearingTask.TRANSLATE if arguments.translate else HearingTask.TRANSCRIBE
    services.transcribe().check(arguments.model, task)
    return TranscriptionRequest(
        sound=sound_named(arguments.audio[0], context.console, OPTION),
        task=task,
        language=arguments.language,
        prompt=prompt or None,
        temperature=arguments.temperature,
    )


class Listeners(Talkers):
    """Models that only hear are asked here, whoever serves: the file is named, not sent."""

    def __init__(self, services: Services, request: TranscriptionRequest) -> None:
        super().__init__(services, local=True)
        self._listener = _Listener(services.hear_as_chat(), request)

    def choose(self, spec: str, wishes: LoadWishes) -> Chosen:  # noqa: ARG002
        return Chosen(self._listener, LOCAL)


@contextmanager
def listeners_of(context: Context, request: TranscriptionRequest) -> Iterator[Listeners]:
    """And an end to this process's workers."""
    services = context.services()
    try:
        yield Listeners(services, request)
    finally:
        services.model_pool().close()


class _Listener:
    """Answering, with what is heard of one sound."""

    def __init__(self, hearing: HearAsChat, request: TranscriptionRequest) -> None:
        self._hearing = hearing
        self._request = request

    def execute(
        self,
        spec: str,
        request: GenerationRequest,  # noqa: ARG002
        *,
        streamed: bool = True,
        loading: LoadWishes = PLAINLY,
        given_up: Callable[[], bool] = lambda: False,
    ) -> ChatAnswer:
        return self._hearing.hear(spec, self._request, streamed=streamed, loading=loading, given_up=given_up)

    def prepare(self, spec: str, loading: LoadWishes = PLAINLY) -> Prepared:
        return self._hearing.prepare(spec, loading)


def _refuse_of_listeners(arguments: Arguments, model: str) -> None:
    if len(arguments.audio) > 1:
        raise InvalidRequest(
            f"{len(arguments.audio)} sounds, and `mlxk run` hears 1 at a time",
            hint="`mlxk transcribe` takes several",
            param=OPTION,
        )
    given = {
        "--image": bool(arguments.image),
        "--system": arguments.system is not None,
        "--logprobs": arguments.logprobs is not None,
        "--stop": bool(arguments.stop),
        "a form of the answer, or tools": arguments.structured,
        **{_flag(name): _is_given(getattr(arguments, name)) for name in OF_WRITING},
    }
    if asked := [name for name, is_given in given.items() if is_given]:
        raise UnsupportedParameter(
            f"{asked[0]}: {model} writes down what it hears and nothing else", hint="leave it out", param=asked[0]
        )


def _is_given(value: object) -> bool:
    """0 is."""
    return value is not None and value is not False and value != ()


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _refuse_of_talkers(arguments: Arguments, model: str) -> None:
    if arguments.translate:
        raise CannotTranslate(
            f"--translate is for models that only hear, and {model} talks", hint="ask for it in the question"
        )
    if arguments.language is not None:
        raise InvalidRequest(
            f"--language is for models that only hear, and {model} talks", hint="say it in the question",
            param="--language",
        )  # fmt: skip
