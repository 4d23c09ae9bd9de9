"""The output of a build of the pages, and its log."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from studio import build


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(build, "LOG", tmp_path / "build.log")
    return tmp_path / "build.log"


def builder(code: int) -> list[str]:
    """Return the command of a builder that prints to both streams and exits with the code."""
    program = f"import sys; print('vite chatter'); print('why', file=sys.stderr); sys.exit({code})"
    return [sys.executable, "-c", program]


def test_the_output_of_a_successful_build_is_only_in_the_log(
    log: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    build._export(builder(0))
    assert capfd.readouterr() == ("", "")
    assert {"vite chatter", "why"} == set(log.read_text(encoding="utf-8").splitlines())


def test_a_failed_build_shows_all_its_output_and_names_the_log(
    log: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(build.BuildError, match=rf"exit code 3\. Its output is in {log}"):
        build._export(builder(3))
    shown = capfd.readouterr().out
    assert "vite chatter\n" in shown
    assert "why\n" in shown


def test_the_expected_duration_is_that_of_the_previous_build(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build, "_LAST_SECONDS", tmp_path / "build.seconds")
    assert "about a minute" in build._expectation()
    (tmp_path / "build.seconds").write_text("41.3", encoding="utf-8")
    assert "previous build: 41 s" in build._expectation()
