"""Define the edits of a flow.yaml, and apply them to its text."""

from __future__ import annotations

import copy
import functools
from abc import abstractmethod
from collections.abc import Sequence
from typing import Annotated, Any, Final, Literal, TypeAlias

from pydantic import Field, JsonValue

from backend.authoring.skill_yaml.edits import (
    AddField,
    Edit,
    MoveField,
    Name,
    PathOf,
    RemoveField,
    RemoveValue,
    RenameField,
    RequireField,
    SetValue,
)
from backend.core.schemas import RequestBody
from backend.skills.flows.references import renamed, texts_in
from backend.skills.flows.types import CANVAS
from backend.skills.manifest.yaml_edits import apply_step, read, with_scalars, written_item
from backend.skills.manifest.yaml_text import NotEditable, Step
from backend.skills.schemas.messages import Path

FILE: Final = "flow.yaml"
_ORDER: Final = ("steps", "output", CANVAS)
_MAX_PARSED_CHARACTERS: Final = 128 << 10
"""Maximum length of the document times the texts that are changed one after the other: each change parses it."""

_Place: TypeAlias = Annotated[PathOf, Field(min_length=1)]


class StepEdit(RequestBody):
    """A change of the steps of a flow.yaml."""

    @abstractmethod
    def apply(self, text: str) -> str:
        """Return the text after the change."""


class InsertStep(StepEdit):
    """Insert a step. A list that does not exist is created."""

    op: Literal["insert_step"]
    path: _Place
    """Keys and indexes of the list: `["steps"]`, or `["steps", 1, "parallel", 0, "steps"]`."""
    index: Annotated[int, Field(ge=0)]
    """The position of the step: 0 is the first."""
    value: dict[str, JsonValue]
    """The step."""

    def apply(self, text: str) -> str:
        """Return the text with the step."""
        return _with(text, Step("insert", (*self.path, self.index), self.value))


class RemoveStep(StepEdit):
    """Remove a step, or a case or branch, with the comments above it. An empty `default` is removed as a whole.

    Its place on the canvas is removed too.
    """

    op: Literal["remove_step"]
    path: _Place
    """Keys and indexes of the step."""

    def apply(self, text: str) -> str:
        """Return the text without the step."""
        path = tuple(self.path)
        text = _without_place(text, _value_at(text, (*path, "id")))
        siblings = _value_at(text, path[:-1])
        if path[-2:-1] == ("default",) and siblings is not None and len(siblings) == 1:
            return _with(text, Step("remove", path[:-1]))
        return _with(text, Step("cut", path))


class MoveStep(StepEdit):
    """Move a step with the comments above it, also into or out of a case or branch.

    The canvas then shows it at its automatic place.
    """

    op: Literal["move_step"]
    path: _Place
    """Keys and indexes of the step."""
    to: _Place
    """Keys and indexes of the list that contains it afterwards. The path counts the step at its old position."""
    index: Annotated[int, Field(ge=0)]
    """The position in this list, without the moved step: 0 is the first."""

    def apply(self, text: str) -> str:
        """Return the text in which the step has its new position."""
        path, to = tuple(self.path), tuple(self.to)
        if to[: len(path)] == path:
            raise NotEditable(path, "a step cannot be moved into itself.")
        if (*to, self.index) == path:
            return text
        value = _value_at(text, path)
        if value is None:
            raise NotEditable(path, "there is no such step.")
        text = _without_place(text, value.get("id") if isinstance(value, dict) else None)
        written = written_item(text, path)
        remaining = RemoveStep(op="remove_step", path=list(path)).apply(text)
        target = Step("insert", (*_without(to, path), self.index), value, written)
        try:
            return _with(remaining, target)
        except NotEditable:  # such as quoted text of several lines, which cannot be indented differently
            return _with(remaining, target._replace(written=None))


class RenameStep(StepEdit):
    """Change the ID of a step, and of each expression that reads its result."""

    op: Literal["rename_step"]
    path: _Place
    """Keys and indexes of the step."""
    to: Name
    """The new ID."""

    def apply(self, text: str) -> str:
        """Return the text with the new ID."""
        before = _value_at(text, (*self.path, "id"))
        text = _with(text, Step("set", (*self.path, "id"), self.to))
        if before == self.to:
            return text
        if isinstance(before, str) and _value_at(text, (CANVAS, before)) is not None:
            text = _with(_without_place(text, self.to), Step("rename", (CANVAS, before), self.to))
        return _with_renamed(text, before, self.to) if isinstance(before, str) else text


def _without_place(text: str, step: Any) -> str:
    """Return the text without the place of a step on the canvas."""
    places = _value_at(text, (CANVAS,))
    if not isinstance(places, dict) or not isinstance(step, str) or step not in places:
        return text
    return _with(text, Step("remove", (CANVAS,) if len(places) == 1 else (CANVAS, step)))


def _with_renamed(text: str, before: str, after: str) -> str:
    """Return the text in which the expressions read a step by its new ID."""
    document = read(text, FILE).value
    changed = {
        path: new for path, value in texts_in(document) if (new := renamed(value, before, after)) != value
    }
    expected = copy.deepcopy(document)
    for path, new in changed.items():
        functools.reduce(lambda value, key: value[key], path[:-1], expected)[path[-1]] = new
    result = with_scalars(text, lambda scalar: renamed(scalar, before, after)) if changed else text
    if read(result, FILE).value == expected:
        return result
    if len(changed) * len(text) > _MAX_PARSED_CHARACTERS:
        raise NotEditable(("steps",), "expressions that read it have an unusual notation.")
    for path, new in changed.items():  # such as expressions with quotes that are escaped
        text = _with(text, Step("set", path, new))
    return text


AnyFlowEdit: TypeAlias = Annotated[
    InsertStep
    | RemoveStep
    | MoveStep
    | RenameStep
    | SetValue
    | RemoveValue
    | AddField
    | RenameField
    | RemoveField
    | MoveField
    | RequireField,
    Field(discriminator="op"),
]


def apply_flow_edits(text: str, edits: Sequence[AnyFlowEdit]) -> str:
    """Return the text of a flow.yaml with the edits; the same text if they change nothing.

    Raises:
        Invalid: The text is not valid YAML.
        NotEditable: The document has no such value, or the text cannot be changed safely.
    """
    for edit in edits:
        if isinstance(edit, Edit):
            document = read(text, FILE).value
            for step in list(edit.steps(document if isinstance(document, dict) else {})):
                text = _with(text, step)
        else:
            text = edit.apply(text)
    return text


def _with(text: str, step: Step) -> str:
    return apply_step(text, step, order=_ORDER, file=FILE)


def _value_at(text: str, path: Path) -> Any:
    value = read(text, FILE).value
    for key in path:
        if isinstance(value, list) and isinstance(key, int) and key < len(value):
            value = value[key]
        elif isinstance(value, dict):
            value = value.get(str(key))
        else:
            return None
    return value


def _without(to: Path, removed: Path) -> Path:
    """Return the path of a list after an item before or around it was removed."""
    parent, index = removed[:-1], removed[-1]
    at = len(parent)
    if len(to) <= at or to[:at] != parent:
        return to
    key = to[at]
    if isinstance(key, int) and isinstance(index, int) and key > index:
        return (*parent, key - 1, *to[at + 1 :])
    return to
