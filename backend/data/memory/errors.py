"""Errors of memory records."""

from __future__ import annotations

from uuid import UUID

from backend.core.errors import Conflict, Invalid, Missing, NotAllowed, Problem, field


class MemoryNotFound(Missing):
    """The record does not exist, was deleted, or belongs to another project."""

    code = "memory_not_found"
    message = "No memory record {memory_id!r} in this project. Search for it: POST /v1/memory/search."
    memory_id: UUID | str


class ListingHasNoMemory(NotAllowed):
    """A listing has no access to the memory of the project that runs it."""

    code = "listing_has_no_memory"
    message = "A listing of the marketplace has no memory in the project of its caller."


class MemoryChanged(Conflict):
    """The record was changed after the caller read it."""

    code = "memory_changed"
    former_code = "memory_moved_on"
    message = "The record is at version {version}, not {expected}. Read it again, and repeat the change."
    memory_id: UUID | None
    version: int
    expected: int = field(in_body=False)


class MemoryFull(Conflict):
    """The memory of the project has reached its quota."""

    code = "quota_reached"
    quota: str
    limit: str = field(in_body=False)
    used: int

    def describe(self) -> str:
        """Return the message."""
        option = self.quota.replace("_", "-")
        return (
            f"The memory of this project is full: the limit is {self.limit}, including forgotten records "
            "that are still stored. Erase records (DELETE /v1/memory/ID?erase=true), or ask the operator to "
            f"raise the limit: `puras-studio project limits PROJECT --{option}`."
        )


class BadMemory(Invalid):
    """The record has invalid values."""

    code = "bad_memory"

    def __init__(self, path: str, message: str) -> None:
        super().__init__(f"The record is not valid: {path}: {message}", [Problem(path, message)])
