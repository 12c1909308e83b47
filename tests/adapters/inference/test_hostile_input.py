"""Whatever a request or a model's files hold: an answer or a typed error, and the worker goes on."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers

from domain.errors import ContextLengthExceeded, GenerationFailed, InvalidRequest, MlxkError
from domain.inference import (
    DefaultLength,
    Finished,
    FinishReason,
    GenerationRequest,
    Message,
    Role,
    SamplingRequest,
    TokenLimits,
)
from tests.support.miniatures import MINIATURES, says
from tests.support.worker_life import WorkerLife, end_of, text_of

Start = Callable[[Path], WorkerLife]
FAMILIES = ("llama", "qwen3", "gemma3_text", "mistral", "gpt_oss")
MARKS = sorted({mark for name in FAMILIES for mark in MINIATURES[name].special})

# Any text at all, lone surrogates and controls included, and pieces that a template or tokenizer may trip over.
TEXT = st.one_of(
    st.text(st.characters(exclude_categories=()), max_size=60),
    st.lists(
        st.sampled_from([*MARKS, "{{", "}}", "{% if %}", "\x00", "\u202e", "\ud800", "\U0001f600", "\u0301", "\r\n"]),
        max_size=8,
    ).map("".join),
    st.integers(1, 40_000).map(lambda count: "ab " * count),
)
MESSAGES = st.lists(st.builds(Message, st.sampled_from(Role), TEXT, reasoning=TEXT), min_size=1, max_size=4)


@pytest.fixture(scope="module")
def start() -> Iterator[Start]:
    """A worker for a folder, the same one each time."""
    made: dict[Path, WorkerLife] = {}

    def begin(folder: Path) -> WorkerLife:
        if folder not in made:
            made[folder] = WorkerLife(folder)
        return made[folder]

    yield begin
    for life in made.values():
        life.close()


@pytest.fixture(scope="module")
def scripted(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    made: dict[str, Path] = {}

    def folder(like: str) -> Path:
        if like not in made:
            made[like] = says(tmp_path_factory.mktemp("hostile") / like, "all is well", like=like)
        return made[like]

    return folder


def asking(
    *messages: Message, max_tokens: int | None = 16, seed: int = 1, stop: tuple[str, ...] = ()
) -> GenerationRequest:
    limits = TokenLimits(DefaultLength.FULL_CONTEXT, max_tokens)
    return GenerationRequest(messages, limits, SamplingRequest(temperature=0.0, seed=seed), stop)


def hello() -> GenerationRequest:
    return asking(Message(Role.USER, "hello"))


def check_well(life: WorkerLife) -> None:
    assert text_of(life.ask(hello())) == "all is well"


def fuzz(life: WorkerLife, messages: list[Message], stop: str) -> None:
    try:
        request = asking(*messages, stop=(stop,) if stop else ())
    except InvalidRequest as refusal:  # nothing but empty turns of the assistant
        assert refusal.message
        return
    events = life.ask(request)
    end = end_of(events)
    assert isinstance(end, Finished | InvalidRequest | ContextLengthExceeded), repr(end)
    if isinstance(end, MlxkError):
        assert end.message
        assert events == [end], "a refusal comes before any text"
    check_well(life)


@pytest.mark.parametrize("like", FAMILIES)
@settings(max_examples=12, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(messages=MESSAGES, stop=TEXT.map(lambda text: text[:4]))
def test_any_conversation_is_answered_or_refused(
    like: str, start: Start, scripted: Callable[[str], Path], messages: list[Message], stop: str
) -> None:
    fuzz(start(scripted(like)), messages, stop)


@pytest.mark.nightly
@pytest.mark.parametrize("like", FAMILIES)
@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(messages=MESSAGES, stop=TEXT.map(lambda text: text[:4]))
def test_very_many_conversations_are_answered_or_refused(
    like: str, start: Start, scripted: Callable[[str], Path], messages: list[Message], stop: str
) -> None:
    fuzz(start(scripted(like)), messages, stop)


HOSTILE_TEMPLATES = {
    "divides by zero": "{{ 1 / 0 }}",
    "asks what is not there": "{{ messages.nothing.at.all }}",
    "does not parse": "{% for message in %}",
    "refuses with a number": "{{ raise_exception(5) }}",
    "recurses for ever": "{% macro again() %}{{ again() }}{% endmacro %}{{ again() }}",
    "counts too far": "{% for at in range(10000000) %}x{% endfor %}",
    "writes far too much": "{% for at in range(200) %}{% for to in range(100) %}xxxxxxxx{% endfor %}{% endfor %}",
    "breaks out": "{{ messages.__class__.__mro__[1].__subclasses__() }}",
    "imports": "{% import 'os' as os %}{{ os }}",
    "writes nothing": "",
    "writes half a character": "{{ '\\ud800' }}",
    "calls a string": "{{ messages[0].content() }}",
}


@pytest.mark.parametrize("words", HOSTILE_TEMPLATES.values(), ids=HOSTILE_TEMPLATES)
def test_a_hostile_template_fails_its_requests_and_nothing_else(words: str, tmp_path: Path) -> None:
    folder = says(tmp_path / "model", "all is well", like="llama")
    file = folder / "chat_template.jinja"
    good = file.read_text(encoding="utf-8")
    trap = "{% if messages[0].content == 'trap' %}" + words + "{% else %}" + good + "{% endif %}"
    file.write_text(trap if "message in %" not in words else words, encoding="utf-8")
    life = WorkerLife(folder)
    try:
        end = end_of(life.ask(asking(Message(Role.USER, "trap"))))
        assert isinstance(end, InvalidRequest | ContextLengthExceeded | GenerationFailed), repr(end)
        if "message in %" not in words:
            check_well(life)
    finally:
        life.close()


def edit(file: Path, **values: object) -> None:
    config = json.loads(file.read_text(encoding="utf-8"))
    config.update(values)
    file.write_text(json.dumps({key: value for key, value in config.items() if value is not None}), encoding="utf-8")


def test_a_model_without_any_stop_token_talks_until_its_limit(tmp_path: Path) -> None:
    folder = says(tmp_path / "model", "all is well", like="llama")
    edit(folder / "config.json", eos_token_id=None)
    edit(folder / "generation_config.json", eos_token_id=None)
    edit(folder / "tokenizer_config.json", eos_token=None)
    life = WorkerLife(folder)
    events = life.ask(asking(Message(Role.USER, "hello"), max_tokens=6))
    life.close()
    end = end_of(events)
    assert isinstance(end, Finished)
    assert text_of(events).startswith("all is well")
    assert end.usage.completion_tokens <= 6


def test_an_empty_answer_is_an_answer(tmp_path: Path) -> None:
    life = WorkerLife(says(tmp_path / "model", ""))
    events = life.ask(hello())
    life.close()
    end = end_of(events)
    assert (text_of(events), events) == ("", [end])
    assert isinstance(end, Finished)
    assert (end.reason, end.usage.completion_tokens) == (FinishReason.STOP, 1)


def test_a_prompt_with_a_token_that_the_network_does_not_have_is_refused(tmp_path: Path) -> None:
    folder = MINIATURES["llama"].build(tmp_path / "model")
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.add_tokens([AddedToken(f"<extra {at}>") for at in range(40)])
    tokenizer.save(str(folder / "tokenizer.json"))
    life = WorkerLife(folder)
    end = end_of(life.ask(asking(Message(Role.USER, "see <extra 39>"))))
    after = end_of(life.ask(hello()))
    life.close()
    assert isinstance(end, MlxkError), "ids beyond the embedding read memory that is not theirs"
    assert isinstance(after, Finished)


def odd_tokenizers() -> dict[str, Tokenizer]:
    """Vocabularies of at most 261 entries, `<|end|>` among them, that are not byte-level."""
    letters = [chr(code) for code in range(33, 127)]
    pieces = {"<unk>": 0, "<|end|>": 1} | {f"<0x{byte:02X}>": 2 + byte for byte in range(256)}
    sentencepiece = Tokenizer(models.BPE(vocab=pieces, merges=[], byte_fallback=True, unk_token="<unk>", fuse_unk=True))
    sentencepiece.normalizer = normalizers.Sequence([normalizers.Prepend("\u2581"), normalizers.Replace(" ", "\u2581")])
    sentencepiece.decoder = decoders.Sequence(
        [decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    words = Tokenizer(models.WordLevel({"<unk>": 0, "<|end|>": 1, "hello": 2, "well": 3}, unk_token="<unk>"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    deaf = Tokenizer(models.BPE(vocab={text: at for at, text in enumerate(["<|end|>", *letters])}, merges=[]))
    return {"sentencepiece": sentencepiece, "words": words, "without unk": deaf}


@pytest.mark.parametrize("kind", odd_tokenizers())
@settings(max_examples=8, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(messages=st.lists(st.builds(Message, st.sampled_from(Role), TEXT), min_size=1, max_size=2))
def test_odd_tokenizers_answer_or_refuse(
    kind: str, start: Start, tmp_path_factory: pytest.TempPathFactory, messages: list[Message]
) -> None:
    folder = tmp_path_factory.getbasetemp() / f"odd {kind}"
    if not folder.exists():
        MINIATURES["llama"].build(folder)
        odd_tokenizers()[kind].save(str(folder / "tokenizer.json"))
        (folder / "chat_template.jinja").write_text("{% for each in messages %}{{ each.content }}{% endfor %}")
    life = start(folder)
    end = end_of(life.ask(asking(*messages)))
    assert isinstance(end, Finished | InvalidRequest | ContextLengthExceeded | GenerationFailed)
    assert isinstance(end_of(life.ask(hello())), Finished)
