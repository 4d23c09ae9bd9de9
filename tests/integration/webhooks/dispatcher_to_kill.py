"""A process that sends webhooks until it is killed: `python -m tests.integration.webhooks.dispatcher_to_kill HOME`."""

from __future__ import annotations

import asyncio
import os
import sys
from datetime import timedelta
from pathlib import Path

from backend.core.db.engine import Database
from backend.core.net.public_urls import listed
from backend.core.vault.vault import Vault
from backend.integrations.webhooks.addresses import Receivers
from backend.integrations.webhooks.channels import Channels
from backend.integrations.webhooks.dispatch import Dispatcher
from backend.integrations.webhooks.sending import Sender


async def _run() -> None:
    database = Database(os.environ["DATABASE_URL"])
    sender = Sender.to_public(Receivers(listed(os.environ["PURAS_WEBHOOK_HOSTS"])))
    vault = Vault.open(Path(sys.argv[1]), None)
    dispatcher = Dispatcher(database, Channels(database, vault, sender), lease=timedelta(seconds=1))
    await dispatcher.periodic_task().repeat()


if __name__ == "__main__":
    asyncio.run(_run())
