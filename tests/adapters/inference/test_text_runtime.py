"""A model folder becomes an engine and a codec, or a clear refusal."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable
from pathlib import Path

import mlx.core as mx
import pytest
from tokenizers import Tokenizer

from adapters.inference.conversation_prompt import as_paragraphs
from adapters.inference.stop_ids import named_ids
from adapters.inference.text_runtime import MlxTextRuntime
from domain.catalog import LocatedModel, ModelSource
from domain.errors import GenerationFailed, InvalidRequest, ModelLoadFailed
from domain.inference import GenerationRequest, Message, Role, Sampling
from domain.serving.load_options import LoadOptions
from ports.text_engine import EngineRow
from ports.text_runtime import LoadedText
from tests.support.tiny_llama import TinyLlama

GREEDY = Sampling(0.0, 1.0, 0)


def located(folder: Path) -> LocatedModel:
    return LocatedModel("org/tiny", folder, ModelSource.WORKSPACE)


@pytest.fixture
def build(tmp_path: Path) -> Callable[..., Path]:
    return lambda **sizes: TinyLlama(**sizes).build(tmp_path / "tiny")


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], LoadedText]:
    """Loads without a network: a connection is a failure."""

    def no_network(*_: object) -> None:
        raise AssertionError("loading must not open a connection")

    monkeypatch.setattr(socket.socket, "connect", no_network)
    return lambda folder: MlxTextRuntime().load(located(folder), LoadOptions())


def edit(path: Path, **values: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def said(loaded: LoadedText, prompt: tuple[int, ...], max_tokens: int = 30) -> list[int]:
    loaded.engine.admit(EngineRow(1, prompt, max_tokens, GREEDY))
    tokens: list[int] = []
    while loaded.engine.active_rows:
        tokens += [step.token for step in loaded.engine.step() if step.token is not None]
    return tokens


def test_a_loaded_model_tells_its_facts_and_answers(
    build: Callable[..., Path], load: Callable[[Path], LoadedText]
) -> None:
    loaded = load(build(context_length=333, generation_config={"temperature": 0.1}))
    assert (loaded.facts.name, loaded.facts.process_id) == ("org/tiny", os.getpid())
    assert loaded.facts.context_length == loaded.codec.context_length == 333
    assert loaded.facts.memory_bytes > 50_000
    assert loaded.codec.generation_config == {"temperature": 0.1}
    assert len(said(loaded, loaded.codec.encode(GenerationRequest((Message(Role.USER, "hello"),))).tokens)) == 30


def test_every_stop_token_that_the_files_name_stops(
    build: Callable[..., Path], load: Callable[[Path], LoadedText]
) -> None:
    folder = build(generation_config={})
    prompt = (257, 72, 258)
    words = said(load(folder), prompt)
    early, middle, late = list(dict.fromkeys(words))[3:12:4]
    edit(
        folder / "tokenizer_config.json",
        eos_token=Tokenizer.from_file(str(folder / "tokenizer.json")).id_to_token(late),
    )
    edit(folder / "config.json", eos_token_id=None)
    assert said(load(folder), prompt) == words[: words.index(late) + 1]
    edit(folder / "config.json", eos_token_id=[256, middle])
    assert said(load(folder), prompt) == words[: words.index(middle) + 1]
    edit(folder / "generation_config.json", eos_token_id=256)
    assert said(load(folder), prompt) == words[: words.index(middle) + 1]
    edit(folder / "generation_config.json", eos_token_id=early)
    assert said(load(folder), prompt) == words[: words.index(early) + 1]


def test_stop_tokens_may_be_a_number_a_list_or_nonsense() -> None:
    assert named_ids({"eos_token_id": 3}) == {3}
    assert named_ids({"eos_token_id": [4, 5]}) == {4, 5}
    for nonsense in ({}, {"eos_token_id": None}, {"eos_token_id": ["</s>", True, 2.0]}, {"eos_token_id": "7"}):
        assert named_ids(nonsense) == frozenset()


def test_a_model_without_a_template_reads_paragraphs(
    build: Callable[..., Path], load: Callable[[Path], LoadedText]
) -> None:
    codec = load(build(chat_template=None)).codec
    messages = [
        Message(Role.SYSTEM, "Be brief."),
        Message(Role.USER, "Hi"),
        Message(Role.ASSISTANT, "Yo"),
        Message(Role.USER, "Bye"),
    ]
    words = "Be brief.\n\nUser: Hi\n\nAssistant: Yo\n\nUser: Bye\n\nAssistant:"
    assert as_paragraphs(messages) == words
    decoder = codec.decoder()
    assert "".join(decoder.add(token) for token in codec.encode(GenerationRequest(tuple(messages))).tokens) == words


def test_half_a_character_in_a_message_is_an_invalid_request(
    build: Callable[..., Path], load: Callable[[Path], LoadedText]
) -> None:
    codec = load(build()).codec
    with pytest.raises(InvalidRequest, match=r"message 1 holds half a character .* position 3"):
        codec.encode(GenerationRequest((Message(Role.SYSTEM, "fine"), Message(Role.USER, "abc\ud83e"))))


def test_a_template_may_not_reach_into_python(build: Callable[..., Path], load: Callable[[Path], LoadedText]) -> None:
    codec = load(build(chat_template="{{ messages.__class__.__mro__[1].__subclasses__() }}")).codec
    with pytest.raises(GenerationFailed, match="template is broken"):
        codec.encode(GenerationRequest((Message(Role.USER, "hello"),)))


def break_nothing_but(what: str) -> Callable[[Path], None]:
    def break_it(folder: Path) -> None:
        if what == "config missing":
            (folder / "config.json").unlink()
        elif what == "config is no JSON":
            (folder / "config.json").write_text("{")
        elif what == "weights missing":
            (folder / "model.safetensors").unlink()
        elif what == "weights cut off":
            data = (folder / "model.safetensors").read_bytes()
            (folder / "model.safetensors").write_bytes(data[: len(data) // 2])
        elif what == "tokenizer missing":
            (folder / "tokenizer.json").unlink()
            (folder / "tokenizer_config.json").unlink()
        elif what == "unknown model type":
            edit(folder / "config.json", model_type="no_such_model")
        elif what == "wrong shapes":
            edit(folder / "config.json", hidden_size=64)
        elif what == "code of its own":
            edit(folder / "config.json", model_file="evil.py")
            (folder / "evil.py").write_text("open('ran', 'w')")
        elif what == "tokenizer code of its own":
            edit(
                folder / "tokenizer_config.json",
                auto_map={"AutoTokenizer": ["evil.Evil", None]},
                tokenizer_class="Evil",
            )
            (folder / "evil.py").write_text("open('ran', 'w')")

    return break_it


@pytest.mark.parametrize(
    "what",
    [
        "config missing",
        "config is no JSON",
        "weights missing",
        "weights cut off",
        "tokenizer missing",
        "unknown model type",
        "wrong shapes",
        "code of its own",
        "tokenizer code of its own",
    ],
)
def test_a_broken_model_is_refused_by_its_name_in_one_line(
    what: str,
    build: Callable[..., Path],
    load: Callable[[Path], LoadedText],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder = build()
    break_nothing_but(what)(folder)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelLoadFailed, match=r"cannot load org/tiny: \S") as refusal:
        load(folder)
    assert "\n" not in refusal.value.message
    assert refusal.value.hint
    assert not list(tmp_path.rglob("ran"))


def test_pickled_weights_are_not_even_opened(build: Callable[..., Path], load: Callable[[Path], LoadedText]) -> None:
    folder = build()
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(ModelLoadFailed, match="safetensors"):
        load(folder)


@pytest.mark.parametrize("name", ["a[b]c", "star*", "what?"])
def test_a_folder_may_have_any_name(
    build: Callable[..., Path], load: Callable[[Path], LoadedText], tmp_path: Path, name: str
) -> None:
    plain = said(load(build()), (257, 72, 258))
    folder = build().rename(tmp_path / name)
    assert said(load(folder), (257, 72, 258)) == plain


def test_closing_frees_the_models_memory(build: Callable[..., Path], load: Callable[[Path], LoadedText]) -> None:
    before = mx.get_active_memory()
    loaded = load(build(hidden=128))
    assert mx.get_active_memory() > before + 500_000
    loaded.engine.close()
    assert mx.get_active_memory() < before + 100_000
