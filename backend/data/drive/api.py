"""Define the routes of the files of the drive."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Query, Request, Response
from starlette.requests import ClientDisconnect
from starlette.responses import RedirectResponse

from backend.context import AppContext
from backend.core.db.paging import Slice
from backend.core.errors import Invalid, Problem
from backend.core.http.paging import PageDep, linked
from backend.data.drive import digests, download, service, usage
from backend.data.drive.schemas import DriveEntryRead, SignedUrlCreate, SignedUrlRead, UploadRead
from backend.data.drive.sorted_listing import BY_NAME, DriveSort, FolderTooLarge, list_sorted
from backend.data.drive.uploads import ingest, receive
from backend.data.drive.uploads.receive import MAX_FILE_BYTES, Received
from backend.data.drive.usage import Usage
from backend.identity.auth import permissions
from backend.identity.auth.credentials import JOB_TOKEN_HEADER
from backend.identity.auth.dependencies import ContextDep, PrincipalDep, SessionDep
from backend.identity.auth.permissions import AuthorizedRoute
from backend.identity.auth.principal import Principal, Role
from backend.identity.idempotency import service as idempotency
from backend.identity.idempotency.dependencies import IdempotencyKeyHeader, IdempotentRequest
from backend.storage import Incoming
from backend.storage.file_errors import BadUpload, FileTooLarge
from backend.storage.paths import MAX_PATH_BYTES, parse_new_path

_FORM_BYTES = 64 * 1024  # the multipart form around its file
_ANY_FILE: dict[int | str, dict[str, Any]] = {
    200: {"description": "The file.", "content": {"*/*": {}}},
    206: {
        "description": "The part that the `Range` header requests.",
        "content": {"*/*": {}},
    },
    304: {"description": "The file has not changed."},
    416: {
        "description": "The range starts after the end of the file; `Content-Range` contains the length of the file."
    },
}
_DIRECT: dict[int | str, dict[str, Any]] = {
    307: {"description": "The file is large. Read it from the URL of the storage within a minute."}
}
_FORM = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {
                        "file": {"type": "string", "format": "binary", "description": "At most 1 GiB."},
                        "path": {
                            "type": "string",
                            "description": "The path in the drive: a file, or a folder with a slash at the end.",
                        },
                    },
                }
            }
        },
    }
}
_BODY = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}
_DIGEST = "`sha-256=:<base64>:` of the file, or of the body; a mismatch returns 422, and nothing is stored."
ContentDigestHeader = Annotated[str | None, Header(alias=digests.CONTENT, description=_DIGEST)]
ReprDigestHeader = Annotated[str | None, Header(alias=digests.REPRESENTATION, description=_DIGEST)]

router = APIRouter(route_class=AuthorizedRoute, tags=["drive"])


@router.post(
    "/drive/upload",
    status_code=201,
    response_model=UploadRead,
    openapi_extra=_FORM,
    max_body_size=2 * MAX_FILE_BYTES,  # the exact limit is checked below, with an error that explains it
)
@permissions.needs("drive:write", role=Role.DEVELOPER)
async def upload_file(
    request: Request,
    principal: PrincipalDep,
    context: ContextDep,
    idempotency_key: IdempotencyKeyHeader = None,
    *,
    content_digest: ContentDigestHeader = None,
    repr_digest: ReprDigestHeader = None,
) -> Response:
    """Store a file in the drive. An existing file at the path is replaced."""
    principal.require(Role.DEVELOPER, "drive:write")
    digest_headers = digests.expected(request.headers)
    usage_now = await _require_capacity(request, context, principal)
    async with _receiving(context) as incoming:
        body = digests.HashedBody(request.stream(), is_hashed=bool(digest_headers))
        received = await receive.receive_form(request.headers.get("content-type"), body, incoming, usage_now)
        digests.check(digest_headers, file=received.sha256, body=body.sha256)
        ingest.destination(received.path, received.filename)  # rejected before the storage receives the rest
        await incoming.stage()
        idempotent = _once(context, request, idempotency_key, received)
        return await _store(context, principal, incoming, received, idempotent)


@router.put(
    "/drive/files/{path:path}",
    status_code=201,
    response_model=UploadRead,
    openapi_extra=_BODY,
    max_body_size=2 * MAX_FILE_BYTES,
)
@permissions.needs("drive:write", role=Role.DEVELOPER)
async def put_file(
    path: str,
    request: Request,
    principal: PrincipalDep,
    context: ContextDep,
    *,
    content_digest: ContentDigestHeader = None,
    repr_digest: ReprDigestHeader = None,
) -> Response:
    """Store the body as a file in the drive. An existing file at the path is replaced."""
    principal.require(Role.DEVELOPER, "drive:write")
    parse_new_path(path)
    digest_headers = digests.expected(request.headers)
    usage_now = await _require_capacity(request, context, principal)
    async with _receiving(context) as incoming:
        received = await receive.receive_body(path, request.stream(), incoming, usage_now)
        digests.check(digest_headers, file=received.sha256)
        await incoming.stage()
        idempotent = _once(context, request, None, received)
        return await _store(context, principal, incoming, received, idempotent)


@router.get("/drive", response_model=list[DriveEntryRead])
@permissions.needs("drive:read")
async def list_drive(
    request: Request,
    response: Response,
    *,
    page: PageDep,
    principal: PrincipalDep,
    context: ContextDep,
    prefix: Annotated[
        str, Query(max_length=MAX_PATH_BYTES, description="A folder, or a prefix of paths.")
    ] = "",
    recursive: Annotated[bool, Query(description="Include the content of folders.")] = False,
    delimiter: Annotated[
        Literal["/"] | None,
        Query(description="List folders instead of their content, which is the default too."),
    ] = None,
    sort: Annotated[DriveSort, Query(description="The order; `-` for descending.")] = BY_NAME,
    q: Annotated[str, Query(max_length=200, description="A part of the names, in any case.")] = "",
) -> Sequence[object]:
    """List files and folders, by default ordered by path. `sort` and `q` are for the content of one folder."""
    principal.require(Role.VIEWER, "drive:read")
    if delimiter and recursive:
        message = "A delimiter lists folders instead of their content. Omit recursive or delimiter."
        raise Invalid(message, [Problem("query.recursive", message)])
    if sort != BY_NAME or q:
        if recursive:
            message = "Folders with their content are listed by path only. Omit recursive, or sort and q."
            raise Invalid(message, [Problem("query.recursive", message)])
        found = await list_sorted(context, principal, prefix, page, sort=sort, text=q)
        if not found.is_complete:
            raise FolderTooLarge(prefix)
        return linked(request, response, Slice(found.items, found.next_cursor))
    rows = await service.list_entries(context, principal, prefix, page, is_recursive=recursive)
    return linked(request, response, rows)


@router.head("/drive/files/{path:path}", include_in_schema=False)
@router.get("/drive/files/{path:path}", response_class=Response, responses=_ANY_FILE)
@permissions.needs("drive:read")
async def download_file(
    path: str, request: Request, principal: PrincipalDep, context: ContextDep
) -> Response:
    """Return a file, or the part that the `Range` header requests."""
    principal.require(Role.VIEWER, "drive:read")
    opened = await service.open_file(context, principal, path)
    return await download.respond(opened.file, download.conditions_of(request), sha256=opened.sha256)


@router.delete("/drive/files/{path:path}", status_code=204)
@permissions.needs("drive:write", role=Role.DEVELOPER)
async def delete_file(path: str, principal: PrincipalDep, session: SessionDep, context: ContextDep) -> None:
    """Delete a file or an empty folder."""
    principal.require(Role.DEVELOPER, "drive:write")
    await service.delete(session, context.storage, principal, path)


@router.post("/drive/sign", responses={404: {"description": "The file does not exist."}})
@permissions.needs("drive:read")
async def sign_file(
    body: SignedUrlCreate, principal: PrincipalDep, session: SessionDep, context: ContextDep
) -> SignedUrlRead:
    """Create a URL that opens a file for a limited time, for anyone who has it, without an API key."""
    principal.require(Role.VIEWER, "drive:read")
    return await service.sign(session, context, principal, body)


@router.head("/drive/signed/{token}/{name}", include_in_schema=False)
@router.get("/drive/signed/{token}/{name}", response_class=Response, responses=_ANY_FILE | _DIRECT)
@permissions.open_to_all()
async def download_signed_file(
    token: str, name: str, request: Request, session: SessionDep, context: ContextDep
) -> Response:
    """Return the file of a signed URL."""
    file, sha256, is_pinned = await service.open_signed(session, context, token, name)
    extra_headers = {"Cross-Origin-Resource-Policy": "cross-origin", "Referrer-Policy": "no-referrer"}
    # A job reaches only this server, and identifies itself. A URL of the storage opens any later version too.
    is_proxied = is_pinned or JOB_TOKEN_HEADER in request.headers
    direct = None if is_proxied else await file.direct_url(ttl_s=download.DIRECT_TTL_S)
    if direct is not None:
        await file.close()
        return RedirectResponse(direct, 307, {**extra_headers, "Cache-Control": "no-store"})
    conditions = download.conditions_of(request, is_pinned=is_pinned)
    return await download.respond(file, conditions, sha256=sha256, extra_headers=extra_headers)


def _once(context: AppContext, request: Request, key: str | None, received: Received) -> IdempotentRequest:
    content = f"{received.path}\n{received.filename}\n{received.sha256}".encode("utf-8", "replace")
    target = f"{request.url.path}?{request.url.query}"
    return IdempotentRequest(key, idempotency.fingerprint(request.method, target, content), context.vault)


async def _require_capacity(request: Request, context: AppContext, principal: Principal) -> Usage:
    """Return the usage of the drive; reject early an upload whose length exceeds a limit."""
    declared = request.headers.get("content-length", "")
    min_bytes = max(0, int(declared) - _FORM_BYTES) if declared.isdecimal() else 0
    if min_bytes > MAX_FILE_BYTES:
        raise FileTooLarge(MAX_FILE_BYTES)
    usage_now = await usage.current(ingest.drives_of(context), principal.project_id)
    usage_now.require_capacity(min_bytes, 1)
    return usage_now


@asynccontextmanager
async def _receiving(context: AppContext) -> AsyncIterator[Incoming]:
    async with context.storage.receive() as incoming:
        try:
            yield incoming
        except ClientDisconnect:
            raise BadUpload("The connection dropped before the file was complete. Send it again.") from None


async def _store(
    context: AppContext,
    principal: Principal,
    incoming: Incoming,
    received: Received,
    idempotent: IdempotentRequest,
) -> Response:
    """Store the file in a transaction of its own: none is open while the file is received."""
    path = ingest.destination(received.path, received.filename)
    drives, replaced = ingest.drives_of(context), None
    async with (
        usage.reserved(drives, principal.project_id, received.size_bytes, 1) as space,
        context.database.transaction() as session,
    ):

        async def create() -> UploadRead:
            nonlocal replaced
            replaced = await ingest.file_at(context.storage, principal, path)
            await ingest.put(session, principal, incoming, path, received)
            space.keep()
            return UploadRead(
                drive_path=str(path),
                size_bytes=received.size_bytes,
                sha256=received.sha256,
                mime=received.mime,
            )

        response = await idempotent.run(session, principal, create)
    await ingest.release_replaced(drives, principal, replaced)
    return response
