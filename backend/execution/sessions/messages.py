"""Messages of a conversation, whichever interface received them: roles, texts and files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Role = Literal["system", "user", "assistant"]
FileKind = Literal["image", "audio", "file"]


@dataclass(frozen=True, slots=True)
class FilePart:
    """A file in a message."""

    kind: FileKind
    value: str | dict[str, Any]
    """The file as an input of a skill."""
    location: str
    """Its path in the request."""


@dataclass(frozen=True, slots=True)
class Message:
    """A message of the conversation."""

    role: Role
    text: str
    files: tuple[FilePart, ...]
    location: str
    """Its path in the request."""


def texts_of(messages: Sequence[Message]) -> Iterator[dict[str, str]]:
    """Iterate over the messages as plain `{"role", "content"}`."""
    return ({"role": one.role, "content": one.text} for one in messages)
