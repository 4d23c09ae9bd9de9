"""Errors of secrets."""

from __future__ import annotations

from backend.core.errors import Conflict, Missing


class SecretMissing(Missing):
    """No secret has this name."""

    code = "secret_not_found"
    message = "There is no secret {name!r} here. List them to see which exist."
    name: str


class TooManySecrets(Conflict):
    """The secrets exceed the limit for their number or their total size."""

    code = "too_many_secrets"
    former_code = "no_room_for_secret"
    message = (
        "There is no room for this secret: at most {most_secrets} fit here, of {most_kib} KiB together. Delete one "
        "that no skill uses."
    )
    most_secrets: int
    most_kib: int
