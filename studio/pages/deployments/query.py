"""What the URL of the deployments contains: the skillpack, the filters, the order, and the compared versions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import get_args

from backend.skills.deployments.listing import NEWEST_FIRST, DeploymentSort, DeploymentState
from studio.page_queries import PageQuery, one_of

_MAX_TEXT = 200
_MAX_DIGITS = 9


@dataclass(frozen=True, slots=True)
class DeploymentQuery(PageQuery):
    """The part of the URL after `?`."""

    skillpack: str = ""
    """Empty: the default skillpack."""
    q: str = ""
    state: DeploymentState | str = ""
    """Empty: versions in any state."""
    sort: DeploymentSort = NEWEST_FIRST
    base: str = ""
    head: str = ""
    """The numbers of the compared versions; empty: the list is shown."""

    @classmethod
    def parse(cls, parameters: Mapping[str, str]) -> DeploymentQuery:
        """Return the query of a URL without its invalid parts."""
        base, head = _number(parameters.get("base", "")), _number(parameters.get("head", ""))
        is_comparison = bool(base and head)
        return cls(
            parameters.get("skillpack", ""),
            parameters.get("q", "").strip()[:_MAX_TEXT],
            one_of(parameters.get("state", ""), get_args(DeploymentState), ""),
            one_of(parameters.get("sort", ""), get_args(DeploymentSort), NEWEST_FIRST),
            base if is_comparison else "",
            head if is_comparison else "",
        )


def _number(text: str) -> str:
    """Return the number of a version in a URL; empty if it is not a number."""
    return text if text.isascii() and text.isdecimal() and len(text) <= _MAX_DIGITS else ""
