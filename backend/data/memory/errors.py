"""What a caller is told about memory.

Missing
└── MemoryNotFound
NotAllowed
└── ListingHasNoMemory
Conflict
├── MemoryMovedOn     a write names a version that is not the newest any more
└── MemoryFull        the project remembers as much as it may
Invalid
└── BadMemory         it cannot be remembered so
"""

from __future__ import annotations

from uuid import UUID

from backend.core.errors import Conflict, Invalid, Missing, NotAllowed, Problem


class MemoryNotFound(Missing):
    """There is no such record, it was forgotten, or it is not the caller's."""

    code = "memory_not_found"

    def __init__(self, memory_id: UUID | str) -> None:
        super().__init__(
            f"Nothing is remembered under {str(memory_id)!r} here. Search for it: POST /v1/memory/search.",
            memory_id=str(memory_id),
        )


class ListingHasNoMemory(NotAllowed):
    """A skill of the marketplace runs in its caller's project, and reaches nothing of what that remembers."""

    code = "listing_has_no_memory"

    def __init__(self) -> None:
        super().__init__("A listing of the marketplace has no memory in the project of its caller.")


class MemoryMovedOn(Conflict):
    """Somebody has written the record since it was read."""

    code = "memory_moved_on"

    def __init__(self, memory_id: UUID | None, version: int, expected: int) -> None:
        super().__init__(
            f"The record is at version {version}, not {expected}. Read it again, and write what it should be now.",
            memory_id=None if memory_id is None else str(memory_id),
            version=version,
        )


class MemoryFull(Conflict):
    """The project remembers as much as it may."""

    code = "quota_reached"

    def __init__(self, quota: str, limit: str, used: int) -> None:
        option = quota.replace("_", "-")
        super().__init__(
            f"This project may remember {limit}, what was forgotten and is still kept included. Erase what is not "
            "needed (DELETE /v1/memory/ID?erase=true), or ask the operator for more: `puras-studio project limits "
            f"PROJECT --{option}`.",
            quota=quota,
            used=used,
        )


class BadMemory(Invalid):
    """It cannot be remembered so."""

    code = "bad_memory"

    def __init__(self, path: str, message: str) -> None:
        super().__init__(f"It cannot be remembered so: {path}: {message}", [Problem(path, message)])
