"""Find the files that inputs and results name, for checks, staging and outputs alike.

A caller may write a file as a URL, as a `data:` URL, as a path in the drive, or as an object with one of `drive_path`,
`url`, `data` and `base64`. The schema says where a value may be a file: under any name, in lists, in alternatives and
behind references.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, NamedTuple

from backend.skills.manifest.types import Skill
from backend.skills.schemas import references
from backend.skills.schemas.patterns import compiled
from backend.skills.schemas.schema_dialect import FILE_KEYS, Schema, file_kind
from backend.skills.schemas.value_schemas import ATTACHMENTS, FILES
from backend.storage.file_errors import BadDrivePath
from backend.storage.paths import MAX_PATH_CHARACTERS, DrivePath, parse_drive_path

Location = tuple[str | int, ...]
Form = Literal["drive_path", "url", "data", "base64"]

_MAX_VISITED_SCHEMAS: Final = 10_000
"""Sets of schemas that one search for defaults visits."""
_PATH_KEYS: Final = ("drive_path", "path")
"""Keys of an object whose text the kit always opens as a path."""
_WITH_ATTACHMENTS: Final[Schema] = {"properties": {ATTACHMENTS: FILES}}


class Source(NamedTuple):
    """In which form a value contains a file."""

    form: Form
    text: str


@dataclass(frozen=True, slots=True)
class NamedFile:
    """A value that is a file, and its location in the inputs or the result."""

    location: Location
    value: Any
    is_certain: bool = True
    """False: it is a file only in one of several alternatives of the schema, or inside another file."""
    is_attachment: bool = False
    """It is shown to the model, and is not the value of an input."""
    is_default: bool = False
    """It equals the default of the schema, so the author of the skill has named it."""

    @property
    def name(self) -> str:
        """The location as text, such as `photos[2].original`."""
        text = ""
        for part in self.location:
            text += f"[{part}]" if isinstance(part, int) else f".{part}"
        return text.removeprefix(".")

    @property
    def drive_path(self) -> str | None:
        """The path in the drive that the value names, as it was written."""
        source = source_of(self.value)
        return source.text if source is not None and source.form == "drive_path" else None

    def paths(self) -> Iterator[str]:
        """Return every text of the value that any reader of files may take as a path in the drive.

        A long text without a key is content, which functions also take as plain base64: no reader opens a path of that
        length. A long text with a key that means a path is returned, so that checks reject it.
        """
        if isinstance(self.value, str):
            is_path = _form_of(self.value) == "drive_path" and len(self.value) <= MAX_PATH_CHARACTERS
            yield from [self.value] if is_path else []
        elif isinstance(self.value, dict):
            yield from (text for key in _PATH_KEYS if isinstance(text := self.value.get(key), str))
            url = self.value.get("url")
            yield from [url] if isinstance(url, str) and _form_of(url) == "drive_path" else []


def input_files(skill: Skill, inputs: dict[str, Any]) -> Iterator[NamedFile]:
    """Return the files that the inputs of a job name; an agent takes attachments, declared or not."""
    return files_of_inputs(skill.input_schema, inputs, takes_attachments=skill.is_agentic)


def files_of_inputs(
    schema: Schema, inputs: dict[str, Any], *, takes_attachments: bool
) -> Iterator[NamedFile]:
    """Return the files of inputs that are for a skill with this schema."""
    schemas = (schema, _WITH_ATTACHMENTS) if takes_attachments else (schema,)
    return _Walk(schema, takes_attachments=takes_attachments).files(
        inputs, [_Part(one, is_certain=True) for one in schemas]
    )


def named_files(schema: Any, value: Any) -> Iterator[NamedFile]:
    """Return the files that a value names."""
    return _Walk(schema).files(value, [_Part(schema, is_certain=True)])


def default_files(schema: Schema, *, takes_attachments: bool) -> Iterator[str]:
    """Return the locations in an input schema whose `default` names a file."""
    schemas = (schema, _WITH_ATTACHMENTS) if takes_attachments else (schema,)
    walk = _Walk(schema, takes_attachments=takes_attachments)
    return walk.default_files([_Part(one, is_certain=True) for one in schemas])


def default_paths(schema: Any, *, is_default: bool = False) -> frozenset[DrivePath]:
    """Return each path that a text in any `default` of the schema spells, wherever the default may be filled in."""
    if isinstance(schema, str):
        path = path_of(schema) if is_default else None
        return frozenset() if path is None else frozenset((path,))
    if isinstance(schema, dict):
        parts = [(part, is_default or key == "default") for key, part in schema.items()]
    elif isinstance(schema, list):
        parts = [(part, is_default) for part in schema]
    else:
        parts = []
    return frozenset().union(*(default_paths(part, is_default=inner) for part, inner in parts))


def source_of(value: Any) -> Source | None:
    """Return the form of a file and its text; None: the value has none of the forms that a file can have."""
    if isinstance(value, str):
        return Source(_form_of(value), value)
    if not isinstance(value, dict):
        return None
    for key in FILE_KEYS:
        text = value.get(key)
        if text is None:
            continue
        if not isinstance(text, str) or not text:
            return None
        if key == "drive_path":
            return Source("drive_path", text)
        if key == "url" or _form_of(text) == "data":
            return Source(_form_of(text), text)
        return Source("base64", text)
    return None


def path_of(text: str) -> DrivePath | None:
    """Return the path in a drive that the text spells; None: it spells none."""
    try:
        return parse_drive_path(text)
    except BadDrivePath:
        return None


def drive_path(text: str) -> DrivePath | None:
    """Return the path in a drive that a plain text names; None: it is a URL, data, or no path."""
    return path_of(text) if _form_of(text) == "drive_path" else None


def _form_of(text: str) -> Literal["drive_path", "url", "data"]:
    if text[:5].lower() == "data:":
        return "data"
    return "url" if text[:8].lower().startswith(("http://", "https://")) else "drive_path"


class _Part(NamedTuple):
    """A schema that a value must match, or may match as one of several."""

    schema: Any
    is_certain: bool


@dataclass
class _Walk:
    """Visits a value together with its schema."""

    root: Any
    takes_attachments: bool = False
    _known: dict[tuple[int, bool], tuple[Schema, ...]] = field(default_factory=dict)
    _visited: set[frozenset[int]] = field(default_factory=set)

    def files(
        self, value: Any, parts: Sequence[_Part], location: Location = (), defaults: Sequence[Any] = ()
    ) -> Iterator[NamedFile]:
        """Return the files of the value.

        Args:
            value: Part of the inputs or of the result.
            parts: The schemas of the value.
            location: Where the value is.
            defaults: What the schemas around it give as its default.
        """
        if value is None:
            return
        parts = self._expand(parts)
        defaults = [*defaults, *(part.schema["default"] for part in parts if "default" in part.schema)]
        is_file = [part for part in parts if file_kind(part.schema) is not None]
        if is_file:
            yield NamedFile(
                location,
                value,
                is_certain=any(part.is_certain for part in is_file),
                is_attachment=self.takes_attachments and location[:1] == (ATTACHMENTS,),
                is_default=value in defaults,
            )
            parts = [_Part(part.schema, is_certain=False) for part in parts]
        if isinstance(value, dict):
            for key, inner in value.items():
                inner_defaults = [
                    default[key] for default in defaults if isinstance(default, dict) and key in default
                ]
                yield from self._inside(inner, list(_of_key(parts, key)), (*location, key), inner_defaults)
        elif isinstance(value, list):
            for index, inner in enumerate(value):
                inner_defaults = [
                    default[index]
                    for default in defaults
                    if isinstance(default, list) and index < len(default)
                ]
                yield from self._inside(
                    inner, list(_of_item(parts, index)), (*location, index), inner_defaults
                )

    def default_files(self, parts: Sequence[_Part], location_in_schema: str = "") -> Iterator[str]:
        """Return the locations below the parts whose `default` names a file; each set of schemas is visited once."""
        parts = self._expand(parts)
        key = frozenset(id(part.schema) for part in parts)
        if not parts or key in self._visited or len(self._visited) >= _MAX_VISITED_SCHEMAS:
            return
        self._visited.add(key)
        defaults = [part.schema["default"] for part in parts if "default" in part.schema]
        if any(True for default in defaults for _ in self.files(default, parts)):
            yield f"{location_in_schema}.default".lstrip(".")
        for inner, name in _below(parts):
            yield from self.default_files(inner, f"{location_in_schema}.{name}".lstrip("."))

    def _inside(
        self, value: Any, parts: Sequence[_Part], location: Location, defaults: Sequence[Any]
    ) -> Iterator[NamedFile]:
        if parts:
            yield from self.files(value, parts, location, defaults)

    def _expand(self, parts: Sequence[_Part]) -> list[_Part]:
        """Return the parts with all schemas for the same value: references, alternatives and conditions."""
        found: dict[int, _Part] = {}
        for part in parts:
            if not isinstance(part.schema, dict):
                continue
            certain = {id(one) for one in self._same_value(part.schema, all_hold=True)}
            for one in self._same_value(part.schema, all_hold=False):
                is_certain = part.is_certain and id(one) in certain
                before = found.get(id(one))
                found[id(one)] = _Part(one, is_certain or (before is not None and before.is_certain))
        return list(found.values())

    def _same_value(self, schema: Schema, *, all_hold: bool) -> tuple[Schema, ...]:
        key = (id(schema), all_hold)
        if key not in self._known:
            self._known[key] = references.same_value(schema, self.root, all_hold=all_hold)
        return self._known[key]


def _of_key(parts: Sequence[_Part], key: str) -> Iterator[_Part]:
    for schema, is_certain in parts:
        inner = [_mapping(schema, "properties")[key]] if key in _mapping(schema, "properties") else []
        inner += [
            one
            for pattern, one in _mapping(schema, "patternProperties").items()
            if compiled(pattern).search(key)
        ]
        if not inner:
            inner = [schema.get("additionalProperties")]
        yield from (_Part(one, is_certain) for one in inner)
        yield _Part(schema.get("unevaluatedProperties"), is_certain=False)


def _of_item(parts: Sequence[_Part], index: int) -> Iterator[_Part]:
    for schema, is_certain in parts:
        prefix = schema.get("prefixItems")
        is_in_prefix = isinstance(prefix, list) and index < len(prefix)
        yield _Part(prefix[index] if is_in_prefix else schema.get("items"), is_certain)
        for keyword in ("contains", "unevaluatedItems"):
            yield _Part(schema.get(keyword), is_certain=False)


def _below(parts: Sequence[_Part]) -> Iterator[tuple[list[_Part], str]]:
    """Return the schemas of the values inside, with the location of each in the schema."""
    schemas = [part.schema for part in parts]
    for name in dict.fromkeys(name for one in schemas for name in _mapping(one, "properties")):
        yield list(_of_key(parts, name)), f"properties.{name}"
    for pattern in dict.fromkeys(name for one in schemas for name in _mapping(one, "patternProperties")):
        inner = [_mapping(one, "patternProperties").get(pattern) for one in schemas]
        yield [_Part(one, is_certain=False) for one in inner], f"patternProperties.{pattern}"
    inner = [one.get(key) for one in schemas for key in ("additionalProperties", "unevaluatedProperties")]
    yield [_Part(one, is_certain=False) for one in inner], "additionalProperties"
    sizes = [len(prefix) for one in schemas if isinstance(prefix := one.get("prefixItems"), list)]
    for index in range(max(sizes, default=0)):
        yield list(_of_item(parts, index)), f"prefixItems[{index}]"
    yield list(_of_item(parts, max(sizes, default=0))), "items"


def _mapping(schema: Schema, keyword: str) -> dict[str, Any]:
    found = schema.get(keyword)
    return found if isinstance(found, dict) else {}
