"""Routes of uploads that go on later, in the words of the tus protocol 1.0.0, so that its clients work.

The core and its extensions creation, expiration, checksum and termination: https://tus.io/protocols/resumable-upload
"""

from __future__ import annotations

import base64
from email.utils import format_datetime
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Request, Response

from backend.context import AppContext
from backend.core.errors import Unsupported
from backend.data.drive import partial_uploads, resumable
from backend.data.drive.partial_uploads import More
from backend.data.drive.resumable import Begun, Progress
from backend.data.drive.upload import MAX_FILE_BYTES
from backend.data.drive.upload_errors import NoSuchOverride, TusVersionNotSpoken
from backend.identity.auth import permissions
from backend.identity.auth.dependencies import ContextDep, PrincipalDep
from backend.identity.auth.permissions import AuthorizedRoute
from backend.identity.auth.principal import Principal, Role
from backend.storage.file_errors import BadUpload

VERSION: Final = "1.0.0"
ROUTE: Final = "/v1/drive/uploads"
_CHUNK: Final = "application/offset+octet-stream"
_MAX_METADATA: Final = 8_192
_BODY: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {_CHUNK: {"schema": {"type": "string", "format": "binary"}}},
    }
}
_DONE: Final[dict[int | str, dict[str, Any]]] = {204: {"description": "`Upload-Offset` says how far it is."}}


async def _spoken(request: Request) -> None:
    """Say the version on every answer, errors too, and refuse who speaks another one.

    Raises:
        TusVersionNotSpoken: the request's is not ours.
    """
    headers = {"Tus-Resumable": VERSION, "Tus-Version": VERSION, "Cache-Control": "no-store"}
    said: dict[str, str] = getattr(request.state, "answer_headers", {})
    request.state.answer_headers = {**said, **headers}
    if request.method != "OPTIONS" and request.headers.get("tus-resumable") != VERSION:
        raise TusVersionNotSpoken(VERSION)


TusHeader = Annotated[str | None, Header(alias="Tus-Resumable", description="`1.0.0`.")]
OffsetHeader = Annotated[str | None, Header(alias="Upload-Offset", description="Where the bytes go on.")]
ChecksumHeader = Annotated[
    str | None,
    Header(alias="Upload-Checksum", description="`sha256 <base64>` or `sha1 <base64>` of the body."),
]

_REFUSED: Final[dict[int | str, dict[str, Any]]] = {
    412: {"description": "`Tus-Resumable` is missing, or names a version that is not spoken."},
    423: {"description": "Another request is adding to the upload."},
    460: {"description": "The bytes are not those of `Upload-Checksum`."},
}
router = APIRouter(
    route_class=AuthorizedRoute, tags=["drive"], dependencies=[Depends(_spoken)], responses=_REFUSED
)


@router.options("/drive/uploads", status_code=204, include_in_schema=False)
@router.options("/drive/uploads/{upload_id}", status_code=204, include_in_schema=False)
@permissions.open_to_all()
async def say_what_is_spoken() -> Response:
    """The protocol, and the extensions of it that are spoken here."""
    headers = {
        "Tus-Extension": "creation,expiration,checksum,termination",
        "Tus-Max-Size": str(MAX_FILE_BYTES),
        "Tus-Checksum-Algorithm": ",".join(partial_uploads.ALGORITHMS),
    }
    return Response(status_code=204, headers=headers)


@router.post("/drive/uploads", status_code=201, summary="Begin an upload", response_class=Response)
@permissions.needs("drive:write", role=Role.DEVELOPER)
async def begin_upload(
    principal: PrincipalDep,
    context: ContextDep,
    *,
    tus_resumable: TusHeader = None,
    upload_length: Annotated[
        str | None, Header(alias="Upload-Length", description="Bytes of the whole file.")
    ] = None,
    upload_metadata: Annotated[
        str | None,
        Header(alias="Upload-Metadata", description="`path` or `filename`, each with its value as base64."),
    ] = None,
) -> Response:
    """Begin an upload that can be gone on with after any interruption, as the tus protocol says it."""
    principal.require(Role.DEVELOPER, "drive:write")
    length = _number("Upload-Length", upload_length)
    said = _metadata(upload_metadata or "")
    begun = Begun(length, said.get("path") or None, said.get("filename", ""), upload_metadata or "")
    made = await resumable.create(context, principal, begun)
    return _answer(made, 201, Location=f"{ROUTE}/{made.upload.id}")


