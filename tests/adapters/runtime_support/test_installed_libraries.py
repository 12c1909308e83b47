"""What we say the MLX libraries can load is what they say themselves, for every type they ship."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from adapters.runtime_support.installed import InstalledLibraryInspector
from adapters.runtime_support.source_tables import demanded_packages, offers, read_constant
from domain.catalog.libraries import TypeTable

ROOT = Path(__file__).resolve().parents[3]
LIBRARIES = InstalledLibraryInspector().installed()

# The libraries' own look-up for each type: "" when it is refused, "environment" when the module itself wants a package
# or a download that this environment does not have.
PROGRAM = """
import importlib, json, logging, sys, warnings
from pathlib import Path

logging.disable(logging.CRITICAL)
warnings.simplefilter("ignore")
import mlx_lm.utils as lm
import mlx_vlm.utils as vlm
import mlx_audio.utils as audio

def ask(look_up, kind):
    try:
        return look_up(kind)
    except (ValueError, AttributeError):
        return ""
    except (SystemExit, ImportError, OSError):
        return "environment"

def types(folder, table):
    found = {path.stem for path in folder.iterdir() if not path.name.startswith("_")}
    return sorted(found | set(table) | set(table.values()))

def text(kind, architectures=()):
    model, _ = lm._get_classes({"model_type": kind, "architectures": list(architectures)})
    return model.__name__ and "yes"

def vision(kind):
    module, _ = vlm.get_model_and_args({"model_type": kind})
    if ".drafters." in module.__name__ + ".":
        return ""
    module.Model
    return "yes"

def sound(category, table):
    def look_up(kind):
        module, _ = audio.get_model_class(kind, None, category, table)
        module.Model
        return "yes"
    return look_up

answers = {
    "text": {kind: ask(text, kind) for kind in types(Path(lm.__file__).parent / "models", lm.MODEL_REMAPPING)},
    "vision": {kind: ask(vision, kind) for kind in types(Path(vlm.__file__).parent / "models", vlm.MODEL_REMAPPING)},
    "by_architecture": [
        [kind, architecture, ask(lambda pair: text(pair[0], [pair[1]]), (kind, architecture))]
        for kind, architecture in lm.MODEL_ARCHITECTURE_REMAPPING
    ],
}
for category in ("stt", "tts"):
    table = importlib.import_module(f"mlx_audio.{category}.utils").MODEL_REMAPPING
    folder = Path(audio.__file__).parent / category / "models"
    answers[category] = {kind: ask(sound(category, table), kind) for kind in types(folder, table)}
