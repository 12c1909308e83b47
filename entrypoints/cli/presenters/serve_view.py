"""What `mlxk serve` prints once it listens: where, and two ways to ask."""

from __future__ import annotations

DEMO_MODEL = "demo"

_BANNER = """\
mlxk serves at {url}  (Ctrl-C stops it)

  curl {url}/v1/chat/completions -H 'Content-Type: application/json' \\{header}
    -d '{{"model": "{model}", "messages": [{{"role": "user", "content": "Who are you?"}}]}}'

  from openai import OpenAI
  client = OpenAI(base_url="{url}/v1", api_key="{key}")
  answer = client.chat.completions.create(
      model="{model}", messages=[{{"role": "user", "content": "Who are you?"}}])
  print(answer.choices[0].message.content)

"""


_KEY_HEADER = """
    -H 'Authorization: Bearer YOUR_KEY' \\"""


def banner(url: str, model: str | None, *, keyed: bool = False) -> str:
    """model: the one that is loaded; the built-in one otherwise. keyed: an API key is wanted."""
    key, header = ("YOUR_KEY", _KEY_HEADER) if keyed else ("none", "")
    return _BANNER.format(url=url, model=model or DEMO_MODEL, key=key, header=header)
