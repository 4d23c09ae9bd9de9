"""The reading of one skill: its bundle, its file, and each mapping of that file while it is read.

Each problem is reported at its position, and reading continues.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import PurePosixPath
from typing import Any, Final

from backend.core.errors import Problem, PurasError
from backend.core.names import suggestion
from backend.skills.archives.archive import Archive
from backend.skills.manifest.findings import Findings
from backend.skills.manifest.functions import FUNCTION, Parameters, Source, SourceUnreadableError, read_source
from backend.skills.manifest.yaml_document import Document
from backend.skills.schemas.messages import Path, shown
from backend.skills.schemas.rules import schema_flaws
from backend.skills.schemas.schema_dialect import Schema
from backend.skills.schemas.value_schemas import InputSchema, OutputSchema

MAX_UNKNOWN_KEYS: Final = 20
"""Maximum unknown keys that are reported in one mapping; the search for similar words takes time."""


@dataclass(frozen=True, slots=True)
class SkillFolder:
    """The location of a skill in the bundle."""

    name: str
    path: str
    """Relative to the bundle's root, without a trailing slash; empty for the root itself."""
    parent: str | None = None

    def inside(self, path: str) -> str:
        """Return a path that is relative to the skill as one that is relative to the bundle."""
        return f"{self.path}/{path}" if self.path else path


@dataclass(frozen=True)
class Reading:
    """The reading of one skill: its bundle, its file, and the problems found so far."""

    archive: Archive
    folder: SkillFolder
    document: Document
    findings: Findings
    skill_names: frozenset[str]
    """The problems of the whole bundle."""
    _sources: dict[str, Source | None] = field(default_factory=dict)
    _schemas: dict[str, Schema] = field(default_factory=dict)

    @cached_property
    def is_agentic(self) -> bool:
        """Whether the entrypoint is a prompt."""
        value = self.document.value
        entrypoint = value.get("entrypoint") if isinstance(value, dict) else None
        return isinstance(entrypoint, str) and entrypoint.strip().lower().endswith(".md")

    @cached_property
    def is_flow(self) -> bool:
        """Whether the entrypoint is a flow."""
        value = self.document.value
        entrypoint = value.get("entrypoint") if isinstance(value, dict) else None
        return isinstance(entrypoint, str) and entrypoint.strip().lower().endswith((".yaml", ".yml"))

    @property
    def input_schema(self) -> Schema | None:
        """The schema of the inputs; `None` if it is missing or wrong."""
        schema = self._schemas.get("input_schema")
        return schema if schema is not None and schema.get("type", "object") == "object" else None

    @cached_property
    def inputs(self) -> InputSchema | None:
        """The compiled schema of the inputs."""
        schema = self.input_schema
        return None if schema is None else InputSchema(schema, takes_attachments=self.is_agentic)

    @cached_property
    def output(self) -> OutputSchema | None:
        """The compiled schema of the output."""
        schema = self._schemas.get("output_schema")
        return None if schema is None else OutputSchema(schema)

    def schema(self, section: Section, key: str) -> Schema | None:
        """Return the schema of the key; `None` if it is missing or wrong."""
        schema = section.mapping(key)
        if schema is None:
            return None
        flaws = schema_flaws(schema)
        for flaw in flaws.errors:
            section.error((key, *flaw.path), flaw.message)
        for flaw in flaws.warnings:
            section.warn((key, *flaw.path), flaw.message)
        if flaws.errors:
            return None
        if section.path == ():
            self._schemas[key] = schema
        return schema

    def path(self, section: Section, key: str, path: str) -> str | None:
        """Return the path of a file of the skill, named relative to its folder; None if it does not exist."""
        parts = PurePosixPath(path).parts
        if path.startswith("/") or ".." in parts or "\\" in path:
            section.error(key, f"{path!r} leads out of the skill's folder. Name a file inside it.")
            return None
        inside = str(PurePosixPath(path))
        if self.folder.inside(inside) in self.archive:
            return inside
        prefix = self.folder.inside("")
        own = [name.removeprefix(prefix) for name in self.archive if name.startswith(prefix)]
        hint = suggestion(inside, own)
        section.error(
            key, f"{path!r} is not in the skill's folder.{hint or ' Add the file, or correct the name.'}"
        )
        return None

    def check_function(self, section: Section, key: str, entrypoint: str) -> None:
        """Report a `file.py:function` that does not exist. Nothing is executed."""
        match = FUNCTION.match(entrypoint)
        if match is None:
            section.error(key, f"{entrypoint!r} is not a valid entrypoint. Write it as 'file.py:function'.")
            return
        file, function = match["file"], match["function"]
        path = self.path(section, key, file)
        source = self._source(path) if path else None
        if source is not None and not source.defines(function):
            hint = (
                suggestion(function, sorted(source.names))
                or f" Add 'def {function}(…)', or correct the name."
            )
            section.error(key, f"{file!r} has no function {function!r}.{hint}")

    def parameters(self, entrypoint: str) -> Parameters | None:
        """Return the parameters of a function whose entrypoint was checked; `None` if they are unknown."""
        match = FUNCTION.match(entrypoint)
        source = self._sources.get(self.folder.inside(str(PurePosixPath(match["file"])))) if match else None
        return source.parameters.get(match["function"]) if match and source else None

    def _source(self, path: str) -> Source | None:
        file = self.folder.inside(path)
        if file not in self._sources:
            self._sources[file] = None
            try:
                self._sources[file] = read_source(self.archive.read(file))
            except SourceUnreadableError as error:
                message = f"{file!r} cannot be used: {error}. It must be valid Python."
                self.findings.error(Problem(file, message, error.line))
            except PurasError as error:
                self.findings.error(Problem(file, error.detail))
        return self._sources[file]


