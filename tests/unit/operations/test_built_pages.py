"""Tests that start a whole instance fail immediately if the pages of the studio are not built."""

from __future__ import annotations

from pathlib import Path

import pytest

import benchmarks.instance
from benchmarks.instance import PAGES_STAMP, instance
from studio import build
from tests.integration.operations.instances import new_up


def test_tests_and_build_use_the_same_stamp_file() -> None:
    assert PAGES_STAMP == build.STAMP


def test_instance_is_not_started_without_pages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(benchmarks.instance, "PAGES_STAMP", tmp_path / "missing")
    with pytest.raises(RuntimeError, match="Run `make pages`"), instance():
        pytest.fail("it was started")
    with new_up() as up:
        with pytest.raises(RuntimeError, match="Run `make pages`"):
            up.start()
        assert up.process is None
