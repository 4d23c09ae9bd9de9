"""Define the route that searches the files of a draft."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import Field

from backend.authoring.drafts import search
from backend.authoring.drafts.api import PackDep
from backend.core.attribute_docstrings import Schema
from backend.core.schemas import RequestBody, Text
from backend.identity.auth import permissions
from backend.identity.auth.dependencies import PrincipalDep, SessionDep
from backend.identity.auth.permissions import AuthorizedRoute

router = APIRouter(route_class=AuthorizedRoute, tags=["drafts"])


class DraftSearch(RequestBody):
    """A search in the files of a draft."""

    query: Text = Field(min_length=1, max_length=1_000)
    is_regex: bool = False
    """The query is a regular expression in the syntax of RE2. `^` and `$` match at lines."""
    is_case_sensitive: bool = False
    is_whole_word: bool = False
    replacement: Text | None = Field(default=None, max_length=10_000)
    """If it is set, each match has its replacement. `$1` and `$&` are a group and the match of a regular expression."""


class DraftMatchRead(Schema):
    """A match."""

    line: int
    column: int
    start: int
    """The number of characters before the match in the file."""
    end: int
    """The number of characters before the end of the match in the file."""
    excerpt: str
    """A part of the line."""
    excerpt_start: int
    """Where the match starts in the excerpt."""
    excerpt_end: int
    replacement: str | None


class DraftFileMatchesRead(Schema):
    """The matches of a file."""

    path: str
    revision: int
    """The revision that was searched: the value for `If-Match` when the file is written."""
    matches: list[DraftMatchRead]


class DraftSearchRead(Schema):
    """The matches of a search."""

    files: list[DraftFileMatchesRead]
    is_truncated: bool
    """There are more than 2,000 matches."""
    skipped_files: list[str]
    """Files of more than 1 MiB, which are not searched."""


@router.post("/drafts/search", summary="Search the draft")
@router.post("/skillpacks/{skillpack}/drafts/search", summary="Search the draft of a skillpack")
@permissions.needs("deployments:read")
async def search_draft(
    body: DraftSearch, principal: PrincipalDep, session: SessionDep, pack: PackDep
) -> DraftSearchRead:
    """Return the matches in the text files of the draft, ordered by path. Nothing is replaced.

    To replace, write each file with `PUT /v1/drafts/files/{path}` and the revision that was searched.
    """
    query = search.Query(
        body.query, body.is_regex, body.is_case_sensitive, body.is_whole_word, body.replacement
    )
    found = await search.search(session, principal, pack, query)
    files = [
        DraftFileMatchesRead(
            path=one.path,
            revision=one.revision,
            matches=[DraftMatchRead(**match._asdict()) for match in one.matches],
        )
        for one in found.files
    ]
    return DraftSearchRead(files=files, is_truncated=found.is_truncated, skipped_files=found.skipped_files)
