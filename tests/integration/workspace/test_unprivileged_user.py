"""A workroom of an ordinary user, with namespaces and without."""

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
    """A folder of the ordinary user's, below folders that it may pass through."""
    with tempfile.TemporaryDirectory(prefix="workroom", ignore_cleanup_errors=True) as name:
        path = Path(name)
        (path / "secret").write_text("of the machine", encoding="utf-8")
        for one in (path, path / "secret"):
            os.chown(one, ORDINARY_UID, ORDINARY_UID)
        yield path


@pytest.mark.parametrize("machine", ["mounts", "bare"])
def test_workspace_works_for_an_unprivileged_user(folder: Path, machine: str) -> None:
    python, program = ordinary_user_python(), Path(__file__).parent / "unprivileged_workspace.py"
    done = subprocess.run(
        [*python, str(program), str(folder), machine],
        env=environment(),
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=90,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    told: dict[str, Any] = json.loads(done.stdout)
    if machine == "mounts" and "mounts" not in told["layers"]:
        pytest.skip("an ordinary user has no namespaces on this machine")
    assert told["bash"] == f"exit=0\nfileHelp.{ORDINARY_UID}\n"
    assert told["tool"].endswith(', "file"]')
    texts = [block["text"].partition(":\n")[2] for block in told["read"]]
    assert texts == ["tool", "kept\n", "file", "Help."]
    assert told["slow"].startswith("exit=-1\n")
    assert told["left"] == "exit=0\naway\n"
    assert (told["sleeping"], told["folders"]) == (0, 0)
    if "seccomp" in told["layers"] and any(name.startswith("landlock") for name in told["layers"]):
        assert "of the machine" not in told["out"]
        assert "ermission denied" in told["out"] or "No such file" in told["out"]
        assert "SOURCE-OF-PAY" not in told["hidden"]
        assert "ermission denied" in told["hidden"]
    assert "42" in told["others"]
    assert "rate.py" in told["others"]
    assert told["pay"] == '"SOURCE-OF-PAY"'
    if machine == "mounts":
        assert told["strict"] == "runs"
