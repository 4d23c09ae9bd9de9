"""Define the requests and responses of the routes of secrets."""

from __future__ import annotations

from datetime import datetime

from pydantic import ConfigDict

from backend.core.attribute_docstrings import Schema
from backend.core.schemas import RequestBody
from backend.identity.environments import Environment


class SecretUpdate(RequestBody):
    """A secret to set."""

    name: str
    """Name of the environment variable: capital letters, digits and `_`."""
    value: str
    """At most 64 KiB; never returned."""
    environment: Environment | None = None
    """The environment whose jobs receive this value. Default: all that have no value of their own; for a key of
    `development` or `staging`, its environment."""

    def __repr_args__(self) -> list[tuple[str | None, object]]:
        return [("name", self.name)]


class SecretRead(Schema):
    """A secret, without its value."""

    model_config = ConfigDict(from_attributes=True)

    name: str
    environment: Environment | None = None
    """`null`: the value is for all environments that have none of their own."""
    updated_at: datetime
