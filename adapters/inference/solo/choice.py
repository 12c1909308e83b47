"""Which engine serves a model that was loaded with these options."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import mlx.core as mx
from mlx_lm.models.cache import make_prompt_cache
from mlx_lm.utils import load_tokenizer

from adapters.inference.engine.caches import unbatchable
from adapters.inference.engine.seats import row_bytes
from adapters.inference.network_loading import load_network
from adapters.inference.prefixes import Prefixes
from adapters.inference.solo.caches import (
    CacheMaker,
    require_cuttable,
    require_forgetful,
    require_quantisable,
)
from adapters.inference.solo.engine import BOUNDLESS, SoloEngine
from adapters.inference.solo.proposers import DraftModel, MakeProposer, NgramLookup, NoProposals
from adapters.inference.solo.row import SoloModel
from adapters.inference.vocabulary import vocabulary_size
from domain.catalog import LocatedModel
from domain.errors import InvalidRequest, MlxkError, ModelLoadFailed
from domain.serving.kv_room import KvRoom
from domain.serving.load_options import LoadOptions

MEASURED_TOKENS = 64
SAFE_TOKENIZER: Mapping[str, bool] = {"trust_remote_code": False, "local_files_only": True}


def why_alone(network: Any, options: LoadOptions) -> str | None:
    """Why this model, loaded like this, is served one row at a time; None when it can be batched."""
    reasons = []
    if options.speculates:
        reasons.append("speculative decoding")
    if options.kv_bits is not None:
        reasons.append("quantised KV cache")
    if options.max_kv_size is not None:
        reasons.append("bounded KV cache")
    if not reasons and (lacking := unbatchable(make_prompt_cache(network))):
        reasons.append(f"no batched {lacking}")
    return ", ".join(reasons) or None


class SoloLoader:
    """Makes the engine for one model. words: its vocabulary, token to id."""

    def __init__(self, model: LocatedModel, network: Any, words: Mapping[str, int]) -> None:
        self._model = model
        self._network = network
        self._words = words

    def engine(self, options: LoadOptions, stop_tokens: frozenset[int], alone: str, prefixes: Prefixes) -> SoloEngine:
        """Raises InvalidRequest for options that this model cannot honour, ModelLoadFailed for a broken draft."""
        name = self._model.name
        caches = CacheMaker(self._network, options.kv_bits, options.kv_group_size, options.max_kv_size)
        if options.kv_bits is not None:
            require_quantisable(name, caches)
        if options.max_kv_size is not None:
            require_forgetful(name, caches)
        if options.speculates:
            what = "--draft-ngram" if options.draft is None else "--draft-model"
            require_cuttable(name, make_prompt_cache(self._network), what)
        solo = SoloModel(
            self._network, stop_tokens, caches, alone, self._proposers(options), options.draft_tokens, prefixes
        )
        return SoloEngine(solo, self._room(caches, options.memory_bytes))

    def _room(self, maker: CacheMaker, memory_bytes: int | None) -> KvRoom:
        """What is left beside the weights. Measured on caches with a few tokens in them."""
        if memory_bytes is None:
            return BOUNDLESS
        caches = maker.make()
        mx.eval(self._network(mx.zeros((1, MEASURED_TOKENS), mx.int32), cache=caches))
        maker.settle(caches)
        row = row_bytes(caches)
        return KvRoom(max(0, memory_bytes - mx.get_active_memory()), row)

    def _proposers(self, options: LoadOptions) -> MakeProposer:
        if options.draft is not None:
            return self._drafts(options.draft)
        return partial(NgramLookup, options.draft_ngram) if options.draft_ngram else NoProposals

    def _drafts(self, draft: LocatedModel) -> MakeProposer:
        folder = Path(draft.path)
        try:
            network, _ = load_network(folder)
            words = load_tokenizer(folder, dict(SAFE_TOKENIZER)).get_vocab()
        except MlxkError:
            raise
        except Exception as fault:
            raise ModelLoadFailed(
                f"cannot load the draft model {draft.name}: {fault}", hint=f"see `mlxk health {draft.name}`"
            ) from fault
        if words != self._words:
            raise InvalidRequest(
                f"--draft-model {draft.name} has another tokenizer than {self._model.name}: "
                f"{_difference(words, self._words)}",
                hint="take a smaller model of the same family",
            )
        require_cuttable(draft.name, make_prompt_cache(network), "--draft-model")
        return partial(DraftModel, network, vocabulary_size(self._network), vocabulary_size(network))


def _difference(one: Mapping[str, int], other: Mapping[str, int]) -> str:
    if len(one) != len(other):
        return f"{len(one):,} tokens against {len(other):,}"
    word = next(word for word in sorted(one, key=one.__getitem__) if one[word] != other.get(word))
    return f"{word!r} is {one[word]} in one and {other.get(word, 'absent')} in the other"
