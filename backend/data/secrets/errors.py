"""Errors of secrets."""

from __future__ import annotations

from backend.core.errors import Conflict, Missing


class SecretMissing(Missing):
    """No secret has this name."""

    code = "secret_not_found"
    message = "The secret {name!r} does not exist here. List the secrets to see their names."
    name: str


class TooManySecrets(Conflict):
    """The secrets exceed the limit for their number or their total size."""

    code = "too_many_secrets"
    former_code = "no_room_for_secret"
    message = (
        "This secret exceeds a limit: at most {max_secrets} secrets, of {max_kib} KiB in total. Delete one "
        "that no skill uses."
    )
    max_secrets: int
    max_kib: int
