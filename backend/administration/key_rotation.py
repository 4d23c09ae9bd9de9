"""Moves everything that is encrypted at rest to the instance's newest key, while the instance runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy import Select, literal, select, tuple_, update
from sqlmodel import col

from backend.core.db.engine import Database
from backend.core.vault.errors import SecretUnreadable
from backend.core.vault.vault import Vault
from backend.data.secrets.tables import Secret
from backend.identity.idempotency.tables import IdempotencyKey
from backend.identity.webhook_outbox.tables import Webhook
from backend.integrations.providers.tables import ProviderKey

_ROWS_AT_ONCE = 200  # locked together, for a few milliseconds


@dataclass(slots=True)
class Rotated:
    """What a rotation did."""

    secrets: int = 0
    """Keys for models and the secrets of webhooks among them."""
    answers: int = 0
    """Stored answers to requests with an idempotency key; they may show a new API key."""
    unreadable: int = 0
    """Secrets that none of the keys reads; they are left as they are."""


async def reencrypt(database: Database, vault: Vault) -> Rotated:
    """Write every secret, key for models, secret of a webhook and stored answer anew under the newest key.

    What a running job has stays as it is. Warm parents of the skills concerned start anew, since the version of a
    skill's secrets is made of what is stored.
    """
    done = Rotated()
    rotate_secret, rotate_webhook = partial(_rotate_secret, vault), partial(_rotate_webhook, vault)
    await _rotate(database, select(Secret), [col(Secret.id)], rotate_secret, done)
    await _rotate(
        database,
        select(ProviderKey),
        [col(ProviderKey.project_id), col(ProviderKey.family)],
        rotate_secret,
        done,
    )
    await _rotate(database, select(Webhook), [col(Webhook.id)], rotate_webhook, done)
    await _answers(database, vault, done)
    return done


def _rotate_secret(vault: Vault, row: Secret | ProviderKey) -> None:
    row.ciphertext = vault.rotate(row.ciphertext)


def _rotate_webhook(vault: Vault, row: Webhook) -> None:
    row.ciphertext = vault.rotate(row.ciphertext)
    row.previous_ciphertext = row.previous_ciphertext and vault.rotate(row.previous_ciphertext)


async def _rotate(
    database: Database, table: Select[Any], keys: Sequence[Any], rotate: Callable[[Any], None], done: Rotated
) -> None:
    """Rotate the rows of a table, page by page in the order of its keys."""
    query = table.order_by(*keys).limit(_ROWS_AT_ONCE).with_for_update()
    last: list[Any] | None = None
    while True:
        async with database.transaction() as session:
            page = query if last is None else query.where(tuple_(*keys) > tuple_(*map(literal, last)))
            rows = (await session.scalars(page)).all()
            if not rows:
                return
            for row in rows:
                try:
                    rotate(row)
                    done.secrets += 1
                except SecretUnreadable:
                    done.unreadable += 1
            last = [getattr(rows[-1], key.key) for key in keys]


async def _answers(database: Database, vault: Vault, done: Rotated) -> None:
    """Answers live for a day: one that no key reads is no loss, and is left to expire."""
    place = (col(IdempotencyKey.scope), col(IdempotencyKey.key))
    query = (
        select(*place, col(IdempotencyKey.answer))
        .where(col(IdempotencyKey.answer).is_not(None))
        .order_by(*place)
        .limit(_ROWS_AT_ONCE)
        .with_for_update()
    )
    last: tuple[str, str] | None = None
    while True:
        async with database.transaction() as session:
            page = query if last is None else query.where(tuple_(*place) > tuple_(*map(literal, last)))
            rows = (await session.execute(page)).all()
            if not rows:
                return
            for scope, key, answer in rows:
                try:
                    rotated = vault.rotate(answer or "")
                except SecretUnreadable:
                    continue
                mine = (place[0] == scope) & (place[1] == key)
                await session.execute(update(IdempotencyKey).where(mine).values(answer=rotated))
                done.answers += 1
            last = (rows[-1].scope, rows[-1].key)
