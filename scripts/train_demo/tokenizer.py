"""The tokenizer of the demo model: byte-level BPE over our own text, ChatML around it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from scripts.train_demo.conversations import Message, Topic

CONTEXT_TOKENS: Final = 2048
PAD: Final = "<|pad|>"
START: Final = "<|im_start|>"
END: Final = "<|im_end|>"
CHAT_TEMPLATE: Final = (
    "{%- for message in messages -%}\n"
    "{{- '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' -}}\n"
    "{%- endfor -%}\n"
    "{%- if add_generation_prompt -%}\n"
    "{{- '<|im_start|>assistant\\n' -}}\n"
    "{%- endif -%}\n"
)


def _texts(topics: Iterable[Topic]) -> Iterator[str]:
    """What merges are learned from. Text beyond ASCII is left out, so that an emoji stays several tokens."""
    for topic in topics:
        texts = [topic.question, *topic.paraphrases, *topic.follow_ups, topic.answer]
        yield from (text for text in texts if text.isascii())
        yield "system\nuser\nassistant\n"


def train_tokenizer(topics: Sequence[Topic], vocabulary_size: int) -> PreTrainedTokenizerFast:
    """A tokenizer of at most `vocabulary_size` tokens that takes any UTF-8 text (the 256 bytes are all in it)."""
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary_size,
        special_tokens=[PAD, START, END],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    bpe.train_from_iterator(_texts(topics), trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=bpe,
        eos_token=END,
        pad_token=PAD,
        chat_template=CHAT_TEMPLATE,
        clean_up_tokenization_spaces=False,
        model_max_length=CONTEXT_TOKENS,
    )


def encode_chat(tokenizer: PreTrainedTokenizerFast, messages: Sequence[Message]) -> tuple[list[int], list[bool]]:
    """Token ids of a finished chat, and for each whether the model must learn to produce it.

    Only what the assistant says, its end mark included, is learned. The ids are those of the chat template.
    """
    ids: list[int] = []
    learned: list[bool] = []
    for message in messages:
        head = tokenizer.encode(f"{START}{message['role']}\n", add_special_tokens=False)
        body = tokenizer.encode(f"{message['content']}{END}", add_special_tokens=False)
        tail = tokenizer.encode("\n", add_special_tokens=False)
        ids += head + body + tail
        learned += [False] * len(head) + [message["role"] == "assistant"] * len(body) + [False] * len(tail)
    return ids, learned


def last_answer(learned: Sequence[bool]) -> slice:
    """Where the last learned run of tokens lies."""
    stop = len(learned) - learned[::-1].index(True)
    start = stop - 1
    while learned[start - 1]:
        start -= 1
    return slice(start, stop)
