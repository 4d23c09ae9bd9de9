"""Responses with the log of a job."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from backend.core.attribute_docstrings import Schema


class LogRead(Schema):
    """A piece of the output of a job, or a message of its log."""

    id: int
    """Number of the event within the job."""
    ts: datetime
    level: str
    """The level of a message (`debug`, `info`, `warning`, `error`), or `stdout`, `stderr` or `system`."""
    text: str
    """The text. Printed text may be cut anywhere, and may contain several lines."""
    fields: dict[str, Any]
    """Additional fields that the skill passed to `puras.log`."""


class LogPage(Schema):
    """A page of the log of a job, in order."""

    entries: list[LogRead]
    next_after: int | None
    """Pass it as `after` for the page after this one; `null`: there is none yet."""
    counts: dict[str, int]
    """Number of entries of the whole log by level; empty on later pages."""
