"""The sounds of a request, decoded, and what the model's processor makes of each by itself."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from adapters.inference.engine.splitting import is_of_sounds
from adapters.inference.pictures.reading import Place
from adapters.inference.sound.decoding import Samples, decoded
from adapters.inference.vision.processor import Processed, SeeingProcessor
from adapters.inference.vision.showing import placed
from domain.errors import CapabilityMismatch, DependencyMissing, InvalidMedia
from domain.inference import Attachment, AttachmentKind, GenerationRequest
from domain.inference.sound import SoundBytes

KEPT_BYTES = 96 * 2**20
LEAST_SECONDS = 0.1
MOST_SECONDS = 600.0  # of one sound, whatever its model takes: nothing longer is decoded to the end


@dataclass(frozen=True, slots=True, eq=False)
class Heard:
    """samples: at the model's rate. inputs: as the model gets them, by name. tokens: how many the sound has in a
    prompt.
    """

    samples: Samples
    inputs: Mapping[str, Any]
    tokens: int

    @property
    def size_bytes(self) -> int:
        return int(self.samples.nbytes) + sum(int(getattr(value, "nbytes", 64)) for value in self.inputs.values())


class SoundShelf:
    """Decodes sounds, and keeps those of the last requests: a conversation brings the same ones again and again. Each
    is made ready by itself, so that it is the same in every company. One thread. text: of a sound in a prompt.
    """

    def __init__(self, processor: SeeingProcessor, text: str, kept_bytes: int = KEPT_BYTES) -> None:
        self._processor = processor
        self._text = text
        self._kept_bytes = kept_bytes
        self._kept: OrderedDict[str, Heard] = OrderedDict()

    def sounds_of(self, request: GenerationRequest) -> tuple[Heard, ...]:
        """In the order of their places. Raises InvalidMedia, which names the place, for what is no sound or is broken,
        cut off, too short or longer than the model takes; DependencyMissing where ffmpeg is needed and not there.
        """
        heard: dict[str, Heard] = {}
        order: list[str] = []
        for place, each in placed(request):
            if each.kind is AttachmentKind.AUDIO:
                order.append(each.digest)
                if each.digest not in heard:
                    heard[each.digest] = self._kept.get(each.digest) or self._heard(each, place)
        self._keep(heard)
        return tuple(heard[digest] for digest in order)

    def _heard(self, each: Attachment, place: Place) -> Heard:
        samples = self._samples(each, place)
        try:
            made = self._processor.process(self._text, sounds=[samples], names=[each.digest])
        except ValueError as fault:
            raise InvalidMedia(
                f"{place} is nothing that the model's processor takes: {' '.join(str(fault).split())[:200]}",
                hint="send another sound",
                param=place.param,
            ) from fault
        tokens = made.tokens.count(self._processor.sound_token)
        return Heard(samples, sound_inputs(made), tokens)

    def _samples(self, each: Attachment, place: Place) -> Samples:
        rate, most = self._processor.rate, self._processor.longest_seconds
        try:
            found = decoded(SoundBytes(each.data, each.name), rate, most_seconds=MOST_SECONDS)
        except InvalidMedia as fault:
            raise InvalidMedia(f"{place}: {fault.message}", hint=fault.hint, param=place.param) from fault
        except DependencyMissing as fault:
            raise DependencyMissing(f"{place}: {fault.message}", hint=fault.hint, param=place.param) from fault
        if found.warnings:
            raise InvalidMedia(
                f"{place}: {found.warnings[0]}", hint="send the whole file, undamaged", param=place.param
            )
        seconds = len(found.samples) / rate
        if seconds < LEAST_SECONDS:
            raise InvalidMedia(
                f"{place} is too short: it has {seconds:.3f} s, and {LEAST_SECONDS:g} s are the least",
                hint="send a longer one",
                param=place.param,
            )
        if most is not None and seconds > most:
            raise InvalidMedia(
                f"{place} is too long: it has {seconds:.2f} s, and this model takes at most {most:g} s of one sound",
                hint="cut it into pieces; a speech-to-text model hears sounds of any length, `mlxk transcribe`",
                param=place.param,
            )
        return found.samples

    def _keep(self, heard: Mapping[str, Heard]) -> None:
        for digest, each in heard.items():
            self._kept[digest] = each
            self._kept.move_to_end(digest)
        while sum(each.size_bytes for each in self._kept.values()) > self._kept_bytes:
            self._kept.popitem(last=False)


def sound_inputs(made: Processed) -> dict[str, Any]:
    return {name: value for name, value in made.inputs.items() if is_of_sounds(name)}


def with_sounds_apart(made: Processed, heard: tuple[Heard, ...]) -> Mapping[str, Any]:
    """The inputs of a whole prompt, with what belongs to each sound as it is by itself."""
    if not heard:
        return made.inputs
    others = {name: value for name, value in made.inputs.items() if not is_of_sounds(name)}
    return {**others, **{name: [each.inputs[name] for each in heard] for name in heard[0].inputs}}


def no_sounds(why: str, place: Place) -> CapabilityMismatch:
    return CapabilityMismatch(
        f"{place}: this model takes no sound: {why}",
        hint="ask another model, `mlxk list --audio` shows those that hear",
        param=place.param,
    )
