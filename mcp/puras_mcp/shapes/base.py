"""Define the base of all results."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Shape(BaseModel):
    """A result; other fields of the response are ignored."""

    model_config = ConfigDict(extra="ignore", use_attribute_docstrings=True)


class Done(Shape):
    """The description of a completed change."""

    done: str
