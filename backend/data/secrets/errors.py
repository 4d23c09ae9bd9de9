"""Errors of secrets."""

from __future__ import annotations

from backend.core.errors import Conflict, Missing


class SecretMissing(Missing):
    """No secret of that name exists here."""

    code = "secret_not_found"
    message = "There is no secret {name!r} here. List them to see which exist."
    name: str


class TooManySecrets(Conflict):
    """The secrets of one place are too many, or too large together."""

    code = "too_many_secrets"
    former_code = "no_room_for_secret"
    message = (
        "There is no room for this secret: at most {most_secrets} fit here, of {most_kib} KiB together. Delete one "
        "that no skill uses."
    )
    most_secrets: int
    most_kib: int
