"""Decide which steps of a failed flow are undone, and in which order. Pure functions without a database."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from backend.execution.flows.state import NO_ITEM, End, Rows, StoredStep
from backend.skills.flows.types import Flow, Step

_NOT_STORED: Final = datetime.max.replace(tzinfo=UTC)
"""Steps whose ends are not stored yet have ended after all others."""


def completed_steps(
    flow: Flow, rows: Rows, ended: Mapping[tuple[str, int], End]
) -> tuple[list[tuple[Step, Any]], set[str]]:
    """Return the steps to undo with their results, the last one first, and the steps whose elements must be read.

    A step with `for_each` is undone if an element has succeeded, also if another one has failed: its result is the
    list of the results of the elements that have succeeded. Steps whose results a fork has copied are not undone: the
    job that ran them may need what they did.

    Args:
        flow: The flow.
        rows: The stored steps.
        ended: The ends that are not stored yet.
    """
    found: list[tuple[datetime, int, Step, Any]] = []
    needed: set[str] = set()
    for position, step in enumerate(flow.walk()):
        if step.compensate is None or _is_copied(rows.get((step.id, NO_ITEM))):
            continue
        own = ended.get((step.id, NO_ITEM)) or rows.get((step.id, NO_ITEM))
        if step.for_each is None or own is not None:
            if own is not None and own.status == "succeeded":
                results = own.result if step.for_each is None else _succeeded(step, own.result)
                if step.for_each is None or results:
                    found.append((_time_of(own), position, step, results))
            continue
        elements = _elements(step, rows, ended)
        if any(isinstance(one, StoredStep) and not one.has_result for one in elements):
            needed.add(step.id)
        elif elements:
            found.append((max(map(_time_of, elements)), position, step, [one.result for one in elements]))
    found.sort(key=lambda one: one[:2], reverse=True)
    return [(step, result) for _, _, step, result in found], needed


def undo_step(step: Step) -> Step:
    """Return the step that runs the skill that undoes another one."""
    undo = step.compensate
    if undo is None:
        raise LookupError(f"the step {step.id!r} has no 'compensate'")
    return Step(id=step.id, title=f"Undo {step.title or step.id}", skill=undo.skill, inputs=undo.inputs)


def _is_copied(row: StoredStep | None) -> bool:
    return row is not None and row.is_copied


def _elements(step: Step, rows: Rows, ended: Mapping[tuple[str, int], End]) -> list[StoredStep | End]:
    """Return the elements of a step that have succeeded, in their order."""
    items = sorted(item for name, item in {**rows, **ended} if name == step.id and item >= 0)
    found = (ended.get((step.id, item)) or rows[step.id, item] for item in items)
    return [one for one in found if one.status == "succeeded"]


def _succeeded(step: Step, results: list[Any]) -> list[Any]:
    """Return the results of the elements that have succeeded."""
    if step.on_error == "fail":
        return results
    return [one["result"] for one in results if one["status"] == "succeeded"]


def _time_of(one: StoredStep | End) -> datetime:
    stored = one.finished_at if isinstance(one, StoredStep) else None
    return _NOT_STORED if stored is None else stored
