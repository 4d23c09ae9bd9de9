"""Read the requests of the kit, which come from tenant code and are not trusted."""

from __future__ import annotations

import json
import math
from datetime import datetime
from typing import Any, Final, cast

from backend.execution.steps.tables import KINDS, Kind
from backend.execution.waits.project_events import MAX_ID_CHARACTERS

MAX_NAME_CHARACTERS: Final = 200
_MAX_NUMBER: Final = 1_000_000
_MAX_WAIT_S: Final = 366 * 86_400.0
_MAX_MATCH: Final = 50
_MAX_MATCH_CHARACTERS: Final = 4_000
_MAX_ERROR_CHARACTERS: Final = 32_000


class BadRequest(Exception):
    """The request does not have the form that the kit gives it."""


class Request:
    """The fields of one request. Each method checks one of them, and raises `BadRequest` if it is not valid."""

    def __init__(self, line: bytes) -> None:
        try:
            body = json.loads(line)
        except (ValueError, RecursionError):
            raise BadRequest("The request is not JSON.") from None
        if not isinstance(body, dict):
            raise BadRequest("The request is not an object.")
        self._body: dict[str, Any] = body
        self.id = self.number("id", 0)
        self.operation = self.text("operation")

    def text(self, name: str, max_characters: int = MAX_NAME_CHARACTERS) -> str:
        """Return a text."""
        value = self._body.get(name)
        if (
            not isinstance(value, str)
            or len(value) > max_characters
            or "\0" in value
            or not _is_encodable(value)
        ):
            raise BadRequest(
                f"{name!r} is not a text of up to {max_characters} characters that can be stored."
            )
        return value

    def number(self, name: str, minimum: int = 1) -> int:
        """Return a whole number."""
        value = self._body.get(name)
        if not isinstance(value, int) or isinstance(value, bool) or not minimum <= value <= _MAX_NUMBER:
            raise BadRequest(f"{name!r} is not a number from {minimum} to {_MAX_NUMBER}.")
        return value

    @property
    def kind(self) -> Kind:
        """The kind of the step."""
        value = self.text("kind")
        if value not in KINDS:
            raise BadRequest(f"There is no kind {value!r}.")
        return cast(Kind, value)

    @property
    def is_once(self) -> bool:
        """Whether the start of the step is stored first."""
        return self._body.get("once") is True

    def seconds(self, name: str) -> float | None:
        """Return a number of seconds, if there is one."""
        value = self._body.get(name)
        if value is None:
            return None
        if (
            not isinstance(value, (int, float))
            or isinstance(value, bool)
            or (isinstance(value, float) and math.isnan(value))
        ):
            raise BadRequest(f"{name!r} is not a number of seconds.")
        return float(min(max(0.0, value), _MAX_WAIT_S))

    @property
    def until(self) -> datetime | None:
        """The time until which the step waits, if it waits for a time."""
        if self._body.get("until") is None:
            return None
        try:
            value = datetime.fromisoformat(self.text("until"))
        except ValueError:
            raise BadRequest("'until' is not a time.") from None
        if value.tzinfo is None:
            raise BadRequest("'until' has no time zone.")
        return value

    @property
    def match(self) -> dict[str, Any]:
        """The values that an event must have."""
        value = self._body.get("match", {})
        is_flat = isinstance(value, dict) and not any(isinstance(one, (dict, list)) for one in value.values())
        if not is_flat or len(value) > _MAX_MATCH or _characters(value) > _MAX_MATCH_CHARACTERS:
            raise BadRequest(f"'match' is not a flat object of up to {_MAX_MATCH} values.")
        return dict(value)

    @property
    def result(self) -> str | None:
        """The result of the step as JSON text."""
        return None if self._body.get("result") is None else self.text("result", 1 << 30)

    @property
    def data(self) -> Any:
        """The data of an event."""
        try:
            return json.loads(self.text("data", 1 << 30))
        except (ValueError, RecursionError):
            raise BadRequest("'data' is not JSON.") from None

    @property
    def event_id(self) -> str:
        """The ID of an event."""
        return self.text("event_id", MAX_ID_CHARACTERS)

    @property
    def failure(self) -> dict[str, Any] | None:
        """The error of a failed step."""
        value = self._body.get("failure")
        if value is None:
            return None
        if not isinstance(value, dict) or _characters(value) > _MAX_ERROR_CHARACTERS:
            raise BadRequest("'failure' is not a short object.")
        return value

    @property
    def waits(self) -> set[int]:
        """The requests that the process waits for."""
        value = self._body.get("waits")
        if not isinstance(value, list) or not all(isinstance(one, int) for one in value):
            raise BadRequest("'waits' is not a list of numbers.")
        return set(value)


def _characters(value: Any) -> float:
    """Return the length of a value as JSON; infinity if it is nested too deeply, or has a number that JSON lacks."""
    try:
        return len(json.dumps(value, allow_nan=False))
    except (ValueError, RecursionError):
        return math.inf


def _is_encodable(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:  # half of a surrogate pair
        return False
    return True
