"""Errors of notebooks.

├── KernelNotFound      the project has no such kernel
├── KernelEnded         it has ended, and takes no cells any more
├── TooManyKernels      the project has as many as it may
├── TooManyCells        as many wait for their turn as may
├── JobStillRuns        a job is opened as a notebook when it has ended
└── KernelNotOnKey      a key that may run only some skills runs no code of one's own
"""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from backend.core.errors import Conflict, Missing, NotAllowed


class KernelNotFound(Missing):
    """The project has no such kernel."""

    code = "kernel_not_found"

    def __init__(self, kernel_id: UUID) -> None:
        super().__init__(
            f"There is no kernel {str(kernel_id)!r}. GET /v1/notebooks/kernels lists those that live.",
            kernel_id=str(kernel_id),
        )


class KernelEnded(Conflict):
    """The kernel has ended."""

    code = "kernel_ended"

    def __init__(self, kernel_id: UUID, why: str) -> None:
        super().__init__(
            f"The kernel has ended: {why} Its variables are gone; start a new one with POST /v1/notebooks/kernels.",
            kernel_id=str(kernel_id),
        )


class TooManyKernels(Conflict):
    """The project has as many kernels as it may."""

    code = "too_many_kernels"

    def __init__(self, most: int, paths: Collection[str]) -> None:
        listed = ", ".join(sorted(paths))
        super().__init__(
            f"The project has {len(paths)} kernels and may have {most} at once ({listed}). Stop one that is not needed, "
            "or have the operator raise PURAS_NOTEBOOK_KERNELS.",
            limit=most,
        )


class TooManyCells(Conflict):
    """As many cells wait as may."""

    code = "too_many_cells"

    def __init__(self, most: int) -> None:
        super().__init__(
            f"{most} cells wait for their turn, and no more may. Wait for some of them, or interrupt the kernel, "
            "which drops them.",
            limit=most,
        )


class JobStillRuns(Conflict):
    """The job has not ended, so that there is no whole of it to show."""

    code = "job_still_runs"

    def __init__(self, job_id: UUID, status: str) -> None:
        super().__init__(
            f"The job is {status}: it can be opened as a notebook when it has ended.", job_id=str(job_id)
        )


class KernelNotOnKey(NotAllowed):
    """The key may run only some skills, and a kernel runs any code."""

    code = "kernel_not_on_key"

    def __init__(self) -> None:
        super().__init__(
            "A kernel runs any Python, and this key may run only some skills. Use a secret key without a list of "
            "skills, or sign in to the studio."
        )
