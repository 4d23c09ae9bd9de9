"""The objects of a storage server, and their representation in responses."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any
from uuid import uuid4

from starlette.requests import Request
from starlette.responses import Response


@dataclass(slots=True)
class Stored:
    """A stored object."""

    data: bytes
    mime: str
    id: str = field(default_factory=lambda: str(uuid4()))
    updated_at: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def etag(self) -> str:
        """Return the ETag with its quotes."""
        return f'"{hashlib.md5(self.data).hexdigest()}"'


@dataclass(slots=True)
class Bucket:
    """A bucket."""

    public: bool = False
    size_limit: int | None = None
    objects: dict[str, Stored] = field(default_factory=dict)


@dataclass(slots=True)
class Resumable:
    """A resumable upload in progress."""

    bucket: str
    key: str
    mime: str
    length: int
    data: bytearray = field(default_factory=bytearray)


class Refusal(Exception):
    """An error response with its real status."""

    def __init__(self, status: int, error: str, message: str) -> None:
        super().__init__(message)
        self.status, self.error, self.message = status, error, message


def sent(request: Request, stored: Stored) -> Response:
    """Return the object, or the requested range."""
    headers = {
        "etag": stored.etag,
        "last-modified": format_datetime(stored.updated_at, usegmt=True),
        "accept-ranges": "bytes",
    }
    requested = re.fullmatch(r"bytes=(\d+)-(\d*)", request.headers.get("range", ""))
    if requested is None:
        return Response(stored.data, media_type=stored.mime, headers=headers)
    size, start = len(stored.data), int(requested[1])
    if start >= size:
        raise Refusal(416, "InvalidRange", "The requested range is not satisfiable")
    end = min(size, int(requested[2]) + 1 if requested[2] else size)
    headers["content-range"] = f"bytes {start}-{end - 1}/{size}"
    return Response(stored.data[start:end], 206, media_type=stored.mime, headers=headers)


def bucket_facts(name: str, bucket: Bucket) -> dict[str, Any]:
    """Return the bucket as in responses of the storage."""
    timestamp = datetime.now(UTC).isoformat()
    fields = {"id": name, "name": name, "owner": "", "public": bucket.public}
    limits = {"file_size_limit": bucket.size_limit, "allowed_mime_types": None}
    return {**fields, **limits, "created_at": timestamp, "updated_at": timestamp}


def listed(name: str, stored: Stored) -> dict[str, Any]:
    """Return the object as in a listing."""
    timestamp = stored.updated_at.isoformat()
    metadata = {"eTag": stored.etag, "size": len(stored.data), "mimetype": stored.mime}
    return {"id": stored.id, "name": name, "key": name, "updated_at": timestamp, "created_at": timestamp,
            "metadata": json.loads(json.dumps(metadata))}  # fmt: skip
