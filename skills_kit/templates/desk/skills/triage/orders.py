"""Find and refund example orders. Replace them with calls of your own API."""

from __future__ import annotations

import os

ORDERS = {
    "1042": {"item": "lamp, white", "paid_usd": 48.0, "state": "lost", "last_seen": "Lyon"},
    "1043": {"item": "chair, oak", "paid_usd": 129.0, "state": "delivered", "last_seen": "Turin"},
    "1044": {"item": "lamp, black", "paid_usd": 48.0, "state": "on its way", "last_seen": "Geneva"},
}


def find_order(number: str) -> dict[str, object]:
    """Return the details of an order."""
    found = ORDERS.get(number.strip().lstrip("#"))
    return {"found": True, **found} if found else {"found": False}


def refund(number: str, reason: str) -> dict[str, object]:
    """Refund an order. Pass `key` to your payment API, so that a repeated call does not pay twice."""
    order = find_order(number)
    if not order["found"]:
        return {"refunded": False, "why": f"The order {number} does not exist."}
    return {
        "refunded": True,
        "usd": order["paid_usd"],
        "reason": reason,
        "key": os.environ.get("PURAS_IDEMPOTENCY_KEY", ""),
    }
