"""Import orders in durable steps: each row is stored once, whatever happens to the worker."""

from __future__ import annotations

import csv as tables
import io
from functools import partial
from typing import Any

from puras import emit_event, idempotency_key, log, parallel, step, wait_for_event

DAY_S = 86_400


def import_orders(csv: str, confirm: bool = False, name: str = "orders") -> dict[str, Any]:
    """Import all rows, after a confirmation if one is requested."""
    rows = step("read the table", read, csv)
    confirmed: dict[str, Any] = {}
    if confirm:
        event = wait_for_event("import.confirmed", {"name": name}, timeout_s=7 * DAY_S)
        confirmed = {"confirmed_by": event["id"]}
    amounts = parallel(
        *(partial(step, f"store {row['order']}", store, row, retries=3) for row in rows), concurrency=4
    )
    emit_event("import.done", {"name": name, "orders": len(rows)})
    return {"orders": len(rows), "total": sum(amounts), **confirmed}


def read(csv: str) -> list[dict[str, str]]:
    """Return the rows of the table."""
    rows = list(tables.DictReader(io.StringIO(csv.strip())))
    if not rows or not {"order", "amount"} <= rows[0].keys():
        raise ValueError("The table needs the columns `order` and `amount`, and at least one row.")
    return rows


def store(row: dict[str, str]) -> float:
    """Store one order, and return its amount. Replace this with a request to your shop."""
    log.info(
        f"stored {row['order']}", key=idempotency_key()
    )  # send the key, so that a repeated request counts once
    return float(row["amount"])
