"""The path of a job in docs/architecture.md is complete and short enough to be read; the table of layers is current."""

import re
from pathlib import Path

import structure

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


def test_table_of_layers_agrees_with_the_contract() -> None:
    text = (ROOT / "backend" / "README.md").read_text(encoding="utf-8")
    table = text.partition("| Layer | Folders |\n|---|---|\n")[2].partition("\n\n")[0]
    rows = [re.fullmatch(r"\| ([^|]+) \| ([^|]+) \|", line) for line in table.splitlines()]
    listed = [
        (row[1], sorted(re.findall(r"`(\w+)(?:\.py)?`", re.sub(r"\([^)]*\)", "", row[2]))))
        for row in rows
        if row
    ]

    assert listed == [(layer, sorted(names.split())) for layer, names in structure.LAYERS]
