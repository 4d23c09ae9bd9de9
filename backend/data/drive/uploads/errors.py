"""Errors of resumable uploads."""

from __future__ import annotations

from backend.core.errors import Conflict, Malformed, Missing, PurasError, TooLarge, field


class UploadMissing(Missing):
    """The upload does not exist, has expired, or is on another host."""

    code = "upload_not_found"
    message = "There is no such upload: it was cancelled, or received nothing for a day. Start a new upload."


class WrongOffset(Conflict):
    """The offset of the request differs from the length of the upload."""

    code = "wrong_upload_offset"
    message = "The upload has {offset:,} bytes, but Upload-Offset is {asked:,}. Continue at {offset:,}."
    asked: int = field(in_body=False)
    offset: int


class UploadChunkTooLarge(TooLarge):
    """The request has more bytes than the upload has left."""

    code = "upload_chunk_too_large"
    message = "The upload has a length of {length:,} bytes, and more were sent. Start a new upload."
    length: int


class UploadBusy(PurasError):
    """Another request is writing the upload."""

    status = 423
    code = "upload_busy"
    message = "Another request is writing this upload. Wait for it to end, and read the offset with HEAD."


class ChecksumMismatch(PurasError):
    """The bytes have another checksum than the request. None of them were stored."""

    status = 460
    code = "checksum_mismatch"
    message = (
        "The bytes do not have the {algorithm} in Upload-Checksum. None of them were stored. Send them again."
    )
    algorithm: str = field(in_body=False)


class TusVersionNotSpoken(PurasError):
    """The request names another version of the tus protocol, or none."""

    status = 412
    code = "tus_version"
    message = (
        "These routes use the tus protocol {version}. Send the header 'Tus-Resumable: {version}', or use "
        "POST /v1/drive/upload."
    )
    version: str = field(in_body=False)


class NoSuchOverride(Malformed):
    """The overridden method of an upload is not PATCH, HEAD or DELETE."""

    code = "bad_upload"
    message = "Send PATCH, HEAD or DELETE, or set X-HTTP-Method-Override, which is {asked!r}, to one of them."
    asked: str = field(in_body=False, max_length=40)
