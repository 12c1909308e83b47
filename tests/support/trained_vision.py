"""The trained vision model: drawings that it reads right, a server that has it, and how it is asked."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
import threading
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import openai
import pillow_heif
from PIL import Image

from domain.inference.picture_kinds import picture_format
from scripts.train_vision.pictures import Scene, draw

ROOT = Path(__file__).resolve().parents[2]
MLXK = (sys.executable, str(ROOT / "mlxk/__main__.py"))
FOLDER = ROOT / "tests/assets/vision"
PATIENCE_SECONDS = 120
_NUMBERS = {"a": 1, "one": 1, "two": 2, "three": 3}
_SEED = 1  # the drawings that tests ask about by hand are read right with this one


def drawing(words: str, kind: str = "PNG", exif: Image.Exif | None = None) -> bytes:
    """The file of a drawing of `a red circle` or `two blue squares`; the same at every call."""
    image = drawn_scene(words)
    if kind == "HEIF":
        pillow_heif.register_heif_opener()
    out = BytesIO()
    image.save(out, kind, quality=95, **({} if exif is None else {"exif": exif}))
    return out.getvalue()


def drawn_scene(words: str) -> Image.Image:
    number, colour, shape = words.split()
    scene = Scene(colour, shape.removesuffix("s"), _NUMBERS[number])
    return draw(scene, random.Random(_SEED))  # noqa: S311 - it must repeat


def user(*parts: bytes | str) -> dict[str, Any]:
    """A turn: text and pictures in this order."""
    return {"role": "user", "content": [_part(each) for each in parts]}


def said(text: str) -> dict[str, Any]:
    return {"role": "assistant", "content": text}


def _part(part: bytes | str) -> dict[str, Any]:
    if isinstance(part, str):
        return {"type": "text", "text": part}
    return {"type": "image_url", "image_url": {"url": data_url(part)}}


def data_url(data: bytes, kind: str | None = None) -> str:
    """kind: what the URL calls it; None is what it is."""
    return f"data:image/{kind or picture_format(data) or 'png'};base64,{b64encode(data).decode('ascii')}"


@dataclass(frozen=True, slots=True)
class Asker:
    """The official client, asking greedily and without tables unless told otherwise."""

    client: openai.OpenAI

    def ask(self, *messages: dict[str, Any], model: str = "vision", **fields: Any) -> Any:
        extra = {"mlxk": {"image_table": False}, **fields.pop("extra_body", {})}
        turns: Any = list(messages)
        usual = {"max_tokens": 60, "temperature": 0}
        return self.client.chat.completions.create(model=model, messages=turns, extra_body=extra, **{**usual, **fields})

    def text(self, *messages: dict[str, Any], **fields: Any) -> str:
        """What is answered, whole."""
        return str(self.ask(*messages, **fields).choices[0].message.content)

    def pieces(self, *messages: dict[str, Any], **fields: Any) -> list[str]:
        """What is answered, as it comes."""
        chunks = self.ask(*messages, stream=True, **fields)
        return [chunk.choices[0].delta.content for chunk in chunks if chunk.choices and chunk.choices[0].delta.content]

    def explained(self, *messages: dict[str, Any], model: str = "vision") -> dict[str, Any]:
        """What is remembered of the prompt."""
        body = {"model": model, "messages": list(messages)}
        told: Any = self.client.post("/cache/explain", body=body, cast_to=object)
        return dict(told)


@dataclass(frozen=True, slots=True)
class House:
    """A home with the model in it. temporary: where its processes put temporary files."""

    home: Path
    environ: dict[str, str]

    @property
    def temporary(self) -> Path:
        return Path(self.environ["TMPDIR"])

    def run(self, *words: str, stdin: str = "", **environ: str) -> subprocess.CompletedProcess[str]:
        """`mlxk run vision` in the home, greedily."""
        return subprocess.run(
            [*MLXK, "run", "vision", "--temperature=0", *words],
            cwd=self.home, env={**self.environ, **environ}, input=stdin,
            capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False,
        )  # fmt: skip

    @contextmanager
    def serving(self, model: str = "vision", *options: str) -> Iterator[Asker]:
        """A server that has the model."""
        process = subprocess.Popen(
            [*MLXK, "serve", "--model", model, "--port", "0", "--json", *options],
            cwd=self.home, env=self.environ, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        watchdog = threading.Timer(2 * PATIENCE_SECONDS, process.kill)
        watchdog.start()
        with process:
            try:
                url = _announced(process)
                with openai.OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0) as client:
                    yield Asker(client)
            finally:
                process.terminate()
                process.wait(PATIENCE_SECONDS)
                watchdog.cancel()


def house(home: Path, **environ: str) -> House:
    """environ: settings beside those of the place."""
    shutil.copytree(FOLDER, home / "models/vision")
    (home / "temporary").mkdir()
    place = {"HOME": str(home), "PATH": "/usr/bin:/bin", "MLXK_WORKSPACE_HOME": str(home / "models")}
    return House(home, {**place, "TMPDIR": str(home / "temporary"), **environ})


def _announced(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    announced = ""
    for line in process.stdout:
        announced += line
        if line.startswith("}"):
            break
    return str(json.loads(announced)["data"]["url"])
