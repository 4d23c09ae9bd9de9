"""Run one call: reserve money, order, store the result in the drive, charge it, and clean up after errors."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator, Awaitable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple

from backend.config import Settings
from backend.context import AppContext
from backend.core.net.public_urls import listed
from backend.data.drive import signing
from backend.data.drive.listing_access import ListingAccess
from backend.execution.events.append import NewEvent, append
from backend.execution.events.types import OMITTED, MediaEvent
from backend.identity.auth.principal import Principal
from backend.integrations.media import calls
from backend.integrations.media.calls import Call
from backend.integrations.media.delivery import Destination, StoredFiles, store_files
from backend.integrations.media.errors import MediaFailed, MediaRefused
from backend.integrations.media.inputs import canonical
from backend.integrations.media.local.provider import LABEL, LocalProvider
from backend.integrations.media.model_families import Verb
from backend.integrations.media.plan import Plan, Quantity
from backend.integrations.media.provider import GeneratedMedia, Order, Provider, Sources
from backend.integrations.media.schemas import MediaMeta, MediaRead
from backend.money.ledger.service import LineItem
from backend.money.pricing import PriceList, billed_micros
from backend.skills.manifest.types import Skill

URL_TTL_S: Final = 3600
_CLEANUP_TIMEOUT_S: Final = 5.0
"""Timeout of the cleanup of a call whose run is cancelled."""


@dataclass(frozen=True, slots=True)
class MediaOrder:
    """The request of a job."""

    verb: Verb | None
    model: str
    inputs: Mapping[str, Any]
    key: str
    """The same call has the same key, and is paid only once."""
    output_path: str | None = None
    records_event: bool = False
    """Whether to record an event; calls of agents' tools have their own events."""
    skill: Skill | None = None
    """The job's skill; None: it is looked up."""


class Generated(NamedTuple):
    """Media that were generated now or before."""

    media: MediaRead
    is_replayed: bool = False


def provider_for(plan: Plan, settings: Settings) -> Provider:
    """Return the provider that carries out the plan."""
    if plan.family.is_local or settings.fal_key is None:
        return LocalProvider()
    # Imported here, since httpx takes 0.1 s to load, which instances without a key need not spend.
    from backend.integrations.media.fal.provider import FalProvider

    return FalProvider(
        settings.fal_base_url,
        settings.fal_key.get_secret_value(),
        allowed_hosts=listed(settings.provider_hosts),
        timeout_s=settings.media_timeout_s,
    )


