"""Replace the rule with a request to your shop."""


def check_order(number: str, amount: float) -> dict[str, object]:
    """Return the order, and whether it can be refunded."""
    return {"number": number, "amount": amount, "is_valid": amount > 0}
