"""Routes of the web, for jobs that run."""

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

_FAILS: dict[int | str, dict[str, str]] = {
    403: {"description": "The skill's `network:` forbids it."},
    501: {"description": "This instance does not have it."},
    502: {"description": "The other side gave nothing that can be used."},
}


@router.post(
    "/web/search",
    summary="Search the web",
    responses={**_FAILS, 402: {"description": "It may cost more than is left for the job."}},
)
@permissions.jobs_only("drive:read")
async def search_web(asked: WebSearch, principal: PrincipalDep, context: ContextDep) -> WebSearchRead:
    """With the token of a running job: pages that the instance's search engine finds, on the job's receipt."""
    return await service.search(context, principal, asked)


@router.post("/web/fetch", summary="Read a page", responses=_FAILS)
@permissions.jobs_only("drive:read")
async def fetch_page(asked: WebPageFetch, principal: PrincipalDep, context: ContextDep) -> WebPageRead:
    """With the token of a running job: the text of a page, a text or a PDF, from where its `network:` allows."""
    return await service.fetch(context, principal, asked)


@router.post("/web/image-search", summary="Search for pictures", responses=_FAILS)
@permissions.jobs_only("drive:read")
async def search_images(asked: WebSearch, principal: PrincipalDep) -> WebSearchRead:
    """Not offered by the engines of this instance; the answer says what there is instead."""
    if principal.kind != "job":
        raise NotAllowed("The web is reached for jobs. Call this from a skill that runs, with the kit.")
    raise NoImageSearch
