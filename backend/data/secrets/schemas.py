"""What the routes of secrets take and answer."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, ConfigDict

from backend.core.schemas import Asked


class SecretUpdate(Asked):
    """A secret to be set."""

    name: str
    """Of the environment variable: capital letters, digits and `_`."""
    value: str
    """At most 64 KiB; never shown again."""

    def __repr_args__(self) -> list[tuple[str | None, object]]:
        return [("name", self.name)]


class SecretRead(BaseModel):
    """A secret that exists; its value is not told."""

    model_config = ConfigDict(use_attribute_docstrings=True, from_attributes=True)

    name: str
    updated_at: datetime
