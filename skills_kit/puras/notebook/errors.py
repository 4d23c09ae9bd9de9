"""What goes wrong in a notebook, each as one sentence that says what to do."""

from __future__ import annotations

from puras.client.errors import PurasAPIError

__all__ = ["CellRefused", "RunFailed", "said"]


class _Told:
    """Shown in a notebook as its sentence: where in our own code it was raised is no help."""

    def _render_traceback_(self) -> list[str]:
        return [f"{type(self).__name__}: {self}"]


class CellRefused(_Told, ValueError):
    """The cell is no skill as it stands, or its skill may not be published so."""


class RunFailed(_Told, RuntimeError):
    """A run has no result."""

    def __init__(self, run_id: str, status: str, message: str) -> None:
        super().__init__(message)
        self.run_id = run_id
        self.status = status


def said(refusal: Exception) -> str:
    """The sentence of a refusal, with each place that is wrong."""
    problems = refusal.errors if isinstance(refusal, PurasAPIError) else []
    places = [f"{one.path}: {one.message}" for one in problems if one.message not in str(refusal)]
    return "\n".join([str(refusal), *places])
