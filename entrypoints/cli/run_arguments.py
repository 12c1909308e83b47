"""What the command line of `mlxk run` says, and what it asks for."""

from __future__ import annotations

from dataclasses import dataclass

from domain.errors import UsageError
from domain.serving.load_wishes import LoadWishes


@dataclass(frozen=True, slots=True)
class Arguments:
    """As in the option table. words: the prompt's. None: not given."""

    model: str
    words: tuple[str, ...] = ()
    prompt: str | None = None
    system: str | None = None
    file: tuple[str, ...] = ()
    max_tokens: int | None = None
    no_stream: bool = False
    verbose: bool = False
    image: tuple[str, ...] = ()
    chunk: int | None = None
    no_table: bool = False
    audio: tuple[str, ...] = ()
    language: str | None = None
    translate: bool = False
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    min_p: float | None = None
    repetition_penalty: float | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    logit_bias: tuple[str, ...] = ()
    xtc_probability: float | None = None
    xtc_threshold: float | None = None
    seed: int | None = None
    stop: tuple[str, ...] = ()
    chat_stops: bool = False
    format: str | None = None
    schema: str | None = None
    regex: str | None = None
    grammar: str | None = None
    tools: str | None = None
    tool_choice: str | None = None
    reasoning_effort: str | None = None
    think: bool = False
    no_think: bool = False
    no_reasoning: bool = False
    no_chat_template: bool = False
    template_kwargs: str | None = None
    logprobs: int | None = None
    adapter: str | None = None
    draft_model: str | None = None
    draft_ngram: int | None = None
    draft_tokens: int | None = None
    kv_bits: int | None = None
    kv_group_size: int | None = None
    max_kv_size: int | None = None
    local: bool = False
    force: bool = False

    def check(self, *, json: bool) -> None:
        """Raises UsageError for options that contradict each other, or that nothing would come of."""
        forms = [flag for flag, value in self._forms if value is not None]
        if len(forms) > 1:
            raise UsageError(f"{forms[0]} and {forms[1]} exclude each other", hint="an answer has one form")
        if self.think and self.no_think:
            raise UsageError("--think and --no-think exclude each other", hint="give one of them")
        if self.think and self.reasoning_effort == "none":
            raise UsageError("--think and --reasoning-effort none exclude each other", hint="give one of them")
        for flag, given in (("--language", self.language is not None), ("--translate", self.translate)):
            if given and not self.audio:
                raise UsageError(f"{flag} needs --audio", hint="name the sound with --audio FILE")
        if self.tool_choice is not None and self.tools is None:
            raise UsageError("--tool-choice needs --tools", hint="name the functions with --tools PATH")
        if self.logprobs is not None and not json:
            raise UsageError("--logprobs is shown with --json only", hint="add --json")

    def wishes(self) -> LoadWishes:
        """How the model is to be loaded."""
        return LoadWishes(
            force=self.force,
            adapter=self.adapter,
            draft_model=self.draft_model,
            draft_ngram=self.draft_ngram,
            draft_tokens=self.draft_tokens,
            kv_bits=self.kv_bits,
            kv_group_size=self.kv_group_size,
            max_kv_size=self.max_kv_size,
        )

    @property
    def structured(self) -> bool:
        """The answer has a form, or may be calls."""
        return self.tools is not None or any(value is not None for _, value in self._forms)

    @property
    def _forms(self) -> tuple[tuple[str, str | None], ...]:
        return (
            ("--format", self.format),
            ("--schema", self.schema),
            ("--regex", self.regex),
            ("--grammar", self.grammar),
        )
