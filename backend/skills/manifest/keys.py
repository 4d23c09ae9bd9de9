"""Describe how parts of the manifest are written in YAML: keys, limits and forms that a type alone does not say.

The classes in `types.py` and `files.py` are the one description of skill.yaml and puras.yaml. `reader.py` reads files
by it, `json_schema.py` derives the JSON Schema from it, and the reference page follows from the JSON Schema. Rules that
concern several keys are functions in `grammar.py` and the modules of its sections.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from types import NoneType, UnionType
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    ClassVar,
    Final,
    Literal,
    NamedTuple,
    Union,
    get_args,
    get_origin,
)

from pydantic import ConfigDict
from pydantic.fields import FieldInfo

from backend.core.attribute_docstrings import Schema

if TYPE_CHECKING:
    from backend.skills.manifest.skill_reader import Section

MAX_TEXT: Final = 20_000


@dataclass(frozen=True, slots=True, eq=False)
class Key:
    """Properties of a key that the type of its field does not express.

    It limits what authors write. Stored manifests are not checked again: they may be older than a limit.
    """

    name: str = ""
    """The key, if the field has another name."""
    least: float = 0
    """Minimum of a number."""
    above: float | None = None
    """Lower bound of a number that must be greater."""
    most: float = MAX_TEXT
    """Maximum of a number, of the characters of a text, or of the entries of a list or mapping."""
    advice: str = ""
    """How to fix too many entries, or a missing list."""
    is_derived: bool = False
    """Whether the field has no key, since the server computes it."""
    words: tuple[str, ...] = ()
    """The entries that a list may have, if the type does not name them."""
    everything: str = ""
    """A word that means all of them."""
    is_one_or_many: bool = False
    """Whether one entry may be given without a list."""
    is_loose: bool = False
    """Whether numbers and booleans are accepted as text."""
    catalog: Literal["", "models", "image", "video", "audio"] = ""
    """Part of the model catalog that must contain the value."""
    check: Callable[[Section, str, Any], Any] | None = None
    """Further rules: return the value, or report a problem and return `None`."""
    read: Callable[[Section, str], Any] | None = None
    """A function that reads the key instead of the default."""
    schema: Mapping[str, Any] | None = None
    """JSON Schema, instead of the one of the type."""
    part: type[Part] | None = None
    """The part that `read` accepts, if the type does not name it."""
    shorthand: Mapping[str, Any] | None = None
    """JSON Schema of another form that `read` accepts."""
    list_of: type[Part] | None = None
    """The part of which `read` accepts a list as well."""

    def named(self, name: str) -> Key:
        """Return the same rule for a key with another name than its field."""
        return replace(self, name=name)


PLAIN: Final = Key()
"""The rule of a field that needs no more than its type."""


class Variant(NamedTuple):
    """One of the forms of a part, with the keys of that form."""

    noun: str
    keys: tuple[str, ...]
    required: tuple[str, ...]


class Field(NamedTuple):
    """A field of a part, with its key."""

    name: str
    key: str
    type: Any
    """Without `None`."""
    rule: Key
    is_required: bool


class Part(Schema):
    """An immutable part. Unknown fields, which a newer version may have stored, are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    noun: ClassVar[str] = ""
    """How messages name it; without one, unknown keys are allowed."""
    plural: ClassVar[str] = ""
    variants: ClassVar[tuple[Variant, ...]] = ()
    """Its forms. The first key of each selects it; a later one has priority."""

    @classmethod
    def variant_of(cls, value: Mapping[str, Any]) -> Variant | None:
        """Return the form that a mapping has; `None`: every key is allowed."""
        if not cls.variants:
            return None
        return next((one for one in reversed(cls.variants) if one.keys[0] in value), cls.variants[0])


@cache
def fields_of(model: type[Part]) -> tuple[Field, ...]:
    """Return the fields of a part that have keys."""
    fields = (_field(name, info) for name, info in model.model_fields.items())
    return tuple(field for field in fields if not field.rule.is_derived)


def described(annotation: Any, rule: Key | None = None) -> tuple[Any, Key]:
    """Return a type without `None`, and the rule that it is annotated with."""
    if get_origin(annotation) is Annotated:
        inner, *metadata = get_args(annotation)
        return described(inner, rule or next((one for one in metadata if isinstance(one, Key)), None))
    if get_origin(annotation) in (Union, UnionType):
        inner = [one for one in get_args(annotation) if one is not NoneType]
        if len(inner) == 1:
            return described(inner[0], rule)
    return annotation, rule or PLAIN


def _field(name: str, info: FieldInfo) -> Field:
    kind, rule = described(
        info.annotation, next((one for one in info.metadata if isinstance(one, Key)), None)
    )
    return Field(name, rule.name or name, kind, rule, info.is_required())
