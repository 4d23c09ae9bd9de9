"""Search the text of all files of a draft."""

from __future__ import annotations

import asyncio
import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import re2  # type: ignore[import-untyped]  # the package ships no types
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from backend.authoring.drafts.errors import SearchPatternInvalid
from backend.authoring.drafts.tables import DraftFile
from backend.identity.auth.principal import Principal, Role, visible
from backend.skills.skillpacks.tables import Skillpack

MAX_MATCHES: Final = 2_000
MAX_SEARCHED_BYTES: Final = 1 << 20
"""Of one file: larger ones are not searched."""
_MAX_BATCH_BYTES: Final = 8 << 20
_MAX_EXCERPT: Final = 240
_BEFORE: Final = 60
"""Characters of the line that an excerpt shows before the match."""
_MAX_MEMORY_BYTES: Final = 8 << 20
_REFERENCE: Final = re.compile(r"\$(\$|&|\d{1,2})")


@dataclass(frozen=True, slots=True)
class Query:
    """What is searched, and what replaces it."""

    text: str
    is_regex: bool = False
    is_case_sensitive: bool = False
    is_whole_word: bool = False
    replacement: str | None = None

    def compiled(self) -> Any:
        """Return the pattern, which is matched in linear time.

        Raises:
            SearchPatternInvalid: It is not a valid regular expression.
        """
        options = re2.Options()
        options.case_sensitive = self.is_case_sensitive
        options.log_errors = False
        options.max_mem = _MAX_MEMORY_BYTES
        pattern = self.text if self.is_regex else re2.escape(self.text)
        if self.is_whole_word:
            pattern = rf"\b(?:{pattern})\b"
        try:
            return re2.compile(f"(?m){pattern}", options)
        except (re2.error, UnicodeError) as error:
            reason = error.args[0] if error.args else error
            raise SearchPatternInvalid(
                self.text, reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)
            ) from None


class Match(NamedTuple):
    """A place of a file that matches."""

    line: int
    column: int
    start: int
    """Characters before it in the file."""
    end: int
    excerpt: str
    """A part of the line."""
    excerpt_start: int
    """Characters before the match in the excerpt."""
    excerpt_end: int
    replacement: str | None


class FileMatches(NamedTuple):
    """The matches of a file."""

    path: str
    revision: int
    matches: list[Match]


class Found(NamedTuple):
    """The matches of a search."""

    files: list[FileMatches]
    is_truncated: bool
    """There are more matches."""
    skipped_files: list[str]
    """Files that are too large to be searched."""


async def search(session: AsyncSession, principal: Principal, pack: Skillpack, query: Query) -> Found:
    """Return the matches of all text files of a draft, ordered by path.

    Raises:
        SearchPatternInvalid: The query is not a valid regular expression.
    """
    principal.require(Role.VIEWER, "deployments:read")
    pattern = query.compiled()
    own = visible(DraftFile, principal).where(
        col(DraftFile.skillpack_id) == pack.id, col(DraftFile.deleted_at).is_(None)
    )
    sizes = (
        await session.execute(
            own.with_only_columns(col(DraftFile.path), col(DraftFile.size_bytes)).order_by(
                col(DraftFile.path)
            )
        )
    ).all()
    files: list[FileMatches] = []
    remaining = MAX_MATCHES
    for batch in _batches([(path, size) for path, size in sizes if size <= MAX_SEARCHED_BYTES]):
        rows = (
            await session.scalars(own.where(col(DraftFile.path).in_(batch)).order_by(col(DraftFile.path)))
        ).all()
        contents = [(row.path, row.revision, row.content) for row in rows]
        for path, revision, content in contents:
            matches = await asyncio.to_thread(_matches, pattern, query, content, remaining + 1)
            if matches:
                files.append(FileMatches(path, revision, matches[:remaining]))
            remaining -= len(matches)
            if remaining < 0:
                return Found([one for one in files if one.matches], True, _skipped(sizes))
    return Found(files, False, _skipped(sizes))


def _skipped(sizes: Any) -> list[str]:
    return [path for path, size in sizes if size > MAX_SEARCHED_BYTES]


def _batches(sizes: list[tuple[str, int]]) -> Iterator[list[str]]:
    batch: list[str] = []
    total = 0
    for path, size in sizes:
        if batch and total + size > _MAX_BATCH_BYTES:
            yield batch
            batch, total = [], 0
        batch.append(path)
        total += size
    if batch:
        yield batch


def _matches(pattern: Any, query: Query, content: bytes, maximum: int) -> list[Match]:
    """Return the first matches in a file; none if it is not text."""
    if b"\0" in content:
        return []
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return []
    starts = [0, *(found.end() for found in re.finditer("\n", text))]
    matches: list[Match] = []
    for found in pattern.finditer(text):
        start, end = found.span()
        if start == end:
            continue
        line = bisect_right(starts, start)
        line_start = starts[line - 1]
        line_end = starts[line] - 1 if line < len(starts) else len(text)
        shown_from = max(line_start, start - _BEFORE)
        excerpt = text[shown_from : min(line_end, shown_from + _MAX_EXCERPT)]
        matches.append(
            Match(
                line,
                start - line_start + 1,
                start,
                end,
                excerpt,
                start - shown_from,
                min(end - shown_from, len(excerpt)),
                None if query.replacement is None else _replaced(query, found),
            )
        )
        if len(matches) >= maximum:
            break
    return matches


def _replaced(query: Query, found: Any) -> str:
    """Return what replaces a match: `$1` and `$&` are groups and the whole match of a regular expression."""
    replacement = query.replacement or ""
    if not query.is_regex:
        return replacement

    def group(reference: re.Match[str]) -> str:
        name = reference[1]
        if name == "$":
            return "$"
        number = 0 if name == "&" else int(name)
        return (found.group(number) or "") if number <= found.re.groups else reference[0]

    return _REFERENCE.sub(group, replacement)
