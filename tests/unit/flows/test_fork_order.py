"""A fork of a flow runs the named step again, with all that follows it; other branches keep their results."""

from __future__ import annotations

import pytest

from backend.execution.jobs.forks.flow import running_again
from tests.unit.flows.test_advance import flow

NESTED = flow(
    "{id: a, skill: t}",
    """\
id: both
  parallel:
    - steps: [{id: left, skill: t}, {id: after_left, skill: t}]
    - steps:
        - id: choice
          switch: [{when: true, steps: [{id: first, skill: t}]}, {when: false, steps: [{id: second, skill: t}]}]
          default: [{id: other, skill: t}]
        - {id: after_choice, skill: t}""",
    "{id: z, skill: t}",
)


@pytest.mark.parametrize(
    ("step", "again"),
    [
        ("a", {step.id for step in NESTED.walk()}),
        ("both", {step.id for step in NESTED.walk()} - {"a"}),
        ("left", {"both", "left", "after_left", "z"}),
        ("after_left", {"both", "after_left", "z"}),
        ("first", {"both", "choice", "first", "after_choice", "z"}),
        ("other", {"both", "choice", "other", "after_choice", "z"}),
        ("after_choice", {"both", "after_choice", "z"}),
        ("z", {"z"}),
        ("missing", None),
    ],
)
def test_steps_that_run_again(step: str, again: set[str] | None) -> None:
    assert running_again(NESTED.steps, step) == again
