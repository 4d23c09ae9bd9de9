"""Write log messages of a job, which are displayed live and stored with the job: `log.info("resized", width=512)`."""

from __future__ import annotations

from puras._events import emit, shortened
from puras._step_key import current_place

__all__ = ["debug", "error", "info", "warning"]


def debug(text: object, /, **fields: object) -> None:
    """Log a detail that helps to find errors."""
    _log("debug", text, fields)


def info(text: object, /, **fields: object) -> None:
    """Log a step of the skill."""
    _log("info", text, fields)


def warning(text: object, /, **fields: object) -> None:
    """Log a problem that does not stop the job."""
    _log("warning", text, fields)


def error(text: object, /, **fields: object) -> None:
    """Log an error. The job continues; raise an exception to make it fail."""
    _log("error", text, fields)


def _log(level: str, text: object, fields: dict[str, object]) -> None:
    message = shortened(text)
    details = "".join(f" {name}={value!r}" for name, value in fields.items())
    event: dict[str, object] = {"type": "log", "level": level, "text": message, "fields": fields}
    place = current_place()
    if place is not None:
        event["durable_step"] = place
    emit(event, f"{level}: {message}{details}")
