"""Loads models that hear or speak. Importing this module is cheap; MLX comes with `load`."""

from __future__ import annotations

from pathlib import Path

from adapters.inference.text_runtime import MlxTextRuntime, load_failure
from domain.catalog import LocatedModel
from domain.errors import MlxkError, ModelLoadFailed
from domain.serving.load_options import LoadOptions, Task
from ports.sound_engine import LoadedSound


class MlxSoundRuntime:
    """SoundRuntime over mlx-audio's networks: safetensors and tokenizer files of a local folder; no code, no pickles,
    no hub.
    """

    def load(self, model: LocatedModel, options: LoadOptions) -> LoadedSound:
        if not (Path(model.path) / "config.json").is_file():
            raise ModelLoadFailed(f"cannot load {model.name}: there is no config.json in {model.path}")
        MlxTextRuntime().warm()
        if options.cpu:
            from adapters.inference.mlx_process import use_cpu

            use_cpu()
        try:
            if options.task is Task.SPEAK:
                from adapters.inference.speaking.loading import load_voice

                return load_voice(model, options)
            from adapters.inference.hearing.loading import load_ears

            return load_ears(model, options)
        except MlxkError:
            raise
        except Exception as fault:
            raise load_failure(model, fault) from fault
