"""A mapping of a YAML file while it is read: every wrong key and value is noted, and reading goes on."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from backend.core.names import suggestion
from backend.skills.manifest.findings import Findings
from backend.skills.manifest.yaml_document import Document
from backend.skills.schemas.messages import Path, shown

MAX_TEXT = 20_000
MAX_LIST = 1_000
MAX_UNKNOWN_KEYS = 20  # told in one mapping; looking for near words takes time


class Section:
    """One mapping; every key that is asked for is a known one, and `finish` reports the rest."""

    def __init__(self, document: Document, findings: Findings, path: Path, value: dict[str, Any]) -> None:
        self.path = path
        self.value = value
        self._document = document
        self._findings = findings
        self._known: dict[str, None] = {}

    @property
    def is_late(self) -> bool:
        """Whether reading the bundle has taken so long that it should end."""
        return self._findings.is_late

    def error(self, key: str | int | Path | None, message: str) -> None:
        """Note something that must be mended, at the key."""
        self._findings.error(self._document.problem(self._at(key), message))

    def warn(self, key: str | int | Path | None, message: str) -> None:
        """Note something that is probably not meant, at the key."""
        self._findings.warn(self._document.problem(self._at(key), message))

    def raw(self, key: str) -> Any:
        """Whatever the key has; None when it is absent or empty."""
        self._known[key] = None
        return self.value.get(key)

    def text(self, key: str, *, is_required: bool = False, most: int = MAX_TEXT) -> str | None:
        """The text of the key, without blanks around it; None when there is none."""
        value = self.raw(key)
        if value is None or (isinstance(value, str) and not value.strip()):
            self._absent(key, is_required=is_required)
            return None
        if not isinstance(value, str):
            self.error(key, f"{key!r} has to be text, not {shown(value)}. Quote it.")
            return None
        if len(value) > most or "\0" in value:
            self.error(key, f"{key!r} has {len(value):,} characters; at most {most:,} are taken, and no NUL.")
            return None
        return value.strip()

    def loose_text(self, key: str) -> str:
        """The text of the key; a number or a truth is taken as its text."""
        value = self.raw(key)
        if isinstance(value, bool | int | float):
            return str(value)
        return self.text(key) or ""

    def flag(self, key: str) -> bool:
        """True or false; false when absent."""
        value = self.raw(key)
        if value is not None and not isinstance(value, bool):
            self.error(key, f"{key!r} has to be true or false, not {shown(value)}.")
        return value is True

    def whole(self, key: str, *, least: int, most: int) -> int | None:
        """An integer within bounds."""
        value = self.raw(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            wanted = f"an integer from {least:,} to {most:,}"
            self.error(key, f"{key!r} has to be {wanted}, not {shown(value)}.")
            return None
        return value

    def number(self, key: str, *, most: float, least: float = 0.0, is_positive: bool = False) -> float | None:
        """A number within bounds."""
        value = self.raw(key)
        if value is None:
            return None
        wanted = f"a number {'above' if is_positive else 'from'} {least:g} {'up ' if is_positive else ''}to {most:,g}"
        if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
            self.error(key, f"{key!r} has to be {wanted}, not {shown(value)}.")
            return None
        if is_positive and value == least:
            self.error(key, f"{key!r} has to be {wanted}, not {shown(value)}.")
            return None
        return float(value)

    def choice(self, key: str, choices: Iterable[str]) -> str | None:
        """One of a few words."""
        value = self.raw(key)
        if value is None:
            return None
        allowed = tuple(choices)
        if not isinstance(value, str) or value not in allowed:
            hint = suggestion(value, allowed) if isinstance(value, str) else ""
            words = ", ".join(repr(word) for word in allowed)
            self.error(key, f"{key!r} has to be one of {words}, not {shown(value)}.{hint}")
            return None
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of texts."""
        value = self.raw(key)
        if value is None:
            return ()
        if not isinstance(value, list):
            self.error(key, f"{key!r} has to be a list of texts, not {shown(value)}.")
            return ()
        if len(value) > MAX_LIST:
            self.error(key, f"{key!r} has {len(value):,} entries; at most {MAX_LIST:,} are taken.")
            return ()
        for index, item in enumerate(value):
            if not isinstance(item, str) or not item.strip():
                self.error((key, index), f"{key!r} takes texts, not {shown(item)}. Quote it.")
        return tuple(item.strip() for item in value if isinstance(item, str) and item.strip())

    def choices(self, key: str, choices: Iterable[str]) -> tuple[str, ...]:
        """A list of words out of a few, each once."""
        allowed = tuple(choices)
        found = self.texts(key)
        for index, word in enumerate(found):
            if word not in allowed:
                words = ", ".join(repr(known) for known in allowed)
                self.error((key, index), f"{word!r} is not one of {words}.{suggestion(word, allowed)}")
        return tuple(dict.fromkeys(word for word in found if word in allowed))

    def mapping(self, key: str, *, is_required: bool = False) -> dict[str, Any] | None:
        """A mapping as it stands."""
        value = self.raw(key)
        if value is None:
            self._absent(key, is_required=is_required)
            return None
        if not isinstance(value, dict):
            self.error(key, f"{key!r} has to be a mapping, not {shown(value)}.")
            return None
        return value

    def section(self, key: str) -> Section | None:
        """A mapping, to be read on."""
        value = self.mapping(key)
        return None if value is None else self._inner((key,), value)

    def sections(self, key: str, what: str) -> list[Section]:
        """A list of mappings, to be read on."""
        value = self.raw(key)
        if value is None:
            return []
        if not isinstance(value, list):
            self.error(key, f"{key!r} has to be a list of {what}, not {shown(value)}. Begin each with '- '.")
            return []
        for index, item in enumerate(value):
            if not isinstance(item, dict):
                self.error((key, index), f"{key!r} takes {what}, each a mapping, not {shown(item)}.")
        return [self._inner((key, index), item) for index, item in enumerate(value) if isinstance(item, dict)]

    def finish(self, where: str) -> None:
        """Report every key that was never asked for."""
        unknown = [key for key in self.value if key not in self._known]
        for key in unknown[:MAX_UNKNOWN_KEYS]:
            hint = suggestion(key, self._known) or f" Known are {', '.join(self._known)}."
            problem = self._document.problem(
                (*self.path, key), f"{where} has no key {shown(key)}.{hint}", at_key=True
            )
            self._findings.error(problem)

    def _inner(self, path: Path, value: dict[str, Any]) -> Section:
        return Section(self._document, self._findings, (*self.path, *path), value)

    def _absent(self, key: str, *, is_required: bool) -> None:
        if is_required:
            self.error(key, f"{key!r} is missing here. Add it.")

    def _at(self, key: str | int | Path | None) -> Path:
        if key is None:
            return self.path
        return (*self.path, *(key if isinstance(key, tuple) else (key,)))
