"""The import-linter contracts hold, and starting a listing loads no MLX."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HEAVY = ("mlx", "mlx_lm", "mlx_vlm", "transformers", "numpy", "torch", "fastapi", "pydantic", "flask", "rich", "yaml")


def run(*arguments: str, home: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        arguments,
        cwd=ROOT,
        env={"PATH": str(Path(sys.executable).parent), "HOME": str(home), "HF_HOME": str(home / "hf")},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_import_contracts_hold(tmp_path: Path) -> None:
    lint = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    result = run(sys.executable, "-c", lint, home=tmp_path)
    assert result.returncode == 0, result.stdout + result.stderr


def test_list_imports_no_heavy_library(tmp_path: Path) -> None:
    probe = (
        "import sys; from mlxk.__main__ import main\n"
        "code = main(['list', '--json'])\n"
        f"heavy = sorted(name for name in {HEAVY!r} if name in sys.modules)\n"
        "print(code, heavy, file=sys.stderr)"
    )
    result = run(sys.executable, "-c", probe, home=tmp_path)
    assert result.stderr.strip() == "0 []", result.stderr


def test_version_imports_nothing_beyond_the_launcher(tmp_path: Path) -> None:
    probe = (
        "import sys; before = set(sys.modules); from mlxk.__main__ import main\n"
        "main(['--version'])\n"
        "print(sorted({name.partition('.')[0] for name in set(sys.modules) - before}), file=sys.stderr)"
    )
    result = run(sys.executable, "-c", probe, home=tmp_path)
    assert result.stderr.strip() == "['__future__', 'mlxk']", result.stderr
