"""What the service and those who make media agree on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from backend.integrations.media.plan import Plan


@dataclass(slots=True)
class Sources:
    """Files of one call."""

    addresses: dict[str, list[str]]
    audio_bytes: int = 0
    """Of the recording that the call is priced by."""


@dataclass(frozen=True, slots=True)
class Order:
    """A call that is paid for, or costs nothing."""

    plan: Plan
    files: Mapping[str, Sequence[str]]
    """Of the inputs that are files, addresses that the provider can read: `https:` or `data:`."""
    folder: Path
    """Where what was made goes; gone after the call."""
    suffix: str
    """How the caller's file name ends; empty: the provider chooses."""
    ordered: Mapping[str, str] | None
    """What an earlier try noted of its order: it is not bought again."""
    note: Callable[[Mapping[str, str]], Awaitable[None]]
    """Keeps what is needed to find the order again."""
    still_wanted: Callable[[], Awaitable[None]]
    """Returns while the job that waits for it runs; raises `JobNotRunning` when not."""


@dataclass(frozen=True, slots=True)
class Made:
    """What came of it."""

    files: Sequence[Path] = ()
    request_id: str = ""
    said: Mapping[str, Any] = field(default_factory=dict)
    """Of a transcript: `text`, `words`, `language_code`."""
    audio_seconds: float | None = None
    """How long the recording was that the call is priced by, if that is known."""
    warnings: tuple[str, ...] = ()


class Provider(Protocol):
    """Makes media."""

    async def make(self, order: Order) -> Made:
        """Make what is ordered; or go on with an order of before.

        Raises:
            MediaRefused: the model does not do that.
            MediaFailed: it made nothing that can be used.
            MediaProviderUnavailable: it does not answer; the order may be asked for again.
        """

    async def cancel(self, ordered: Mapping[str, str]) -> None:
        """Let go of an order, as far as that still goes; never raises."""
