"""The score of verdicts, and the equality of outputs."""

from __future__ import annotations

import pytest

from backend.evals.json_values import NoSuchPathError, equal, value_at
from backend.evals.scores import Verdict, combine


def verdict(score: float, *, weight: float = 1.0, passed: bool = True, skipped: bool = False) -> Verdict:
    return Verdict("one", "check", weight, score, passed=passed, skipped=skipped)


def test_score_is_the_weighted_mean_without_skipped_verdicts() -> None:
    verdicts = [verdict(1.0, weight=3), verdict(0.5), verdict(0.0, weight=100, skipped=True)]
    assert combine(verdicts).score == 88  # (3 + 0.5) / 4 = 0.875, and halves go up
    assert combine([verdict(0.125)]).score == 13


def test_run_passes_if_a_grader_scored_it_and_none_failed() -> None:
    assert combine([verdict(1.0), verdict(0.0, skipped=True, passed=False)]).passed
    assert not combine([verdict(1.0), verdict(0.9, passed=False)]).passed
    nothing = combine([verdict(1.0, skipped=True)])
    assert (nothing.score, nothing.passed) == (None, False)
    assert nothing.as_dict()["graders"][0]["score"] is None


@pytest.mark.parametrize(
    ("one", "other", "are_same"),
    [
        ({"a": 1, "b": [1, 2]}, {"b": [1, 2], "a": 1}, True),
        ([1, 2], [2, 1], False),
        (1, 1.0, True),
        (True, 1, False),
        ([False], [0], False),
        (None, {}, False),
        ({"a": None}, {}, False),
        ("é", "é", True),
    ],
)
def test_outputs_are_compared_as_json(one: object, other: object, are_same: bool) -> None:
    assert equal(one, other) is are_same


def test_field_is_found_with_both_forms_of_an_index() -> None:
    value = {"items": [{"name": "owl"}], "n": {"1": "one"}}
    assert value_at(value, "items[0].name") == value_at(value, "items.0.name") == "owl"
    assert value_at(value, "n.1") == "one"
    for missing in ("items[1]", "items.x", "name", "items[0].name.x"):
        with pytest.raises(NoSuchPathError):
            value_at(value, missing)
