"""What the demo model says about the server, the settings of a request, and where things live."""

from __future__ import annotations

from typing import Final

from scripts.train_demo.topic import Topic

OPENAI_EXAMPLE: Final = """Point the client at the server of mlxk:

```python
from openai import OpenAI

client = OpenAI(base_url="http://127.0.0.1:8000/v1", api_key="none")
answer = client.chat.completions.create(
    model="demo",
    messages=[{"role": "user", "content": "Who are you?"}],
)
print(answer.choices[0].message.content)
```"""

CURL_EXAMPLE: Final = """Start `mlxk serve`, then:

```bash
curl http://127.0.0.1:8000/v1/chat/completions \\
  -H 'Content-Type: application/json' \\
  -d '{"model": "demo", "messages": [{"role": "user", "content": "Hello"}]}'
```"""

SERVER_TOPICS: Final = (
    Topic(
        "How do I use the OpenAI client?",
        OPENAI_EXAMPLE,
        (
            "Show me a Python example.",
            "How do I use mlxk from Python?",
            "Does it work with the OpenAI client?",
            "How do I connect the openai library?",
            "Write Python code that asks the server.",
            "Give me a code example.",
            "How can I call the server with openai?",
            "Which base URL does the OpenAI client need?",
        ),
        ("How can I use the OpenAI client?", "please show me a python example"),
        ("And from Python?", "How do I use it with the OpenAI client?"),
    ),
    Topic(
        "How do I use curl?",
        CURL_EXAMPLE,
        (
            "Show me a curl example.",
            "How do I call the server with curl?",
            "Give me a curl command.",
            "How do I ask the server from the shell?",
            "How can I test the server with curl?",
        ),
        ("how can I use curl?", "Please show me a curl example."),
        ("And with curl?", "How do I do that with curl?"),
    ),
    Topic(
        "Which port does the server use?",
        "Port 8000 by default. Choose another with `mlxk serve --port 9000`.",
        (
            "What port?",
            "On which port does it listen?",
            "How do I change the port?",
            "What is the default port?",
            "Port 8000 is taken, what now?",
            "How can I use another port?",
        ),
        ("What port does the server use?", "how do I change the port of the server?"),
        ("And on which port?", "Which port is that?"),
    ),
    Topic(
        "How do I stop the server?",
        "Press Ctrl-C in its terminal, or send it SIGTERM. It shuts down cleanly.",
        (
            "Stop the server.",
            "How do I shut down the server?",
            "How do I quit the server?",
            "How can I end the server?",
            "How do I turn the server off?",
            "How do I kill the server?",
        ),
        ("How can I stop the server?", "how do i shut the server down"),
        ("And how do I stop it?", "How do I shut it down again?"),
    ),
    Topic(
        "Can other machines reach the server?",
        "Not by default: it listens on 127.0.0.1 only. `mlxk serve --host ADDRESS` changes that; do so with care.",
        (
            "Is the server open to the network?",
            "How do I change the host?",
            "Which address does the server listen on?",
            "Can I reach the server from another computer?",
            "Is the server secure?",
            "How do I open the server to my network?",
        ),
        ("can another machine reach the server?", "How can I change the host?"),
        ("And from another machine?",),
    ),
    Topic(
        "Which endpoints does the server have?",
        "GET /health, GET /ready, GET /v1/models and POST /v1/chat/completions are the main ones.",
        (
            "What endpoints are there?",
            "List the endpoints.",
            "What is the API of the server?",
            "Which routes does the server offer?",
            "How do I know that the server is ready?",
            "Is there a health endpoint?",
        ),
        ("What endpoints does the server have?", "please list the endpoints"),
        ("And which endpoints are there?",),
    ),
    Topic(
        "How do I set the temperature?",
        "Use `--temperature 0.7` with `mlxk run`, or the field `temperature` over HTTP. "
        "0 always takes the likeliest token.",
        (
            "What is the temperature?",
            "How do I change the temperature?",
            "How do I make answers less random?",
            "How do I get greedy answers?",
            "How can I lower the temperature?",
            "Which flag sets the temperature?",
        ),
        ("How can I set the temperature?", "how do I change the temperature of the answers?"),
        ("And the temperature?",),
    ),
    Topic(
        "How do I limit the length of an answer?",
        "Use `--max-tokens 100` with `mlxk run`, or the field `max_tokens` over HTTP.",
        (
            "How do I set max tokens?",
            "What is max_tokens?",
            "How do I get shorter answers?",
            "How can I limit the number of tokens?",
            "Which flag limits the answer?",
            "How do I make answers shorter?",
        ),
        ("How can I set max tokens?", "how do I limit the length of the answers?"),
        ("And the maximum length?", "And max tokens?"),
    ),
    Topic(
        "How do I set the seed?",
        "Use `--seed 42` with `mlxk run`, or the field `seed` over HTTP. The same seed gives the same answer again.",
        (
            "What is the seed?",
            "How do I make an answer reproducible?",
            "How do I get the same answer twice?",
            "How can I fix the seed?",
            "Which flag sets the seed?",
            "Are answers reproducible?",
        ),
        ("How can I set the seed?", "how do I get the same answer again?"),
        ("And the seed?",),
    ),
    Topic(
        "How does streaming work?",
        'In a terminal `mlxk run` streams by itself; `--no-stream` turns it off. Over HTTP send `"stream": true`.',
        (
            "How do I stream an answer?",
            "Can it stream?",
            "How do I turn streaming off?",
            "Does the server stream tokens?",
            "How can I get tokens as they come?",
            "What does --no-stream do?",
        ),
        ("How can I stream an answer?", "does the server stream?"),
        ("And streaming?",),
    ),
    Topic(
        "How do I get JSON output?",
        "Add `--json` to any command. You get one object with status, command, data and error.",
        (
            "Is there JSON output?",
            "How do I use mlxk in a script?",
            "What does --json do?",
            "How can I parse the output?",
            "Can mlxk print JSON?",
            "How do I get machine-readable output?",
        ),
        ("How can I get JSON output?", "can mlxk output json?"),
        ("And as JSON?", "How do I get that as JSON?"),
    ),
    Topic(
        "Where do models live?",
        "In the Hugging Face cache: ~/.cache/huggingface/hub. HF_HOME or HF_HUB_CACHE move it.",
        (
            "Where are my models?",
            "Where are models stored?",
            "Where does mlxk keep models?",
            "Where is the cache?",
            "What is HF_HOME?",
            "What is HF_HUB_CACHE?",
            "How do I move the cache?",
            "In which folder are the models?",
        ),
        ("Where are the models?", "where does mlxk store my models?", "how can I move the cache?"),
        ("And where do they live?", "Where is it stored?"),
    ),
    Topic(
        "What is a workspace?",
        "A workspace is a model in a plain folder of your own, free to edit. "
        "MLXK_WORKSPACE_HOME names the folder where mlxk looks for them.",
        (
            "What are workspaces?",
            "Explain workspaces.",
            "What is MLXK_WORKSPACE_HOME?",
            "Where are my workspaces?",
            "What is a workspace good for?",
            "What does workspace mean?",
        ),
        ("what's a workspace?", "Please explain what a workspace is."),
        ("And what is a workspace?",),
    ),
)
