"""Define the edits of a skill.yaml, and apply them to its text."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Final, Literal, TypeAlias

from pydantic import Field, JsonValue

from backend.authoring.skill_yaml.field_uses import Renaming
from backend.core.schemas import RequestBody, Text
from backend.skills.manifest.files import SkillFile
from backend.skills.manifest.keys import fields_of
from backend.skills.manifest.yaml_edits import apply_step, read
from backend.skills.manifest.yaml_text import NotEditable, Step

MAX_EDITS: Final = 20
MAX_PARSED_CHARACTERS: Final = 4 << 20
"""Each change of a value parses the text. The renaming of one field may change thousands of values."""
_PROPERTIES: Final = "properties"
_REQUIRED: Final = "required"

Name: TypeAlias = Annotated[Text, Field(min_length=1, max_length=200)]
PathOf: TypeAlias = Annotated[list[Name | Annotated[int, Field(ge=0)]], Field(max_length=64)]
_Value: TypeAlias = Mapping[str, Any]


class Edit(RequestBody):
    """A change of a skill.yaml."""

    @abstractmethod
    def steps(self, document: _Value) -> Iterator[Step]:
        """Yield the changes of the document. Each one is applied before the next is requested."""


class SetValue(Edit):
    """Set a value. Keys that contain it are created."""

    op: Literal["set"]
    path: Annotated[PathOf, Field(min_length=1)]
    """Keys and indexes of the value, outermost first."""
    value: JsonValue

    def steps(self, document: _Value) -> Iterator[Step]:
        """Yield the change."""
        yield Step("set", tuple(self.path), self.value)


class RemoveValue(Edit):
    """Remove a key or an item with its value; nothing if there is none."""

    op: Literal["remove"]
    path: Annotated[PathOf, Field(min_length=1)]
    """Keys and indexes of the value, outermost first."""

    def steps(self, document: _Value) -> Iterator[Step]:
        """Yield the change."""
        if _exists(document, self.path):
            yield Step("remove", tuple(self.path))


class FieldEdit(Edit):
    """A change of a field of a schema."""

    schema_path: Annotated[PathOf, Field(min_length=1)]
    """Keys and indexes of the schema that contains the field: `["input_schema"]`, or of an object inside it."""
    name: Name
    """Name of the field."""

    def _path(self, *keys: str | int) -> tuple[str | int, ...]:
        return (*self.schema_path, *keys)

    def _schema(self, document: _Value) -> _Value:
        found = _at(document, self.schema_path)
        return found if isinstance(found, dict) else {}

    def _names(self, document: _Value) -> list[str]:
        properties = self._schema(document).get(_PROPERTIES)
        return list(properties) if isinstance(properties, dict) else []

    def _require_field(self, document: _Value) -> None:
        if self.name not in self._names(document):
            raise NotEditable(self._path(_PROPERTIES, self.name), "there is no such field.")

    def _required(self, document: _Value) -> list[Any] | None:
        """Return the list of required fields; None if the schema has none."""
        found = self._schema(document).get(_REQUIRED)
        if found is not None and not isinstance(found, list):
            raise NotEditable(self._path(_REQUIRED), "it is not a list.")
        return found

    def _requirement(self, document: _Value, *, is_required: bool) -> Iterator[Step]:
        """Yield the steps that make the field required or optional."""
        listed, is_result = self._required(document), "output_schema" in self.schema_path
        if listed is None:
            if is_required and not is_result:
                yield Step("set", self._path(_REQUIRED), [self.name])
            if not is_required and is_result:  # without the list, a result must contain every field
                others = [name for name in self._names(document) if name != self.name]
                yield Step("set", self._path(_REQUIRED), others)
        elif is_required and self.name not in listed:
            yield Step("set", self._path(_REQUIRED, len(listed)), self.name)
        elif not is_required and self.name in listed:
            if listed == [self.name] and not is_result:
                yield Step("remove", self._path(_REQUIRED))
            else:
                yield Step("remove", self._path(_REQUIRED, listed.index(self.name)))


class AddField(FieldEdit):
    """Add a field after the existing ones."""

    op: Literal["add_field"]
    definition: dict[str, JsonValue] = Field(default={"type": "string"})
    """The schema of the field."""
    required: bool = False
    """Whether a value is required."""

    def steps(self, document: _Value) -> Iterator[Step]:
        """Yield the changes of the fields, and of the list of required ones."""
        if self.name in self._names(document):
            raise NotEditable(self._path(_PROPERTIES, self.name), "there is a field of this name already.")
        if self._schema(document):
            yield Step("set", self._path(_PROPERTIES, self.name), self.definition)
        else:
            schema = {"type": "object", _PROPERTIES: {self.name: self.definition}}
            yield Step("set", tuple(self.schema_path), schema)
        yield from self._requirement(document, is_required=self.required)


class RenameField(FieldEdit):
    """Rename a field, also where other parts of the file name it.

    These are the list of required fields, defaults of objects that contain it, examples, `memory.keys` for an input,
    and the compared values of graders for a field of the result.
    """

    op: Literal["rename_field"]
    to: Name
    """The new name."""

    def steps(self, document: _Value) -> Iterator[Step]:
        """Yield the change of the fields, and those of the other parts of the file."""
        self._require_field(document)
        required = self._required(document) or []
        yield Step("rename", self._path(_PROPERTIES, self.name), self.to)
        if self.name in required:
            yield Step("set", self._path(_REQUIRED, required.index(self.name)), self.to)
        yield from Renaming(self.name, self.to).steps(document, self.schema_path)


class RemoveField(FieldEdit):
    """Remove a field, also from the list of required ones; nothing if there is none."""

    op: Literal["remove_field"]

    def steps(self, document: _Value) -> Iterator[Step]:
        """Yield the changes of the fields, and of the list of required ones."""
        if self.name in self._names(document):
            if self.name in (self._required(document) or []):
                yield from self._requirement(document, is_required=False)
            yield Step("remove", self._path(_PROPERTIES, self.name))


class MoveField(FieldEdit):
    """Move a field to another position, with the comments above it."""

    op: Literal["move_field"]
    index: Annotated[int, Field(ge=0)]
    """The new position: 0 is the first."""

    def steps(self, document: _Value) -> Iterator[Step]:
        """Yield the change."""
        self._require_field(document)
        yield Step("move", self._path(_PROPERTIES, self.name), self.index)


class RequireField(FieldEdit):
    """Make a field required or optional."""

    op: Literal["require_field"]
    required: bool

    def steps(self, document: _Value) -> Iterator[Step]:
        """Yield the change of the list of required fields."""
        self._require_field(document)
        yield from self._requirement(document, is_required=self.required)


AnyEdit: TypeAlias = Annotated[
    SetValue | RemoveValue | AddField | RenameField | RemoveField | MoveField | RequireField,
    Field(discriminator="op"),
]


def apply_edits(text: str, edits: Sequence[Edit]) -> str:
    """Return the text of a skill.yaml with the edits; the same text if they change nothing.

    Raises:
        Invalid: The text is not valid YAML.
        NotEditable: The document has no such value, the text cannot be changed safely, or too many values change.
    """
    order = [field.key for field in fields_of(SkillFile)]
    parsed_characters = 0
    for edit in edits:
        document = read(text).value
        # The steps of an edit are made for the document before it, and concern different values.
        steps = list(edit.steps(document if isinstance(document, dict) else {}))
        parsed_characters += len(steps) * len(text)
        if len(steps) > 1 and parsed_characters > MAX_PARSED_CHARACTERS:
            raise NotEditable(steps[0].path, f"it changes {len(steps):,} values of a large file.")
        for step in steps:
            text = apply_step(text, step, order=order)
    return text


def _at(document: Any, path: Sequence[str | int]) -> Any:
    for key in path:
        if isinstance(document, dict):
            document = document.get(key)
        elif isinstance(document, list) and isinstance(key, int) and key < len(document):
            document = document[key]
        else:
            return None
    return document


def _exists(document: Any, path: Sequence[str | int]) -> bool:
    parent, key = _at(document, path[:-1]), path[-1]
    if isinstance(parent, list):
        return isinstance(key, int) and key < len(parent)
    return isinstance(parent, dict) and key in parent
