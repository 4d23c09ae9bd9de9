"""Define the requests and responses about tools of agents."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from backend.core.attribute_docstrings import Schema
from backend.core.schemas import RequestBody, Text


class DraftFunctionRead(Schema):
    """A function of a Python file of the draft."""

    path: str
    """Path of the file."""
    name: str
    line: int
    signature: str
    """The function with its parameters and annotations."""
    description: str
    """First paragraph of its docstring."""
    input_schema: dict[str, Any]
    """Schema of its parameters, from their annotations; text where there is none."""
    output_schema: dict[str, Any]
    """Schema of its result."""


class McpServerConnect(RequestBody):
    """Body of a request for the tools of an MCP server."""

    url: Text = Field(min_length=1, max_length=2_000)
    """URL of the server."""
    headers: dict[Annotated[Text, Field(max_length=100)], Annotated[Text, Field(max_length=4_000)]] = Field(
        default_factory=dict, max_length=16
    )
    """Headers to send. `${secret:NAME}` in a value is replaced by a secret of the skillpack or the project."""


class McpToolRead(Schema):
    """A tool that an MCP server offers."""

    name: str
    description: str
    read_only: bool
    """Whether the server declares that the tool has no effects."""
    is_usable: bool
    """Whether agents can call it; not if its schema is invalid or larger than 32 KiB."""
