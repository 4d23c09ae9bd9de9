"""`sample_mutations` changes one expression at a time, and reports the mutations that no test detects."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from mutations import find_mutations
from sample_mutations import main

Write = Callable[[Mapping[str, str]], None]

MODULE = "LIMIT = 3\n\n\ndef is_small(value):\n    return value < LIMIT\n"
GOOD = "from pack.small import is_small\n\n\ndef test_it():\n    assert is_small(2) is True and is_small(3) is False\n"
BAD = "from pack.small import is_small\n\n\ndef test_it():\n    is_small(2)\n"


def mutated(body: str) -> list[str]:
    """Return every mutation of the only statement of a function."""
    source = f"def run(a, b):\n    {body}\n"
    return [one.apply(source).splitlines()[1].strip() for one in find_mutations(source)]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("a = b < 'é' == b", ["a = (b <= 'é' == b)", "a = (b < 'é' != b)"]),
        ("a = b and a", ["a = (b or a)"]),
        ("a = not b", ["a = (b)"]),
        ("a = 'é', 2", ["a = 'é', (2 + 1)", "a = 'é', (2 - 1)"]),
        ("return a", ["return None"]),
        ("a()", ["pass"]),
        ("await a()", ["pass"]),
        ("a = b", []),
        ("return None", []),
        ("a = True", []),
    ],
)
def test_mutations_of_a_statement(body: str, expected: list[str]) -> None:
    if body.startswith("await"):
        source = f"async def run(a):\n    {body}\n"
        assert [one.apply(source).splitlines()[1].strip() for one in find_mutations(source)] == expected
    else:
        assert sorted(mutated(body)) == sorted(expected)


def test_code_outside_of_functions_is_not_mutated() -> None:
    assert find_mutations("A = 1\n\n\nclass B:\n    C = 1 < 2\n\n\ndef run(a=1):\n    pass\n") == []


@pytest.mark.parametrize(("test", "code", "score"), [(GOOD, 0, "Killed 2 of 2"), (BAD, 1, "Killed 0 of 2")])
def test_surviving_mutations_are_reported_and_the_tree_is_unchanged(
    repository: Path,
    commit: Write,
    capsys: pytest.CaptureFixture[str],
    test: str,
    code: int,
    score: str,
) -> None:
    commit({"pack/__init__.py": "", "pack/small.py": MODULE, "tests/test_small.py": test})

    assert main(["pack", "--count", "5", "--tests", "tests", "--root", str(repository)]) == code

    printed = capsys.readouterr().out
    assert f"{score} mutations, chosen from 2.\n" in printed
    assert ("+    return (value <= LIMIT)" in printed) == bool(code)
    status = subprocess.run(
        ["git", "status", "--short"], cwd=repository, check=True, capture_output=True, text=True
    )
    assert status.stdout == ""


def test_tests_that_fail_without_a_mutation_are_an_error(
    repository: Path, commit: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    commit({"pack/small.py": MODULE, "tests/test_small.py": "def test_it():\n    assert False\n"})

    assert main(["pack/small.py", "--tests", "tests", "--root", str(repository)]) == 2
    assert "without a mutation" in capsys.readouterr().err


def test_infinite_loop_is_detected(
    repository: Path, commit: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    module = "def run():\n    left = 3\n    while left > 0:\n        left = left - 1\n    return left\n"
    test = "from pack.small import run\n\n\ndef test_it():\n    assert run() == 0\n"
    commit({"pack/__init__.py": "", "pack/small.py": module, "tests/test_small.py": test})

    main(["pack", "--count", "20", "--timeout", "8", "--tests", "tests", "--root", str(repository)])

    assert "timeout: pack/small.py:4 constant - 1" in capsys.readouterr().out
