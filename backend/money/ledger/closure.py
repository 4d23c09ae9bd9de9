"""Close the wallet of a deleted project: withdraw the rest, and remove personal data from its entries.

The amounts stay, so that the sum of the entries of a wallet is still its balance, which is then zero.
"""

from __future__ import annotations

from typing import Final
from uuid import UUID, uuid4

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

CLOSED: Final = "closed"
"""The account for the rest of closed wallets."""

_BALANCE: Final = text("select balance_micros from wallets where project_id = :project_id for update")
_EMPTY: Final = text("update wallets set balance_micros = 0 where project_id = :project_id")
_TRANSFER_OUT: Final = text("""
insert into ledger_entries (transfer_id, account, project_id, kind, amount_micros, note, created_by, created_at)
values (:transfer_id, 'wallet', :project_id, 'closure', -:amount_micros, '', 'system', now()),
       (:transfer_id, :account, :project_id, 'closure', :amount_micros, '', 'system', now())
""")
_ANONYMIZE: Final = text("""
update ledger_entries set note = '', created_by = case when created_by like 'user:%' then 'user' else created_by end
where project_id = :project_id and (note <> '' or created_by like 'user:%')
""")


async def close(session: AsyncSession, project_id: UUID) -> int:
    """Close the wallet of a project without jobs, and return the remaining balance in micros."""
    values = {"project_id": project_id}
    balance: int = (await session.execute(_BALANCE, values)).scalar_one()
    if balance:
        transfer = {**values, "transfer_id": uuid4(), "account": CLOSED, "amount_micros": balance}
        await session.execute(_TRANSFER_OUT, transfer)
        await session.execute(_EMPTY, values)
    await session.execute(_ANONYMIZE, values)
    return balance
