"""mlx-vlm and transformers, kept from running what lies in a model's folder, from writing there and from the hub."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import mlx.core as mx
import mlx_vlm.utils
import transformers
from transformers import dynamic_module_utils

# Many of mlx-vlm's processors ask these for a tokenizer with leave to run the model's own code.
ASKED = ("AutoConfig", "AutoTokenizer", "AutoImageProcessor", "AutoVideoProcessor", "AutoFeatureExtractor")
SAFE = {"trust_remote_code": False, "local_files_only": True}


@contextmanager
def sealed(tokenizer: Any = None) -> Iterator[None]:
    """For the time of a load. What has an equivalent in transformers is loaded from there; what has none is refused.
    tokenizer: the folder's, where it has been loaded already: nobody reads it again.
    """
    with ExitStack() as stack:
        for name in ASKED:
            asked = getattr(transformers, name)
            if "from_pretrained" not in vars(asked):
                continue  # it stands for one that is not installed
            stack.enter_context(replaced(asked, "from_pretrained", _careful(asked.from_pretrained)))
        if tokenizer is not None:
            given = staticmethod(lambda *_, **__: tokenizer)
            stack.enter_context(replaced(transformers.AutoTokenizer, "from_pretrained", given))
        stack.enter_context(replaced(dynamic_module_utils, "get_class_in_module", _refuse_code))
        # mlx-vlm's own rewrites the header of a file whose kind of numbers MLX does not know.
        stack.enter_context(replaced(mlx_vlm.utils, "_load_safetensors", _tensors))
        yield


@contextmanager
def replaced(owner: Any, name: str, value: object) -> Iterator[None]:
    before = vars(owner)[name]
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, before)


def _careful(load: Callable[..., Any]) -> staticmethod[..., Any]:
    def from_pretrained(*args: Any, **options: Any) -> Any:
        return load(*args, **{**options, **SAFE})

    return staticmethod(from_pretrained)


def _refuse_code(class_name: str, *_: object, **__: object) -> Any:
    raise ValueError(f"it wants to run its own code ({class_name}), which is never done")


def _tensors(path: str) -> Any:
    return mx.load(path, format="safetensors")
