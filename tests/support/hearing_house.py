"""A real server with the trained Whisper of the tests, and its clips as a line would carry them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import miniaudio

from tests.support.trained_whisper import WHISPER, clip

MODEL = "whisper"
PATIENCE_SECONDS = 120.0


def samples(name: str, rate: int = 24_000) -> bytes:
    """Of a clip: 16-bit, one channel."""
    form = miniaudio.SampleFormat.SIGNED16
    return bytes(miniaudio.decode_file(str(clip(name).path), form, nchannels=1, sample_rate=rate).samples)


@contextmanager
def hearing_server(home: Path, patience_seconds: float = PATIENCE_SECONDS) -> Iterator[str]:
    """Its address; the model is called MODEL. patience_seconds: then it is killed."""
    shutil.copytree(WHISPER, home / "models" / MODEL)
    environ = {"HOME": str(home), "PATH": os.environ["PATH"], "MLXK_WORKSPACE_HOME": str(home / "models")}
    process = subprocess.Popen(
        [sys.executable, "-m", "mlxk", "serve", "--port", "0", "--json"],
        cwd=Path(__file__).resolve().parents[2], env=environ, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        text=True,
    )  # fmt: skip
    watchdog = threading.Timer(patience_seconds, process.kill)
    watchdog.start()
    with process:
        try:
            assert process.stdout is not None
            announced = ""
            for line in process.stdout:
                announced += line
                if line.startswith("}"):
                    break
            yield str(json.loads(announced)["data"]["url"])
        finally:
            process.terminate()
            process.wait(PATIENCE_SECONDS)
            watchdog.cancel()
