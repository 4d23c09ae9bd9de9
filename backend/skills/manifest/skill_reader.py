"""What every part of the grammar has at hand while it reads one skill."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Final

from backend.core.errors import Problem, PurasError
from backend.core.names import suggestion
from backend.skills.archives.archive import Archive
from backend.skills.manifest.findings import Findings
from backend.skills.manifest.functions import Parameters, Source, SourceUnreadableError, read_source
from backend.skills.manifest.sections import Section
from backend.skills.manifest.yaml_document import Document
from backend.skills.schemas.rules import schema_flaws
from backend.skills.schemas.schema_dialect import Schema

FUNCTION: Final = re.compile(r"(?P<file>[\w./-]+\.py):(?P<function>[A-Za-z_]\w*)\Z", re.ASCII)


@dataclass(frozen=True, slots=True)
class SkillFolder:
    """Where a skill was found."""

    name: str
    path: str
    """Relative to the bundle's root, without a slash at its end; empty for the root itself."""
    parent: str | None = None

    def inside(self, path: str) -> str:
        """A path relative to the skill, as one relative to the bundle."""
        return f"{self.path}/{path}" if self.path else path


@dataclass(frozen=True, slots=True)
class Reading:
    """The reading of one skill: its bundle, its file, and what was found wrong so far."""

    archive: Archive
    folder: SkillFolder
    document: Document
    findings: Findings
    skill_names: frozenset[str]
    """Of the whole bundle."""
    _sources: dict[str, Source | None] = field(default_factory=dict)

    def schema(self, section: Section, key: str, *, is_required: bool = True) -> Schema | None:
        """The schema of the key, without flaws; None when there is none or it cannot be used."""
        schema = section.mapping(key, is_required=is_required)
        if schema is None:
            return None
        flaws = schema_flaws(schema)
        for flaw in flaws.errors:
            section.error((key, *flaw.path), flaw.message)
        for flaw in flaws.warnings:
            section.warn((key, *flaw.path), flaw.message)
        return None if flaws.errors else schema

    def path(self, section: Section, key: str, path: str) -> str | None:
        """A file of the skill, named relative to its folder; None when it is not there."""
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

    def function(self, section: Section, key: str, entrypoint: str) -> Parameters | None:
        """Check that `file.py:function` exists, by reading; its parameters when they can be known."""
        match = FUNCTION.match(entrypoint)
        if match is None:
            section.error(key, f"{entrypoint!r} is not an entrypoint. Write it as 'file.py:function'.")
            return None
        file, function = match["file"], match["function"]
        path = self.path(section, key, file)
        source = self._source(path) if path else None
        if source is None:
            return None
        if not source.defines(function):
            hint = (
                suggestion(function, sorted(source.names))
                or f" Add 'def {function}(…)', or correct the name."
            )
            section.error(key, f"{file!r} has no function {function!r}.{hint}")
        return source.parameters.get(function)

    def _source(self, path: str) -> Source | None:
        file = self.folder.inside(path)
        if file not in self._sources:
            self._sources[file] = None
            try:
                self._sources[file] = read_source(self.archive.read(file))
            except SourceUnreadableError as error:
                message = f"{file!r} cannot be used: {error}. Mend it; it has to be Python."
                self.findings.error(Problem(file, message, error.line))
            except PurasError as error:
                self.findings.error(Problem(file, error.detail))
        return self._sources[file]
