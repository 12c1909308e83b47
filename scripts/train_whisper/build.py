"""From nothing to a folder with a Whisper that has been asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mlx.utils import tree_flatten
from mlx_audio.stt import load

from scripts.train_whisper.checkpoint import save
from scripts.train_whisper.model_card import ClipScore, model_card
from scripts.train_whisper.proof import Score, changed, changes, joined, known, margin, score, ways
from scripts.train_whisper.pupil import Numbers, grown
from scripts.train_whisper.recipe import FULL, TINY
from scripts.train_whisper.speech import sentences
from scripts.train_whisper.tokenizer import SpeechTokenizer
from scripts.train_whisper.training import Progress, train


@dataclass(frozen=True, slots=True)
class BuildResult:
    """The size of the model, how it wrote down the clips, and how it did after changes."""

    parameters: int
    clips: tuple[ClipScore, ...]
    changed: Mapping[str, Score]


def build(folder: Path, seed: int, tiny: bool, report: Progress) -> BuildResult:
    """Train with `seed`, write all files to `folder`, and score what was written."""
    recipe = TINY if tiny else FULL
    every = sentences()
    tokenizer = SpeechTokenizer([text for each in every for text in (each.text, each.translation)])
    pupil = train(recipe, every, tokenizer, seed, report)
    save(folder, recipe, grown(pupil, recipe, Numbers(tokenizer)), tokenizer)
    return proven(folder, seed, asked=not tiny)


def proven(folder: Path, seed: int, asked: bool) -> BuildResult:
    """Ask the files in `folder`, and write beside them what came out. A model that knows nothing is not asked: it may
    never come to an end.
    """
    model = load(folder)
    parameters = sum(array.size for _, array in tree_flatten(model.parameters()))
    every = known()
    clips = tuple(
        ClipScore(
            clip.name,
            clip.language,
            clip.text,
            {way: score(model, [question]).right == 1 for way, question in ways(clip).items()},
            margin(model, clip),
        )
        for clip in (every if asked else ())
    )
    told = {what: score(model, changed(every, what)) for what in (changes() if asked else ())}
    told |= {what: score(model, questions) for what, questions in (joined(every).items() if asked else ())}
    (folder / "README.md").write_text(model_card(parameters, seed, clips, told), encoding="utf-8")
    return BuildResult(parameters, clips, told)
