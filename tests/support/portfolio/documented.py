"""The real models that live tests have been made for; any others of the same kinds do as well.

Sizes in GB of 10**9 bytes, rounded.
"""

from __future__ import annotations

from collections.abc import Mapping

TEST_MODELS: Mapping[str, float] = {
    "mlx-community/gpt-oss-20b-MXFP4-Q8": 12,
    "mlx-community/Llama-3.2-3B-Instruct-4bit": 4,
    "mlx-community/Qwen2.5-0.5B-Instruct-4bit": 1,
}
VISION_TEST_MODELS: Mapping[str, float] = {"mlx-community/pixtral-12b-4bit": 7}
AUDIO_TEST_MODELS: Mapping[str, float] = {"mlx-community/whisper-large-v3-turbo-4bit": 1.5}
