"""Validate request bodies before their meaning is checked: known fields only, and only values that can be stored."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from itertools import islice
from typing import Annotated, Any, ClassVar, Final, NamedTuple

from pydantic import AfterValidator, ConfigDict, JsonValue, model_validator
from pydantic_core import PydanticCustomError

from backend.core.attribute_docstrings import Schema
from backend.core.errors import current_code
from backend.core.jsonb import MAX_DEPTH

ErrorCode = Annotated[str, AfterValidator(current_code)]
"""A stored error code. A code of an earlier release is replaced by its present name."""
DEPRECATED: Final[dict[str, JsonValue]] = {"deprecated": True}
"""Marks a computed field in the OpenAPI document. Its argument `deprecated` would warn at each serialization."""
_UNSTORABLE: Final = re.compile("[\x00\ud800-\udfff]")
_MAX_SHOWN: Final = 60
"""Maximum characters of a path in a message."""
_MAX_UNKNOWN: Final = 100
"""Maximum unknown fields that are reported one by one."""


class ClosedSchema(Schema):
    """Data from outside: unknown fields are rejected, in one error if they are very many."""

    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _check_before(cls, body: Any) -> Any:
        cls._require_few_fields(body)
        return body

    @classmethod
    def _require_few_fields(cls, body: Any) -> None:
        """Reject a body with very many unknown fields: an error for each of them takes a multiple of its memory."""
        if isinstance(body, dict) and len(body) > len(cls.model_fields) + _MAX_UNKNOWN:
            unknown = [
                name for name in islice(body, len(cls.model_fields) + 1) if name not in cls.model_fields
            ]
            raise PydanticCustomError(
                "too_many_fields",
                "{count} fields were sent, of which at least {unknown} are unknown, such as {name}. Remove them",
                {
                    "count": len(body),
                    "unknown": len(body) - len(cls.model_fields),
                    "name": repr(str(unknown[0])[:_MAX_SHOWN]),
                },
            )


class RequestBody(ClosedSchema):
    """The body of a request: unknown fields and text that cannot be stored are rejected."""

    model_config = ConfigDict(frozen=True)

    former_names: ClassVar[Mapping[str, str]] = {}
    """The current name of each renamed field by its former name, which is accepted for one release.

    The class also declares the former name, as a deprecated field, so that the OpenAPI document has it."""

    @model_validator(mode="before")
    @classmethod
    def _accept_former_names(cls, body: Any) -> Any:
        if not cls.former_names or not isinstance(body, dict):
            return body
        fields = dict(body)
        for former, current in cls.former_names.items():
            if former in fields:
                value = fields.pop(former)
                if fields.setdefault(current, value) != value:
                    raise ValueError(
                        f"`{former}` is the former name of `{current}`, and their values differ. "
                        f"Send `{current}` only"
                    )
        return fields

    @model_validator(mode="before")
    @classmethod
    def _check_before(cls, body: Any) -> Any:
        cls._require_few_fields(body)
        problem = unstorable(body)
        if problem is not None:
            raise PydanticCustomError("unstorable", "{place}", {"place": problem})
        return body


def unstorable(body: Any) -> str | None:
    """Return a message about the first part of a JSON value that PostgreSQL cannot store; `None` if there is none."""
    rest: list[tuple[_Place | None, Any, int]] = [(None, body, 0)]
    while rest:
        place, value, depth = rest.pop()
        if depth > MAX_DEPTH:
            return f"{_path_of(place)[:_MAX_SHOWN]}… contains values more than {MAX_DEPTH} levels deep"
        if isinstance(value, dict):
            rest.extend((_Place(place, name), part, depth + 1) for name, part in value.items())
            value = "\n".join(name for name in value if isinstance(name, str))
        elif isinstance(value, list):
            rest.extend((_Place(place, at), part, depth + 1) for at, part in enumerate(value))
        why = _obstacle(value)
        if why:
            return f"{_path_of(place) or 'The body'} contains {why}"
    return None


class _Place(NamedTuple):
    """The place of a value. Its path is written only for a message: a long name may contain very many values."""

    outer: _Place | None
    key: str | int


def _path_of(place: _Place | None) -> str:
    parts: list[str] = []
    while place is not None:
        parts.append(f"[{place.key}]" if isinstance(place.key, int) else f".{place.key}")
        place = place.outer
    return "".join(reversed(parts)).lstrip(".")


def _obstacle(value: Any) -> str | None:
    if isinstance(value, float) and not math.isfinite(value):
        return "a number that JSON does not have (NaN or infinity)"
    if not isinstance(value, str):
        return None
    found = _UNSTORABLE.search(value)
    if found is None:
        return None
    return "a NUL character" if found[0] == "\x00" else "a lone surrogate (half of a character)"


def _require_storable(text: str) -> str:
    if unstorable(text):
        raise ValueError("The text must not contain NUL characters or lone surrogates")
    return text


Text = Annotated[str, AfterValidator(_require_storable)]
"""Text that PostgreSQL can store."""
