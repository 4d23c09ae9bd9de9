"""Generate media with the models of fal.ai."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from typing import Any, Final

from backend.core import logs
from backend.integrations.media.download import FetchError, fetch
from backend.integrations.media.errors import MediaFailed, MediaProviderUnavailable, MediaRefused
from backend.integrations.media.fal.queue import Queue, error_message
from backend.integrations.media.inputs import ImageInputs, VideoInputs
from backend.integrations.media.plan import FILES, Plan
from backend.integrations.media.provider import GeneratedMedia, Order

log = logs.get(__name__)

_MAX_BYTES: Final = {"image": 64 << 20, "audio": 128 << 20, "video": 1 << 30}
_FETCH_S: Final = 300.0
_FIRST_POLL_S: Final = 0.25
_MAX_POLL_S: Final = 5.0
_CANCEL_S: Final = 5.0
_LISTS: Final = ("refs", "keyterms")


class FalProvider:
    """The account of an instance at fal.ai."""

    def __init__(self, base_url: str, key: str, *, allowed_hosts: Collection[str], timeout_s: float) -> None:
        """Configure the account.

        Args:
            base_url: The URL of the queue.
            key: The API key.
            allowed_hosts: `host:port` from which results are fetched although they are not public.
            timeout_s: For one order.
        """
        self._base_url = base_url
        self._key = key
        self._allowed_hosts = allowed_hosts
        self._timeout_s = timeout_s

    async def make(self, order: Order) -> GeneratedMedia:
        """See `Provider.make`."""
        plan, queue = order.plan, Queue(self._base_url, self._key)
        try:
            path, request_id = await self._order(order, queue)
            try:
                async with asyncio.timeout(self._timeout_s):
                    await _until_done(queue, path, request_id, order)
            except TimeoutError:
                await self.cancel({"path": path, "request_id": request_id})
                raise MediaFailed(plan.family.slug, f"it took longer than {self._timeout_s:g} s.") from None
            result = await queue.take(plan.family.slug, path, request_id)
        finally:
            await queue.close()
        if plan.verb == "transcribe":
            return _transcript(plan, result, request_id)
        return await self._fetch_results(order, result, request_id)

    async def cancel(self, ordered: Mapping[str, str]) -> None:
        """See `Provider.cancel`."""
        queue = Queue(self._base_url, self._key)
        try:
            async with asyncio.timeout(_CANCEL_S):
                await queue.let_go(ordered["path"], ordered["request_id"])
        except (MediaProviderUnavailable, TimeoutError) as error:
            log.warning("media order was not cancelled", error=type(error).__name__)
        finally:
            await queue.close()

    async def _order(self, order: Order, queue: Queue) -> tuple[str, str]:
        if order.ordered:
            return order.ordered["path"], order.ordered["request_id"]
        plan = order.plan
        path = plan.family.mode(plan.mode).path
        request_id = await queue.order(plan.family.slug, path, body_of(plan, order.files))
        await order.record_order({"path": path, "request_id": request_id})
        return path, request_id

    async def _fetch_results(self, order: Order, result: dict[str, Any], request_id: str) -> GeneratedMedia:
        plan, kind = order.plan, order.plan.family.kind
        files = []
        for number, url in enumerate(_urls(plan, result)):
            to = order.folder / str(number)
            try:
                fetched = await fetch(
                    url,
                    to,
                    allowed_hosts=self._allowed_hosts,
                    max_bytes=_MAX_BYTES[kind],
                    max_s=_FETCH_S,
                )
            except FetchError as error:
                raise MediaFailed(
                    plan.family.slug, f"the file is unavailable, {error}.", may_come_later=True
                ) from error
            if not fetched.mime.startswith(f"{kind}/"):
                raise MediaFailed(plan.family.slug, f"it returned {fetched.mime} instead of the {kind}.")
            files.append(to)
        seconds = result.get("duration")
        return GeneratedMedia(files, request_id, audio_seconds=_number(seconds))


def body_of(plan: Plan, files: Mapping[str, Any]) -> dict[str, Any]:
    """Return the request body in the format of the model."""
    family, mode = plan.family, plan.family.mode(plan.mode)
    body: dict[str, Any] = dict(family.adds)
    for name, parameter in {**family.sends, **mode.sends}.items():
        if name not in mode.leaves:
            value = _value(plan, name, files)
            if value is not None:
                body[parameter] = value
    return body


def _value(plan: Plan, name: str, files: Mapping[str, Any]) -> Any:
    """Return the value for one of our inputs; None: it is omitted."""
    inputs, family = plan.inputs, plan.family
    if name in FILES and not (name == "audio" and isinstance(inputs, VideoInputs)):
        found = list(files.get(name, ()))
        if not found:
            return None
        return found if name in _LISTS else found[0]
    if name == "duration" and family.duration is not None:
        return family.duration.form.format(plan.seconds)
    value = getattr(inputs, name)
    if name == "aspect_ratio":
        return (family.sizes.get(value) if family.sizes else value) if value != "auto" else None
    if name == "speed" and value == 1.0:
        return None
    return value if value != [] else None


async def _until_done(queue: Queue, path: str, request_id: str, order: Order) -> None:
    """Poll until the order is done. While the provider is unavailable, the order is kept."""
    poll_s = _FIRST_POLL_S
    while True:
        await order.require_running()
        wait_s: float | None = None
        try:
            status = await queue.status(path, request_id)
        except MediaProviderUnavailable:
            pass
        else:
            wait_s = status.wait_s
            if _is_done(order.plan, status.status, status.body):
                return
        await asyncio.sleep(min(poll_s if wait_s is None else wait_s, _MAX_POLL_S))
        poll_s = min(poll_s * 1.4, _MAX_POLL_S)


def _is_done(plan: Plan, status: int, body: Any) -> bool:
    model = plan.family.slug
    if status == 404:
        raise MediaFailed(model, "its order is unknown.")
    fields = body if isinstance(body, dict) else {}
    if fields.get("error"):
        raise (
            MediaRefused(model, str(fields["error"]))
            if status < 500
            else MediaFailed(model, "it was aborted.")
        )
    if fields.get("status") in ("FAILED", "CANCELED", "CANCELLED"):
        raise MediaFailed(model, f"its order ended as {fields['status'].lower()}.")
    if status in (400, 401, 403, 422):
        raise MediaFailed(model, error_message(body))
    return fields.get("status") == "COMPLETED"


def _urls(plan: Plan, result: dict[str, Any]) -> list[str]:
    """Return the URLs of the results, which each kind of model returns differently."""
    kind = plan.family.kind
    found = result.get("images") if kind == "image" else [result.get(kind)]
    limit = plan.inputs.n if isinstance(plan.inputs, ImageInputs) else 1
    urls = [one.get("url") for one in found if isinstance(one, dict)] if isinstance(found, list) else []
    valid_urls = [url for url in urls if isinstance(url, str)][:limit]
    if not valid_urls:
        raise MediaFailed(plan.family.slug, f"its response contains no {kind}.")
    return valid_urls


def _transcript(plan: Plan, result: dict[str, Any], request_id: str) -> GeneratedMedia:
    text = result.get("text")
    if not isinstance(text, str):
        raise MediaFailed(plan.family.slug, "its response contains no text.")
    words = [word for word in result.get("words") or [] if isinstance(word, dict)]
    ends = [end for word in words if (end := _number(word.get("end"))) is not None]
    transcript = {"text": text, "words": words, "language_code": str(result.get("language_code") or "")}
    return GeneratedMedia((), request_id, transcript, audio_seconds=max(ends, default=None))


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and 0 <= value < 1e6 else None