@router.head("/drive/uploads/{upload_id}", include_in_schema=False)
@permissions.needs("drive:write", role=Role.DEVELOPER)
async def read_upload(upload_id: UUID, principal: PrincipalDep, context: ContextDep) -> Response:
    """How far an upload is."""
    principal.require(Role.DEVELOPER, "drive:write")
    found = await resumable.progress(context, principal, upload_id)
    headers = {"Upload-Length": str(found.upload.length_bytes)}
    if found.upload.upload_metadata:
        headers["Upload-Metadata"] = found.upload.upload_metadata
    return _answer(found, 200, **headers)


@router.patch(
    "/drive/uploads/{upload_id}",
    status_code=204,
    summary="Go on with an upload",
    response_class=Response,
    responses=_DONE,
    openapi_extra=_BODY,
    max_body_size=2 * MAX_FILE_BYTES,
)
@permissions.needs("drive:write", role=Role.DEVELOPER)
async def go_on_with_upload(
    upload_id: UUID,
    request: Request,
    principal: PrincipalDep,
    context: ContextDep,
    *,
    tus_resumable: TusHeader = None,
    upload_offset: OffsetHeader = None,
    upload_checksum: ChecksumHeader = None,
) -> Response:
    """Send more bytes of an upload; with its last one the file is in the drive.

    412: another version of the protocol. 423: another request is writing it. 460: the bytes have another checksum.
    """
    return await _go_on(upload_id, request, principal, context)


@router.delete("/drive/uploads/{upload_id}", status_code=204, summary="Give an upload up")
@permissions.needs("drive:write", role=Role.DEVELOPER)
async def give_up_upload(
    upload_id: UUID, principal: PrincipalDep, context: ContextDep, *, tus_resumable: TusHeader = None
) -> None:
    """Forget an upload; a file that it has brought into the drive stays."""
    principal.require(Role.DEVELOPER, "drive:write")
    await resumable.abandon(context, principal, upload_id)


@router.post(
    "/drive/uploads/{upload_id}",
    status_code=204,
    include_in_schema=False,
    max_body_size=2 * MAX_FILE_BYTES,
)
@permissions.needs("drive:write", role=Role.DEVELOPER)
async def override_method(
    upload_id: UUID, request: Request, principal: PrincipalDep, context: ContextDep
) -> Response:
    """What `X-HTTP-Method-Override` says, for clients whose surroundings know no PATCH."""
    asked = request.headers.get("x-http-method-override", "")
    if asked == "PATCH":
        return await _go_on(upload_id, request, principal, context)
    if asked == "HEAD":
        return await read_upload(upload_id, principal, context)
    if asked == "DELETE":
        await give_up_upload(upload_id, principal, context)
        return Response(status_code=204)
    raise NoSuchOverride(asked)


async def _go_on(upload_id: UUID, request: Request, principal: Principal, context: AppContext) -> Response:
    principal.require(Role.DEVELOPER, "drive:write")
    headers = request.headers
    if headers.get("content-type") != _CHUNK:
        raise Unsupported(f"Send the bytes as {_CHUNK}.")
    offset = _number("Upload-Offset", headers.get("upload-offset"))
    checksum = partial_uploads.parse_checksum(headers.get("upload-checksum"))
    more = More(offset, request.stream(), checksum)
    gone_on = await resumable.go_on(context, principal, upload_id, more)
    return _answer(gone_on, 204)


def _answer(found: Progress, status: int, **headers: str) -> Response:
    told = {
        "Upload-Offset": str(found.offset),
        "Upload-Expires": format_datetime(found.upload.expires_at, usegmt=True),
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    return Response(status_code=status, headers=told)


def _number(header: str, value: str | None) -> int:
    if value is None or not (value.isascii() and value.isdecimal()) or len(value) > 18:
        raise BadUpload(f"{header} is a whole number of bytes. It was {value!r}.")
    return int(value)


def _metadata(value: str) -> dict[str, str]:
    """Names and values; a name without one has an empty one."""
    if len(value) > _MAX_METADATA:
        raise BadUpload(f"Upload-Metadata has more than {_MAX_METADATA:,} characters. Leave some of it out.")
    found: dict[str, str] = {}
    for each in filter(None, (part.strip() for part in value.split(","))):
        name, _, encoded = each.partition(" ")
        try:
            found[name] = base64.b64decode(encoded, validate=True).decode()
        except ValueError:  # no base64, not ASCII even, or no UTF-8 in it
            raise BadUpload(
                f"Upload-Metadata: the value of {name[:40]!r} is not UTF-8 text in base64."
            ) from None
    return found
