"""Whether a vision model keeps to what the engine relies on: decided by trying, once, at load."""

from __future__ import annotations

from collections.abc import Sequence
from inspect import signature
from typing import TYPE_CHECKING, Any

import mlx.core as mx

from adapters.inference.engine.features import unsupported
from adapters.inference.engine.probe import alike

if TYPE_CHECKING:
    from adapters.inference.engine.vision import VisionNetwork

READ, THEN = 5, 2
# Words of a language model that wants more of a prompt than can be given token by token.
_FOREIGN = ("cross_attention_states", "decoder_inputs_embeds", "pos_hw")
_MEMORIES = ("_rope_deltas", "_position_ids")


class _Untouchable:
    """In the place of what a model may remember of its last prompt: whoever uses it fails."""

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"{name} of what another prompt has left behind")


def tried(network: VisionNetwork) -> VisionNetwork:
    """The network, fit for use. Raises UnsupportedMultimodal."""
    kind = network.kind
    if not callable(getattr(network.model, "get_input_embeddings", None)):
        raise unsupported(kind, "it has no way to embed a prompt by itself")
    wanted = signature(type(network.speaker).__call__).parameters
    foreign = [name for name in _FOREIGN if name in wanted]
    if foreign:
        raise unsupported(kind, f"its language model wants {', '.join(foreign)}")
    try:
        truth = _by_itself(network)
    except Exception as broken:
        raise unsupported(kind, f"it does not read plain text ({type(broken).__name__}: {broken})") from broken
    first: str | None = None
    for axes in _choices(network):
        fault = _fault(network, truth, axes)
        if fault is None:
            return network
        first = first or fault
    raise unsupported(kind, str(first))


def _choices(network: VisionNetwork) -> Sequence[int]:
    """How positions may be given, likeliest first."""
    return (network.axes, 1) if network.axes else (0,)


def _fault(network: VisionNetwork, truth: mx.array, axes: int) -> str | None:
    """What is wrong with positions of so many numbers; the network is left with them."""
    network.axes = axes
    left_behind = {name: getattr(network.speaker, name) for name in _MEMORIES if hasattr(network.speaker, name)}
    try:
        for name in left_behind:
            setattr(network.speaker, name, _Untouchable())
        found = _ours(network)
    except Exception as fault:  # noqa: BLE001 - what is asked here is whether it works
        return f"it cannot be told the positions of its tokens ({type(fault).__name__}: {fault})"
    finally:
        for name in left_behind:
            setattr(network.speaker, name, None)
    return None if alike(found, truth) else "told the positions of its tokens it says something else"


def _tokens(network: VisionNetwork) -> mx.array:
    vocabulary = (
        int(network.model.config.text_config.vocab_size) if hasattr(network.model.config, "text_config") else 32
    )
    return mx.array([[(3 * at + 1) % vocabulary for at in range(1, READ + THEN + 1)]])


def _by_itself(network: VisionNetwork) -> mx.array:
    """[1, THEN, vocabulary]: what the model says with its own bookkeeping, as its library calls it."""
    tokens, caches = _tokens(network), network.make_cache()
    read = tokens[:, :READ]
    made = network.model.get_input_embeddings(read, None, mask=mx.ones(read.shape, dtype=mx.int32))
    given = {name: value for name, value in made.to_dict().items() if value is not None}
    mx.eval(network.speaker(read, cache=caches, **given).logits)
    steps = [network.speaker(tokens[:, at : at + 1], cache=caches).logits for at in range(READ, READ + THEN)]
    found = mx.concatenate(steps, axis=1)
    mx.eval(found)
    return found


def _ours(network: VisionNetwork) -> mx.array:
    """The same, read as plain tokens with positions that are told."""
    tokens, caches = _tokens(network), network.make_cache()
    network(tokens[:, :READ], cache=caches)
    steps = [network(tokens[:, at : at + 1], cache=caches) for at in range(READ, READ + THEN)]
    found = mx.concatenate(steps, axis=1)
    mx.eval(found)
    return found
