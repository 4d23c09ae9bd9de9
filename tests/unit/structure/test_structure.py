"""The structure of the code does not get worse than recorded in allowed.toml; docs/decisions/0014 says why."""

from __future__ import annotations

import sys

import pytest
import structure
from banned_words import locate_banned_words
from structure import Limits, Report

from tests.unit.structure import checks


@pytest.fixture(scope="module")
def report() -> Report:
    return structure.measure()


@pytest.fixture
def measured(report: Report) -> Limits:
    return structure.limits_of(report)


@pytest.fixture(scope="module")
def recorded() -> Limits:
    return structure.read_limits(structure.ROOT / structure.ALLOWED)


def fail_with(problems: list[str]) -> None:
    """Fail with the complete messages, which an `assert` would shorten, if there are any."""
    if problems:
        pytest.fail("\n".join(problems), pytrace=False)


def test_print_numbers(
    report: Report, recorded: Limits, measured: Limits, capsys: pytest.CaptureFixture[str]
) -> None:
    """Print all numbers (shown with `-s`), and always those that are worth recording."""
    sys.stdout.write(structure.markdown(report))
    with capsys.disabled():
        sys.stderr.write("".join(f"\n{hint}" for hint in checks.hints(recorded, measured)))


def test_cycles_do_not_grow(recorded: Limits, measured: Limits) -> None:
    fail_with(checks.larger_cycles(recorded, measured))


def test_no_new_upward_imports(recorded: Limits, measured: Limits) -> None:
    fail_with(checks.new_upward_imports(recorded, measured))


def test_no_stale_entries(recorded: Limits, measured: Limits) -> None:
    fail_with(checks.stale_entries(recorded, measured))


def test_javascript_does_not_grow(recorded: Limits, measured: Limits) -> None:
    fail_with(checks.more_javascript(recorded, measured))


def test_only_the_owner_writes_job_status(report: Report) -> None:
    fail_with(checks.status_writers(report.status_writers))


def test_no_banned_words() -> None:
    fail_with(locate_banned_words(structure.ROOT))


def test_every_module_has_a_layer(report: Report) -> None:
    fail_with(checks.unmapped_entries(report.unmapped))


def test_contract_matches_the_list(recorded: Limits) -> None:
    pyproject = (structure.ROOT / "pyproject.toml").read_text(encoding="utf-8")
    if pyproject != structure.with_contract(pyproject, recorded.upward, structure.backend_entries()):
        fail_with(
            [
                f"The generated contract in pyproject.toml is out of date. Run `{checks.COMMAND} --write-allowed`."
            ]
        )
