"""Read the secrets of the project: `token = secret("STRIPE_KEY")`."""

from __future__ import annotations

import os
from typing import TypeVar, overload

Default = TypeVar("Default")
_NOT_GIVEN = object()


class SecretError(LookupError):
    """The secret is not set, and the call has no default."""


@overload
def secret(name: str) -> str: ...


@overload
def secret(name: str, default: Default) -> str | Default: ...


def secret(name: str, default: object = _NOT_GIVEN) -> object:
    """Return the value of a secret of this skillpack or its project, otherwise the default.

    Raises:
        SecretError: The secret is not set, and there is no default.
    """
    value = os.environ.get(name)
    if value is not None:
        return value
    if default is not _NOT_GIVEN:
        return default
    raise SecretError(
        f"The secret {name!r} is not set. Set it in the studio under Secrets, or: puras secrets set {name}"
    )
