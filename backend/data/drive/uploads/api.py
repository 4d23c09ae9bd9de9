"""Define the routes of resumable uploads after the tus protocol 1.0.0, so that its clients work.

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
from backend.data.drive.uploads import partial_files, resumable
from backend.data.drive.uploads.errors import NoSuchOverride, TusVersionNotSpoken
from backend.data.drive.uploads.partial_files import UploadChunk
from backend.data.drive.uploads.receive import MAX_FILE_BYTES
from backend.data.drive.uploads.resumable import NewUpload, Progress
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
_APPENDED: Final[dict[int | str, dict[str, Any]]] = {
    204: {"description": "`Upload-Offset` contains the new length."}
}


async def _require_version(request: Request) -> None:
    """Add the version of the protocol to every response, also to errors, and reject requests of another version.

    Raises:
        TusVersionNotSpoken: The request has another version.
    """
    headers = {"Tus-Resumable": VERSION, "Tus-Version": VERSION, "Cache-Control": "no-store"}
    earlier: dict[str, str] = getattr(request.state, "answer_headers", {})
    request.state.answer_headers = {**earlier, **headers}
    if request.method != "OPTIONS" and request.headers.get("tus-resumable") != VERSION:
        raise TusVersionNotSpoken(VERSION)


TusHeader = Annotated[str | None, Header(alias="Tus-Resumable", description="`1.0.0`.")]
OffsetHeader = Annotated[
    str | None, Header(alias="Upload-Offset", description="The position where the bytes start.")
]
ChecksumHeader = Annotated[
    str | None,
    Header(alias="Upload-Checksum", description="`sha256 <base64>` or `sha1 <base64>` of the body."),
]

_ERRORS: Final[dict[int | str, dict[str, Any]]] = {
    412: {"description": "`Tus-Resumable` is missing, or names a version that is not supported."},
    423: {"description": "Another request is writing the upload."},
    460: {"description": "The bytes do not match `Upload-Checksum`."},
}
router = APIRouter(
    route_class=AuthorizedRoute, tags=["drive"], dependencies=[Depends(_require_version)], responses=_ERRORS
)


@router.options("/drive/uploads", status_code=204, include_in_schema=False)
@router.options("/drive/uploads/{upload_id}", status_code=204, include_in_schema=False)
@permissions.open_to_all()
async def say_what_is_spoken() -> Response:
    """Return the versions and extensions of the protocol that are supported."""
    headers = {
        "Tus-Extension": "creation,expiration,checksum,termination",
        "Tus-Max-Size": str(MAX_FILE_BYTES),
        "Tus-Checksum-Algorithm": ",".join(partial_files.ALGORITHMS),
    }
    return Response(status_code=204, headers=headers)


@router.post("/drive/uploads", status_code=201, summary="Start an upload", response_class=Response)
@permissions.needs("drive:write", role=Role.DEVELOPER)
async def start_upload(
    principal: PrincipalDep,
    context: ContextDep,
    *,
    tus_resumable: TusHeader = None,
    upload_length: Annotated[
        str | None, Header(alias="Upload-Length", description="Length of the whole file in bytes.")
    ] = None,
    upload_metadata: Annotated[
        str | None,
        Header(alias="Upload-Metadata", description="`path` or `filename`, each with its value in base64."),
    ] = None,
) -> Response:
    """Start an upload that can be continued after any interruption, according to the tus protocol."""
    principal.require(Role.DEVELOPER, "drive:write")
    length = _number("Upload-Length", upload_length)
    metadata = _metadata(upload_metadata or "")
    new_upload = NewUpload(
        length, metadata.get("path") or None, metadata.get("filename", ""), upload_metadata or ""
    )
    created = await resumable.create(context, principal, new_upload)
    return _response(created, 201, Location=f"{ROUTE}/{created.upload.id}")


@router.head("/drive/uploads/{upload_id}", include_in_schema=False)
@permissions.needs("drive:write", role=Role.DEVELOPER)
async def read_upload(upload_id: UUID, principal: PrincipalDep, context: ContextDep) -> Response:
    """Return the progress of an upload in `Upload-Offset`."""
    principal.require(Role.DEVELOPER, "drive:write")
    found = await resumable.progress(context, principal, upload_id)
    headers = {"Upload-Length": str(found.upload.length_bytes)}
    if found.upload.upload_metadata:
        headers["Upload-Metadata"] = found.upload.upload_metadata
    return _response(found, 200, **headers)


@router.patch(
    "/drive/uploads/{upload_id}",
    status_code=204,
    summary="Continue an upload",
    response_class=Response,
    responses=_APPENDED,
    openapi_extra=_BODY,
    max_body_size=2 * MAX_FILE_BYTES,
)
@permissions.needs("drive:write", role=Role.DEVELOPER)
async def resume_upload(
    upload_id: UUID,
    request: Request,
    principal: PrincipalDep,
    context: ContextDep,
    *,
    tus_resumable: TusHeader = None,
    upload_offset: OffsetHeader = None,
    upload_checksum: ChecksumHeader = None,
) -> Response:
    """Send more bytes of an upload. After its last byte the file is in the drive.

    412: another version of the protocol. 423: another request is writing it. 460: the bytes have another checksum.
    """
    return await _append(upload_id, request, principal, context)


@router.delete("/drive/uploads/{upload_id}", status_code=204, summary="Abandon an upload")
@permissions.needs("drive:write", role=Role.DEVELOPER)
async def abandon_upload(
    upload_id: UUID, principal: PrincipalDep, context: ContextDep, *, tus_resumable: TusHeader = None
) -> None:
    """Delete an upload. A file that it has stored in the drive stays."""
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
    """Run the method of `X-HTTP-Method-Override`, for clients that cannot send PATCH."""
    method = request.headers.get("x-http-method-override", "")
    if method == "PATCH":
        return await _append(upload_id, request, principal, context)
    if method == "HEAD":
        return await read_upload(upload_id, principal, context)
    if method == "DELETE":
        await abandon_upload(upload_id, principal, context)
        return Response(status_code=204)
    raise NoSuchOverride(method)


async def _append(upload_id: UUID, request: Request, principal: Principal, context: AppContext) -> Response:
    principal.require(Role.DEVELOPER, "drive:write")
    headers = request.headers
    if headers.get("content-type") != _CHUNK:
        raise Unsupported(f"Send the bytes as {_CHUNK}.")
    offset = _number("Upload-Offset", headers.get("upload-offset"))
    checksum = partial_files.parse_checksum(headers.get("upload-checksum"))
    chunk = UploadChunk(offset, request.stream(), checksum)
    progress = await resumable.append(context, principal, upload_id, chunk)
    return _response(progress, 204)


def _response(found: Progress, status: int, **headers: str) -> Response:
    all_headers = {
        "Upload-Offset": str(found.offset),
        "Upload-Expires": format_datetime(found.upload.expires_at, usegmt=True),
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    return Response(status_code=status, headers=all_headers)


def _number(header: str, value: str | None) -> int:
    if value is None or not (value.isascii() and value.isdecimal()) or len(value) > 18:
        raise BadUpload(f"{header} is a whole number of bytes. It was {value!r}.")
    return int(value)


def _metadata(value: str) -> dict[str, str]:
    """Return names and values; a name without a value has an empty one."""
    if len(value) > _MAX_METADATA:
        raise BadUpload(f"Upload-Metadata has more than {_MAX_METADATA:,} characters. Shorten it.")
    found: dict[str, str] = {}
    for item in filter(None, (part.strip() for part in value.split(","))):
        name, _, encoded = item.partition(" ")
        try:
            found[name] = base64.b64decode(encoded, validate=True).decode()
        except ValueError:  # not base64, not even ASCII, or not UTF-8 inside
            raise BadUpload(
                f"Upload-Metadata: the value of {name[:40]!r} is not UTF-8 text in base64."
            ) from None
    return found
