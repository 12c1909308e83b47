"""What `mlxk serve` prints once it listens: where, and two ways to ask."""

from __future__ import annotations

import json
from collections.abc import Sequence

from domain.catalog.fitness import AUDIO, EMBEDDINGS, RERANK, SPEECH, TEXT_GENERATION

DEMO_MODEL = "demo"

_SERVES = "mlxk serves at {url}  (Ctrl-C stops it)\n\n"
_CURL = "  curl {url}{route} -H 'Content-Type: application/json' \\{header}\n    -d '{body}'\n\n"
_CLIENT = """\
  from openai import OpenAI
  client = OpenAI(base_url="{url}/v1", api_key="{key}")
"""
_CHAT = """\
  answer = client.chat.completions.create(
      model="{model}", messages=[{{"role": "user", "content": "Who are you?"}}])
  print(answer.choices[0].message.content)

"""
_EMBED = """\
  answer = client.embeddings.create(model="{model}", input=["Who are you?"])
  print(answer.data[0].embedding)

"""

_HEAR = "  curl {url}/v1/audio/transcriptions{header} -F model={model} -F file=@talk.wav\n\n"
_HEAR_EXAMPLE = """\
  with open("talk.wav", "rb") as sound:
      print(client.audio.transcriptions.create(model="{model}", file=sound).text)

"""

_SPEAK_EXAMPLE = """\
  client.audio.speech.create(model="{model}", voice="default", input="Who are you?").write_to_file("answer.mp3")

"""

_KEY_HEADER = """
    -H 'Authorization: Bearer YOUR_KEY' \\"""


def banner(url: str, model: str | None, *, keyed: bool = False, able: Sequence[str] = ()) -> str:
    """model: the one that is loaded; the built-in one otherwise. keyed: an API key is wanted. able: what the model is
    for, where that is known.
    """
    key, header = ("YOUR_KEY", _KEY_HEADER) if keyed else ("none", "")
    shown = model or DEMO_MODEL
    if AUDIO in able and TEXT_GENERATION not in able:
        header = " -H 'Authorization: Bearer YOUR_KEY'" if keyed else ""
        return (_SERVES + _HEAR + _CLIENT + _HEAR_EXAMPLE).format(url=url, model=shown, key=key, header=header)
    route, asked, example = _example(able)
    body = json.dumps({"model": shown, **asked})
    text = _SERVES + _CURL + (_CLIENT + example if example else "")
    return text.format(url=url, route=route, body=body, model=shown, key=key, header=header)


def _example(able: Sequence[str]) -> tuple[str, dict[str, object], str]:
    """Route, body and what the official client says, which has nothing for reranking."""
    if EMBEDDINGS in able:
        return "/v1/embeddings", {"input": ["Who are you?"]}, _EMBED
    if RERANK in able:
        return "/v1/rerank", {"query": "Who are you?", "documents": ["I am here.", "It is late."]}, ""
    if SPEECH in able:
        return "/v1/audio/speech", {"input": "Who are you?"}, _SPEAK_EXAMPLE
    return "/v1/chat/completions", {"messages": [{"role": "user", "content": "Who are you?"}]}, _CHAT
