"""The installed kit: its wheel in an environment without other packages."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
UV = [sys.executable, "-m", "uv"]


def _run(*command: str | Path, cwd: Path) -> str:
    ran = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=110, check=False)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the interpreter of an environment that contains only the wheel."""
    folder = tmp_path_factory.mktemp("kit")
    _run(*UV, "build", "--quiet", "--wheel", "--package", "puras-kit", "--out-dir", folder, cwd=ROOT)
    (wheel,) = folder.glob("puras_kit-*.whl")
    _run(*UV, "venv", "--quiet", "--python", sys.executable, folder / "bare", cwd=folder)
    python = folder / "bare" / "bin" / "python"
    _run(*UV, "pip", "install", "--quiet", "--offline", "--no-deps", "--python", python, wheel, cwd=folder)
    return python


def test_command_works_without_other_packages(python: Path, tmp_path: Path) -> None:
    puras = python.with_name("puras")
    assert _run(puras, "--version", cwd=tmp_path).startswith("puras 0.")
    listed = _run(*UV, "pip", "list", "--python", python, "--format", "freeze", cwd=tmp_path).split()
    assert [line.partition("==")[0] for line in listed] == ["puras-kit"]
    _run(puras, "init", "mine", cwd=tmp_path)
    written = {
        path.relative_to(tmp_path / "mine") for path in (tmp_path / "mine").rglob("*") if path.is_file()
    }
    starter = ROOT / "skills_kit" / "templates" / "starter"
    assert written == {
        path.relative_to(starter)
        for path in starter.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert "deployments" in _run(puras, "completion", "bash", cwd=tmp_path)


def test_every_public_name_is_in_the_wheel(python: Path, tmp_path: Path) -> None:
    code = "import puras, puras.client; print(all(hasattr(puras, name) for name in puras.__all__))"
    assert _run(python, "-W", "error", "-c", code, cwd=tmp_path).strip() == "True"