class Section:
    """One mapping of a document. Each key that is read counts as known; `finish` reports the others."""

    def __init__(
        self,
        document: Document,
        findings: Findings,
        path: Path,
        value: dict[str, Any],
        reading: Reading | None = None,
    ) -> None:
        self.path = path
        self.value = value
        self._document = document
        self._findings = findings
        self._reading = reading
        self._known: dict[str, None] = {}

    @property
    def reading(self) -> Reading:
        """The reading of the skill that the section belongs to."""
        if self._reading is None:
            raise LookupError("the section does not belong to a skill")
        return self._reading

    @property
    def error_count(self) -> int:
        """The number of errors in the whole bundle so far."""
        return len(self._findings.errors)

    @property
    def is_late(self) -> bool:
        """Return whether reading the bundle has exceeded its time limit."""
        return self._findings.is_late

    def error(self, key: str | int | Path | None, message: str) -> None:
        """Report a problem that must be fixed, at the key."""
        self._findings.error(self._document.problem(self._at(key), message))

    def warn(self, key: str | int | Path | None, message: str) -> None:
        """Report something that is probably not intended, at the key."""
        self._findings.warn(self._document.problem(self._at(key), message))

    def raw(self, key: str) -> Any:
        """Return the value of the key; `None` if it is absent or empty."""
        self._known[key] = None
        return self.value.get(key)

    def mapping(self, key: str) -> dict[str, Any] | None:
        """Return the mapping of the key unchanged."""
        value = self.raw(key)
        if value is not None and not isinstance(value, dict):
            self.error(key, f"{key!r} must be a mapping, not {shown(value)}.")
            return None
        return value

    def inner(self, key: str) -> Section | None:
        """Return the mapping of the key as a section."""
        value = self.mapping(key)
        return None if value is None else self._inner((key,), value)

    def entries(self, key: str, what: str) -> list[Section]:
        """Return the mappings in the list of the key as sections."""
        value = self.raw(key)
        if value is None:
            return []
        if not isinstance(value, list):
            self.error(key, f"{key!r} must be a list of {what}, not {shown(value)}. Start each with '- '.")
            return []
        for index, item in enumerate(value):
            if not isinstance(item, dict):
                self.error(
                    (key, index), f"{key!r} must contain only {what}, each a mapping, not {shown(item)}."
                )
        return [self._inner((key, index), item) for index, item in enumerate(value) if isinstance(item, dict)]

    def finish(self, noun: str) -> None:
        """Report every key that was not read."""
        unknown = [key for key in self.value if key not in self._known]
        for key in unknown[:MAX_UNKNOWN_KEYS]:
            hint = suggestion(key, self._known) or f" Known are {', '.join(self._known)}."
            message = f"{noun} does not have a key {shown(key)}.{hint}"
            self._findings.error(self._document.problem((*self.path, key), message, at_key=True))

    def _inner(self, path: Path, value: dict[str, Any]) -> Section:
        return Section(self._document, self._findings, (*self.path, *path), value, self._reading)

    def _at(self, key: str | int | Path | None) -> Path:
        if key is None:
            return self.path
        return (*self.path, *(key if isinstance(key, tuple) else (key,)))
