"""Closing the wallet of a project that is gone: what is left in it is taken out, and the entries lose their names.

The amounts stay, and with them the proof: the sum of a wallet's entries is its balance, which is nothing now.
"""

from __future__ import annotations

from typing import Final
from uuid import UUID, uuid4

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

CLOSED: Final = "closed"
"""Account of what was left in closed wallets: what the instance owes, or has kept."""

_BALANCE: Final = text("select balance_micros from wallets where project_id = :project_id for update")
_EMPTY: Final = text("update wallets set balance_micros = 0 where project_id = :project_id")
_TAKE_OUT: Final = text("""
insert into ledger_entries (transfer_id, account, project_id, kind, amount_micros, note, created_by, created_at)
values (:transfer_id, 'wallet', :project_id, 'closure', -:amount_micros, '', 'system', now()),
       (:transfer_id, :account, :project_id, 'closure', :amount_micros, '', 'system', now())
""")
_FORGET_NAMES: Final = text("""
update ledger_entries set note = '', created_by = case when created_by like 'user:%' then 'user' else created_by end
where project_id = :project_id and (note <> '' or created_by like 'user:%')
""")


async def close(session: AsyncSession, project_id: UUID) -> int:
    """Close the wallet of a project without jobs; gives what was left in it, in micros."""
    values = {"project_id": project_id}
    left: int = (await session.execute(_BALANCE, values)).scalar_one()
    if left:
        taken = {**values, "transfer_id": uuid4(), "account": CLOSED, "amount_micros": left}
        await session.execute(_TAKE_OUT, taken)
        await session.execute(_EMPTY, values)
    await session.execute(_FORGET_NAMES, values)
    return left
