"""The common state of pages and sections that read their rows when they are opened."""

from __future__ import annotations

from typing import Any

import reflex as rx

from studio.typing_of_reflex import Handled


class ReadOnLoad(rx.State, mixin=True):  # type: ignore[call-arg]  # Reflex is Any to mypy
    """A state that `_read` fills when the page is opened, and again while it is visible."""

    is_loaded: bool = False

    @rx.event
    async def load(self) -> Handled:
        """Read the data for the first time."""
        self.reset()
        self._choose()
        await self._read()
        self.is_loaded = True
        return self._following()

    @rx.event
    async def refresh(self) -> None:
        """Read the data again while the page is visible."""
        if self.is_loaded:
            await self._read()

    def _choose(self) -> None:
        """Read from the URL what is shown."""

    async def _read(self) -> None:
        """Read the data."""
        raise NotImplementedError

    def _following(self) -> Any:
        """Return the events that follow the first read."""
        return None
