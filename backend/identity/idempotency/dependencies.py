"""`Idempotency-Key` for every POST that creates something."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import Depends, Header, Request, Response
from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncSession

from backend.context import AppContext
from backend.core.vault.vault import Vault
from backend.identity.auth.actors import Caller
from backend.identity.idempotency import service
from backend.identity.idempotency.service import Answered, Replayed

REPLAYED_HEADER: Final = "Idempotent-Replayed"

IdempotencyKeyHeader = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        description="1 to 255 characters of your own. The same request with the same key does its work once; for a "
        "day a repeat gets the first answer, with `Idempotent-Replayed: true`.",
    ),
]
"""For every POST that creates something."""


@dataclass(frozen=True, slots=True)
class Once:
    """A request that does its work once for its `Idempotency-Key`, and each time when it has none."""

    key: str | None
    fingerprint: str
    vault: Vault

    async def answer(
        self,
        session: AsyncSession,
        caller: Caller,
        make: Callable[[], Awaitable[BaseModel]],
        *,
        status: int = 201,
    ) -> Response:
        """The answer that `make` gives, or the one that it gave to the same request before."""
        if self.key is None:
            return _response(Answered(status, (await make()).model_dump_json()))
        claimed = await service.claim(session, caller, self.key, self.fingerprint)
        if isinstance(claimed, Replayed):
            return _response(claimed.answer(self.vault), is_replayed=True)
        answered = Answered(status, (await make()).model_dump_json())
        await service.store_answer(session, self.vault, claimed, answered)
        return _response(answered)


async def _once(request: Request, key: IdempotencyKeyHeader = None) -> Once:
    context: AppContext = request.app.state.context
    if key is None:
        return Once(None, "", context.vault)
    target = f"{request.url.path}?{request.url.query}"
    return Once(key, service.fingerprint(request.method, target, await request.body()), context.vault)


OnceDep = Annotated[Once, Depends(_once)]
"""For routes with a JSON body; a route with a form takes its fingerprint from the parts itself."""


def _response(answered: Answered, *, is_replayed: bool = False) -> Response:
    headers = {REPLAYED_HEADER: "true"} if is_replayed else {}
    return Response(answered.body, answered.status, headers, media_type="application/json")
