"""What the URL of the page of evals contains: the skill, the tab, the open suite, and how its runs are shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, get_args
from uuid import UUID

from backend.evals.run_list import RunFilter, RunSort
from studio.page_queries import PageQuery, one_of

Tab = Literal["suites", "cases", "gate", "findings"]
NO_BASE: Final = "none"
"""The value of `base` if the suite is not compared; without a value, it is compared with the best known one."""
DAYS: Final = (1, 7, 30, 90)
"""Periods of insights."""


@dataclass(frozen=True, slots=True)
class EvalQuery(PageQuery):
    """The part of the URL after `?`; each field has its default if the URL does not name it."""

    skillpack: str = ""
    skill: str = ""
    tab: Tab = "suites"
    suite: str = ""
    base: str = ""
    only: RunFilter = "all"
    sort: RunSort = "number"
    days: int = 7

    @classmethod
    def parse(cls, parameters: Mapping[str, str]) -> EvalQuery:
        """Return the query of a URL without its invalid parts."""
        base = parameters.get("base", "")
        days = parameters.get("days", "")
        return cls(
            parameters.get("skillpack", ""),
            parameters.get("skill", ""),
            one_of(parameters.get("tab", ""), get_args(Tab), "suites"),
            _id(parameters.get("suite", "")),
            base if base == NO_BASE else _id(base),
            one_of(parameters.get("only", ""), get_args(RunFilter), "all"),
            one_of(parameters.get("sort", ""), get_args(RunSort), "number"),
            int(days) if days in map(str, DAYS) else cls().days,
        )


def _id(text: str) -> str:
    try:
        return str(UUID(text))
    except ValueError:
        return ""
