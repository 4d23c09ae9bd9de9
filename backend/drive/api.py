"""Routes of the drive."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from starlette.requests import ClientDisconnect
from starlette.responses import RedirectResponse

from backend.auth.credentials import JOB_TOKEN_HEADER
from backend.auth.dependencies import InstanceDep, PrincipalDep, SessionDep
from backend.auth.principal import Principal, Role
from backend.drive import download, service, upload
from backend.drive.errors import BadUpload, FileTooLarge
from backend.drive.paths import MAX_PATH_BYTES
from backend.drive.schemas import EntryAnswer, SignAnswer, SignAsked, UploadAnswer
from backend.drive.upload import MAX_FILE_BYTES, Received
from backend.idempotency import service as idempotency
from backend.idempotency.dependencies import IdempotencyKeyHeader, Once
from backend.instance import Instance
from backend.paging import PageDep, linked
from backend.storage import Incoming

_FORM_BYTES = 64 * 1024  # of a form around its file
_ANY_FILE: dict[int | str, dict[str, Any]] = {
    200: {"description": "The file.", "content": {"application/octet-stream": {}}},
    206: {
        "description": "The part that the Range header asks for.",
        "content": {"application/octet-stream": {}},
    },
    304: {"description": "It has not changed."},
}
_DIRECT: dict[int | str, dict[str, Any]] = {
    307: {"description": "The file is large: read it from the storage itself, within a minute."}
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
                            "description": "Where it goes: a file, or a folder with a slash at its end.",
                        },
                    },
                }
            }
        },
    }
}

router = APIRouter(tags=["drive"])


@router.post(
    "/drive/upload",
    status_code=201,
    response_model=UploadAnswer,
    openapi_extra=_FORM,
    max_body_size=2 * MAX_FILE_BYTES,  # the limit itself is held below, with an answer that explains it
)
async def upload_file(
    request: Request,
    principal: PrincipalDep,
    instance: InstanceDep,
    idempotency_key: IdempotencyKeyHeader = None,
) -> Response:
    """Put a file into the drive, in the place of one that was there."""
    principal.require(Role.DEVELOPER, "drive:write")
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > MAX_FILE_BYTES + _FORM_BYTES:
        raise FileTooLarge(MAX_FILE_BYTES)
    async with instance.storage.receive() as incoming:
        try:
            received = await upload.receive(request.headers.get("content-type"), request.stream(), incoming)
        except ClientDisconnect:
            raise BadUpload("The connection ended before the file did. Send it again.") from None
        await incoming.settle()
        once = _once(instance, request, idempotency_key, received)
        return await _place(instance, principal, incoming, received, once)


@router.get("/drive", response_model=list[EntryAnswer])
async def list_drive(
    request: Request,
    response: Response,
    *,
    page: PageDep,
    principal: PrincipalDep,
    instance: InstanceDep,
    prefix: Annotated[
        str, Query(max_length=MAX_PATH_BYTES, description="A folder, or the beginning of paths.")
    ] = "",
    recursive: Annotated[bool, Query(description="Also what is in the folders.")] = False,
) -> Sequence[object]:
    """Files and folders, in the order of their paths."""
    principal.require(Role.VIEWER, "drive:read")
    rows = await service.entries(instance.storage, principal, prefix, page, is_recursive=recursive)
    return linked(request, response, rows)


@router.head("/drive/files/{path:path}", include_in_schema=False)
@router.get("/drive/files/{path:path}", response_class=Response, responses=_ANY_FILE)
async def download_file(
    path: str, request: Request, principal: PrincipalDep, instance: InstanceDep
) -> Response:
    """A file, or the part of it that the Range header asks for."""
    principal.require(Role.VIEWER, "drive:read")
    file = await service.open_file(instance.storage, principal, path)
    return await download.answer(file, download.asked_of(request))


@router.delete("/drive/files/{path:path}", status_code=204)
async def delete_file(path: str, principal: PrincipalDep, session: SessionDep, instance: InstanceDep) -> None:
    """Delete a file, or a folder that is empty."""
    principal.require(Role.DEVELOPER, "drive:write")
    await service.delete(session, instance.storage, principal, path)


@router.post("/drive/sign", responses={404: {"description": "There is no such file."}})
async def sign_file(
    asked: SignAsked, principal: PrincipalDep, session: SessionDep, instance: InstanceDep
) -> SignAnswer:
    """An address that opens a file for a while, to whoever has it, without a key."""
    principal.require(Role.VIEWER, "drive:read")
    return await service.sign(session, instance, principal, asked)


@router.head("/drive/signed/{token}/{name}", include_in_schema=False)
@router.get("/drive/signed/{token}/{name}", response_class=Response, responses=_ANY_FILE | _DIRECT)
async def download_signed_file(
    token: str, name: str, request: Request, session: SessionDep, instance: InstanceDep
) -> Response:
    """The file that a signed address opens."""
    file = await service.open_signed(session, instance, token, name)
    shared = {"Cross-Origin-Resource-Policy": "cross-origin", "Referrer-Policy": "no-referrer"}
    # A job reaches us alone, and says that it is one.
    is_job = JOB_TOKEN_HEADER in request.headers
    direct = None if is_job else await file.direct_url(ttl_s=download.DIRECT_TTL_S)
    if direct is not None:
        await file.close()
        return RedirectResponse(direct, 307, {**shared, "Cache-Control": "no-store"})
    return await download.answer(file, download.asked_of(request), shared)


def _once(instance: Instance, request: Request, key: str | None, received: Received) -> Once:
    content = f"{received.path}\n{received.filename}\n{received.sha256}".encode("utf-8", "replace")
    target = f"{request.url.path}?{request.url.query}"
    return Once(key, idempotency.fingerprint(request.method, target, content), instance.vault)


async def _place(
    instance: Instance, principal: Principal, incoming: Incoming, received: Received, once: Once
) -> Response:
    """Place it in a transaction of its own: none is open while the file is on its way."""
    path = service.destination(received)
    async with instance.database.transaction() as session:

        async def make() -> UploadAnswer:
            await service.put(session, principal, incoming, path, received)
            return UploadAnswer(
                drive_path=str(path),
                size_bytes=received.size_bytes,
                sha256=received.sha256,
                mime=received.mime,
            )

        return await once.answer(session, principal, make)
