"""Statements that look for types of events find them in the columns of rows, because such events end their row."""

from __future__ import annotations

import re

from backend.core.release_files import ROOT
from backend.execution.events.append import SEARCHED_TYPES

_STATEMENT = re.compile(r'"""(.*?)"""', re.DOTALL)
_SEARCH = re.compile(r"\btype (?:=|in) (\('[^)]*\)|'\w+')")


def searched(source: str) -> set[str]:
    """Return the types that statements on `job_events` compare with, apart from those that read all events of a row."""
    statements = (
        one for one in _STATEMENT.findall(source) if "from job_events" in one and ".earlier" not in one
    )
    return {
        name for one in statements for found in _SEARCH.findall(one) for name in re.findall(r"'(\w+)'", found)
    }


def test_types_that_statements_look_for_end_their_row() -> None:
    sources = [
        path.read_text(encoding="utf-8")
        for folder in ("backend", "workers")
        for path in (ROOT / folder).rglob("*.py")
        if "migrations" not in path.parts
    ]
    found = set[str]().union(*map(searched, sources))
    assert {"log", "forked", "tool_result"} <= found <= SEARCHED_TYPES


def test_search_for_another_type_is_detected() -> None:
    source = '_QUERY = text("""select payload from job_events where job_id = :id and type in (\'media\', \'web\')""")'
    assert searched(source) == {"media", "web"}
