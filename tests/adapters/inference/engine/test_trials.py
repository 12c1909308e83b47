"""What is tried of a model, and when."""

from __future__ import annotations

from typing import Any

from tests.support.engine_kit import PROMPTS, Network, row, run, tokens


class Lopsided(Network):
    """Says something else when it decodes several rows at once."""

    def __call__(self, inputs: Any, cache: Any) -> Any:
        logits = super().__call__(inputs, cache=cache)
        return logits[..., ::-1] if inputs.shape[0] > 1 else logits


def test_a_row_by_itself_gets_its_first_token_without_any_trial(make_engine: Any, network: Network) -> None:
    run(make_engine(learned=False), row(1, PROMPTS[0], 3))
    assert network.shapes[0] == (1, len(PROMPTS[0]))
    assert set(network.shapes[1:]) == {(1, 1)}


def test_what_was_learnt_is_not_tried_again(make_engine: Any, network: Network) -> None:
    engine = make_engine(learned=False)
    engine.learn()
    assert any(rows == 2 for rows, _ in network.shapes)
    network.shapes.clear()
    run(engine, row(1, (65,) * 200, 2), row(2, (66,) * 300, 2))
    assert sum(length for _, length in network.shapes) <= 200 + 300 + 2 * 2


def test_rows_decode_alone_where_a_batch_says_something_else(llama: Any, make_engine: Any) -> None:
    lopsided = Lopsided(llama)
    engine = make_engine(model=lopsided, learned=False)
    engine.admit(row(1, PROMPTS[0], 20))
    said = [*engine.step(), *engine.step()]
    engine.admit(row(2, PROMPTS[1], 20))
    lopsided.shapes.clear()
    while engine.active_rows:
        said += engine.step()
    assert {rows for rows, _ in lopsided.shapes} == {1}
    for number, prompt in ((1, PROMPTS[0]), (2, PROMPTS[1])):
        steps = [step for step in said if step.row_id == number]
        assert tokens(steps) == tokens(run(make_engine(), row(number, prompt, 20))[number])
        assert steps[-1].stats.alone == "this model says something else when it is decoded in a batch"
