"""Routes of the documentation: the same for everybody who is let in at all."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict

from backend.docs_site import pages
from backend.identity.auth import permissions
from backend.identity.auth.dependencies import CallerDep
from backend.identity.auth.permissions import AuthorizedRoute

router = APIRouter(route_class=AuthorizedRoute, prefix="/docs", tags=["docs"])


class DocumentRead(BaseModel):
    """A page of the documentation."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    name: str
    section: str
    title: str
    text: str
    """Markdown; in lists what is around the words that were looked for, else empty."""


@router.get("", summary="List or search the documentation")
@permissions.any_caller()
async def list_documents(
    caller: CallerDep, q: Annotated[str, Query(max_length=200, description="Words that a page holds.")] = ""
) -> list[DocumentRead]:
    """The pages in their order, or those that hold all the words, the best first."""
    if q.strip():
        return [DocumentRead(**one.document._asdict() | {"text": one.excerpt}) for one in pages.search(q)]
    return [DocumentRead(**one._asdict() | {"text": ""}) for one in pages.all_()]


@router.get("/{name}", summary="Read a page of the documentation")
@permissions.any_caller()
async def get_document(name: str, caller: CallerDep) -> DocumentRead:
    """The page as Markdown, as it was written for this release."""
    return DocumentRead(**pages.get(name)._asdict())
