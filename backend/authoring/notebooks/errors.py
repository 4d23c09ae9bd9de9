"""Errors of notebooks."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from backend.core.errors import Conflict, Missing, NotAllowed, field


class KernelNotFound(Missing):
    """The project has no such kernel."""

    code = "kernel_not_found"
    message = "There is no kernel {kernel_id!r}. GET /v1/notebooks/kernels lists the running ones."
    kernel_id: UUID


class KernelEnded(Conflict):
    """The kernel has ended."""

    code = "kernel_ended"
    message = (
        "The kernel has ended: {why} Its variables are lost. Start a new one with POST /v1/notebooks/kernels."
    )
    kernel_id: UUID
    why: str = field(in_body=False)


class TooManyKernels(Conflict):
    """The project has the maximum number of kernels."""

    code = "too_many_kernels"
    limit: int
    paths: Collection[str] = field(in_body=False)

    def describe(self) -> str:
        """Return the message."""
        listed = ", ".join(sorted(self.paths))
        return (
            f"The project has {len(self.paths)} kernels, and the limit is {self.limit} ({listed}). Stop one "
            "that is not needed, or ask the operator to raise PURAS_NOTEBOOK_KERNELS."
        )


class TooManyCells(Conflict):
    """The maximum number of cells is queued."""

    code = "too_many_cells"
    message = (
        "{limit} cells are queued, the maximum. Wait for some of them, or interrupt the kernel, which drops "
        "them."
    )
    limit: int


class JobStillRuns(Conflict):
    """The job has not ended, so it cannot be opened as a notebook."""

    code = "job_still_runs"

    def __init__(self, job_id: UUID, status: str) -> None:
        super().__init__(
            f"The job is {status}. It can be opened as a notebook after it has ended.", job_id=str(job_id)
        )


class KernelNotOnKey(NotAllowed):
    """The key is limited to some skills, and a kernel runs any code."""

    code = "kernel_not_on_key"
    message = (
        "A kernel can run any Python code, and this key is limited to some skills. Use a secret key without "
        "a list of skills, or sign in to the studio."
    )
