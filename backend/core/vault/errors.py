"""Errors of the encryption keys of the instance and of secret values."""

from __future__ import annotations

from backend.core.errors import Invalid, Problem, PurasError


class BadSecretsKey(PurasError):
    """The instance's encryption key is malformed, or its file can be read by others."""

    code = "bad_secrets_key"


class SecretUnreadable(PurasError):
    """A stored value cannot be decrypted with the keys that this instance has."""

    code = "secret_unreadable"
    message = (
        "A stored secret cannot be decrypted with the keys of this instance. Add the key with which it was encrypted "
        "to SECRETS_ENC_KEY (after the newest one) or to the key file, or set the secret again."
    )


class BadSecret(Invalid):
    """The name or the value is not valid for a secret."""

    code = "bad_secret"

    def __init__(self, path: str, message: str) -> None:
        super().__init__(message, [Problem(path=path, message=message)])
