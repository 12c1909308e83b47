"""How models want their texts and what they make vectors of, by their files and by their families."""

from __future__ import annotations

import pytest

from domain.errors import UnsupportedParameter
from domain.inference.vector_habits import (
    CHINESE_RETRIEVAL,
    RETRIEVAL,
    TASK,
    Lengths,
    Pooling,
    Prompts,
    known_pooling,
    known_prompts,
    pooling_of,
    stated_prompts,
)

QWEN_QUERY = f"Instruct: {TASK}\nQuery:"


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False}, (Pooling.CLS,)),
        ({"pooling_mode_mean_tokens": True}, (Pooling.MEAN,)),
        ({"pooling_mode_lasttoken": True, "include_prompt": True}, (Pooling.LAST,)),
        ({"pooling_mode_weightedmean_tokens": True}, (Pooling.WEIGHTED_MEAN,)),
        ({"pooling_mode_mean_tokens": True, "pooling_mode_max_tokens": True}, (Pooling.MAX, Pooling.MEAN)),
        ({"pooling_mode": "lasttoken"}, (Pooling.LAST,)),
        ({"pooling_mode": ["mean", "cls"]}, (Pooling.MEAN, Pooling.CLS)),
    ],
)
def test_a_pooling_layer_s_config_says_how_it_pools(config: dict[str, object], expected: tuple[Pooling, ...]) -> None:
    assert pooling_of(config) == expected


@pytest.mark.parametrize(
    "config", [{}, {"pooling_mode_cls_token": False}, {"pooling_mode": "best"}, {"pooling_mode": 7}]
)
def test_a_config_that_says_nothing_or_nonsense_is_no_mean(config: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"(?i)pool"):
        pooling_of(config)


@pytest.mark.parametrize(
    ("name", "decoder", "pooling", "query", "document"),
    [
        ("BAAI/bge-small-en-v1.5", False, Pooling.CLS, RETRIEVAL, ""),
        ("BAAI/bge-large-zh-v1.5", False, Pooling.CLS, CHINESE_RETRIEVAL, ""),
        ("BAAI/bge-m3", False, Pooling.CLS, "", ""),
        ("mixedbread-ai/mxbai-embed-large-v1", False, Pooling.CLS, RETRIEVAL, ""),
        ("intfloat/multilingual-e5-base", False, Pooling.MEAN, "query: ", "passage: "),
        ("intfloat/multilingual-e5-large-instruct", False, Pooling.MEAN, f"Instruct: {TASK}\nQuery: ", ""),
        ("sentence-transformers/all-MiniLM-L6-v2", False, Pooling.MEAN, "", ""),
        ("Qwen/Qwen3-Embedding-0.6B", True, Pooling.LAST, QWEN_QUERY, ""),
    ],
)
def test_families_are_known_by_their_names(
    name: str, decoder: bool, pooling: Pooling, query: str, document: str
) -> None:
    prompts = known_prompts(name, decoder=decoder)
    assert known_pooling(name, decoder=decoder) is pooling
    assert prompts.before(asks=True, document=False, instruct=None) == query
    assert prompts.before(asks=False, document=True, instruct=None) == document
    assert prompts.before(asks=False, document=False, instruct=None) == ""


def test_a_task_stands_where_the_model_s_own_one_stood() -> None:
    own = stated_prompts({"query": "Instruct: Find it\nQuery:", "document": ""})
    assert own.before(asks=True, document=False, instruct=None) == "Instruct: Find it\nQuery:"
    assert own.before(asks=True, document=False, instruct="Sort") == "Instruct: Sort\nQuery:"
    gemma = stated_prompts({"query": "task: search result | query: ", "document": "title: none | text: "})
    assert gemma.before(asks=True, document=False, instruct="code retrieval") == "task: code retrieval | query: "
    assert gemma.before(asks=False, document=True, instruct=None) == "title: none | text: "


