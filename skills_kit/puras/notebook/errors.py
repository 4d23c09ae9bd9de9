"""Errors in a notebook. Each message says how to fix the problem."""

from __future__ import annotations

from puras.client.errors import PurasAPIError

__all__ = ["CellRefused", "RunFailed", "message_of"]


class _WithoutTraceback:
    """An error that a notebook displays as one line, since the traceback is that of the kit."""

    def _render_traceback_(self) -> list[str]:
        return [f"{type(self).__name__}: {self}"]


class CellRefused(_WithoutTraceback, ValueError):
    """The cell does not define a valid skill, or its skill cannot be published."""


class RunFailed(_WithoutTraceback, RuntimeError):
    """The run failed and has no result."""

    def __init__(self, run_id: str, status: str, message: str) -> None:
        super().__init__(message)
        self.run_id = run_id
        self.status = status


def message_of(error: Exception) -> str:
    """Return the message of an error, with the location of each problem."""
    problems = error.errors if isinstance(error, PurasAPIError) else []
    lines = [f"{one.path}: {one.message}" for one in problems if one.message not in str(error)]
    return "\n".join([str(error), *lines])