print(json.dumps(answers))
"""


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Mapping[str, str]]:
    home = tmp_path_factory.mktemp("home")
    result = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={"HOME": str(home), "HF_HUB_OFFLINE": "1", "PATH": ""},
        cwd=home,
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert result.returncode == 0, result.stderr[-2000:]
    found: Mapping[str, Mapping[str, str]] = json.loads(result.stdout.splitlines()[-1])
    return found


@pytest.mark.parametrize(
    ("library", "table", "at_least"),
    [
        ("text", LIBRARIES.text, 100),
        ("vision", LIBRARIES.vision, 200),
        ("stt", LIBRARIES.speech_to_text, 30),
        ("tts", LIBRARIES.text_to_speech, 30),
    ],
    ids=["text", "vision", "speech to text", "text to speech"],
)
def test_our_answer_is_the_librarys_own_for_every_type(
    answers: Mapping[str, Mapping[str, str]], library: str, table: TypeTable, at_least: int
) -> None:
    theirs = {kind: answer for kind, answer in answers[library].items() if answer != "environment"}
    ours = {kind: "yes" if table.module_for(kind) else "" for kind in theirs}
    assert ours == theirs
    assert sum(answer == "yes" for answer in theirs.values()) >= at_least


def test_a_type_that_wants_a_package_we_lack_is_not_claimed_for_text(
    answers: Mapping[str, Mapping[str, str]],
) -> None:
    lacking = [kind for kind, answer in answers["text"].items() if answer == "environment"]
    assert LIBRARIES.text is not None
    assert [kind for kind in lacking if LIBRARIES.text.module_for(kind)] == []


def test_types_that_an_architecture_renames_are_found(answers: Mapping[str, list[list[str]]]) -> None:
    assert LIBRARIES.text is not None
    assert answers["by_architecture"]
    for kind, architecture, answer in answers["by_architecture"]:
        assert bool(LIBRARIES.text.module_for(kind, [architecture])) is (answer == "yes")


def test_the_embedders_are_modules_that_pool_text() -> None:
    assert LIBRARIES.embedders is not None
    for kind in ("bert", "modernbert", "xlm-roberta", "qwen3", "gemma3_text"):
        assert LIBRARIES.embedders.module_for(kind), kind
    for kind in ("llama", "qwen3_vl_embedding", "embedding_gemma2"):
        assert LIBRARIES.embedders.module_for(kind) is None, kind


def test_the_rerankers_are_modules_with_a_classifier() -> None:
    assert LIBRARIES.rerankers is not None
    for kind in ("bert", "modernbert", "xlm-roberta"):
        assert LIBRARIES.rerankers.module_for(kind), kind
    for kind in ("qwen3", "gemma3_text"):
        assert LIBRARIES.rerankers.module_for(kind) is None, kind


def test_nothing_is_imported_to_learn_this() -> None:
    probe = (
        "import sys; sys.path.insert(0, '.')\n"
        "from adapters.runtime_support.installed import InstalledLibraryInspector\n"
        "inspector = InstalledLibraryInspector()\n"
        "assert inspector.installed().text and inspector.fingerprint()\n"
        "print([name for name in sys.modules if name.startswith(('mlx', 'transformers', 'numpy'))])"
    )
    result = subprocess.run(
        [sys.executable, "-c", probe], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    assert result.stdout.strip() == "[]"


@pytest.fixture
def packages(tmp_path: Path) -> Path:
    """A site-packages with an mlx_lm of our own."""
    models = tmp_path / "mlx_lm" / "models"
    models.mkdir(parents=True)
    (tmp_path / "mlx_lm" / "__init__.py").touch()
    (models / "alpha.py").write_text("import math\nclass Model(object):\n    pass\n", encoding="utf-8")
    (models / "odd-name.py").write_text(
        "from .alpha import (\n    Model,  # noqa: F401\n    other,\n)\n", encoding="utf-8"
    )
    (models / "helper.py").write_text("def rope(): ...\n", encoding="utf-8")
    (models / "greedy.py").write_text("import not_installed_here\nclass Model: ...\n", encoding="utf-8")
    (tmp_path / "mlx_lm" / "utils.py").write_text(
        'import re\nMODEL_REMAPPING = {\n    "beta": "alpha",  # a comment\n    "gamma": "gone",\n}\nrest = 1\n',
        encoding="utf-8",
    )
    return tmp_path


def test_modules_and_renamings_are_read_from_source(packages: Path) -> None:
    installed = InstalledLibraryInspector([str(packages)]).installed()
    assert (installed.vision, installed.speech_to_text, installed.embedders) == (None, None, None)
    table = installed.text
    assert table is not None
    assert table.modules == {"alpha", "odd-name"}
    assert [table.module_for(kind) for kind in ("alpha", "beta", "gamma", "helper", "greedy")] == [
        "alpha", "alpha", None, None, None,
    ]  # fmt: skip


def test_a_table_that_cannot_be_understood_is_empty(packages: Path) -> None:
    utils = packages / "mlx_lm" / "utils.py"
    for text in ("MODEL_REMAPPING = build()\n", "MODEL_REMAPPING = {\n", "\0", "x = 1\n"):
        utils.write_text(text, encoding="utf-8")
        table = InstalledLibraryInspector([str(packages)]).installed().text
        assert table is not None
        assert table.renamed == {}


def test_the_fingerprint_follows_the_libraries(packages: Path) -> None:
    before = InstalledLibraryInspector([str(packages)]).fingerprint()
    assert before == InstalledLibraryInspector([str(packages)]).fingerprint()
    (packages / "mlx_lm" / "models" / "new.py").touch()
    assert InstalledLibraryInspector([str(packages)]).fingerprint() != before
    assert InstalledLibraryInspector([str(packages / "mlx_lm")]).fingerprint() != before


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("A = {'x': 1}\n", {"x": 1}),
        ("B = 0\nA: dict = {\n    'x': 1,\n}\nC = 2\n", {"x": 1}),
        ("A = {\n'x': 1}\n", {"x": 1}),
        ("def f():\n    A = 1\n", None),
    ],
)
def test_constants_are_read_without_running_the_file(tmp_path: Path, source: str, value: object) -> None:
    path = tmp_path / "module.py"
    path.write_text(source + "raise SystemExit\n", encoding="utf-8")
    assert read_constant(path, "A") == value


def test_what_a_module_offers_and_demands() -> None:
    assert offers("x = 1\nclass Model(nn.Module):\n", "Model")
    assert offers("from .a import Other as Model\n", "Model")
    assert not offers("def f():\n    class Model: ...\n", "Model")
    assert not offers("from .a import ModelArgs\n", "Model")
    assert demanded_packages(
        "import a.b\nfrom c import d\nfrom .e import f\ntry:\n    import g\nexcept X:\n    g = 1\n"
    ) == {
        "a",
        "c",
    }
