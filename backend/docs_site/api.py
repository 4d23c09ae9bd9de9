"""Routes of the documentation, for callers with any key or session."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from backend.core.attribute_docstrings import Schema
from backend.docs_site import pages
from backend.identity.auth import permissions
from backend.identity.auth.dependencies import CallerDep
from backend.identity.auth.permissions import AuthorizedRoute

router = APIRouter(route_class=AuthorizedRoute, prefix="/docs", tags=["docs"])


class DocumentRead(Schema):
    """A page of the documentation."""

    name: str
    section: str
    title: str
    text: str
    """Markdown; in a list, the text around the first match of the search, or empty."""


@router.get("", summary="List or search the documentation")
@permissions.any_caller()
async def list_documents(
    caller: CallerDep,
    q: Annotated[str, Query(max_length=200, description="Words that a page must contain.")] = "",
) -> list[DocumentRead]:
    """Return the pages in reading order, or those that contain all words of `q`, best match first."""
    if q.strip():
        return [DocumentRead(**one.document._asdict() | {"text": one.excerpt}) for one in pages.search(q)]
    return [DocumentRead(**one._asdict() | {"text": ""}) for one in pages.all_()]


@router.get("/{name:path}", summary="Read a page of the documentation")
@permissions.any_caller()
async def get_document(name: str, caller: CallerDep) -> DocumentRead:
    """Return a page as Markdown, in the version of this release.

    `name` is its path in the documentation, such as `tutorials/quickstart`. Names of pages before 0.2.0 still work.
    """
    return DocumentRead(**pages.get(name)._asdict())
