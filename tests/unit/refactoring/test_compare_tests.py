"""`compare_tests` reports tests that are missing and files that assert less."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from compare_tests import compare, count_assertions, main, read_expected

Write = Callable[[Mapping[str, str]], None]

TESTS = """import pytest


@pytest.mark.parametrize("value", [1, 2])
def test_values(value):
    assert value
    assert value < 3


def test_error():
    with pytest.raises(ValueError):
        int("x")
"""


def run(repository: Path, *arguments: str) -> int:
    return main(["HEAD", "--root", str(repository), "--paths", "tests", *arguments])


@pytest.fixture
def tested(repository: Path, commit: Write) -> Path:
    """Return a repository with a committed file of tests."""
    commit({"tests/test_a.py": TESTS, "skills_kit/x.txt": ""})
    return repository


def test_a_moved_file_with_the_same_tests_is_accepted(
    tested: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tested / "tests/test_a.py").rename(tested / "tests/test_b.py")

    assert run(tested) == 0
    assert capsys.readouterr().out == "0 tests are missing, 0 were added.\n"


def test_a_missing_test_is_an_error_unless_it_is_expected(
    tested: Path, write: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write({"tests/test_a.py": TESTS.replace("[1, 2]", "[1, 3]").replace("    assert value < 3\n", "")})

    assert run(tested) == 1
    printed = capsys.readouterr().out
    assert "Missing (1):\n  tests/test_a.py::test_values[2]\n" in printed
    assert "Added (1):\n  tests/test_a.py::test_values[3]\n" in printed
    assert "tests/test_a.py: 2 instead of 3" in printed

    expected = tmp_path / "expected.txt"
    expected.write_text("tests/test_a.py::test_values[2] another value is as good\n")
    assert run(tested, "--expected", str(expected)) == 0


def test_tests_that_cannot_be_collected_are_an_error(
    tested: Path, write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    write({"tests/test_a.py": "import no_such_module\n"})

    assert run(tested) == 2
    assert "no_such_module" in capsys.readouterr().err


def test_assertions_are_counted() -> None:
    assert count_assertions(TESTS) == 3
    assert count_assertions("mock.assert_called_once()\npytest.fail('no')\nfail()\n") == 2


def test_fewer_assertions_are_reported_for_deleted_files() -> None:
    found = compare(
        [], [], {"tests/a.py": 2, "tests/b.py": 1}, {"tests/c.py": 1}, {"tests/b.py": "tests/c.py"}
    )
    assert found.fewer_assertions == ["tests/a.py: 0 instead of 2"]


def test_an_expected_test_needs_a_reason() -> None:
    assert read_expected("# a comment\n\na::b gone\na::c[x y] gone, too\n") == {"a::b", "a::c[x y]"}
    for line in ("a::b", "a::c[x y]"):
        with pytest.raises(ValueError, match="No reason"):
            read_expected(line)
