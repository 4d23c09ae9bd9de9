"""Define what all types of events have in common.

These are fields, encoding and decoding, and the registry of types.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from enum import Enum
from keyword import iskeyword
from typing import Any, ClassVar, Final, Self, TypeVar, dataclass_transform


class Omitted(Enum):
    """The value of a field that is not part of the payload; None is a value of its own, `null`."""

    OMITTED = "omitted"


OMITTED: Final = Omitted.OMITTED


class Event:
    """An event of a job; each type is a class, with a field for each key of the payload.

    A field that may be missing from the payload has the default `OMITTED`. A field that is added to a type later must
    have it, because rows that were stored before do not have the field.
    """

    __slots__ = ()
    type: ClassVar[str]
    """The name that is stored and that clients read; it is never renamed."""
    extra: ClassVar[str | None] = None
    """The field whose keys are part of the payload, for a type to which others add keys of their own."""
    payload_keys: ClassVar[tuple[str, ...]]
    """The keys of the payload, in the order of the fields."""
    fields_of_keys: ClassVar[tuple[tuple[str, str], ...]]
    """Each key with its field."""
    required_keys: ClassVar[frozenset[str]]
    """Those that are part of every payload."""

    def to_payload(self) -> dict[str, Any]:
        """Return the payload as it is stored."""
        payload = {
            key: value for key, field in self.fields_of_keys if (value := getattr(self, field)) is not OMITTED
        }
        if self.extra is not None:
            payload.update(getattr(self, self.extra))
        return payload

    @classmethod
    def from_payload(cls, payload: Mapping[str, Any]) -> Self:
        """Return the event of a stored payload, without the keys that this version does not know.

        Raises:
            KeyError: A required field is missing.
        """
        keys = cls.required_keys | (payload.keys() & cls.payload_keys)
        values = {_field_of(key): payload[key] for key in keys}
        if cls.extra is not None:
            values[cls.extra] = {key: value for key, value in payload.items() if key not in cls.payload_keys}
        return cls(**values)


REGISTRY: Final[dict[str, type[Event]]] = {}
"""The class of each type of event."""

E = TypeVar("E", bound=Event)


@dataclass_transform(kw_only_default=True, frozen_default=True)
def event_type(cls: type[E]) -> type[E]:
    """Turn a class into an immutable data class with slots, and register its type."""
    made = dataclass(frozen=True, slots=True, kw_only=True)(cls)
    # mypy does not recognize it as a data class.
    own = [field for field in fields(made) if field.name != made.extra]  # type: ignore[arg-type]
    made.payload_keys = tuple(key_of(field.name) for field in own)
    made.required_keys = frozenset(key_of(field.name) for field in own if field.default is MISSING)
    made.fields_of_keys = tuple((key_of(field.name), field.name) for field in own)
    REGISTRY[made.type] = made
    return made


def key_of(field: str) -> str:
    """Return the key in the payload of a field: `from_` is `from`, which Python cannot name."""
    return field.removesuffix("_") if iskeyword(field.removesuffix("_")) else field


def _field_of(key: str) -> str:
    return f"{key}_" if iskeyword(key) else key
