"""What a server has been given to work with: libraries, memory, and what its owner settled."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from domain.serving.load_options import PrefixCacheBudget
from domain.serving.memory_policy import DeviceMemory
from domain.serving.model_settings import ServingRules
from ports.memory import MemoryProbe


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """environment: versions of what is installed, and the machine; neither a name of its user nor a path. memory: None
    where the system does not tell. models_bytes: what all models together may take. prompt_cache: what prompts may be
    remembered in. ffmpeg: it is installed. aliases: how many its owner has given.
    """

    environment: Mapping[str, str]
    memory: DeviceMemory | None
    models_bytes: int
    prompt_cache: PrefixCacheBudget
    ffmpeg: bool
    aliases: int


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Who tells what. environment, ffmpeg: may look at the disk."""

    environment: Callable[[], Mapping[str, str]]
    memory: MemoryProbe
    ffmpeg: Callable[[], bool]


class DescribeServer:
    """Thread-safe if its surroundings are. What cannot change while the server runs is looked up once."""

    def __init__(
        self, around: Surroundings, models_bytes: int, prompt_cache: PrefixCacheBudget, rules: ServingRules
    ) -> None:
        self._around = around
        self._models_bytes = models_bytes
        self._prompt_cache = prompt_cache
        self._rules = rules
        self._environment: Mapping[str, str] | None = None

    def execute(self) -> ServerFacts:
        if self._environment is None:
            self._environment = self._around.environment()
        return ServerFacts(
            environment=self._environment,
            memory=self._around.memory.read(),
            models_bytes=self._models_bytes,
            prompt_cache=self._prompt_cache,
            ffmpeg=self._around.ffmpeg(),
            aliases=len(self._rules.aliases),
        )
