"""Workspaces of an unprivileged user, with and without namespaces."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.ordinary_user import ORDINARY_UID, environment, ordinary_user_python


@pytest.fixture
def folder() -> Iterator[Path]:
    """Create a folder of the unprivileged user below folders that this user can enter."""
    with tempfile.TemporaryDirectory(prefix="workspace", ignore_cleanup_errors=True) as name:
        path = Path(name)
        (path / "secret").write_text("of the machine", encoding="utf-8")
        for one in (path, path / "secret"):
            os.chown(one, ORDINARY_UID, ORDINARY_UID)
        yield path


@pytest.mark.parametrize("host", ["mounts", "bare"])
def test_workspace_works_for_an_unprivileged_user(folder: Path, host: str) -> None:
    python, program = ordinary_user_python(), Path(__file__).parent / "unprivileged_workspace.py"
    done = subprocess.run(
        [*python, str(program), str(folder), host],
        env=environment(),
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=90,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    results: dict[str, Any] = json.loads(done.stdout)
    if host == "mounts" and "mounts" not in results["layers"]:
        pytest.skip("an unprivileged user has no namespaces on this host")
    assert results["bash"] == f"exit=0\nfileHelp.{ORDINARY_UID}\n"
    assert results["tool"].endswith(', "file"]')
    texts = [block["text"].partition(":\n")[2] for block in results["read"]]
    assert texts == ["tool", "kept\n", "file", "Help."]
    assert results["slow"].startswith("exit=-1\n")
    assert results["left"] == "exit=0\naway\n"
    assert (results["sleeping"], results["folders"]) == (0, 0)
    if "seccomp" in results["layers"] and any(name.startswith("landlock") for name in results["layers"]):
        assert "of the machine" not in results["out"]
        assert "ermission denied" in results["out"] or "No such file" in results["out"]
        assert "SOURCE-OF-PAY" not in results["hidden"]
        assert "ermission denied" in results["hidden"]
    assert "42" in results["others"]
    assert "rate.py" in results["others"]
    assert results["pay"] == '"SOURCE-OF-PAY"'
    if host == "mounts":
        assert results["strict"] == "runs"
