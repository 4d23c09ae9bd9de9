"""Replace the table with a request to your own system."""

HOURS = {"saturday": "10:00 to 14:00", "sunday": "closed"}


def opening_hours(day: str) -> dict[str, str]:
    """Return the hours of a day of the week."""
    return {"hours": HOURS.get(day, "9:00 to 18:00")}
