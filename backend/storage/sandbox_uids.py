"""The user ids that tenants' code runs under when this process is root."""

from __future__ import annotations

import os

FIRST_UID = 2_000_000  # above the accounts of people, daemons and the usual ranges of subordinate ids
LAST_UID = 2**31 - 1  # programs that keep ids in a signed 32-bit number still work


def sandbox_uid(project_number: int) -> int | None:
    """The project's own user id, which also owns its drive; none when this process is not root.

    Two projects never share one: otherwise their jobs could signal each other and read each other's drives.
    """
    if os.geteuid() != 0:
        return None
    uid = FIRST_UID + project_number
    if not FIRST_UID < uid <= LAST_UID:
        raise ValueError(
            f"Project number {project_number} has no user id: only 1 to {LAST_UID - FIRST_UID} have."
        )
    return uid
