"""Generated packages: wheels, and sources that contain their own build backend."""

from __future__ import annotations

import io
import tarfile
import textwrap
import zipfile
from collections.abc import Sequence
from pathlib import Path

TINY = "ANSWER = 42\ndef main(): print(ANSWER)\n"

BACKEND = """
import base64, json, os, sys, zipfile

def write(folder, files, name={name!r}, requires={requires!r}):
    info = f"{{name}}-1.0.dist-info"
    metadata = f"Metadata-Version: 2.1\\nName: {{name}}\\nVersion: 1.0\\n"
    files = {{
        **files,
        f"{{info}}/METADATA": metadata + "".join(f"Requires-Dist: {{one}}\\n" for one in requires),
        f"{{info}}/WHEEL": "Wheel-Version: 1.0\\nGenerator: own\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
    }}
    with zipfile.ZipFile(f"{{folder}}/{{name}}-1.0-py3-none-any.whl", "w") as wheel:
        for path, text in files.items():
            wheel.writestr(path, text)
        wheel.writestr(f"{{info}}/RECORD", "".join(f"{{path}},,\\n" for path in [*files, f"{{info}}/RECORD"]))
    return f"{{name}}-1.0-py3-none-any.whl"

def build_wheel(folder, settings=None, metadata=None):
    return write(folder, {{"{name}.py": f"VALUE = {{build()!r}}\\n"}})

def build():
    return "built"
"""
"""A build backend; code that is appended to it may replace `build`, `build_wheel` and the hooks."""


def wheel(
    folder: Path, *, name: str = "tiny_wheel", extra: dict[str, str] | None = None, requires: str = ""
) -> None:
    """Write a wheel to an index."""
    info = f"{name}-1.0.dist-info"
    needs = "".join(f"Requires-Dist: {one}\n" for one in requires.split())
    files = {
        "tinywheel.py": TINY,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n{needs}",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": "[console_scripts]\ntinywheel = tinywheel:main\n",
        **(extra or {}),
    }
    record = "".join(f"{path},,\n" for path in [*files, f"{info}/RECORD"])
    with zipfile.ZipFile(folder / f"{name}-1.0-py3-none-any.whl", "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
        archive.writestr(f"{info}/RECORD", record)


def source(
    folder: Path, name: str, code: str = "", *, requires: Sequence[str] = (), needs: Sequence[str] = ()
) -> None:
    """Write a source archive with its own build backend to an index; `code` is appended to the backend."""
    backend = BACKEND.format(name=name, requires=list(needs)) + textwrap.dedent(code)
    project = f'[build-system]\nrequires = {list(requires)!r}\nbuild-backend = "own"\nbackend-path = ["."]\n'
    archive(
        folder / f"{name}-1.0.tar.gz",
        {"pyproject.toml": project, "own.py": backend, "PKG-INFO": _about(name)},
    )


def archive(path: Path, files: dict[str, str]) -> None:
    """Write a source archive with these files in one folder."""
    top = path.name.removesuffix(".tar.gz")
    with tarfile.open(path, "w:gz") as opened:
        for name, text in files.items():
            member = tarfile.TarInfo(f"{top}/{name}")
            member.size = len(text.encode())
            opened.addfile(member, io.BytesIO(text.encode()))


def requirements_file(tmp_path: Path, text: str, folder: str = "requirements") -> Path:
    """Write a requirements.txt with this text."""
    file = tmp_path / folder / "requirements.txt"
    file.parent.mkdir(exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return file


def _about(name: str) -> str:
    return f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"
