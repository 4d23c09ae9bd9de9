"""The user IDs with which the code of tenants runs when this process is root."""

from __future__ import annotations

import os

FIRST_UID = 2_000_000
"""Above the accounts of users and services, and above the usual ranges of subordinate IDs."""
LAST_UID = 2**31 - 1
"""Programs that store IDs in a signed 32-bit number still work."""


def sandbox_uid(project_number: int) -> int | None:
    """Return the user ID of the project, which also owns its drive; None if this process is not root.

    Projects never share one: otherwise their jobs could send each other signals and read each other's drives.
    """
    if os.geteuid() != 0:
        return None
    uid = FIRST_UID + project_number
    if not FIRST_UID < uid <= LAST_UID:
        raise ValueError(
            f"Project number {project_number} has no user ID: it must be between 1 and {LAST_UID - FIRST_UID}."
        )
    return uid
