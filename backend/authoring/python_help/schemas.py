"""Requests and responses of the help for Python code."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import Field

from backend.core.attribute_docstrings import Schema
from backend.core.schemas import RequestBody, Text

MAX_CHARACTERS: Final = 256 << 10
_MAX_PATH: Final = 1_024


class PythonSource(RequestBody):
    """A Python file of a draft as it is in the editor."""

    path: Text = Field(default="cell.py", min_length=1, max_length=_MAX_PATH)
    """Its path in the draft, which ends with `.py`. The draft does not need to contain it."""
    text: Text = Field(max_length=MAX_CHARACTERS)
    """The text, which may not be saved yet."""


class PythonPosition(PythonSource):
    """A position in a Python file."""

    line: int = Field(ge=1, le=MAX_CHARACTERS)
    """The line, starting at 1."""
    column: int = Field(ge=1, le=MAX_CHARACTERS + 1)
    """The column of the character after the position, starting at 1. Characters are counted, not bytes."""


class PythonRename(PythonPosition):
    """A new name for what is at a position."""

    new_name: Text = Field(min_length=1, max_length=200)


class TextEditRead(Schema):
    """A replacement in a text."""

    line: int
    column: int
    end_line: int
    end_column: int
    """The column after the last replaced character."""
    text: str


class PythonFixRead(Schema):
    """A safe change that solves a problem."""

    message: str
    edits: list[TextEditRead]


class PythonProblemRead(Schema):
    """A problem of a Python file."""

    line: int
    column: int
    end_line: int
    end_column: int
    code: str
    """The rule of ruff, for example `F821`; `invalid-syntax` for errors of the syntax."""
    message: str
    severity: Literal["error", "warning"]
    """`error`: the code fails when the line is executed."""
    fix: PythonFixRead | None


class PythonDiagnosticsRead(Schema):
    """The problems of a Python file."""

    problems: list[PythonProblemRead]
    is_truncated: bool
    """There are more problems."""


class PythonFormattedRead(Schema):
    """The formatted text."""

    text: str


class PythonCompletionRead(Schema):
    """A name that fits at a position."""

    name: str
    kind: str
    """`module`, `class`, `instance`, `function`, `param`, `path`, `keyword`, `property` or `statement`."""
    documentation: str
    """The signature and the documentation, shortened; empty for most names after the first ones."""


class PythonCompletionsRead(Schema):
    """The names that fit at a position."""

    completions: list[PythonCompletionRead]
    prefix: int
    """The number of characters before the position that a name replaces."""


class PythonHoverRead(Schema):
    """A description of the name at a position."""

    signature: str
    """Empty if there is no name, or nothing is known about it."""
    documentation: str
    module: str
    """The module that defines it."""


class PythonDefinitionRead(Schema):
    """A place that defines a name."""

    path: str | None
    """The path in the draft; `null` for the kit and the standard library."""
    line: int
    column: int
    name: str
    module: str
    source: str
    """The first lines of the definition, if it is not in the draft."""


class PythonDefinitionsRead(Schema):
    """The places that define the name at a position."""

    definitions: list[PythonDefinitionRead]


class PythonPlaceRead(Schema):
    """A place of a name in the draft."""

    path: str
    line: int
    column: int
    name: str
    """The text at the place, which the new name replaces."""
    excerpt: str
    """The line."""


class PythonRenameRead(Schema):
    """The places that a new name changes."""

    name: str
    places: list[PythonPlaceRead]
