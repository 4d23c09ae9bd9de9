"""One call on its way: held, ordered, placed in the drive, paid, and given up where something goes wrong."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator, Awaitable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple

from backend.config import Settings
from backend.context import AppContext
from backend.core.net.public_urls import listed
from backend.data.drive import signing
from backend.data.drive.listing_access import Reach
from backend.execution.events.append import NewEvent, append
from backend.execution.events.types import MediaEvent
from backend.identity.auth.principal import Principal
from backend.integrations.media import calls
from backend.integrations.media.calls import Call
from backend.integrations.media.delivery import Placed, Wish, place
from backend.integrations.media.errors import MediaFailed, MediaRefused
from backend.integrations.media.inputs import canonical
from backend.integrations.media.local.provider import LABEL, LocalProvider
from backend.integrations.media.model_families import Verb
from backend.integrations.media.plan import Plan, Quantity
from backend.integrations.media.provider import Made, Order, Provider, Sources
from backend.integrations.media.schemas import MediaMeta, MediaRead
from backend.money.ledger.service import LineItem
from backend.money.pricing import PriceList, billed_micros
from backend.skills.manifest.types import Skill

URL_TTL_S: Final = 3600
_LEAVE_S: Final = 5.0
"""For the last words about a call whose run is cancelled."""


@dataclass(frozen=True, slots=True)
class MediaOrder:
    """What a job asks for."""

    verb: Verb | None
    model: str
    inputs: Mapping[str, Any]
    key: str
    """The same call has the same key; it is paid once."""
    output_path: str | None = None
    is_told: bool = False
    """Whether an event of its own tells of it; the calls of agents' tools are told of as such."""
    skill: Skill | None = None
    """The job's; none: it is looked up."""


class Generated(NamedTuple):
    """What was made, now or before."""

    answer: MediaRead
    is_replayed: bool = False


def provider_for(does: Plan, settings: Settings) -> Provider:
    """Who makes what is planned."""
    if does.family.is_local or settings.fal_key is None:
        return LocalProvider()
    # Here, and not above: httpx takes a tenth of a second to load, which nobody without a key shall pay.
    from backend.integrations.media.fal.provider import FalProvider

    return FalProvider(
        settings.fal_base_url,
        settings.fal_key.get_secret_value(),
        allowed_hosts=listed(settings.provider_hosts),
        most_s=settings.media_timeout_s,
    )


