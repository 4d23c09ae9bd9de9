"""Graders of the report."""


def names_the_customer(inputs, output):
    """Score whether the headline contains the customer."""
    named = inputs["customer"].lower() in output["headline"].lower()
    return {"score": float(named), "detail": "" if named else f"It does not name {inputs['customer']}."}
