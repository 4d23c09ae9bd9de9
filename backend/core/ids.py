"""IDs of tables with many rows."""

from __future__ import annotations

import os
import time
from typing import Final
from uuid import UUID

_VERSION: Final = 7 << 76
_VARIANT: Final = 0b10 << 62
_RANDOM: Final = 0xFFF << 64 | (1 << 62) - 1
SHORT_CHARACTERS: Final = 8
"""The number of characters that the studio and names of files show of the ID of a job."""


def uuid7() -> UUID:
    """Return a UUID of version 7 (RFC 9562, section 5.7): milliseconds since 1970, then 74 random bits.

    IDs of about the same time are neighbors in an index. New rows therefore change few pages of the index, and
    PostgreSQL writes few complete pages to its log after a checkpoint. The random bits come from the operating system:
    an ID cannot be guessed, also if its time is known.
    """
    milliseconds = time.time_ns() // 1_000_000 << 80
    return UUID(int=milliseconds | _VERSION | _VARIANT | int.from_bytes(os.urandom(10)) & _RANDOM)


def short(job_id: object) -> str:
    """Return the last characters of the ID of a job, which distinguish it from other jobs.

    They are random. The first characters are a time, the same for all jobs of about a minute.
    """
    return str(job_id)[-SHORT_CHARACTERS:]
