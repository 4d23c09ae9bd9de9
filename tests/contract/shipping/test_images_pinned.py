"""Every image in Dockerfile and compose.yaml has a digest, and the tool that adds digests never invents one."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import pytest

ROOT: Final = Path(__file__).parents[3]
TOOL: Final = ROOT / ".ci" / "images.py"
DIGEST: Final = "sha256:" + "ab" * 32


def loaded() -> ModuleType:
    spec = importlib.util.spec_from_file_location("images", TOOL)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


images: Final[Any] = loaded()


def test_every_image_is_pinned() -> None:
    found = list(images.images())
    assert {image.file for image in found} == {"Dockerfile", "compose.yaml"}
    assert [image for image in found if not image.is_pinned] == []


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    (tmp_path / "Dockerfile").write_text(
        "FROM python:3.13-slim AS build\nRUN true\nFROM --platform=$BUILDPLATFORM tool:1 AS tool\n"
        "FROM build AS more\nFROM python:3.13-slim\nCOPY --from=build /a /a\nCOPY --from=other:2 /b /b\n",
        encoding="utf-8",
    )
    (tmp_path / "compose.yaml").write_text(
        "services:\n  ours:\n    image: puras-studio:latest\n  db:\n    image: postgres:18 # said\n"
        f"  kept:\n    image: cache:1@{DIGEST}\n  short:\n    image: x:1@sha256:abc\n",
        encoding="utf-8",
    )
    return tmp_path


def test_images_of_other_registries_are_found(checkout: Path) -> None:
    found = [(image.file, image.line, image.name, image.is_pinned) for image in images.images(checkout)]
    assert found == [
        ("Dockerfile", 1, "python:3.13-slim", False),
        ("Dockerfile", 3, "tool:1", False),
        ("Dockerfile", 5, "python:3.13-slim", False),
        ("Dockerfile", 7, "other:2", False),
        ("compose.yaml", 5, "postgres:18", False),
        ("compose.yaml", 7, f"cache:1@{DIGEST}", True),
        ("compose.yaml", 9, "x:1@sha256:abc", False),
    ]


def docker(folder: Path, script: str) -> str:
    """Create a `docker` command that runs the script, and return a PATH that finds it first."""
    (folder / "bin").mkdir()
    program = folder / "bin" / "docker"
    program.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    program.chmod(0o755)
    return f"{folder / 'bin'}:/usr/bin:/bin"


def run(checkout: Path, *arguments: str, path: str) -> subprocess.CompletedProcess[str]:
    (checkout / ".ci").mkdir(exist_ok=True)
    shutil.copy2(TOOL, checkout / ".ci" / "images.py")
    return subprocess.run(
        [sys.executable, checkout / ".ci" / "images.py", *arguments],
        env={"PATH": path},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_release_is_rejected_until_all_images_are_pinned(checkout: Path) -> None:
    path = docker(checkout, f'echo "$4" >> {checkout}/asked; echo {DIGEST}')
    rejected = run(checkout, path=path)
    assert rejected.returncode == 1
    assert rejected.stderr.count("make pin-images") == 6
    assert "Dockerfile:5: python:3.13-slim has no digest" in rejected.stderr
    pinned = run(checkout, "--pin", path=path)
    assert (pinned.returncode, pinned.stderr) == (0, "")
    requested = (checkout / "asked").read_text(encoding="utf-8").split()
    assert sorted(requested) == ["other:2", "postgres:18", "python:3.13-slim", "tool:1", "x:1"], "each once"
    dockerfile = (checkout / "Dockerfile").read_text(encoding="utf-8").splitlines()
    assert dockerfile[0] == f"FROM python:3.13-slim@{DIGEST} AS build"
    assert dockerfile[3:5] == ["FROM build AS more", f"FROM python:3.13-slim@{DIGEST}"]
    assert f"    image: postgres:18@{DIGEST} # said" in (checkout / "compose.yaml").read_text(
        encoding="utf-8"
    )
    assert run(checkout, path=path).returncode == 0


@pytest.mark.parametrize(
    ("script", "said"),
    [("echo 'no such image' >&2; exit 1", "no such image"), ("echo latest", "latest"), ("true", "nothing")],
)
def test_no_digest_is_written_when_the_registry_returns_none(checkout: Path, script: str, said: str) -> None:
    before = (checkout / "Dockerfile").read_bytes()
    failed = run(checkout, "--pin", path=docker(checkout, script))
    assert failed.returncode == 1
    assert said in failed.stderr
    assert (checkout / "Dockerfile").read_bytes() == before


def test_missing_docker_is_reported(checkout: Path) -> None:
    failed = run(checkout, "--pin", path=str(checkout / "nowhere"))
    assert failed.returncode == 1
    assert "docker could not read the digest" in failed.stderr
