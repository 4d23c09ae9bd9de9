"""Errors of promotions between environments."""

from __future__ import annotations

from backend.core.errors import Conflict, field


class NothingToPromote(Conflict):
    """The version is the active one of the environment already."""

    code = "nothing_to_promote"
    message = "Version {version} is active in {environment} already. Activate a newer version in the other environment."
    version: int | None = field(in_body=False)
    environment: str = field(in_body=False)


class PromotionOutdated(Conflict):
    """Another version than the reviewed one would be promoted."""

    code = "promotion_outdated"
    message = (
        "You have reviewed version {expected}, but version {version} is active now. Review the changes again."
    )
    expected: int
    version: int | None


class NothingBefore(Conflict):
    """The environment has no previous version."""

    code = "nothing_before"
    message = (
        "No version was active in {environment} before, or it was deleted. Activate a version by its number."
    )
    environment: str = field(in_body=False)
