"""Call the search engine that the operator has configured. SearXNG supports this format without changes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import httpx2

from backend.config import Settings
from backend.core.net.transport import trusted_certificates
from backend.integrations.web.errors import SearchFailed
from backend.money.ledger.service import LineItem
from backend.money.pricing import billed_micros

MAX_RESULTS: Final = 20
_TIMEOUT_S: Final = 20.0
_MAX_BYTES: Final = 4 << 20
_MAX_TITLE: Final = 300
_MAX_URL: Final = 2_000
_MAX_TEXT: Final = 2_000
_NANOS_PER_USD_OF_1000: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Hit:
    """A page in the results."""

    title: str
    url: str
    text: str = ""
    """The excerpt of the engine."""


@dataclass(frozen=True, slots=True)
class Found:
    """The results of a search, and its cost."""

    hits: Sequence[Hit]
    used: LineItem
    summary: str = ""
    """The engine's own summary, if it has one."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A URL that accepts `q` and `count`, and returns `{"results": [{"title", "url", "content"}]}`."""

    url: str
    upstream_nanos: int
    """The price of a search."""
    margin_pct: int
    api_key: str = field(default="", repr=False)
    timeout_s: float = _TIMEOUT_S
    """For the whole response."""

    @classmethod
    def of(cls, settings: Settings) -> Endpoint | None:
        """Return the engine of the settings, if they name one."""
        if not settings.search_url:
            return None
        key = settings.search_api_key
        nanos = round(settings.search_usd_per_1000 * _NANOS_PER_USD_OF_1000)
        return cls(
            settings.search_url, nanos, settings.margin_pct, key.get_secret_value() if key is not None else ""
        )

    def worst_case_micros(self, query: str) -> int:
        """Return the price of any search."""
        return billed_micros(self.upstream_nanos, self.margin_pct)

    async def find(self, query: str, limit: int) -> Found:
        """Search.

        Raises:
            SearchFailed: The engine is unavailable.
        """
        body = await self._request(query, limit)
        rows = body.get("results")
        if not isinstance(rows, list):
            raise SearchFailed(
                "The response of the search engine is not a list of results. Continue without it."
            )
        used = LineItem(
            "web",
            {"searches": 1},
            self.upstream_nanos,
            self.worst_case_micros(query),
            provider=httpx2.URL(self.url).host,
        )
        return Found(list(_hits(rows))[:limit], used)

    async def _request(self, query: str, limit: int) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self.api_key}"} if self.api_key else {}
        url = httpx2.URL(self.url).copy_merge_params({"q": query, "count": str(limit)})
        try:
            async with (
                asyncio.timeout(self.timeout_s),
                # The operator's own engine: not restricted to public addresses.
                httpx2.AsyncClient(verify=trusted_certificates(), timeout=self.timeout_s) as client,
            ):
                return await _body(client, url, headers)
        except (TimeoutError, httpx2.HTTPError, httpx2.StreamError) as error:
            raise SearchFailed(
                f"The search engine is unavailable ({type(error).__name__}). Try again later, or continue without it."
            ) from None


async def _body(client: httpx2.AsyncClient, url: httpx2.URL, headers: dict[str, str]) -> dict[str, Any]:
    content = bytearray()
    async with client.stream("GET", url, headers=headers) as response:
        if response.status_code != 200:
            raise SearchFailed(
                f"The search engine responded with status {response.status_code}. Try later, or continue without it."
            )
        async for chunk in response.aiter_bytes():
            content += chunk
            if len(content) > _MAX_BYTES:
                raise SearchFailed("The response of the search engine is too large. Request fewer results.")
    try:
        body = json.loads(content)
    except (ValueError, RecursionError):
        body = None
    return body if isinstance(body, dict) else {}


def _hits(rows: list[Any]) -> Iterator[Hit]:
    for row in rows:
        url = row.get("url") if isinstance(row, dict) else None
        if isinstance(url, str) and url.startswith(("http://", "https://")) and len(url) <= _MAX_URL:
            yield Hit(
                _short_text(row.get("title"), _MAX_TITLE), url, _short_text(row.get("content"), _MAX_TEXT)
            )


def _short_text(value: Any, limit: int) -> str:
    return " ".join(value.split())[:limit] if isinstance(value, str) else ""
