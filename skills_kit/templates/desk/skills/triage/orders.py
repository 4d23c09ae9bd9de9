"""The orders of an invented shop; put your own API in their place."""

from __future__ import annotations

import os

ORDERS = {
    "1042": {"item": "lamp, white", "paid_usd": 48.0, "state": "lost", "last_seen": "Lyon"},
    "1043": {"item": "chair, oak", "paid_usd": 129.0, "state": "delivered", "last_seen": "Turin"},
    "1044": {"item": "lamp, black", "paid_usd": 48.0, "state": "on its way", "last_seen": "Geneva"},
}


def find_order(number: str) -> dict[str, object]:
    """What is known of an order."""
    found = ORDERS.get(number.strip().lstrip("#"))
    return {"found": True, **found} if found else {"found": False}


def refund(number: str, reason: str) -> dict[str, object]:
    """Give the money back; the key keeps a second call of the same from paying twice."""
    order = find_order(number)
    if not order["found"]:
        return {"refunded": False, "why": f"There is no order {number}."}
    return {
        "refunded": True,
        "usd": order["paid_usd"],
        "reason": reason,
        "key": os.environ.get("PURAS_IDEMPOTENCY_KEY", ""),
    }
