"""What a check says."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARN = "warn"
    """It works, but less well or less safely than it could."""
    FAIL = "fail"
    """It keeps the instance from working."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at."""

    name: str
    verdict: Verdict
    found: str
    remedy: str = ""
    """What to do; empty when nothing needs to be done."""


def ok(name: str, found: str) -> Check:
    """Return a finding without a problem."""
    return Check(name, Verdict.OK, found)


def warn(name: str, found: str, remedy: str) -> Check:
    """It works, but could be better."""
    return Check(name, Verdict.WARN, found, remedy)


def fail(name: str, found: str, remedy: str) -> Check:
    """It does not work."""
    return Check(name, Verdict.FAIL, found, remedy)
