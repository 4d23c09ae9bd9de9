"""What `doctor` says about the sandbox of this machine, and of one that lacks half of it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from backend.config import Settings
from backend.operations.checks import machine
from backend.operations.checks.verdict import Check, Verdict
from workers.sandbox.isolation import layers


def test_a_whole_sandbox_is_well_and_one_that_is_off_is_warned_of(tmp_path: Path) -> None:
    if not layers.probe("auto").closed:
        pytest.skip("this machine's sandbox is not whole")
    assert _sandbox(tmp_path, "auto").found.endswith("(auto)")
    off = _sandbox(tmp_path, "off")
    assert off.verdict is Verdict.WARN
    assert "off" in off.found


@pytest.mark.parametrize(("mode", "verdict"), [("auto", Verdict.WARN), ("strict", Verdict.FAIL)])
def test_half_a_sandbox_names_what_is_open_and_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: Any, verdict: Verdict
) -> None:
    degraded = tmp_path / "python"
    degraded.write_text(f'#!/bin/sh\nexec {sys.executable} {DEGRADED} "$@"\n', encoding="utf-8")
    degraded.chmod(0o755)
    monkeypatch.setenv("PATH", _path_without_bwrap())
    monkeypatch.setattr(sys, "executable", str(degraded))
    check = _sandbox(tmp_path, mode)
    assert check.verdict is verdict
    assert "jobs " in check.found
    assert "files, other processes" in check.found
    assert "install the package bubblewrap" in check.remedy
    assert "no Landlock" in check.remedy


def test_the_line_is_part_of_the_command(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "backend.operations.cli", "doctor"],
        capture_output=True,
        text=True,
        env={**os.environ, "PURAS_HOME": str(tmp_path / "home")},
        timeout=100,
        check=False,
    )
    assert "sandbox: " in done.stdout, done.stderr


DEGRADED = Path(__file__).parents[1] / "sandbox/degraded_report.py"


def _sandbox(tmp_path: Path, mode: Any) -> Check:
    settings = Settings(home=tmp_path / "home", sandbox=mode)
    return next(check for check in machine.checks(settings) if check.name == "sandbox")


def _path_without_bwrap() -> str:
    folders = os.environ["PATH"].split(os.pathsep)
    return os.pathsep.join(folder for folder in folders if not (Path(folder) / "bwrap").exists())
