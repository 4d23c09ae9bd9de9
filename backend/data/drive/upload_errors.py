"""What can be wrong with an upload that goes on over several requests.

PurasError
├── TusVersionNotSpoken       412  the request speaks another version of the protocol
├── UploadBusy                423  another request is writing the upload
├── ChecksumMismatch          460  the bytes have another checksum
├── Missing
│   └── UploadMissing         404  no such upload
├── Conflict
│   └── WrongOffset           409  the upload is not as far as the request says
├── TooLarge
│   └── UploadChunkTooLarge   413  more bytes than the upload has left
└── Malformed
    └── NoSuchOverride        400
"""

from __future__ import annotations

from backend.core.errors import Conflict, Malformed, Missing, PurasError, TooLarge


class UploadMissing(Missing):
    """There is no such upload any more, or not on this machine."""

    code = "upload_not_found"

    def __init__(self) -> None:
        super().__init__(
            "There is no such upload: it was given up, or nobody went on with it for a day. Begin anew."
        )


class WrongOffset(Conflict):
    """The upload is not as far as the request says, or farther."""

    code = "wrong_upload_offset"

    def __init__(self, asked: int, offset: int) -> None:
        super().__init__(
            f"The upload has {offset:,} bytes, and Upload-Offset says {asked:,}. Go on from there.",
            offset=offset,
        )


class UploadChunkTooLarge(TooLarge):
    """More bytes came than the upload has left."""

    code = "upload_chunk_too_large"

    def __init__(self, length: int) -> None:
        super().__init__(
            f"The upload has {length:,} bytes in all, and more came. Begin another one.", length=length
        )


class UploadBusy(PurasError):
    """Another request is writing the upload."""

    status = 423
    code = "upload_busy"

    def __init__(self) -> None:
        super().__init__(
            "Another request is writing this upload. Wait for it to end, and ask how far it came."
        )


class ChecksumMismatch(PurasError):
    """The bytes have another checksum than they should; none of them was kept."""

    status = 460
    code = "checksum_mismatch"

    def __init__(self, algorithm: str) -> None:
        super().__init__(
            f"The bytes do not have the {algorithm} that Upload-Checksum gives. None was kept: send them again."
        )


class TusVersionNotSpoken(PurasError):
    """The request speaks another version of the protocol, or does not say which."""

    status = 412
    code = "tus_version"

    def __init__(self, version: str) -> None:
        super().__init__(
            f"These routes speak the tus protocol {version}. Send the header 'Tus-Resumable: {version}', or use "
            "POST /v1/drive/upload.",
        )


class NoSuchOverride(Malformed):
    """An upload can be gone on with, read and given up, and nothing else."""

    code = "bad_upload"

    def __init__(self, asked: str) -> None:
        super().__init__(
            f"Send PATCH, HEAD or DELETE, or name one of them in X-HTTP-Method-Override, which says {asked[:40]!r}."
        )
