"""A search as everybody makes it: what the query means is asked for first, while no connection is held."""

from __future__ import annotations

from backend.context import AppContext
from backend.data.memory.embedding import meaning_of
from backend.data.memory.schemas import MemoryResults, MemorySearch
from backend.data.memory.scoping import READ
from backend.data.memory.search import search as found
from backend.identity.auth.principal import Principal, Role


async def search(context: AppContext, principal: Principal, asked: MemorySearch) -> MemoryResults:
    """What is remembered and fits, best first.

    Raises:
        NotAllowed: the principal may not.
        BadMemory: the key cannot be one.
    """
    principal.require(Role.VIEWER, READ)  # before anything is asked outside
    meaning = await meaning_of(context, asked.query)
    async with context.database.transaction() as session:
        return await found(session, principal, asked, meaning=meaning)
