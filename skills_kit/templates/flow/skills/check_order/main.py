"""Replace the rule with a request to your shop."""


def check_order(number: str, amount: float) -> dict[str, object]:
    return {"number": number, "amount": amount, "is_valid": amount > 0}
