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

Why = Literal["address", "rule", "answer"]


class NotFetched(Exception):
    """An address gave nothing; the sentence says why."""

    def __init__(self, sentence: str, *, why: Why = "answer") -> None:
        """`why`: it is not an address, may not be reached, or its server did not give it."""
        super().__init__(sentence)
        self.sentence = sentence
        self.why: Why = why


class SearchFailed(Exception):
    """A search engine gave nothing; the sentence says why."""


class NotOutside(NotAllowed):
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
        return (
            f"A search may cost ${self.needed_micros / 1e6:.6f}, and ${self.left_micros / 1e6:.6f} is left for this "
            "job. Set 'limits.cost_usd' in skill.yaml, so that money is reserved for its jobs, or raise it."
        )


class JobNotRunning(Conflict):
    """The job has ended, or another attempt runs."""

    code = "job_not_running"
    former_code = "job_moved_on"
    message = "The job does not run any more, or runs elsewhere: nothing was charged."


class BadAddress(Invalid):
    """It is not an address."""

    code = "bad_address"

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence, [Problem("url", sentence)])


class NoEngine(NotOffered):
    """This instance has no search engine for functions."""

    message = (
        "Functions search with the engine of this instance, and it has none: its operator sets PURAS_SEARCH_URL. An "
        "agent whose model is Claude can search without."
    )


class NoImageSearch(NotOffered):
    """No search engine of this instance finds images."""

    message = (
        "No search engine of this instance finds pictures. Search for pages with /v1/web/search, fetch one, and take "
        "the addresses of its pictures, or make one with /v1/media/generate."
    )


class NoScripts(NotOffered):
    """Scripts of pages are not executed."""

    message = "Scripts of pages are not run here. Leave 'render_js' out, or ask the site's API."


class WebFailed(PurasError):
    """The server returned no usable response."""

    status = 502
    code = "web_failed"


class WebBusy(Unavailable):
    """The maximum number of pages is being fetched."""

    code = "web_busy"
    message = "This process is fetching the maximum number of pages. Try again."
    retry_after_s: int = 2
