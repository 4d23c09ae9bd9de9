"""Define the requests and responses of the routes of secrets."""

from __future__ import annotations

from datetime import datetime

from pydantic import ConfigDict

from backend.core.attribute_docstrings import Schema
from backend.core.schemas import RequestBody


class SecretUpdate(RequestBody):
    """A secret to set."""

    name: str
    """Name of the environment variable: capital letters, digits and `_`."""
    value: str
    """At most 64 KiB; never returned."""

    def __repr_args__(self) -> list[tuple[str | None, object]]:
        return [("name", self.name)]


class SecretRead(Schema):
    """A secret, without its value."""

    model_config = ConfigDict(from_attributes=True)

    name: str
    updated_at: datetime
