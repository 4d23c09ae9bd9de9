"""Submit a job for a request that may have an `Idempotency-Key`."""

from __future__ import annotations

from uuid import UUID

from backend.context import AppContext
from backend.execution.jobs.submit import JobSpec, submit
from backend.identity.auth.principal import Principal
from backend.identity.idempotency import service as idempotency
from backend.identity.idempotency.dependencies import IdempotentRequest


async def submit_once(
    context: AppContext, principal: Principal, spec: JobSpec, request: IdempotentRequest
) -> UUID:
    """Return the job of the first request with the key of the request; `spec.job_id` if this is the first.

    Raises:
        PurasError: See `submit`.
        KeyReused: The key was used with another request.
    """
    async with context.database.transaction() as session:
        if request.key is None:
            await submit(session, principal, spec)
            return spec.job_id
        claim = await idempotency.claim(session, principal, request.key, request.fingerprint)
        if isinstance(claim, idempotency.Replayed) and claim.job_id is not None:
            return claim.job_id
        await submit(session, principal, spec)
        if isinstance(claim, idempotency.Claim):
            await idempotency.store_job(session, claim, spec.job_id)
    return spec.job_id
