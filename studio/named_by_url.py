"""What pages have in common whose URL names what they show."""

from __future__ import annotations

import reflex as rx
from reflex.istate.data import ReflexURL


class NamedByUrl(rx.State, mixin=True):  # type: ignore[call-arg]  # Reflex is Any to mypy
    """A state that follows the query of the URL, and that writes it when the user changes what the page shows."""

    query: str = ""
    """The query of the URL as it should be."""
    entries: int = 0
    """Increases when the change of the query is one that Back undoes."""
    opened_entries: int = 0
    """The value of `entries` when the browser opened the page, before the user has changed what it shows."""
    _changed_at: str = ""
    """The URL at which the user has changed the query before a load, if so."""

    @rx.event
    def forget_early_change(self) -> None:
        """Forget a change before a load, which the URL names now. A later load of the former URL is Back or a link."""
        self._changed_at = ""

    def _wanted(self) -> ReflexURL:
        """Return the URL to load: that of the browser, or what the user has chosen since the browser sent it.

        A page that is opened again shows its earlier state before its URL is loaded, so the user can change
        what it shows in between. Each load calls this method once, before it resets the state.
        """
        url: ReflexURL = self.router.url
        is_changed = not self.is_hydrated and self._changed_at == url
        self._changed_at = ""
        if is_changed:
            return ReflexURL(f"{url.path}?{self.query}")
        self.opened_entries = self.entries
        return url

    def _note_change(self, *, is_entry: bool) -> None:
        """Note that the user has changed the query; Back undoes it if it is an entry of the history."""
        if self.is_hydrated:
            self._changed_at = ""
        elif not self._changed_at:
            self._changed_at, self.opened_entries = str(self.router.url), self.entries
        self.entries += is_entry
