"""What a job has to say, shown live and kept with it: `log.info("resized", width=512)`."""

from __future__ import annotations

from puras._events import emit, shortened

__all__ = ["debug", "error", "info", "warning"]


def debug(text: object, /, **fields: object) -> None:
    """Say something that only matters when looking for a fault."""
    _say("debug", text, fields)


def info(text: object, /, **fields: object) -> None:
    """Say what happened."""
    _say("info", text, fields)


def warning(text: object, /, **fields: object) -> None:
    """Say what is not right, although the job goes on."""
    _say("warning", text, fields)


def error(text: object, /, **fields: object) -> None:
    """Say what went wrong; the job goes on all the same, so raise an exception to end it."""
    _say("error", text, fields)


def _say(level: str, text: object, fields: dict[str, object]) -> None:
    said = shortened(text)
    details = "".join(f" {name}={value!r}" for name, value in fields.items())
    emit({"type": "log", "level": level, "text": said, "fields": fields}, f"{level}: {said}{details}")
