"""What import-linter cannot see: names in strings, the environment, printing, what the standard library is."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LAYERS = ("domain", "ports", "application", "adapters", "entrypoints")
BOOTSTRAPS = {"entrypoints/cli/bootstrap.py", "entrypoints/http/bootstrap.py", "entrypoints/worker/bootstrap.py"}
PRINTERS = {"mlxk/__main__.py", "entrypoints/cli/output.py"}
OWN = {*LAYERS, "container", "mlxk"}
MLX_NAMES = {"mlx", "mlx_lm", "mlx_vlm", "mlx_audio", "transformers", "numpy"}
ENVIRONMENT = {"os.environ", "os.environb", "os.getenv", "os.putenv"}
MODULE_LINES, FUNCTION_LINES, PARAMETERS = 300, 40, 6


def sources(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def production() -> list[Path]:
    return [*sources(*LAYERS, "mlxk"), ROOT / "container.py", *ROOT.glob("container_*.py")]


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def test_domain_imports_only_itself_and_the_standard_library() -> None:
    foreign = {
        f"{name_of(path)}: {module}"
        for path in sources("domain")
        for module in imported(path)
        if (top := module.partition(".")[0]) != "domain" and top not in sys.stdlib_module_names
    }
    assert not foreign


@pytest.mark.parametrize("module", ["os", "io", "socket", "subprocess", "time", "random", "secrets", "threading"])
def test_domain_does_no_io_and_has_no_clock(module: str) -> None:
    users = [name_of(path) for path in sources("domain") if module in set(imported(path))]
    assert not users


def test_only_settings_read_the_environment() -> None:
    readers = {
        f"{name_of(path)}:{node.lineno}"
        for path in production()
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Attribute) and ast.unparse(node) in ENVIRONMENT
    }
    assert {reader.partition(":")[0] for reader in readers} <= {"entrypoints/settings.py"}


def test_only_the_output_module_prints() -> None:
    printers = {
        f"{name_of(path)}:{node.lineno}"
        for path in production()
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("print", "sys.stdout.write", "pprint")
    }
    assert {printer.partition(":")[0] for printer in printers} <= PRINTERS


def test_only_the_bootstraps_import_the_container() -> None:
    importers = {name_of(path) for path in sources(*LAYERS) if "container" in set(imported(path))}
    assert importers <= BOOTSTRAPS


def test_layers_are_imported_by_their_own_name_never_through_mlxk() -> None:
    """`import mlxk.domain` would make second copies of every class."""
    offenders = {
        f"{name_of(path)}: {module}"
        for path in [*production(), *sources("tests")]
        for module in imported(path)
        if module.startswith("mlxk.") and module != "mlxk.__main__"
    }
    assert not offenders


def test_mlx_is_never_named_in_a_string_import_outside_the_inference_adapters() -> None:
    offenders = {
        f"{name_of(path)}:{node.lineno}"
        for path in production()
        if not name_of(path).startswith("adapters/inference/")
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) in ("__import__", "importlib.import_module", "import_module")
        and node.args
        and isinstance(node.args[0], ast.Constant)
        and str(node.args[0].value).partition(".")[0] in MLX_NAMES
    }
    assert not offenders


def test_every_top_level_package_is_known_to_the_linter() -> None:
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests", "scripts", "benchmarks"}
    assert packages == {*LAYERS, "mlxk"}


def test_every_adapter_family_but_inference_is_kept_from_mlx() -> None:
    families = {path.parent.name for path in (ROOT / "adapters").glob("*/__init__.py")}
    contract = (ROOT / ".importlinter").read_text(encoding="utf-8").partition("[importlinter:contract:mlx]")[2]
    sources = contract.partition("forbidden_modules")[0].splitlines()
    named = {line.strip().removeprefix("adapters.") for line in sources if line.strip().startswith("adapters.")}
    listed = {name for name in named if "." not in name}
    assert families - {"inference"} == listed


def test_modules_functions_and_signatures_stay_small() -> None:
    too_large = []
    for path in production():
        lines = path.read_text(encoding="utf-8").count("\n")
        if lines > MODULE_LINES:
            too_large.append(f"{name_of(path)}: {lines} lines")
        for node in ast.walk(tree_of(path)):
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
            count = len([each for each in arguments if each.arg not in ("self", "cls")])
            if length > FUNCTION_LINES:
                too_large.append(f"{name_of(path)}:{node.lineno} {node.name}: {length} lines")
            if count > PARAMETERS:
                too_large.append(f"{name_of(path)}:{node.lineno} {node.name}: {count} parameters")
    assert not too_large
