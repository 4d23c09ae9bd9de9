"""The common state of pages and sections that read their rows when they are opened."""

from __future__ import annotations

import reflex as rx


class ReadOnLoad(rx.State, mixin=True):
    """A state that `_read` fills when the page is opened, and again while it is visible."""

    is_loaded: bool = False

    @rx.event
    async def load(self):
        """Read the data for the first time."""
        self.reset()
        await self._read()
        self.is_loaded = True

    @rx.event
    async def refresh(self):
        """Read the data again while the page is visible."""
        if self.is_loaded:
            await self._read()

    async def _read(self) -> None:
        raise NotImplementedError
