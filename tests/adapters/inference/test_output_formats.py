"""How a model marks thoughts, and which tokens end its answers: read from template and vocabulary."""

from __future__ import annotations

from pathlib import Path

import pytest

from domain.inference import ReasoningMarks, ToolMarks
from tests.support.codec_kit import (
    CHATML,
    CHATML_TOKENS,
    HARMONY,
    HARMONY_MODEL,
    HARMONY_TOKENS,
    THINKER_MODEL,
    ToyModel,
)

PHI = (
    "{% for m in messages %}<|{{ m.role }}|>\n{{ m.content }}<|end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>\n{% endif %}"
)
GLM = (
    "{% for m in messages %}<|{{ m.role }}|>\n{{ m.content }}{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>\n{% endif %}"
)


@pytest.mark.parametrize(
    ("template", "tokens", "marks"),
    [
        (CHATML, ["<think>", "</think>"], ("<think>", "</think>")),
        ("{{ m.split('</think>')[-1] }}<think>\n", [], ("<think>", "</think>")),
        (CHATML, ["<longcat_think>", "</longcat_think>"], ("<longcat_think>", "</longcat_think>")),
        (CHATML, ["<|think:start|>", "<|think:end|>"], ("<|think:start|>", "<|think:end|>")),
        ("[THINK]{{ m }}[/THINK]", ["[THINK]", "[/THINK]"], ("[THINK]", "[/THINK]")),
        ("<seed:think>{{ m }}</seed:think>", ["<seed:think>", "</seed:think>"], ("<seed:think>", "</seed:think>")),
        (CHATML, ["<|channel>", "<channel|>"], ("<|channel>thought", "<channel|>")),
        (
            CHATML,
            ["<|open|>", "<|close|>", "<|sep|>", "<|end_of_msg|>"],
            ("<|open|>think<|sep|>", "<|close|>think<|sep|>"),
        ),
        # The template's own marks count before those that the vocabulary also has.
        ("[THINK]{{ m }}[/THINK]", ["<think>", "</think>", "[THINK]", "[/THINK]"], ("[THINK]", "[/THINK]")),
    ],
)
def test_thoughts_are_marked_as_template_and_vocabulary_say(
    template: str, tokens: list[str], marks: tuple[str, str], tmp_path: Path
) -> None:
    assert ToyModel(template, tokens).codec(tmp_path).output_format.reasoning == ReasoningMarks(*marks)


@pytest.mark.parametrize("template", [CHATML, None, "{{ broken"])
def test_a_model_without_marks_has_none(template: str | None, tmp_path: Path) -> None:
    found = ToyModel(template, CHATML_TOKENS).codec(tmp_path).output_format
    assert (found.reasoning, found.tools, found.channels) == (None, None, False)


def test_half_a_pair_of_marks_is_none(tmp_path: Path) -> None:
    assert ToyModel(CHATML, ["<think>"]).codec(tmp_path).output_format.reasoning is None


def test_channels_say_it_all(tmp_path: Path) -> None:
    found = HARMONY_MODEL.codec(tmp_path).output_format
    assert found.channels
    assert (found.reasoning, found.tools) == (None, None)
    assert found.can_call_tools
    assert found.can_reason


def test_thoughts_and_calls_are_read_together(tmp_path: Path) -> None:
    found = THINKER_MODEL.codec(tmp_path).output_format
    assert found.reasoning == ReasoningMarks("<think>", "</think>")
    assert found.tools == ToolMarks("<tool_call>", "</tool_call>", json=True)


def stops_of(model: ToyModel, folder: Path) -> set[str]:
    codec = model.codec(folder)
    return {codec.token_bytes(token).decode() for token in codec.stop_tokens}


@pytest.mark.parametrize(
    ("model", "stops"),
    [
        (ToyModel(PHI, ["<|endoftext|>"], eos="<|endoftext|>"), {"<|endoftext|>", "<|end|>"}),
        (ToyModel(CHATML, [*CHATML_TOKENS, "</s>"], eos="</s>"), {"</s>", "<|im_end|>"}),
        (ToyModel(CHATML, ["<|eot_id|>", "<end_of_turn>"], eos="<|eot_id|>"), {"<|eot_id|>", "<end_of_turn>"}),
        (ToyModel(GLM, ["<|endoftext|>"], eos="<|endoftext|>"), {"<|endoftext|>", "<|user|>"}),
        (ToyModel(HARMONY, HARMONY_TOKENS, eos="<|return|>"), {"<|return|>", "<|call|>"}),
        (
            ToyModel(HARMONY, [*HARMONY_TOKENS, "<|endoftext|>"], eos="<|end|>"),
            {"<|return|>", "<|call|>", "<|endoftext|>"},
        ),
        # A word of the template that is several tokens ends nothing.
        (ToyModel(CHATML, ["<|other|>"], eos="<|other|>"), {"<|other|>"}),
        # What the template means by <|end|> is not known here.
        (ToyModel("{{ raise_exception('no') }}", ["</s>"], eos="</s>"), {"</s>"}),
        (ToyModel(None, ["</s>"], eos="</s>"), {"</s>"}),
    ],
)
def test_answers_end_with_the_terminators_of_the_template(model: ToyModel, stops: set[str], tmp_path: Path) -> None:
    assert stops_of(model, tmp_path) == stops


def test_every_id_that_the_files_name_ends_an_answer(tmp_path: Path) -> None:
    model = ToyModel(CHATML, ["<|im_end|>"], eos="<|im_end|>", config={"eos_token_id": [3, 4]})
    assert {3, 4} < model.codec(tmp_path).stop_tokens
