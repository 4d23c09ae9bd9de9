"""Errors of archives that cannot be read safely."""

from __future__ import annotations

from backend.core.errors import Malformed, TooLarge


class BundleUnreadable(Malformed):
    """The bytes are not a zip that can be read safely."""

    code = "bundle_unreadable"


class BundleTooLarge(TooLarge):
    """The bundle is over a limit of size."""

    code = "bundle_too_large"
