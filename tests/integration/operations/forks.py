"""Help for tests of forked processes, which become children of the process that requests them."""

from __future__ import annotations

import ctypes

from backend.operations.up.orphans import PR_SET_CHILD_SUBREAPER


def adopt_no_orphans() -> None:
    """Let this process, which has adopted orphans for a test, leave them to the system again."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)
