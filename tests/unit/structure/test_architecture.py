"""The path of a job in docs/architecture.md is complete, and short enough to be read."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
MAX_FILES = 30
MAX_FILES_OF_AN_AGENT = 40


def listed(heading: str) -> list[str]:
    section = TEXT.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return re.findall(r"^\d+\. `([^`]+)`: ", section, re.MULTILINE)


def test_deterministic_job_is_read_in_few_files_that_exist() -> None:
    files = listed("A deterministic job, from request to result")

    assert len(set(files)) == len(files) == MAX_FILES
    assert [file for file in files if not (ROOT / file).is_file()] == []


def test_agentic_job_is_read_in_few_files_that_exist() -> None:
    shared = listed("A deterministic job, from request to result")
    of_functions = shared[shared.index("workers/types.py") + 1 : shared.index("workers/recorder.py")]
    files = [*(file for file in shared if file not in of_functions), *listed("An agentic job")]

    assert len(set(files)) == len(files) <= MAX_FILES_OF_AN_AGENT
    assert [file for file in files if not (ROOT / file).is_file()] == []


def test_each_named_file_exists() -> None:
    named = set(re.findall(r"`((?:backend|workers|tests)/[\w/.]+\.(?:py|sql))`", TEXT))

    assert named
    assert [file for file in sorted(named) if not (ROOT / file).is_file()] == []
