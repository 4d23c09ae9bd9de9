"""Makes media by the models of fal.ai."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from typing import Any, Final

from backend.core import logs
from backend.integrations.media.download import FetchError, fetch
from backend.integrations.media.errors import MediaFailed, MediaProviderUnavailable, MediaRefused
from backend.integrations.media.fal.queue import Queue, words_of
from backend.integrations.media.inputs import ImageInputs, VideoInputs
from backend.integrations.media.plan import FILES, Plan
from backend.integrations.media.provider import Made, Order

log = logs.get(__name__)

_MAX_BYTES: Final = {"image": 64 << 20, "audio": 128 << 20, "video": 1 << 30}
_FETCH_S: Final = 300.0
_FIRST_LOOK_S: Final = 0.25
_MAX_LOOK_S: Final = 5.0
_CANCEL_S: Final = 5.0
_LISTS: Final = ("refs", "keyterms")


class FalProvider:
    """One instance's account at fal.ai."""

    def __init__(self, base_url: str, key: str, *, allowed_hosts: Collection[str], most_s: float) -> None:
        """`allowed_hosts`: `host:port` from which files are taken though they are not public."""
        self._base_url = base_url
        self._key = key
        self._allowed_hosts = allowed_hosts
        self._most_s = most_s

    async def make(self, order: Order) -> Made:
        """See `Provider.make`."""
        plan, queue = order.plan, Queue(self._base_url, self._key)
        try:
            path, request_id = await self._ordered(order, queue)
            try:
                async with asyncio.timeout(self._most_s):
                    await _until_done(queue, path, request_id, order)
            except TimeoutError:
                await self.cancel({"path": path, "request_id": request_id})
                raise MediaFailed(plan.family.slug, f"it took longer than {self._most_s:g} s.") from None
            result = await queue.take(plan.family.slug, path, request_id)
        finally:
            await queue.close()
        if plan.verb == "transcribe":
            return _transcript(plan, result, request_id)
        return await self._fetched(order, result, request_id)

    async def cancel(self, ordered: Mapping[str, str]) -> None:
        """See `Provider.cancel`."""
        queue = Queue(self._base_url, self._key)
        try:
            async with asyncio.timeout(_CANCEL_S):
                await queue.let_go(ordered["path"], ordered["request_id"])
        except (MediaProviderUnavailable, TimeoutError) as error:
            log.warning("an order of media was not cancelled", error=type(error).__name__)
        finally:
            await queue.close()

    async def _ordered(self, order: Order, queue: Queue) -> tuple[str, str]:
        if order.ordered:
            return order.ordered["path"], order.ordered["request_id"]
        plan = order.plan
        path = plan.family.mode(plan.mode).path
        request_id = await queue.order(plan.family.slug, path, body_of(plan, order.files))
        await order.note({"path": path, "request_id": request_id})
        return path, request_id

    async def _fetched(self, order: Order, result: dict[str, Any], request_id: str) -> Made:
        plan, kind = order.plan, order.plan.family.kind
        files = []
        for number, url in enumerate(_urls(plan, result)):
            to = order.folder / str(number)
            try:
                got = await fetch(
                    url,
                    to,
                    allowed_hosts=self._allowed_hosts,
                    most_bytes=_MAX_BYTES[kind],
                    most_s=_FETCH_S,
                )
            except FetchError as error:
                raise MediaFailed(
                    plan.family.slug, f"the file cannot be had, {error}.", may_come_later=True
                ) from error
            if not got.mime.startswith(f"{kind}/"):
                raise MediaFailed(plan.family.slug, f"it gave {got.mime} in place of the {kind}.")
            files.append(to)
        seconds = result.get("duration")
        return Made(files, request_id, audio_seconds=_number(seconds))


def body_of(plan: Plan, files: Mapping[str, Any]) -> dict[str, Any]:
    """The call as the model wants it."""
    family, mode = plan.family, plan.family.mode(plan.mode)
    body: dict[str, Any] = dict(family.adds)
    for name, theirs in {**family.sends, **mode.sends}.items():
        if name not in mode.leaves:
            value = _value(plan, name, files)
            if value is not None:
                body[theirs] = value
    return body


def _value(plan: Plan, name: str, files: Mapping[str, Any]) -> Any:
    """What is sent of one of our inputs; None: nothing."""
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
    """Ask until it is done; while nobody answers the order stands, and is asked for again."""
    look_s = _FIRST_LOOK_S
    while True:
        await order.still_wanted()
        wait_s: float | None = None
        try:
            answer = await queue.status(path, request_id)
        except MediaProviderUnavailable:
            pass
        else:
            wait_s = answer.wait_s
            if _is_done(order.plan, answer.status, answer.body):
                return
        await asyncio.sleep(min(look_s if wait_s is None else wait_s, _MAX_LOOK_S))
        look_s = min(look_s * 1.4, _MAX_LOOK_S)


def _is_done(plan: Plan, status: int, body: Any) -> bool:
    model = plan.family.slug
    if status == 404:
        raise MediaFailed(model, "its order is not known any more.")
    told = body if isinstance(body, dict) else {}
    if told.get("error"):
        raise MediaRefused(model, str(told["error"])) if status < 500 else MediaFailed(model, "it broke off.")
    if told.get("status") in ("FAILED", "CANCELED", "CANCELLED"):
        raise MediaFailed(model, f"its order ended as {told['status'].lower()}.")
    if status in (400, 401, 403, 422):
        raise MediaFailed(model, words_of(body))
    return told.get("status") == "COMPLETED"


def _urls(plan: Plan, result: dict[str, Any]) -> list[str]:
    """Where the files are, as each kind of model tells it."""
    kind = plan.family.kind
    found = result.get("images") if kind == "image" else [result.get(kind)]
    most = plan.inputs.n if isinstance(plan.inputs, ImageInputs) else 1
    urls = [one.get("url") for one in found if isinstance(one, dict)] if isinstance(found, list) else []
    good = [url for url in urls if isinstance(url, str)][:most]
    if not good:
        raise MediaFailed(plan.family.slug, f"its answer names no {kind}.")
    return good


def _transcript(plan: Plan, result: dict[str, Any], request_id: str) -> Made:
    text = result.get("text")
    if not isinstance(text, str):
        raise MediaFailed(plan.family.slug, "its answer holds no text.")
    words = [word for word in result.get("words") or [] if isinstance(word, dict)]
    ends = [end for word in words if (end := _number(word.get("end"))) is not None]
    said = {"text": text, "words": words, "language_code": str(result.get("language_code") or "")}
    return Made((), request_id, said, audio_seconds=max(ends, default=None))


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and 0 <= value < 1e6 else None