@dataclass(frozen=True, slots=True)
class Generation:
    """One call in progress."""

    context: AppContext
    principal: Principal
    request: MediaOrder
    call: Call
    plan: Plan
    destination: Destination
    scratch: Path
    may_go_outside: bool
    """Whether the skill may name URLs of the internet."""
    listing_access: ListingAccess | None = None
    """What the run may read of the drive; None: everything."""

    async def run(self) -> Generated:
        """Return the media of the call, generated now or before."""
        started = time.monotonic()
        sources = await self._sources()
        max_quantity = self.plan.quantity(sources.audio_bytes)
        state = await self._start(max_quantity)
        if state.result is not None:
            return Generated(self._signed(MediaRead.model_validate(state.result)), is_replayed=True)
        async with self._cleanup_on_errors():
            media = await self._generate(sources, state.ordered)
            result = await self._store(media, max_quantity, started)
        return Generated(self._signed(result))

    async def _sources(self) -> Sources:
        """Return the input files; local models use only text."""
        if self.plan.family.is_local:
            return Sources({})
        from backend.integrations.media.sources import Loader  # imports httpx, as below

        allowed = listed(self.context.settings.provider_hosts)
        loader = Loader(
            self.context.storage,
            self.principal,
            self.scratch,
            allowed_hosts=allowed,
            listing_access=self.listing_access,
        )
        return await loader.load(self.plan, may_go_outside=self.may_go_outside)

    def _billed(self, nanos: int) -> int:
        return billed_micros(nanos, PriceList.of(self.context.settings).margin_pct)

    async def _start(self, max_quantity: Quantity) -> calls.CallState:
        model_name = self.plan.requested_model or self.plan.family.slug
        request_text = (
            f"{self.plan.verb}\n{model_name}\n{self.request.output_path}\n{canonical(self.plan.inputs)}"
        )
        async with self.context.database.transaction() as session:
            return await calls.start(
                session,
                self.call,
                fingerprint=hashlib.sha256(request_text.encode("utf-8", "replace")).hexdigest(),
                model=self.plan.family.slug,
                needed_micros=self._billed(max_quantity.upstream_nanos),
            )

    async def _generate(self, sources: Sources, ordered: Mapping[str, str] | None) -> GeneratedMedia:
        renewed = float("-inf")

        async def record_order(order: Mapping[str, str]) -> None:
            async with self.context.database.transaction() as session:
                await calls.record_order(session, self.call, order)

        async def require_running() -> None:
            nonlocal renewed
            if time.monotonic() - renewed < 1.0:
                return
            renewed = time.monotonic()
            async with self.context.database.transaction() as session:
                await calls.renew(session, self.call)

        provider = provider_for(self.plan, self.context.settings)
        order = Order(
            plan=self.plan,
            files=sources.urls,
            folder=self.scratch,
            suffix=self.destination.suffix,
            ordered=ordered,
            record_order=record_order,
            require_running=require_running,
        )
        return await provider.make(order)

    async def _store(self, media: GeneratedMedia, max_quantity: Quantity, started: float) -> MediaRead:
        used = self._used(media, max_quantity)

        async def store(stored: StoredFiles | None, session: Any) -> MediaRead:
            result = self._result(media, stored, used)
            await calls.finish(session, self.call, used, result.model_dump(mode="json", exclude_none=True))
            if self.request.records_event:
                made = _event(result, self.plan.verb, time.monotonic() - started)
                event = NewEvent(
                    replace(made, durable_step=self.principal.facts.get("durable_step") or OMITTED)
                )
                await append(session, job_id=self.call.job_id, attempt=self.call.attempt, events=[event])
            return result

        if media.files:
            lock_job = partial(calls.lock_job, call=self.call)
            return await store_files(
                self.context, self.principal, self.destination, media.files, before=lock_job, after=store
            )
        async with self.context.database.transaction() as session:
            return await store(None, session)

    def _used(self, media: GeneratedMedia, max_quantity: Quantity) -> LineItem:
        """Return the cost: that of the request, or less if a recording is shorter than its maximum."""
        quantity, family = max_quantity, self.plan.family
        if max_quantity.unit == "audio_seconds" and media.audio_seconds is not None:
            seconds = min(max_quantity.amount, max(1, -int(-media.audio_seconds // 1)))
            nanos = max_quantity.upstream_nanos * seconds // max(1, max_quantity.amount)
            quantity = Quantity(max_quantity.unit, seconds, nanos)
        return LineItem(
            "media",
            {quantity.unit: quantity.amount},
            quantity.upstream_nanos,
            self._billed(quantity.upstream_nanos),
            provider=family.provider,
            model=family.slug,
            label=LABEL if family.is_local else "",
        )

    def _result(self, media: GeneratedMedia, stored: StoredFiles | None, used: LineItem) -> MediaRead:
        paths = list(stored.paths) if stored is not None else []
        warnings = [*self.plan.warnings, *media.warnings, *(stored.warnings if stored is not None else ())]
        return MediaRead(
            model=self.plan.family.slug,
            kind=self.plan.family.kind,
            label=used.label,
            drive_path=paths[0] if paths else None,
            drive_paths=paths,
            request_id=media.request_id,
            billed_micros=used.billed_micros,
            billed_usd=used.billed_micros / 1e6,
            meta=MediaMeta(warnings=warnings),
            **media.transcript,
        )

    def _signed(self, result: MediaRead) -> MediaRead:
        """Add a URL that opens the file; each response has a new one."""
        if result.drive_path is None:
            return result
        url = signing.signed_url(
            self.context.vault,
            self.context.settings.url,
            project_id=self.principal.project_id,
            path=result.drive_path,
            ttl_s=URL_TTL_S,
        )
        return result.model_copy(update={"output_url": url})

    @asynccontextmanager
    async def _cleanup_on_errors(self) -> AsyncIterator[None]:
        """Release the reservation of an unfinished call; keep an order that may still be useful."""
        try:
            yield
        except (MediaRefused, MediaFailed) as error:
            may_continue = isinstance(error, MediaFailed) and error.may_come_later
            await _finish_despite_cancellation(self._clean_up(is_final=not may_continue))
            raise
        except BaseException:
            await _finish_despite_cancellation(self._clean_up(is_final=False))
            raise

    async def _clean_up(self, *, is_final: bool) -> None:
        async with self.context.database.transaction() as session:
            is_job_ended = await calls.is_job_ended(session, self.call.job_id)
            ordered = await calls.order_of(session, self.call)
            if is_final or is_job_ended:
                await calls.discard(session, self.call)
            else:
                await calls.suspend(session, self.call)
        if is_job_ended and ordered:
            await provider_for(self.plan, self.context.settings).cancel(ordered)


def _event(result: MediaRead, verb: Verb, duration_s: float) -> MediaEvent:
    return MediaEvent(
        verb=verb,
        model=result.model,
        kind=result.kind,
        label=result.label,
        drive_path=result.drive_path,
        request_id=result.request_id,
        billed_micros=result.billed_micros,
        media=[{"drive_path": path, "kind": result.kind} for path in result.drive_paths],
        duration_ms=round(duration_s * 1000, 3),
    )


async def _finish_despite_cancellation(work: Awaitable[None]) -> None:
    """Finish the cleanup even if the run is cancelled meanwhile."""
    task = asyncio.ensure_future(work)
    try:
        async with asyncio.timeout(_CLEANUP_TIMEOUT_S):
            await asyncio.shield(task)
    except (asyncio.CancelledError, TimeoutError):
        await asyncio.wait({task}, timeout=_CLEANUP_TIMEOUT_S)
