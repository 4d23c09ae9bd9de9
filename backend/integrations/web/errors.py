"""Errors of web search and of fetching pages."""

from __future__ import annotations

from dataclasses import KW_ONLY
from typing import Literal

from backend.core.errors import (
    Conflict,
    Invalid,
    NotAllowed,
    NotOffered,
    PaymentRequired,
    Problem,
    PurasError,
    Unavailable,
)

Cause = Literal["address", "rule", "answer"]


class NotFetched(Exception):
    """A URL could not be fetched; the text is the reason."""

    def __init__(self, detail: str, *, why: Cause = "answer") -> None:
        """Set the message; `why` is the cause: the URL is not valid, it is not allowed, or its server failed."""
        super().__init__(detail)
        self.detail = detail
        self.why: Cause = why


class SearchFailed(Exception):
    """The search engine returned no results; the text is the reason."""


class NetworkNotAllowed(NotAllowed):
    """`network` of the skill does not allow the request."""

    code = "network_refused"


class SearchCostExceedsLimit(PaymentRequired):
    """The search could cost more than the job has left."""

    code = "search_cost_exceeds_limit"
    former_code = "search_too_dear"
    _: KW_ONLY
    needed_micros: int
    left_micros: int

    def describe(self) -> str:
        """Return the detail of the error."""
        return (
            f"A search may cost ${self.needed_micros / 1e6:.6f}, but this job may only spend another "
            f"${self.left_micros / 1e6:.6f}. Set or increase 'limits.cost_usd' in skill.yaml, so that money is "
            "reserved for its jobs."
        )


class JobNotRunning(Conflict):
    """The job has ended, or another attempt runs."""

    code = "job_not_running"
    former_code = "job_moved_on"
    message = "The job does not run any more, or another worker runs it. Nothing was charged."


class BadUrl(Invalid):
    """The URL is not valid."""

    code = "bad_address"

    def __init__(self, detail: str) -> None:
        super().__init__(detail, [Problem("url", detail)])


class NoEngine(NotOffered):
    """This instance has no search engine for functions."""

    message = (
        "Functions search with the engine of this instance, and none is configured. Ask the operator to set "
        "PURAS_SEARCH_URL. An agent whose model is Claude can search without it."
    )


class NoImageSearch(NotOffered):
    """No search engine of this instance finds images."""

    message = (
        "No search engine of this instance finds images. Search for pages with /v1/web/search, fetch a page, and use "
        "the URLs of its images, or generate an image with /v1/media/generate."
    )


class NoScripts(NotOffered):
    """Scripts of pages are not executed."""

    message = "Scripts of pages are not executed. Omit 'render_js', or use the API of the site."


class WebFailed(PurasError):
    """The server returned no usable response."""

    status = 502
    code = "web_failed"


class WebBusy(Unavailable):
    """The maximum number of pages is being fetched."""

    code = "web_busy"
    message = "This process is fetching the maximum number of pages. Retry."
    retry_after_s: int = 2
