"""What can be wrong with secrets and with the keys that protect them.

PurasError
├── BadSecretsKey      500  the instance's own encryption key cannot be used
├── SecretUnreadable   500  a stored value was encrypted with a key that is gone
├── Missing
│   └── SecretMissing  404
├── Conflict
│   └── NoRoom         409  the secrets of one place are too many, or too large together
└── Invalid
    └── BadSecret      422  a name or a value that cannot be a secret
"""

from __future__ import annotations

from backend.core.errors import Conflict, Invalid, Missing, Problem, PurasError


class BadSecretsKey(PurasError):
    """The instance's encryption key is malformed, or its file can be read by others."""

    code = "bad_secrets_key"


class SecretUnreadable(PurasError):
    """A stored value cannot be decrypted with the keys that this instance has."""

    code = "secret_unreadable"

    def __init__(self) -> None:
        super().__init__(
            "A stored secret cannot be decrypted with the keys of this instance. Put the key it was written "
            "with back into SECRETS_ENC_KEY (after the newest one) or the key file, or set the secret again."
        )


class SecretMissing(Missing):
    """No secret of that name exists here."""

    code = "secret_not_found"

    def __init__(self, name: str) -> None:
        super().__init__(f"There is no secret {name!r} here. List them to see which exist.", name=name)


class NoRoom(Conflict):
    """The secrets of one place are too many, or too large together."""

    code = "no_room_for_secret"

    def __init__(self, most_secrets: int, most_kib: int) -> None:
        super().__init__(
            f"There is no room for this secret: at most {most_secrets} fit here, of {most_kib} KiB together. Delete "
            "one that no skill uses.",
            most_secrets=most_secrets,
            most_kib=most_kib,
        )


class BadSecret(Invalid):
    """The name or the value cannot be a secret."""

    code = "bad_secret"

    def __init__(self, path: str, message: str) -> None:
        super().__init__(message, [Problem(path=path, message=message)])
