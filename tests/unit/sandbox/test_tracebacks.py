"""The traceback of a failed function contains every chained error, with the lines of the skill."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

from workers.sandbox.guest.entry import own_trace

SKILL = """
def read(row):
    return row['price']


def run():
    try:
        read({{}})
    except KeyError as error:
        {raises}
"""
RAISES = {
    "cause": "raise ValueError('no price') from error",
    "context": "raise ValueError('no price')",
    "hidden": "raise ValueError('no price') from None",
    "group": "raise ExceptionGroup('no price', [error])",
}


@pytest.mark.parametrize(
    ("kind", "has", "lacks"),
    [
        ("cause", ["KeyError: 'price'", "direct cause", "ValueError: no price"], []),
        ("context", ["KeyError: 'price'", "During handling", "ValueError: no price"], []),
        ("hidden", ["ValueError: no price"], ["KeyError"]),
        ("group", ["KeyError: 'price'", "ExceptionGroup: no price (1 sub-exception)"], []),
    ],
)
def test_traceback_contains_chained_errors(
    tmp_path: Path, kind: str, has: list[str], lacks: list[str]
) -> None:
    file = tmp_path / "main.py"
    file.write_text(SKILL.format(raises=RAISES[kind]))
    run = runpy.run_path(str(file))["run"]
    with pytest.raises((ValueError, ExceptionGroup)) as raised:
        run()
    trace = own_trace(raised.value, str(tmp_path))
    for text in has:
        assert text in trace
    for text in lacks:
        assert text not in trace
    assert ("return row['price']" in trace) is not bool(lacks)
    assert 'File "main.py"' in trace
    assert "test_tracebacks" not in trace, "only lines of the skill"
