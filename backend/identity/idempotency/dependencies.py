"""Provide `Idempotency-Key` for every POST that creates something."""

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
from backend.identity.idempotency.service import Replayed, StoredResponse

REPLAYED_HEADER: Final = "Idempotent-Replayed"

IdempotencyKeyHeader = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        description="1 to 255 characters that you choose. The same request with the same key is executed once; for a "
        "day, a repeat returns the first response with `Idempotent-Replayed: true`.",
    ),
]
"""The header, for every POST that creates something."""


@dataclass(frozen=True, slots=True)
class IdempotentRequest:
    """A request that is executed once per `Idempotency-Key`, or each time if it has none."""

    key: str | None
    fingerprint: str
    vault: Vault

    async def run(
        self,
        session: AsyncSession,
        caller: Caller,
        create: Callable[[], Awaitable[BaseModel]],
        *,
        status: int = 201,
    ) -> Response:
        """Call `create` and return its result, or return the stored response of the same request."""
        if self.key is None:
            return _response(StoredResponse(status, (await create()).model_dump_json()))
        claim = await service.claim(session, caller, self.key, self.fingerprint)
        if isinstance(claim, Replayed):
            return _response(claim.response(self.vault), is_replayed=True)
        response = StoredResponse(status, (await create()).model_dump_json())
        await service.store_response(session, self.vault, claim, response)
        return _response(response)


async def _idempotent_request(request: Request, key: IdempotencyKeyHeader = None) -> IdempotentRequest:
    context: AppContext = request.app.state.context
    if key is None:
        return IdempotentRequest(None, "", context.vault)
    target = f"{request.url.path}?{request.url.query}"
    return IdempotentRequest(
        key, service.fingerprint(request.method, target, await request.body()), context.vault
    )


IdempotencyDep = Annotated[IdempotentRequest, Depends(_idempotent_request)]
"""For routes with a JSON body; a route with a form computes the fingerprint from its parts."""


def _response(response: StoredResponse, *, is_replayed: bool = False) -> Response:
    headers = {REPLAYED_HEADER: "true"} if is_replayed else {}
    return Response(response.body, response.status, headers, media_type="application/json")
