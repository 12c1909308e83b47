"""How a model wants its texts, and what it makes a vector of: by its own files, else by what its family is known for.

The files are those that sentence-transformers writes. Names and wordings are those of the model cards.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from domain.errors import UnsupportedParameter


class Pooling(StrEnum):
    """What becomes of the vectors of a text's tokens."""

    CLS = "cls"
    MAX = "max"
    MEAN = "mean"
    MEAN_SQRT = "mean_sqrt_len_tokens"
    WEIGHTED_MEAN = "weightedmean"
    LAST = "lasttoken"


# In the order in which several are put together.
POOLING_KEYS = {
    "pooling_mode_cls_token": Pooling.CLS,
    "pooling_mode_max_tokens": Pooling.MAX,
    "pooling_mode_mean_tokens": Pooling.MEAN,
    "pooling_mode_mean_sqrt_len_tokens": Pooling.MEAN_SQRT,
    "pooling_mode_weightedmean_tokens": Pooling.WEIGHTED_MEAN,
    "pooling_mode_lasttoken": Pooling.LAST,
}
TASK = "Given a web search query, retrieve relevant passages that answer the query"
RETRIEVAL = "Represent this sentence for searching relevant passages: "
CHINESE_RETRIEVAL = "为这个句子生成表示以用于检索相关文章："  # noqa: RUF001 - the model card's own comma
TASK_PLACE = "{task}"
INSTRUCTED = f"Instruct: {TASK_PLACE}\nQuery:"


@dataclass(frozen=True, slots=True)
class Prompts:
    """What goes before a question and before what is searched in. instructed: before a question with a task, which
    stands for TASK_PLACE; None where the model knows no tasks.
    """

    query: str = ""
    document: str = ""
    instructed: str | None = None

    def before(self, *, asks: bool, document: bool, instruct: str | None) -> str:
        """Raises UnsupportedParameter for a task that the model would not understand."""
        if instruct is not None:
            if self.instructed is None:
                raise UnsupportedParameter(
                    "this model was not made to be told a task", hint="leave instruct out", param="instruct"
                )
            return self.instructed.replace(TASK_PLACE, instruct)
        return self.query if asks else self.document if document else ""


@dataclass(frozen=True, slots=True)
class Lengths:
    """Which lengths a vector may be shortened to. full: as it is made. allowed: the others, in order; any: all below
    `full`. usual: what it is shortened to unasked, None for not at all.
    """

    full: int
    allowed: tuple[int, ...] = ()
    any: bool = False
    usual: int | None = None

    def check(self, dimensions: int | None) -> None:
        """Raises UnsupportedParameter, with the lengths that would do."""
        if dimensions is None or dimensions == self.full or dimensions in self.allowed:
            return
        if self.any and dimensions < self.full:
            return
        some = sorted({*self.allowed, self.full})
        words = f"from 1 to {self.full}" if self.any else " or ".join(map(str, some))
        raise UnsupportedParameter(
            f"dimensions {dimensions} is none that this model's vectors can have: {words}",
            hint="leave dimensions out for all of them",
            param="dimensions",
        )


def pooling_of(config: Mapping[str, object]) -> tuple[Pooling, ...]:
    """By a pooling layer's config.json, in the form of old and of new versions. Raises ValueError for what is unknown,
    or says nothing.
    """
    named = config.get("pooling_mode")
    if named is not None:
        values = [named] if isinstance(named, str) else named
        if not isinstance(values, Sequence) or not values:
            raise ValueError(f"pooling_mode {named!r} is no name of a pooling")
        return tuple(Pooling(str(each)) for each in values)
    found = tuple(pooling for key, pooling in POOLING_KEYS.items() if config.get(key) is True)
    if not found:
        raise ValueError("its pooling layer says nothing of how it pools")
    return found


def known_pooling(name: str, *, decoder: bool) -> Pooling:
    """Of a model whose files do not say. name: as it is called."""
    if decoder:
        return Pooling.LAST
    return Pooling.CLS if _any_in(name, "bge-", "mxbai", "gte-modernbert", "arctic-embed") else Pooling.MEAN


def known_prompts(name: str, *, decoder: bool) -> Prompts:
    """Of a model whose files do not say."""
    low = name.lower()
    if "e5" in low and "instruct" in low:
        spaced = f"Instruct: {TASK_PLACE}\nQuery: "
        return Prompts(spaced.replace(TASK_PLACE, TASK), "", spaced)
    if decoder:
        return Prompts(INSTRUCTED.replace(TASK_PLACE, TASK), "", INSTRUCTED)
    if "bge-m3" in low:
        return Prompts()
    if "bge-" in low:
        return Prompts(CHINESE_RETRIEVAL if "-zh" in low else RETRIEVAL)
    if "mxbai" in low:
        return Prompts(RETRIEVAL)
    if _any_in(low, "e5-", "-e5"):
        return Prompts("query: ", "passage: ")
    return Prompts()


def stated_prompts(prompts: Mapping[str, str]) -> Prompts:
    """By the names that sentence-transformers gives them. Raises nothing."""
    query = next((prompts[name] for name in ("query", "retrieval-query", "s2p_query") if name in prompts), "")
    document = next((prompts[name] for name in ("document", "passage", "corpus") if name in prompts), "")
    return Prompts(query, document, _with_a_place(query))


def _with_a_place(query: str) -> str | None:
    """The same prompt for any task, where the stated one names a task."""
    if query.startswith("Instruct:"):
        _, newline, rest = query.partition("\n")
        return f"Instruct: {TASK_PLACE}{newline}{rest}" if newline else None
    if query.startswith("task:"):
        _, bar, rest = query.partition("|")
        return f"task: {TASK_PLACE} {bar}{rest}" if bar else None
    return None


def _any_in(name: str, *words: str) -> bool:
    return any(word in name.lower() for word in words)
