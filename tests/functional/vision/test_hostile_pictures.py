"""Files that are no pictures, broken ones, and those made to do harm: each is refused by name, and nothing stays."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO

import openai
import pytest
from PIL import Image

from tests.support.drawn import png_chunk, png_of
from tests.support.trained_vision import Asker, House, data_url, drawing, user

RED, PHOTO = drawing("a red circle"), drawing("a blue square", "JPEG")
QUESTION = "What colour is it?"
HALF_A_GIGABYTE = 500_000_000


@pytest.fixture(autouse=True)
def unharmed(home: House, model: Asker) -> Iterator[None]:
    """The next picture is answered, and no file was left."""
    before = set(home.temporary.rglob("*"))
    yield
    assert model.text(user(RED, QUESTION)) == "Red."
    assert set(home.temporary.rglob("*")) == before


@dataclass(frozen=True)
class Refusal:
    status: int
    kind: str
    code: str
    param: str
    words: str


def refusal(model: Asker, *parts: dict[str, object]) -> Refusal:
    with pytest.raises(openai.APIStatusError) as caught:
        model.ask({"role": "user", "content": [*parts, {"type": "text", "text": QUESTION}]})
    fault = caught.value
    body = fault.body
    assert isinstance(body, dict)
    return Refusal(fault.status_code, body["type"], body["code"], body["param"], body["message"])


def shown(url: str) -> dict[str, object]:
    return {"type": "image_url", "image_url": {"url": url}}


def endless_scans() -> bytes:
    out = BytesIO()
    Image.new("RGB", (64, 64), "red").save(out, "JPEG", progressive=True)
    whole = out.getvalue()
    scan = whole.rindex(b"\xff\xda")
    return whole[:scan] + whole[scan:-2] * 300 + whole[-2:]


def zipped_text() -> bytes:
    """A PNG with a text that unpacks to half a gigabyte."""
    packer = zlib.compressobj()
    packed = b"".join(packer.compress(bytes(10_000_000)) for _ in range(HALF_A_GIGABYTE // 10_000_000))
    return png_of(8, 8, bytes(200), png_chunk(b"zTXt", b"Comment\0\0" + packed + packer.flush()))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        pytest.param(b"", "holds no bytes", id="no bytes"),
        pytest.param(RED[:8], "is no picture, or a broken one", id="a beginning"),
        pytest.param(RED[: len(RED) // 2], "cannot be decoded", id="half a PNG"),
        pytest.param(PHOTO[: len(PHOTO) // 2], "cannot be decoded", id="half a JPEG"),
        pytest.param(RED[:60] + bytes(len(RED) - 60), "cannot be decoded", id="zeroes"),
        pytest.param(b"<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>", "is an SVG drawing", id="SVG"),
        pytest.param(b"<!DOCTYPE html><html></html>", "is an HTML page", id="HTML"),
        pytest.param(b"%PDF-1.7\n", "is a PDF document", id="PDF"),
        pytest.param(b"II*\x00" + bytes(100), "is a TIFF file", id="TIFF"),
        pytest.param(b"\x00\x00\x00\x1cftypavif" + bytes(100), "is an AVIF picture", id="AVIF"),
        pytest.param(b"plain words", "is no picture", id="words"),
        pytest.param(png_of(100_000, 100_000), "has more than 50,000,000 pixels", id="a bomb"),
        pytest.param(png_of(2**31 - 1, 2**31 - 1), "pixels", id="the largest header"),
        pytest.param(png_of(0, 10), "messages.0.content", id="no width"),
        pytest.param(png_of(16_000, 10, bytes(480_010)), "is too long and thin", id="a line"),
        pytest.param(zipped_text(), "cannot be decoded", id="a text bomb"),
        pytest.param(endless_scans(), "is a JPEG of more than 200 scans", id="endless scans"),
    ],
)
def test_what_is_no_sound_picture_is_refused_by_its_place(model: Asker, data: bytes, words: str) -> None:
    told = refusal(model, shown(data_url(data)))
    assert (told.status, told.kind, told.code) == (400, "validation_error", "invalid_media")
    assert told.param.startswith("messages.0.content")
    assert words in told.words


def test_the_bad_one_of_several_is_the_one_that_is_named(model: Asker) -> None:
    told = refusal(model, shown(data_url(RED)), shown(data_url(PHOTO[:-900])))
    assert "messages.0.content: picture 2 cannot be decoded" in told.words


@pytest.mark.parametrize("called", ["jpeg", "gif", "webp", "heic"])
def test_a_picture_by_another_kinds_name_is_seen_all_the_same(model: Asker, called: str) -> None:
    turn = {"role": "user", "content": [shown(data_url(RED, called)), {"type": "text", "text": QUESTION}]}
    assert model.text(turn) == "Red."


@pytest.mark.parametrize(
    "url",
    [
        "https://example.org/a.png",
        "file:///etc/passwd",
        "/etc/passwd",
        data_url(RED, "svg+xml"),
        data_url(RED).replace("image/", "text/"),
        data_url(RED)[:-3] + "!!!",
    ],
)
def test_what_is_no_picture_in_the_request_itself_is_refused_unopened(model: Asker, url: str) -> None:
    told = refusal(model, shown(url))
    assert told.status == 400
    assert told.param.startswith("messages.0.content.0")


def test_a_picture_larger_than_one_may_be_is_refused_by_its_place(model: Asker) -> None:
    told = refusal(model, shown(data_url(RED)), shown(data_url(RED + bytes(20_000_000))))
    assert (told.status, told.code, told.param) == (413, "payload_too_large", "messages.0.content.1")


def test_a_text_model_is_not_shown_new_pictures(model: Asker) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        model.ask(user(RED, QUESTION), model="demo")
    assert (caught.value.code, caught.value.param) == ("capability_mismatch", "messages.0.content")
