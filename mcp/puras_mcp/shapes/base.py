"""What every answer is."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Shape(BaseModel):
    """An answer; what the instance says beyond it is left out."""

    model_config = ConfigDict(extra="ignore", use_attribute_docstrings=True)


class Done(Shape):
    """It is done."""

    done: str
