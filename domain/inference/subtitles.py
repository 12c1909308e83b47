"""What was heard, as subtitles (SubRip, WebVTT) and as a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from domain.inference.transcription import HeardWord, Segment

ARROW = "-->"
LONGEST_LINE = 42  # characters of words that make one cue, as subtitles are read
LONGEST_SECONDS = 7.0
PAUSE_SECONDS = 1.0  # after a longer one a new cue begins
TABLE_HEAD = ("| Start | End | Text |", "| ---: | ---: | --- |")


@dataclass(frozen=True, slots=True)
class Cue:
    """start, end: seconds. text: one line or several, none of them empty."""

    start: float
    end: float
    text: str


def cues(segments: Sequence[Segment], *, by_words: bool = False) -> tuple[Cue, ...]:
    """What is said, when. by_words: short cues that follow the words' own times, where the segments have some. No cue
    starts before the one in front of it, or ends before it starts; segments in which nothing is said make none.
    """
    found: list[Cue] = []
    latest = 0.0
    for start, end, text in _pieces(segments, by_words=by_words):
        shown = _lines(text)
        if not shown:
            continue
        latest = max(start, latest)
        found.append(Cue(latest, max(latest, end), shown))
    return tuple(found)


def srt(found: Sequence[Cue]) -> str:
    """SubRip: numbered from 1, with a comma before the milliseconds."""
    blocks = [
        f"{number}\n{_time(cue.start, ',')} {ARROW} {_time(cue.end, ',')}\n{cue.text.replace(ARROW, '->')}\n"
        for number, cue in enumerate(found, start=1)
    ]
    return "\n".join(blocks)


def vtt(found: Sequence[Cue]) -> str:
    """WebVTT: what would be taken for its marks is written as text."""
    blocks = [f"{_time(cue.start, '.')} {ARROW} {_time(cue.end, '.')}\n{_escaped(cue.text)}\n" for cue in found]
    return "\n".join(["WEBVTT\n", *blocks])


def segment_table(segments: Sequence[Segment]) -> str:
    """A row for each segment, as Markdown; "" without any."""
    if not segments:
        return ""
    rows = [f"| {_time(cue.start, '.')} | {_time(cue.end, '.')} | {_cell(cue.text)} |" for cue in cues(segments)]
    return "\n".join([*TABLE_HEAD, *rows]) + "\n"


def _pieces(segments: Sequence[Segment], *, by_words: bool) -> list[tuple[float, float, str]]:
    found: list[tuple[float, float, str]] = []
    for each in segments:
        if by_words and each.words:
            found += [
                (group[0].start, group[-1].end, "".join(word.text for word in group)) for group in _groups(each.words)
            ]
        else:
            found.append((each.start, each.end, each.text))
    return found


def _groups(words: Sequence[HeardWord]) -> list[list[HeardWord]]:
    """Words that are read together: few enough for a line, and without a pause between them."""
    groups: list[list[HeardWord]] = []
    for word in words:
        group = groups[-1] if groups else None
        fits = (
            group is not None
            and sum(len(each.text) for each in group) + len(word.text) <= LONGEST_LINE
            and word.end - group[0].start <= LONGEST_SECONDS
            and word.start - group[-1].end <= PAUSE_SECONDS
        )
        if group is not None and fits:
            group.append(word)
        else:
            groups.append([word])
    return groups


def _lines(text: str) -> str:
    """Without empty lines, which would end the cue."""
    return "\n".join(line.strip() for line in text.splitlines() if line.strip())


def _time(seconds: float, point: str) -> str:
    """Hours have two digits, or as many as they need."""
    milliseconds = max(0, round(seconds * 1000))
    minutes, rest = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{rest // 1000:02}{point}{rest % 1000:03}"


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _cell(text: str) -> str:
    return text.replace("\n", " ").replace("\\", "\\\\").replace("|", "\\|")