def test_a_model_that_knows_no_tasks_is_told_none() -> None:
    with pytest.raises(UnsupportedParameter, match="not made to be told") as caught:
        Prompts("query: ").before(asks=True, document=False, instruct="Sort")
    assert caught.value.param == "instruct"


def test_vectors_are_shortened_to_what_the_model_was_made_for_and_to_nothing_else() -> None:
    fixed, nested, free = Lengths(64), Lengths(64, (16, 32)), Lengths(64, any=True)
    for lengths, wanted in ((fixed, 64), (nested, 16), (nested, 64), (free, 5), (fixed, None)):
        lengths.check(wanted)
    for lengths, wanted, words in ((fixed, 32, ": 64"), (nested, 33, "16 or 32 or 64"), (free, 65, "from 1 to 64")):
        with pytest.raises(UnsupportedParameter, match=words) as caught:
            lengths.check(wanted)
        assert caught.value.param == "dimensions"


def test_a_prompt_s_task_ends_at_its_first_line_or_bar() -> None:
    lines = stated_prompts({"query": "Instruct: Find\nQuery:\nmore"})
    assert lines.before(asks=True, document=False, instruct="Sort") == "Instruct: Sort\nQuery:\nmore"
    bars = stated_prompts({"query": "task: search | query: a | b"})
    assert bars.before(asks=True, document=False, instruct="code") == "task: code | query: a | b"


@pytest.mark.parametrize("query", ["Instruct: one line only", "task: no bar", "query: ", ""])
def test_a_prompt_without_a_place_for_a_task_takes_none(query: str) -> None:
    assert stated_prompts({"query": query}).instructed is None


@pytest.mark.parametrize("name", ["query", "retrieval-query", "s2p_query"])
def test_a_prompt_for_questions_has_one_of_three_names(name: str) -> None:
    assert stated_prompts({name: "Q: ", "other": "x"}) == Prompts("Q: ", "")


@pytest.mark.parametrize("name", ["document", "passage", "corpus"])
def test_a_prompt_for_documents_has_one_of_three_names(name: str) -> None:
    assert stated_prompts({name: "D: ", "other": "x"}) == Prompts("", "D: ")


@pytest.mark.parametrize(
    ("name", "pooling"),
    [
        ("Alibaba-NLP/gte-modernbert-base", Pooling.CLS),
        ("Snowflake/snowflake-arctic-embed-m", Pooling.CLS),
        ("thenlper/gte-base", Pooling.MEAN),
    ],
)
def test_more_families_pool_their_first_token(name: str, pooling: Pooling) -> None:
    assert known_pooling(name, decoder=False) is pooling


@pytest.mark.parametrize("name", ["intfloat/e5-base", "my-E5", "multilingual-e5-small"])
def test_e5_wants_to_know_which_is_which(name: str) -> None:
    assert known_prompts(name, decoder=False) == Prompts("query: ", "passage: ")


@pytest.mark.parametrize(
    ("name", "decoder", "query"),
    [
        ("intfloat/multilingual-e5-large-instruct", False, "Instruct: Sort\nQuery: "),
        ("intfloat/e5-mistral-7b-instruct", True, "Instruct: Sort\nQuery: "),
        ("Qwen/Qwen3-Embedding-0.6B", True, "Instruct: Sort\nQuery:"),
    ],
)
def test_families_that_know_tasks_are_told_them(name: str, decoder: bool, query: str) -> None:
    assert known_prompts(name, decoder=decoder).before(asks=True, document=False, instruct="Sort") == query


def test_a_refusal_says_what_to_leave_out() -> None:
    with pytest.raises(UnsupportedParameter) as told:
        Prompts("query: ").before(asks=True, document=False, instruct="Sort")
    assert (told.value.message, told.value.hint) == ("this model was not made to be told a task", "leave instruct out")
    with pytest.raises(UnsupportedParameter) as cut:
        Lengths(64, any=True).check(65)
    assert cut.value.hint == "leave dimensions out for all of them"
