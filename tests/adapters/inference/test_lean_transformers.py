"""transformers as a worker imports it, each time in a fresh interpreter."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
READINGS = """
import builtins, sys
sys.path.insert(0, {root!r})
opened, plain_open = [], builtins.open

def counting(name, *rest, **more):
    opened.append(str(name))
    return plain_open(name, *rest, **more)

builtins.open = counting
from adapters.inference.text_runtime import MlxTextRuntime
MlxTextRuntime().warm()
read = [name for name in opened if "/transformers/models/llama/" in name and name.endswith(".py")]
print(len(read), len(set(read)))
"""
WHOLE = """
import gc, inspect, sys
sys.path.insert(0, {root!r})
from adapters.inference.text_runtime import MlxTextRuntime
MlxTextRuntime().warm()
import transformers
from transformers.utils import import_utils
assert gc.isenabled() and gc.get_freeze_count() > 10_000
assert "create_import_structure_from_path" in inspect.getsource(import_utils)
assert import_utils.__spec__.loader is import_utils.__loader__
assert not any(type(finder).__module__.startswith("adapters") for finder in sys.meta_path)
quick = import_utils.define_import_structure(transformers.models.__file__)
gone = [name for name in sys.modules if name.partition(".")[0] == "transformers"]
for name in gone:
    del sys.modules[name]
import transformers.utils.import_utils as plain
assert plain is not import_utils and plain.fetch__all__.__name__ == "fetch__all__"
assert plain.define_import_structure(transformers.models.__file__) == quick
print(transformers.LlamaConfig().model_type, transformers.models.qwen3.Qwen3Config().model_type)
"""


def said(code: str) -> list[str]:
    command = [sys.executable, "-c", code.format(root=str(ROOT))]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout.split()


def test_the_sources_of_models_are_read_once() -> None:
    readings, files = said(READINGS)
    assert int(readings) == int(files) > 0


def test_what_is_imported_is_whole_and_nothing_is_left_behind() -> None:
    assert said(WHOLE) == ["llama", "qwen3"]