@dataclass(frozen=True, slots=True)
class Making:
    """One call on its way."""

    context: AppContext
    principal: Principal
    asked: MediaOrder
    call: Call
    does: Plan
    wish: Wish
    scratch: Path
    may_go_outside: bool
    """Whether the skill may name addresses of the internet."""
    reach: Reach | None = None
    """What of the drive it may read; none: all of it."""

    async def answer(self) -> Generated:
        began = time.monotonic()
        sources = await self._sources()
        most = self.does.quantity(sources.audio_bytes)
        begun = await self._begun(most)
        if begun.answer is not None:
            return Generated(self._signed(MediaRead.model_validate(begun.answer)), is_replayed=True)
        async with self._given_up_on_errors():
            made = await self._made(sources, begun.ordered)
            answer = await self._kept(made, most, began)
        return Generated(self._signed(answer))

    async def _sources(self) -> Sources:
        """What is made on this machine is made from words alone."""
        if self.does.family.is_local:
            return Sources({})
        from backend.integrations.media.sources import Loader  # brings httpx, as below

        allowed = listed(self.context.settings.provider_hosts)
        loader = Loader(
            self.context.storage, self.principal, self.scratch, allowed_hosts=allowed, reach=self.reach
        )
        return await loader.load(self.does, may_go_outside=self.may_go_outside)

    def _billed(self, nanos: int) -> int:
        return billed_micros(nanos, PriceList.of(self.context.settings).margin_pct)

    async def _begun(self, most: Quantity) -> calls.Begun:
        named = self.does.has_reached_for or self.does.family.slug
        told = f"{self.does.verb}\n{named}\n{self.asked.output_path}\n{canonical(self.does.inputs)}"
        async with self.context.database.transaction() as session:
            return await calls.begin(
                session,
                self.call,
                fingerprint=hashlib.sha256(told.encode("utf-8", "replace")).hexdigest(),
                model=self.does.family.slug,
                needed_micros=self._billed(most.upstream_nanos),
            )

    async def _made(self, sources: Sources, ordered: Mapping[str, str] | None) -> Made:
        renewed = float("-inf")

        async def note(order: Mapping[str, str]) -> None:
            async with self.context.database.transaction() as session:
                await calls.note_order(session, self.call, order)

        async def still_wanted() -> None:
            nonlocal renewed
            if time.monotonic() - renewed < 1.0:
                return
            renewed = time.monotonic()
            async with self.context.database.transaction() as session:
                await calls.renew(session, self.call)

        provider = provider_for(self.does, self.context.settings)
        order = Order(
            plan=self.does,
            files=sources.addresses,
            folder=self.scratch,
            suffix=self.wish.suffix,
            ordered=ordered,
            note=note,
            still_wanted=still_wanted,
        )
        return await provider.make(order)

    async def _kept(self, made: Made, most: Quantity, began: float) -> MediaRead:
        used = self._used(made, most)

        async def store(placed: Placed | None, session: Any) -> MediaRead:
            answer = self._answer(made, placed, used)
            await calls.finish(session, self.call, used, answer.model_dump(mode="json", exclude_none=True))
            if self.asked.is_told:
                event = NewEvent(_event(answer, self.does.verb, time.monotonic() - began))
                await append(session, job_id=self.call.job_id, attempt=self.call.attempt, events=[event])
            return answer

        if made.files:
            hold = partial(calls.hold, call=self.call)
            return await place(self.context, self.principal, self.wish, made.files, before=hold, after=store)
        async with self.context.database.transaction() as session:
            return await store(None, session)

    def _used(self, made: Made, most: Quantity) -> LineItem:
        """What it costs: what was asked for, or less where a recording turns out shorter than it could have been."""
        quantity, family = most, self.does.family
        if most.unit == "audio_seconds" and made.audio_seconds is not None:
            seconds = min(most.amount, max(1, -int(-made.audio_seconds // 1)))
            nanos = most.upstream_nanos * seconds // max(1, most.amount)
            quantity = Quantity(most.unit, seconds, nanos)
        return LineItem(
            "media",
            {quantity.unit: quantity.amount},
            quantity.upstream_nanos,
            self._billed(quantity.upstream_nanos),
            provider=family.provider,
            model=family.slug,
            label=LABEL if family.is_local else "",
        )

    def _answer(self, made: Made, placed: Placed | None, used: LineItem) -> MediaRead:
        paths = list(placed.paths) if placed is not None else []
        warnings = [*self.does.warnings, *made.warnings, *(placed.warnings if placed is not None else ())]
        return MediaRead(
            model=self.does.family.slug,
            kind=self.does.family.kind,
            label=used.label,
            drive_path=paths[0] if paths else None,
            drive_paths=paths,
            request_id=made.request_id,
            billed_micros=used.billed_micros,
            billed_usd=used.billed_micros / 1e6,
            meta=MediaMeta(warnings=warnings),
            **made.said,
        )

    def _signed(self, answer: MediaRead) -> MediaRead:
        """With an address that opens the file, which is made anew for every answer."""
        if answer.drive_path is None:
            return answer
        url = signing.signed_url(
            self.context.vault,
            self.context.settings.url,
            project_id=self.principal.project_id,
            path=answer.drive_path,
            ttl_s=URL_TTL_S,
        )
        return answer.model_copy(update={"output_url": url})

    @asynccontextmanager
    async def _given_up_on_errors(self) -> AsyncIterator[None]:
        """What is not finished holds no money; an order that may still be of use stands."""
        try:
            yield
        except (MediaRefused, MediaFailed) as error:
            stands = isinstance(error, MediaFailed) and error.may_come_later
            await _seen_through(self._give_up(is_final=not stands))
            raise
        except BaseException:
            await _seen_through(self._give_up(is_final=False))
            raise

    async def _give_up(self, *, is_final: bool) -> None:
        async with self.context.database.transaction() as session:
            over = await calls.is_over(session, self.call.job_id)
            ordered = await calls.order_of(session, self.call)
            if is_final or over:
                await calls.drop(session, self.call)
            else:
                await calls.leave(session, self.call)
        if over and ordered:
            await provider_for(self.does, self.context.settings).cancel(ordered)


def _event(answer: MediaRead, verb: Verb, took_s: float) -> MediaEvent:
    return MediaEvent(
        verb=verb,
        model=answer.model,
        kind=answer.kind,
        label=answer.label,
        drive_path=answer.drive_path,
        request_id=answer.request_id,
        billed_micros=answer.billed_micros,
        media=[{"drive_path": path, "kind": answer.kind} for path in answer.drive_paths],
        duration_ms=round(took_s * 1000, 3),
    )


async def _seen_through(work: Awaitable[None]) -> None:
    """Do the last words, though the run is cancelled meanwhile."""
    task = asyncio.ensure_future(work)
    try:
        async with asyncio.timeout(_LEAVE_S):
            await asyncio.shield(task)
    except (asyncio.CancelledError, TimeoutError):
        await asyncio.wait({task}, timeout=_LEAVE_S)
