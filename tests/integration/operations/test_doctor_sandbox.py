"""The `doctor` check of the sandbox of this host, and of a host that lacks a part of it."""

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


def test_complete_sandbox_is_ok_and_a_disabled_one_is_a_warning(tmp_path: Path) -> None:
    if not layers.probe("auto").closed:
        pytest.skip("the sandbox of this host is not complete")
    assert _sandbox(tmp_path, "auto").found.endswith("(auto)")
    off = _sandbox(tmp_path, "off")
    assert off.verdict is Verdict.WARN
    assert "off" in off.found


@pytest.mark.parametrize(("mode", "verdict"), [("auto", Verdict.WARN), ("strict", Verdict.FAIL)])
def test_incomplete_sandbox_reports_its_gaps_and_the_remedy(
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


def test_check_is_part_of_the_doctor_command(tmp_path: Path) -> None:
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
