"""Errors of memory records."""

from __future__ import annotations

from uuid import UUID

from backend.core.errors import Conflict, Invalid, Missing, NotAllowed, Problem, field


class MemoryNotFound(Missing):
    """There is no such record, it was forgotten, or it is not the caller's."""

    code = "memory_not_found"
    message = "Nothing is remembered under {memory_id!r} here. Search for it: POST /v1/memory/search."
    memory_id: UUID | str


class ListingHasNoMemory(NotAllowed):
    """A skill of the marketplace runs in its caller's project, and reaches nothing of what that remembers."""

    code = "listing_has_no_memory"
    message = "A listing of the marketplace has no memory in the project of its caller."


class MemoryChanged(Conflict):
    """Somebody has written the record since it was read."""

    code = "memory_changed"
    former_code = "memory_moved_on"
    message = (
        "The record is at version {version}, not {expected}. Read it again, and write what it should be now."
    )
    memory_id: UUID | None
    version: int
    expected: int = field(in_body=False)


class MemoryFull(Conflict):
    """The project remembers as much as it may."""

    code = "quota_reached"
    quota: str
    limit: str = field(in_body=False)
    used: int

    def describe(self) -> str:
        option = self.quota.replace("_", "-")
        return (
            f"This project may remember {self.limit}, what was forgotten and is still kept included. Erase what is "
            "not needed (DELETE /v1/memory/ID?erase=true), or ask the operator for more: `puras-studio project "
            f"limits PROJECT --{option}`."
        )


class BadMemory(Invalid):
    """It cannot be remembered so."""

    code = "bad_memory"

    def __init__(self, path: str, message: str) -> None:
        super().__init__(f"It cannot be remembered so: {path}: {message}", [Problem(path, message)])
