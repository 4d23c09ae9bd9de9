"""Settings keep their former names for one release."""

from pathlib import Path

import pytest

from backend.config import Settings, former_names
from backend.operations.checks import machine


def test_former_name_still_sets_the_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PURAS_MOST_QUEUED_JOBS", "7")

    assert Settings().max_queued_jobs == 7


def test_present_name_takes_precedence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PURAS_MOST_QUEUED_JOBS", "7")
    monkeypatch.setenv("PURAS_MAX_QUEUED_JOBS", "8")

    assert Settings().max_queued_jobs == 8


def test_former_name_in_the_env_file_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".env").write_text("PURAS_MOST_DRIVE_MB=5\n")
    monkeypatch.chdir(tmp_path)

    assert Settings().max_drive_mb == 5


def test_doctor_names_each_former_name_with_the_present_one(monkeypatch: pytest.MonkeyPatch) -> None:
    assert former_names({"PURAS_MAX_MEMBERS": "1"}) == {}
    monkeypatch.setenv("PURAS_MOST_MEMBERS", "1")

    found = [check for check in machine.checks(Settings()) if check.name == "settings"]

    assert [(check.found, check.remedy) for check in found] == [
        ("PURAS_MOST_MEMBERS is a former name", "Rename it to PURAS_MAX_MEMBERS.")
    ]
