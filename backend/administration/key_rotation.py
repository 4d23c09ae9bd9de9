"""Re-encrypt all data at rest with the instance's newest key, while the instance runs."""

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
from backend.data.secrets.tables import EnvironmentSecret, Secret
from backend.identity.idempotency.tables import IdempotencyKey
from backend.identity.webhook_outbox.tables import Webhook
from backend.integrations.providers.tables import ProviderKey

_BATCH_ROWS = 200  # locked together, for a few milliseconds


@dataclass(slots=True)
class Rotated:
    """Result of a rotation."""

    secrets: int = 0
    """Number of secrets, including keys of model providers and secrets of webhooks."""
    answers: int = 0
    """Number of stored responses to requests with an idempotency key, which may contain a new API key."""
    unreadable: int = 0
    """Number of secrets that none of the keys decrypts; they do not change."""


async def reencrypt(database: Database, vault: Vault) -> Rotated:
    """Encrypt all secrets, provider keys, webhook secrets and stored responses with the newest key.

    Running jobs keep their secrets. Zygotes of the affected skills restart, since the version of a skill's secrets is
    derived from the stored ciphertext.
    """
    result = Rotated()
    rotate_secret, rotate_webhook = partial(_rotate_secret, vault), partial(_rotate_webhook, vault)
    await _rotate(database, select(Secret), [col(Secret.id)], rotate_secret, result)
    await _rotate(database, select(EnvironmentSecret), [col(EnvironmentSecret.id)], rotate_secret, result)
    await _rotate(
        database,
        select(ProviderKey),
        [col(ProviderKey.project_id), col(ProviderKey.family)],
        rotate_secret,
        result,
    )
    await _rotate(database, select(Webhook), [col(Webhook.id)], rotate_webhook, result)
    await _rotate_responses(database, vault, result)
    return result


def _rotate_secret(vault: Vault, row: Secret | EnvironmentSecret | ProviderKey) -> None:
    row.ciphertext = vault.rotate(row.ciphertext)


def _rotate_webhook(vault: Vault, row: Webhook) -> None:
    row.ciphertext = vault.rotate(row.ciphertext)
    row.previous_ciphertext = row.previous_ciphertext and vault.rotate(row.previous_ciphertext)


async def _rotate(
    database: Database,
    table: Select[Any],
    keys: Sequence[Any],
    rotate: Callable[[Any], None],
    result: Rotated,
) -> None:
    """Rotate the rows of a table, page by page in the order of its keys."""
    query = table.order_by(*keys).limit(_BATCH_ROWS).with_for_update()
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
                    result.secrets += 1
                except SecretUnreadable:
                    result.unreadable += 1
            last = [getattr(rows[-1], key.key) for key in keys]


async def _rotate_responses(database: Database, vault: Vault, result: Rotated) -> None:
    """Rotate stored responses. They expire after a day, so one that no key decrypts is left to expire."""
    key_columns = (col(IdempotencyKey.scope), col(IdempotencyKey.key))
    query = (
        select(*key_columns, col(IdempotencyKey.answer))
        .where(col(IdempotencyKey.answer).is_not(None))
        .order_by(*key_columns)
        .limit(_BATCH_ROWS)
        .with_for_update()
    )
    last: tuple[str, str] | None = None
    while True:
        async with database.transaction() as session:
            page = query if last is None else query.where(tuple_(*key_columns) > tuple_(*map(literal, last)))
            rows = (await session.execute(page)).all()
            if not rows:
                return
            for scope, key, answer in rows:
                try:
                    rotated = vault.rotate(answer or "")
                except SecretUnreadable:
                    continue
                is_row = (key_columns[0] == scope) & (key_columns[1] == key)
                await session.execute(update(IdempotencyKey).where(is_row).values(answer=rotated))
                result.answers += 1
            last = (rows[-1].scope, rows[-1].key)
