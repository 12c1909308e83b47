"""Several answers to one request."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from domain.errors import InvalidRequest
from domain.inference.events import Usage
from domain.inference.request import GenerationRequest
from domain.inference.row_key import row_key

MAX_ANSWERS = 16  # to one prompt
MAX_CHOICES = 128  # in one request


def answers_to(request: GenerationRequest, count: int) -> tuple[GenerationRequest, ...]:
    """One request for each answer. The first is the request itself, so that it is what a single answer would have been;
    the others' seeds depend on the request's own and their place alone. Only the first tells how far the prompt is.

    Raises InvalidRequest for a number out of range.
    """
    if not 1 <= count <= MAX_ANSWERS:
        raise InvalidRequest(f"n must be from 1 to {MAX_ANSWERS}, got {str(count)[:24]}", param="n")
    return (request, *(_other(request, at) for at in range(1, count)))


def total_usage(usages: Sequence[Usage], answers: int) -> Usage:
    """Of all choices together, so many `answers` to each prompt, side by side. A prompt counts once, and of it as
    cached what the answer that found least of it found.
    """
    prompts = [usages[at : at + answers] for at in range(0, len(usages), answers)]
    return Usage(
        prompt_tokens=sum(each[0].prompt_tokens for each in prompts),
        completion_tokens=sum(each.completion_tokens for each in usages),
        reasoning_tokens=sum(each.reasoning_tokens for each in usages),
        cached_tokens=sum(min(usage.cached_tokens for usage in each) for each in prompts),
    )


def _other(request: GenerationRequest, at: int) -> GenerationRequest:
    seed = request.sampling.seed
    if seed is None:
        return replace(request, progress=False)
    return replace(request, progress=False, sampling=replace(request.sampling, seed=row_key(seed & (2**64 - 1), at)))
