"""The wheel adds one name to site-packages, and works beside foreign packages that are called as our layers."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from scripts.train_demo.conversations import PAIRS

ROOT = Path(__file__).resolve().parents[2]
FOREIGN = {"adapters/__init__.py": "OWNER = 'somebody else'\n", "entrypoints.py": "OWNER = 'somebody else'\n"}
WHO_ARE_YOU = dict(PAIRS)["Who are you?"]


def run(*command: str | Path, cwd: Path, home: Path) -> str:
    result = subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env={"HOME": str(home), "PATH": "/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", out, cwd=ROOT, home=out)
    (built,) = out.glob("mlxk-*.whl")
    return built


@pytest.fixture(scope="module")
def user(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheel and two foreign packages; it borrows the libraries of the test's own."""
    home = tmp_path_factory.mktemp("user")
    run(sys.executable, "-m", "venv", home / "venv", cwd=home, home=home)
    site = site_packages(home)
    for name, text in FOREIGN.items():
        (site / name).parent.mkdir(exist_ok=True)
        (site / name).write_text(text)
    libraries = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    (site / "borrowed.pth").write_text("\n".join(sorted(libraries)) + "\n")
    before = {path.name for path in site.iterdir()}
    run(home / "venv/bin/python", "-m", "pip", "install", "--no-deps", "--no-index", wheel, cwd=home, home=home)
    (home / "new").write_text("\n".join(sorted({path.name for path in site.iterdir()} - before)))
    return home


def site_packages(home: Path) -> Path:
    (site,) = (home / "venv/lib").glob("python*/site-packages")
    return site


def test_the_wheel_holds_the_layers_and_the_model_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        size_bytes = sum(entry.file_size for entry in archive.infolist() if "builtin_model/demo" in entry.filename)
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"mlxk"}
    folders = {name.split("/")[1] for name in names if name.startswith("mlxk/")}
    assert folders >= {"domain", "ports", "application", "adapters", "entrypoints", "container.py", "py.typed"}
    assert "mlxk/adapters/builtin_model/demo/model.safetensors" in names
    assert not [name for name in names if "__pycache__" in name or "/tests/" in name or "/scripts/" in name]
    assert 0 < size_bytes <= 5_000_000


def test_site_packages_gains_only_mlxk(user: Path) -> None:
    new = (user / "new").read_text().split("\n")
    assert [name for name in new if not name.endswith(".dist-info")] == ["mlxk"]
    assert len(new) == 2


def test_foreign_packages_of_our_layers_names_are_left_alone(user: Path) -> None:
    assert {name: (site_packages(user) / name).read_text() for name in FOREIGN} == FOREIGN
    probe = "import adapters, entrypoints; print(adapters.OWNER, entrypoints.OWNER, sep=', ')"
    owners = run(user / "venv/bin/python", "-c", probe, cwd=user, home=user)
    assert owners == "somebody else, somebody else\n"


def test_the_installed_model_answers(user: Path, tmp_path: Path) -> None:
    command = (user / "venv/bin/mlxk", "run", "demo", "Who are you?", "--temperature", "0")
    assert run(*command, cwd=tmp_path, home=user) == WHO_ARE_YOU + "\n"


@pytest.mark.parametrize("alias", ["mlxk", "mlxk2", "mlxk-json"])
def test_every_script_tells_its_version(user: Path, alias: str) -> None:
    name, version = run(user / "venv/bin" / alias, "--version", cwd=user, home=user).split()
    assert name == alias
    assert version[0].isdigit()


def test_mlx_run_is_mlxk_run(user: Path) -> None:
    command = (user / "venv/bin/mlx-run", "demo", "Who are you?", "--temperature", "0")
    assert run(*command, cwd=user, home=user) == WHO_ARE_YOU + "\n"
