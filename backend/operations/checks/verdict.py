"""The result of a check."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """The severity of a result."""

    OK = "ok"
    WARN = "warn"
    """It works, but less well or less securely than possible."""
    FAIL = "fail"
    """The instance cannot work."""


@dataclass(frozen=True, slots=True)
class Check:
    """The result of one check."""

    name: str
    verdict: Verdict
    found: str
    remedy: str = ""
    """How to fix the problem; empty if there is none."""


def ok(name: str, found: str) -> Check:
    """Return a result without a problem."""
    return Check(name, Verdict.OK, found)


def warn(name: str, found: str, remedy: str) -> Check:
    """Return the result that something should be improved."""
    return Check(name, Verdict.WARN, found, remedy)


def fail(name: str, found: str, remedy: str) -> Check:
    """Return the result that something does not work."""
    return Check(name, Verdict.FAIL, found, remedy)
