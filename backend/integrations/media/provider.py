"""Define the interface between the service and providers of media."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from backend.integrations.media.plan import Plan


@dataclass(slots=True)
class Sources:
    """Input files of one call."""

    urls: dict[str, list[str]]
    audio_bytes: int = 0
    """Size of the recording that determines the price."""


@dataclass(frozen=True, slots=True)
class Order:
    """A call that is paid, or free."""

    plan: Plan
    files: Mapping[str, Sequence[str]]
    """For inputs that are files: URLs that the provider can read, `https:` or `data:`."""
    folder: Path
    """Where the results are written; deleted after the call."""
    suffix: str
    """The suffix of the caller's file name; empty: the provider chooses."""
    ordered: Mapping[str, str] | None
    """The order of an earlier attempt, which is not paid again."""
    record_order: Callable[[Mapping[str, str]], Awaitable[None]]
    """Stores what is needed to find the order again."""
    require_running: Callable[[], Awaitable[None]]
    """Returns while the job of the call runs; otherwise raises `JobNotRunning`."""


@dataclass(frozen=True, slots=True)
class GeneratedMedia:
    """The result of a call."""

    files: Sequence[Path] = ()
    request_id: str = ""
    transcript: Mapping[str, Any] = field(default_factory=dict)
    """Of a transcript: `text`, `words`, `language_code`."""
    audio_seconds: float | None = None
    """Duration of the recording that determines the price, if it is known."""
    warnings: tuple[str, ...] = ()


class Provider(Protocol):
    """Generates media."""

    async def make(self, order: Order) -> GeneratedMedia:
        """Carry out an order, or continue an earlier one.

        Raises:
            MediaRefused: The model does not support it.
            MediaFailed: It returned nothing usable.
            MediaProviderUnavailable: It is unavailable; the order can be continued later.
        """

    async def cancel(self, ordered: Mapping[str, str]) -> None:
        """Cancel an order if possible; never raises."""
