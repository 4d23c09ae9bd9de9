"""Errors of archives that cannot be read safely."""

from __future__ import annotations

from backend.core.errors import Malformed, TooLarge


class BundleUnreadable(Malformed):
    """The file is not a valid ZIP archive, or not a safe one."""

    code = "bundle_unreadable"


class BundleTooLarge(TooLarge):
    """The bundle exceeds a size limit."""

    code = "bundle_too_large"
