"""Replace the log line with a request to your payment service."""

from puras import log


def refund_order(number: str, amount: float) -> dict[str, object]:
    """Refund the amount of an order."""
    log.info(f"refunding {amount} for {number}")
    return {"number": number, "refunded": amount}
