"""Declared errors: constructors, texts, bodies and pickling."""

from __future__ import annotations

import copy
import pickle
import string
from dataclasses import KW_ONLY
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest

from backend.core.errors import (
    Conflict,
    Invalid,
    Missing,
    Problem,
    PurasError,
    TooMany,
    Unavailable,
    current_code,
    field,
)
from backend.generators import error_page

ID = UUID(int=7)
TIME = datetime(2026, 11, 28, 12, 30, tzinfo=UTC)


class StepMissing(Missing):
    """The job has no such step."""

    code = "step_missing"
    message = "Job {job_id!r} has no step {step:,} in {name!r}."
    job_id: UUID
    step: int
    name: str = field(default="main", in_body=False, max_length=5)


class BranchStepMissing(StepMissing):
    """The branch has no such step."""

    message = "Branch {branch} of {job_id} has no step {step}."
    branch: str = "a"


class Overdue(Unavailable):
    """The file was needed earlier."""

    code = "overdue"
    at: datetime
    path: Path
    _: KW_ONLY
    tags: frozenset[str]
    reason: str | None = None
    retry_after_s: int = 9

    def describe(self) -> str:
        return f"{self.path} was needed at {self.at:%H:%M}."


class Closed(Conflict):
    """It is closed."""

    code = "closed"
    message = 'It is closed. Send {{"open": true}}.'


class Rejected(Invalid):
    """The value is rejected."""

    code = "rejected"
    message = "The model {model!r} rejects it."
    model: str


class Slow(TooMany):
    """Too many requests."""

    code = "slow"
    message = "Wait {retry_after_s} s."
    retry_after_s: int


def test_the_body_has_the_text_and_the_fields_as_json() -> None:
    error = StepMissing(ID, 1200, "a'b{step}longer")

    assert str(error) == error.detail == f"Job '{ID}' has no step 1,200 in \"a'b{{s\"."
    assert error.as_body() == {
        "detail": error.detail,
        "code": "step_missing",
        "job_id": str(ID),
        "step": 1200,
    }
    assert (error.job_id, error.step, error.name) == (ID, 1200, "a'b{s")


def test_times_paths_and_sets_are_json_and_constant_fields_reach_the_base() -> None:
    error = Overdue(TIME, Path("/a/b"), tags=frozenset({"y", "x"}))

    assert error.as_body() == {
        "detail": "/a/b was needed at 12:30.",
        "code": "overdue",
        "at": "2026-11-28T12:30:00+00:00",
        "path": "/a/b",
        "tags": ["x", "y"],
        "reason": None,
        "retry_after_s": 9,
    }
    assert error.retry_after_s == 9


def test_a_subclass_inherits_fields_and_adds_its_own() -> None:
    error = BranchStepMissing(ID, 3, "n", "b")

    assert error.detail == f"Branch b of {ID} has no step 3."
    assert error.as_body().keys() == {"detail", "code", "job_id", "step", "branch"}
    assert isinstance(error, StepMissing)


def test_an_error_without_fields_has_its_message_or_the_text_that_it_is_given() -> None:
    assert Closed().as_body() == {"detail": 'It is closed. Send {"open": true}.', "code": "closed"}
    assert Closed("It was closed {today}.", by="x").as_body() == {
        "detail": "It was closed {today}.",
        "code": "closed",
        "by": "x",
    }


def test_base_classes_add_the_common_fields_of_their_status() -> None:
    assert Rejected("m").as_body()["errors"] == []
    assert Invalid("No.", [Problem("a", "b")]).as_body()["errors"] == [{"path": "a", "message": "b"}]
    assert Slow(4).as_body() == {"detail": "Wait 4 s.", "code": "slow", "retry_after_s": 4}


class Unready(Conflict):
    """It is not ready."""

    code = "unready"
    former_code = "not_ready_of_old"
    message = "It is not ready."


class Unsent(Unready):
    """It was not sent."""

    code = "unsent"


def test_a_renamed_code_has_its_former_name_in_the_body_and_is_found_by_it() -> None:
    assert Unready().as_body() == {
        "detail": "It is not ready.",
        "code": "unready",
        "former_code": "not_ready_of_old",
    }
    assert Unsent().as_body().keys() == {"detail", "code"}, "another code was not renamed"
    assert [current_code(code) for code in ("not_ready_of_old", "unready", "other")] == [
        "unready",
        "unready",
        "other",
    ]


@pytest.mark.parametrize(
    ("arguments", "named"),
    [((), {}), ((ID,), {}), ((ID, 1, "x", 4), {}), ((ID, 1), {"step": 2}), ((ID, 1), {"other": 2})],
)
def test_invalid_arguments_raise_type_error(arguments: tuple[object, ...], named: dict[str, object]) -> None:
    with pytest.raises(TypeError):
        StepMissing(*arguments, **named)  # type: ignore[arg-type]


def test_keyword_only_fields_are_not_positional() -> None:
    with pytest.raises(TypeError):
        Overdue(TIME, Path("/a"), frozenset())  # type: ignore[misc]


@pytest.mark.parametrize("copied", [lambda one: pickle.loads(pickle.dumps(one)), copy.copy])
def test_a_pickled_or_copied_error_has_the_same_text_and_fields(copied) -> None:  # type: ignore[no-untyped-def]
    error = StepMissing(ID, 1)
    error.add_note("a note")
    again = copied(error)

    assert type(again) is StepMissing
    assert (str(again), again.args, again.as_body()) == (str(error), error.args, error.as_body())
    assert (again.job_id, again.step, again.__notes__) == (ID, 1, ["a note"])


def test_errors_are_equal_only_to_themselves_and_have_a_cause() -> None:
    one, other = StepMissing(ID, 1), StepMissing(ID, 1)
    assert one != other
    assert len({one, other, one}) == 2

    with pytest.raises(StepMissing) as caught:
        raise one from ValueError("no")
    assert isinstance(caught.value.__cause__, ValueError)


def test_every_message_names_only_fields_of_its_class() -> None:
    error_page.page()
    unknown = {
        (error.__qualname__, name)
        for error in _subclasses(PurasError)
        for _, name, _, _ in string.Formatter().parse(error.message)
        if name and name.partition(".")[0] not in error._fields
    }
    assert not unknown


def _subclasses(error: type[PurasError]) -> set[type[PurasError]]:
    return {error}.union(*(_subclasses(one) for one in error.__subclasses__()))
