"""Define the routes of the web for running jobs."""

from __future__ import annotations

from fastapi import APIRouter

from backend.core.errors import NotAllowed
from backend.identity.auth import permissions
from backend.identity.auth.dependencies import ContextDep, PrincipalDep
from backend.identity.auth.permissions import AuthorizedRoute
from backend.integrations.web import service
from backend.integrations.web.errors import NoImageSearch
from backend.integrations.web.schemas import WebPageFetch, WebPageRead, WebSearch, WebSearchRead

router = APIRouter(route_class=AuthorizedRoute, tags=["in a job"])

_ERRORS: dict[int | str, dict[str, str]] = {
    403: {"description": "The skill's `network:` forbids it."},
    501: {"description": "This instance does not support it."},
    502: {"description": "The other server returned nothing usable."},
}


@router.post(
    "/web/search",
    summary="Search the web",
    responses={**_ERRORS, 402: {"description": "It may cost more than the job may still spend."}},
)
@permissions.jobs_only("drive:read")
async def search_web(body: WebSearch, principal: PrincipalDep, context: ContextDep) -> WebSearchRead:
    """Search with the engine of the instance, with the token of a running job. The cost is on the job's receipt."""
    return await service.search(context, principal, body)


@router.post("/web/fetch", summary="Read a page", responses=_ERRORS)
@permissions.jobs_only("drive:read")
async def fetch_page(body: WebPageFetch, principal: PrincipalDep, context: ContextDep) -> WebPageRead:
    """Return the text of a page, a text file or a PDF.

    It needs the token of a running job, whose `network:` must allow the host.
    """
    return await service.fetch(context, principal, body)


@router.post("/web/image-search", summary="Search for images", responses=_ERRORS)
@permissions.jobs_only("drive:read")
async def search_images(body: WebSearch, principal: PrincipalDep) -> WebSearchRead:
    """Return an error: no engine of this instance supports this. The error names alternatives."""
    if principal.kind != "job":
        raise NotAllowed("Only jobs can use the web. Call this from a running skill with the kit.")
    raise NoImageSearch
