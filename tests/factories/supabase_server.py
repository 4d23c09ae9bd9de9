"""A server that implements Supabase Storage over a real socket, with its status codes, and injects faults on request.

Most released versions reject requests with HTTP 400 and put the real status into the body; `plain_statuses` selects the
behavior of newer ones. Keys are limited to the characters that older versions accept.
"""

from __future__ import annotations

import base64
import hmac
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import format_datetime
from urllib.parse import quote
from uuid import uuid4

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.doubles.serving import serving
from tests.factories.supabase_faults import Fault, FaultyHttp
from tests.factories.supabase_objects import (
    Bucket,
    Refusal,
    Resumable,
    Stored,
    bucket_facts,
    listed,
    sent,
)

KEY = re.compile(r"^(\w|/|!|-|\.|\*|'|\(|\)| |&|\$|@|=|;|:|\+|,|\?)*$", re.ASCII)
PIECE_BYTES = 6 * 1024 * 1024
SERVICE_KEY = "sb_secret_tests_only_0123456789"


class SupabaseServer:
    """The state of one project, and the requests that were received."""

    def __init__(self, *, service_key: str = SERVICE_KEY) -> None:
        self.service_key = service_key
        self.buckets: dict[str, Bucket] = {}
        self.uploads: dict[str, Resumable] = {}
        self.faults: list[Fault] = []
        self.requests: list[tuple[str, str]] = []
        self.plain_statuses = False
        self.copies_over = True
        self.clock_ahead_s = 0.0
        self.url = ""

    def objects(self, bucket: str) -> dict[str, bytes]:
        """Return the contents of a bucket by key."""
        return {key: stored.data for key, stored in self.buckets[bucket].objects.items()}

    @contextmanager
    def running(self) -> Iterator[SupabaseServer]:
        """Serve on a local port."""
        with serving(
            FaultyHttp(self._app(), self.faults, self.requests), "supabase", date_header=False
        ) as self.url:
            yield self

    def _app(self) -> Starlette:
        objects = "/storage/v1/object"
        routes = [
            Route("/storage/v1/bucket", self._bucket_list, methods=["GET"]),
            Route("/storage/v1/bucket", self._bucket_make, methods=["POST"]),
            Route("/storage/v1/bucket/{bucket}", self._bucket_one, methods=["GET", "PUT", "DELETE"]),
            Route("/storage/v1/upload/resumable", self._resumable_begin, methods=["POST"]),
            Route("/storage/v1/upload/resumable/{upload}", self._resumable, methods=["HEAD", "PATCH"]),
            Route(f"{objects}/copy", self._copy, methods=["POST"]),
            Route(f"{objects}/list-v2/{{bucket}}", self._list, methods=["POST"]),
            Route(f"{objects}/info/{{bucket}}/{{key:path}}", self._info, methods=["GET"]),
            Route(f"{objects}/sign/{{bucket}}/{{key:path}}", self._sign, methods=["POST"]),
            Route(f"{objects}/sign/{{bucket}}/{{key:path}}", self._signed, methods=["GET"]),
            Route(f"{objects}/{{bucket}}", self._remove, methods=["DELETE"]),
            Route(f"{objects}/{{bucket}}/{{key:path}}", self._put, methods=["POST", "PUT"]),
            Route(f"{objects}/{{bucket}}/{{key:path}}", self._get, methods=["GET"]),
        ]
        return Starlette(routes=routes, exception_handlers={Refusal: self._refuse})

    async def _refuse(self, _: Request, refusal: Exception) -> Response:
        assert isinstance(refusal, Refusal)
        body = {"statusCode": str(refusal.status), "error": refusal.error, "message": refusal.message}
        date = datetime.fromtimestamp(time.time() + self.clock_ahead_s, UTC)
        return JSONResponse(
            body, refusal.status if self.plain_statuses else 400, {"date": format_datetime(date, usegmt=True)}
        )

    def _bucket(self, request: Request) -> Bucket:
        self._require_key(request)
        return self._named(request.path_params["bucket"])

    def _require_key(self, request: Request) -> None:
        if request.headers.get("authorization") != f"Bearer {self.service_key}":
            raise Refusal(403, "Unauthorized", "Invalid Compact JWS")

    def _named(self, name: str) -> Bucket:
        if name not in self.buckets:
            raise Refusal(404, "Bucket not found", "Bucket not found")
        return self.buckets[name]

    def _stored(self, bucket: Bucket, key: str) -> Stored:
        if key not in bucket.objects:
            raise Refusal(404, "not_found", "Object not found")
        return bucket.objects[key]

    def _store(self, bucket: Bucket, key: str, data: bytes, *, mime: str, upsert: bool) -> Stored:
        if not KEY.fullmatch(key) or len(key) > 1024 or {"", ".", ".."} & set(key.split("/")):
            raise Refusal(400, "InvalidKey", f"Invalid key: {key}")
        if bucket.size_limit is not None and len(data) > bucket.size_limit:
            raise Refusal(413, "Payload too large", "The object exceeded the maximum allowed size")
        if key in bucket.objects and not upsert:
            raise Refusal(409, "Duplicate", "The resource already exists")
        bucket.objects[key] = Stored(data, mime)
        return bucket.objects[key]

    async def _bucket_list(self, request: Request) -> Response:
        self._require_key(request)
        date = datetime.fromtimestamp(time.time() + self.clock_ahead_s, UTC)
        return JSONResponse(
            [bucket_facts(name, bucket) for name, bucket in self.buckets.items()],
            headers={"date": format_datetime(date, usegmt=True)},
        )

    async def _bucket_make(self, request: Request) -> Response:
        self._require_key(request)
        body = await request.json()
        if body["id"] in self.buckets:
            raise Refusal(409, "Duplicate", "The resource already exists")
        self.buckets[body["id"]] = Bucket(bool(body.get("public")), body.get("file_size_limit"))
        return JSONResponse({"name": body["id"]})

    async def _bucket_one(self, request: Request) -> Response:
        bucket, name = self._bucket(request), request.path_params["bucket"]
        if request.method == "DELETE":
            if bucket.objects:
                raise Refusal(409, "InvalidRequest", "The bucket you tried to delete is not empty")
            del self.buckets[name]
            return JSONResponse({"message": "Successfully deleted"})
        if request.method == "PUT":
            bucket.public = bool((await request.json()).get("public"))
            return JSONResponse({"message": "Successfully updated"})
        return JSONResponse(bucket_facts(name, bucket))

    async def _put(self, request: Request) -> Response:
        bucket, key = self._bucket(request), request.path_params["key"]
        upsert = request.method == "PUT" or request.headers.get("x-upsert") == "true"
        mime = request.headers.get("content-type", "application/octet-stream")
        stored = self._store(bucket, key, await request.body(), mime=mime, upsert=upsert)
        return JSONResponse({"Id": stored.id, "Key": f"{request.path_params['bucket']}/{key}"})

    async def _get(self, request: Request) -> Response:
        return sent(request, self._stored(self._bucket(request), request.path_params["key"]))

    async def _info(self, request: Request) -> Response:
        key = request.path_params["key"]
        stored = self._stored(self._bucket(request), key)
        facts = {"id": stored.id, "name": key, "size": len(stored.data), "etag": stored.etag}
        times = {"last_modified": stored.updated_at.isoformat(), "created_at": stored.updated_at.isoformat()}
        return JSONResponse({**facts, **times, "content_type": stored.mime, "metadata": {}})

    async def _remove(self, request: Request) -> Response:
        bucket = self._bucket(request)
        wanted = (await request.json())["prefixes"]
        return JSONResponse([{"name": key} for key in wanted if bucket.objects.pop(key, None)])

    async def _copy(self, request: Request) -> Response:
        self._require_key(request)
        body = await request.json()
        bucket = self._named(body["bucketId"])
        source = self._stored(bucket, body["sourceKey"])
        upsert = self.copies_over and request.headers.get("x-upsert") == "true"
        self._store(bucket, body["destinationKey"], source.data, mime=source.mime, upsert=upsert)
        return JSONResponse({"Key": f"{body['bucketId']}/{body['destinationKey']}"})

    async def _list(self, request: Request) -> Response:
        bucket, body = self._bucket(request), await request.json()
        prefix, limit = body.get("prefix", ""), min(body.get("limit", 1000), 1000)
        after = base64.b64decode(body["cursor"]).decode() if "cursor" in body else ""
        names = {key for key in bucket.objects if key.startswith(prefix)}
        if body.get("with_delimiter"):
            names = {prefix + key[len(prefix) :].partition("/")[0] + ("/" if "/" in key[len(prefix) :] else "")
                     for key in names}  # fmt: skip
        behind = sorted(name for name in names if name > after)
        page = behind[:limit]
        has_next = len(behind) > limit
        return JSONResponse(
            {
                "hasNext": has_next,
                "folders": [{"name": name, "key": name.rstrip("/")} for name in page if name.endswith("/")],
                "objects": [listed(name, bucket.objects[name]) for name in page if not name.endswith("/")],
                **({"nextCursor": base64.b64encode(page[-1].encode()).decode()} if has_next else {}),
            }
        )

    async def _sign(self, request: Request) -> Response:
        self._stored(self._bucket(request), request.path_params["key"])
        seconds = int((await request.json())["expiresIn"])
        url = f"{request.path_params['bucket']}/{request.path_params['key']}"
        return JSONResponse({"signedURL": f"/object/sign/{quote(url)}?token={self._token(url, seconds)}"})

    async def _signed(self, request: Request) -> Response:
        bucket, key = request.path_params["bucket"], request.path_params["key"]
        token = request.query_params.get("token", "")
        expires_at, _, _ = token.partition(".")
        if not expires_at.isdecimal() or token != self._signature(f"{bucket}/{key}", int(expires_at)):
            raise Refusal(400, "InvalidSignature", "signature verification failed")
        if int(expires_at) < time.time():
            raise Refusal(400, "InvalidJWT", '"exp" claim timestamp check failed')
        return sent(request, self._stored(self._named(bucket), key))

    def _token(self, url: str, seconds: int) -> str:
        return self._signature(url, int(time.time()) + seconds)

    def _signature(self, url: str, expires_at: int) -> str:
        mac = hmac.new(self.service_key.encode(), f"{expires_at}.{url}".encode(), "sha256")
        return f"{expires_at}.{mac.hexdigest()}"

    async def _resumable_begin(self, request: Request) -> Response:
        self._require_key(request)
        pairs = (pair.split(" ") for pair in request.headers["upload-metadata"].split(","))
        facts = {name: base64.b64decode(value).decode() for name, value in pairs}
        length, bucket = int(request.headers["upload-length"]), self._named(facts["bucketName"])
        if bucket.size_limit is not None and length > bucket.size_limit:
            return Response("Maximum size exceeded", 413)
        if facts["objectName"] in bucket.objects and request.headers.get("x-upsert") != "true":
            return Response("The resource already exists", 409)
        name = uuid4().hex
        self.uploads[name] = Resumable(facts["bucketName"], facts["objectName"], facts["contentType"], length)
        return Response(
            status_code=201, headers={"location": f"{self.url}/storage/v1/upload/resumable/{name}"}
        )

    async def _resumable(self, request: Request) -> Response:
        self._require_key(request)
        upload = self.uploads.get(request.path_params["upload"])
        if upload is None:
            return Response("The file for this url was not found", 404)
        if request.method == "HEAD":
            return Response(headers={"upload-offset": str(len(upload.data))})
        if int(request.headers["upload-offset"]) != len(upload.data):
            return Response("Upload-Offset conflict", 409)
        async for chunk in request.stream():
            upload.data += chunk
        if len(upload.data) == upload.length:
            bucket = self._named(upload.bucket)
            self._store(bucket, upload.key, bytes(upload.data), mime=upload.mime, upsert=True)
        return Response(status_code=204, headers={"upload-offset": str(len(upload.data))})
