"""Real models that say what they are told to: a llama whose weights are a lookup from each token to the next.

`says(folder, "<think>so</think>The answer")` writes a model folder that answers any prompt with exactly that text. It
loads and decodes like every other model, so that the whole way, from the template to the client, can be tested word for
word.

How. Each piece of the text is a vocabulary entry of its own, which no prompt ever holds; hidden sizes are one-hot, the
output layer is the table of successors, and every other token is followed by the beginning. What a lookup of one token
cannot tell apart (a mark that comes twice, a piece that comes twice) heads tell by the token one, two, ... places
before; other heads see whether a word lies anywhere in the prompt, and choose the answer by it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tests.support.miniatures.families import MINIATURES, SIZES
from tests.support.miniatures.lookup import Lookup
from tests.support.miniatures.pieces import cut
from tests.support.miniatures.script import rules_for

BYTES = 256
# What prompts of the families end with: a line feed, a mark, "assistant", "Assistant:".
OPENINGS = ("\u010a", "t", ":", "<|assistant|>", "[/INST]", "[/TOOL_RESULTS]")


def says(
    folder: Path,
    answer: str | bytes,
    *,
    like: str = "qwen3",
    after: Mapping[str, str | bytes] | None = None,
    bytes_per_token: int = 3,
    context_length: int = 4096,
) -> Path:
    """A model that answers with `answer`, to the byte, whatever it is asked and however hot, and then says its stop
    token for ever. An answer may hold the family's marks; it may end with stop tokens of its own, several in a row too.

    like: the family (a name in MINIATURES) whose tokenizer, marks, template and stop tokens it has.
    after: other answers, for prompts that hold this word or mark anywhere; later entries win.
    bytes_per_token: of each piece at least; characters longer than that are split over tokens.
    Raises ValueError for text that it cannot learn.
    """
    family = MINIATURES[like]
    words = dict(after or {})
    cuts = cut((answer, *words.values()), family.special, family.stops[0], bytes_per_token)
    tokenizer = family.tokenizer(cuts.pieces, [word for word in words if word not in family.special])
    vocabulary = tokenizer.get_vocab()
    answers = [[vocabulary[token] for token in tokens] for tokens in cuts.answers]
    lookup = Lookup(
        len(vocabulary),
        [tokens[0] for tokens in answers],
        [vocabulary[word] for word in words],
        rules_for(answers, ordinary=range(BYTES)),
        [vocabulary[token] for token in OPENINGS if token in vocabulary],
    )
    config = {**SIZES, **lookup.config(), "max_position_embeddings": context_length}
    family.write(folder, tokenizer, config, lookup.weights())
    return folder
